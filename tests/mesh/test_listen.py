"""The listener: who is heard, in which mesh and state, and whether they agree; over loopback."""

import asyncio

import pytest

from lvs.transport_layer import UdpTransport
from lvs.wire import VERSION
from lvs_tools.mesh import ask
from lvs_tools.mesh.listen import Ear, listening
from lvs_tools.mesh.plan import BROADCAST, free_port
from tests.support import parts
from tests.support.cell import Cell


class Overheard(Cell):
    """A cell with an ear in it; its nodes' addresses are hosts, at port 9."""

    def __init__(self, count, **config):
        self.frames = []
        super().__init__(count, **config)

    def carry(self, source, frame, addr):
        """Keep each broadcast."""
        if addr is None:
            self.frames.append((bytes(frame), (str(source), 9)))
        return super().carry(source, frame, addr)


def heard(frames, **about):
    ear = Ear(**about)
    for frame, addr in frames:
        ear.hear(frame, addr)
    return ear


@pytest.fixture(scope="module")
def cell():
    cell = Overheard(3)
    cell.run(60)
    for each in cell.nodes.values():
        each.eps.say(each.now())
    return cell


def test_each_member_is_known_by_its_session_and_state(cell):
    ear = heard(cell.frames, tag=cell.nodes[1].config.tag)
    assert {m.session for m in ear.members.values()} == {
        node.status()["session"] for node in cell.nodes.values()
    }
    assert {m.state for m in ear.members.values()} == {"ACTIVE"}
    assert [ear.agreement(m) for m in ear.members.values()] == [True] * 3
    member = next(iter(ear.members.values()))
    assert member.channels == len(cell.nodes[1].config.channels)
    assert member.frames["ep"] > 1
    assert member.address.endswith(":9")


def test_another_mesh_and_another_version_are_told_apart(cell):
    tag = cell.nodes[1].config.tag
    strange = heard(cell.frames, tag=tag ^ 1)
    assert not strange.members
    assert strange.dropped == {"tag": len(cell.frames)}
    assert strange.tags == {tag: len(cell.frames)}
    frame, addr = cell.frames[0]
    other = bytearray(frame)
    other[1] = (VERSION + 1) << 4 | other[1] & 15
    every = heard([(bytes(other), addr), (frame, ("4", 9)), (b"noise", addr)])
    assert every.members[addr].version == VERSION + 1
    assert every.members["4", 9].tag == tag
    assert every.dropped == {"magic": 1}


def test_who_shows_something_else_is_off():
    cell = Overheard(4)
    cell.run(80)
    node = cell.nodes[2]
    parts.settle(node.replicas[0].shard, 0, 77)
    cell.frames.clear()
    for each in cell.nodes.values():
        each.eps.say(each.now())
    ear = heard(cell.frames)
    off = [m.session for m in ear.members.values() if ear.agreement(m) is False]
    assert off == [node.status()["session"]]


def test_it_hears_a_broadcast_and_an_answer_and_says_nothing(cell):
    frame = cell.frames[-1][0]
    port = free_port()

    async def run():
        speaker = UdpTransport("127.0.0.2", BROADCAST, port, lambda: 0)
        told = []
        async with listening(
            port, "127.0.0.3", BROADCAST, on_frame=lambda m, f, _: told.append((m.address, f.kind))
        ) as ear:
            speaker.send(frame, None)
            speaker.send(frame, ear.addr)
            while len(told) < 2:
                await asyncio.sleep(0.01)
            assert told[0][0] == f"127.0.0.2:{port}"
            # Its own broadcast, and nothing from the ear.
            assert [speaker.recv() for _ in range(2)] == [(frame, ("127.0.0.2", port)), None]
        speaker.close()

    asyncio.run(asyncio.wait_for(run(), 20))


def test_a_node_can_start_while_somebody_looks():
    port = free_port()

    async def run():
        async with ask.opened(port, BROADCAST) as (_, deaf):
            node = UdpTransport("127.0.0.2", BROADCAST, port, lambda: 0)
            assert not deaf and not node.error
            node.close()

    asyncio.run(asyncio.wait_for(run(), 20))


def test_it_asks_from_another_port_where_a_node_has_the_mesh_own(cell):
    frame = cell.frames[-1][0]
    port = free_port()

    async def run():
        node = UdpTransport("127.0.0.2", BROADCAST, port, lambda: 0)
        async with listening(port, "127.0.0.2", BROADCAST, speak_from=0) as ear:
            ear.send(frame, ("127.0.0.2", port))
            while (got := node.recv()) is None:
                await asyncio.sleep(0.01)
            node.send(got[0], got[1])
            while not ear.members:
                await asyncio.sleep(0.01)
            assert list(ear.members) == [("127.0.0.2", port)]
        with pytest.raises(OSError, match="in use"):
            async with listening(port, "127.0.0.2", BROADCAST):
                pass
        node.close()

    asyncio.run(asyncio.wait_for(run(), 20))
