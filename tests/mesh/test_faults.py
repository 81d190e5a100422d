"""The faults of `lvs mesh --watch`: what nodes are told, and what buttons may not do."""

import asyncio
from types import SimpleNamespace

import pytest

from lvs_tools.mesh import node_main
from lvs_tools.mesh.faults import Faults
from lvs_tools.mesh.lossy import Lossy
from lvs_tools.mesh.plan import make_plan
from lvs_tools.watch.page import Refused


class Ether:
    """A transport with what waits; names of addresses as UdpTransport's."""

    def __init__(self, hosts):
        self.inbox = [(b"x", host) for host in hosts]

    def recv(self):
        return self.inbox.pop(0) if self.inbox else None

    def name(self, addr):
        return f"127.0.0.{addr}:4785"


def test_who_is_cut_off_is_not_heard():
    lossy = Lossy(Ether([2, 3, 4, 250]), 0.0)
    lossy.faults(0.0, 1 << 3 | 1 << 250)
    assert [lossy.recv(), lossy.recv(), lossy.recv()] == [(b"x", 2), (b"x", 4), None]
    with pytest.raises(ValueError, match="loss is 1"):
        lossy.faults(1, 0)


def test_a_node_takes_the_command_only_where_it_may_be_played_with():
    lossy = Lossy(Ether([]), 0.0)
    assert node_main.answer(SimpleNamespace(transport=lossy), [], "faults 0.5 1c")["answer"]
    lossy.transport.inbox = [(b"x", n) for n in (2, 3, 4)]
    assert lossy.recv() is None
    other = node_main.answer(SimpleNamespace(transport=Ether([])), [], "faults 0.5 1c")
    assert "no such command" in other["error"]
    bad = node_main.answer(SimpleNamespace(transport=lossy), [], "faults much 1c")
    assert "error" in bad


class Told:
    """A node's process that is told things."""

    def __init__(self, node):
        self.node, self.alive, self.killed, self.said = node, True, False, []

    def tell(self, command):
        self.said.append(command)

    async def acknowledged(self):
        return True

    async def kill(self):
        self.alive, self.killed = False, True


def played(*actions, nodes=4):
    plan = make_plan(nodes, 0, 60, 0, port=4785)
    started = []

    async def start(node):
        started.append(node)

    mesh = SimpleNamespace(
        plan=plan, instances=[Told(n) for n in range(nodes)], elapsed=lambda: 5.0, start=start
    )
    faults = Faults(mesh)

    async def run():
        for action in actions:
            await faults.do(action)

    asyncio.run(run())
    return faults, mesh, started


def test_a_cut_tells_each_half_not_to_hear_the_other():
    _, mesh, _ = played({"action": "loss", "percent": 20}, {"action": "cut"})
    assert [i.said[-1] for i in mesh.instances] == ["faults 0.2 30"] * 2 + ["faults 0.2 c"] * 2
    _, mesh, _ = played({"action": "cut"}, {"action": "heal"})
    assert {i.said[-1] for i in mesh.instances} == {"faults 0.0 0"}


def test_the_killed_are_started_again():
    faults, mesh, started = played({"action": "kill"}, {"action": "kill"}, {"action": "restart"})
    assert started == [2, 3] and not faults.off
    with pytest.raises(Refused, match="all nodes run"):
        asyncio.run(faults.do({"action": "restart"}))
    with pytest.raises(Refused, match="one node must be left"):
        played(*[{"action": "kill"}] * 4)


@pytest.mark.parametrize(
    "action",
    [
        {},
        {"action": []},
        {"action": "end"},
        {"action": "loss"},
        {"action": "loss", "percent": 200},
        {"action": "loss", "percent": "20; quit"},
        {"action": "liar", "choice": "../../evil"},
        {"action": "liar", "choice": ["Inflate"]},
    ],
)
def test_what_is_no_button_changes_nothing(action):
    with pytest.raises(Refused):
        played(action)
