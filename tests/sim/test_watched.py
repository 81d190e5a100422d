"""`lvs sim --watch`: the same run beside the page, and what its buttons do to the world."""

import asyncio
import json

import pytest

from lvs_tools.sim import engine, scenario
from lvs_tools.sim.watched import LIARS, Watched
from lvs_tools.watch.page import Refused
from lvs_tools.world.live import Live

SMALL = ("nodes=8", "cycles=90", "event=[]")


def load(*settings, engine_name="cpython"):
    return scenario.load("g1_exactness", [*SMALL, *settings, f"engine={engine_name}"])


def watched(checked):
    """(Watched, its views) of a run at full speed."""

    async def run():
        it = Watched(checked)
        it.speed = "Fastest"
        views = []
        await it.run(views.append, lambda _: None)
        return it, views

    return asyncio.run(asyncio.wait_for(run(), 240))


@pytest.mark.parametrize("engine_name", ["cpython", "micropython"])
def test_whoever_only_looks_changes_nothing(engine_name, request):
    if engine_name == "micropython":
        request.getfixturevalue("micropython")
    it, views = watched(load(engine_name=engine_name))
    assert it.result and it.result["trace_hash"] == engine.run(load())["trace_hash"]
    last = views[-1]
    assert last["clock_s"] == 90 and last["count"] == 8
    assert [c["name"] for c in last["channels"]] == ["c0", "c1", "c2"]
    assert last["traffic"]["mean_kb_min"] > 0
    json.dumps(last)


def obey(live, cycles, *events):
    return live.obey({"cycles": cycles, "events": events})["look"]


def pressed(it, live, cycles, **action):
    """Press a button, let time pass; the new look."""
    asyncio.run(it.do(action))
    events, it._events = it._events, []
    it.look = obey(live, cycles, *events)
    return it.look


@pytest.fixture
def world():
    checked = load("cycles=2000", "link.loss=0.0")
    it = Watched(checked)
    live = Live(it.plan)
    it.look = obey(live, 30)
    return it, live


def states(look):
    return [row[1] for row in look["nodes"]]


def test_nodes_are_killed_and_restarted(world):
    it, live = world
    assert states(pressed(it, live, 5, action="crash", share=3)).count("DOWN") == 2
    assert states(pressed(it, live, 5, action="crash", share=0)).count("DOWN") == 3
    assert "DOWN" not in states(pressed(it, live, 40, action="restart"))
    with pytest.raises(Refused, match="all nodes run"):
        asyncio.run(it.do({"action": "restart"}))


def test_a_cut_mesh_is_apart_until_it_is_joined(world):
    it, live = world
    said = {}
    for _ in range(30):
        pressed(it, live, 2, action="speed", speed="1 x")
        said = it.view()
    assert said["together"]["word"] == "ONE"
    pressed(it, live, 1, action="partition")
    for _ in range(60):
        it.look = obey(live, 2)
        said = it.view()
    assert said["together"]["word"] == "APART"
    assert "in group 2" in said["nodes"][-1]["link"]
    pressed(it, live, 1, action="heal")
    for _ in range(60):
        it.look = obey(live, 2)
        said = it.view()
    assert said["together"]["word"] == "ONE"


def test_packets_are_lost(world):
    it, live = world
    assert pressed(it, live, 1, action="loss", percent=50)["loss"] == 0.5
    lost = live.world.network.faults["lost"]
    pressed(it, live, 20, action="speed", speed="10 x")
    assert live.world.network.faults["lost"] > lost


@pytest.mark.parametrize("kind", LIARS)
def test_nodes_turn_liars_and_the_run_goes_on(world, kind):
    it, live = world
    look = pressed(it, live, 30, action="liars", share=0, choice=kind)
    assert states(look).count("LIAR") == 1
    liar = live.world.machines[states(look).index("LIAR")]
    sent = liar.sent_bytes, live.world.trace.hex()
    assert sum(n["liar"] for n in it.view()["nodes"]) == 1
    pressed(it, live, 10, action="liars", share=5, choice=kind)
    assert live.world.result()["liars"] == 2
    assert sent != (liar.sent_bytes, live.world.trace.hex())


@pytest.mark.parametrize(
    "action",
    [
        {},
        {"action": 5},
        {"action": "speed", "speed": "100000"},
        {"action": "speed", "speed": []},
        {"action": "loss", "percent": 1e9},
        {"action": "crash", "share": -1},
        {"action": "crash", "share": []},
        {"action": "liars", "share": 0, "choice": "../evil.py:X"},
    ],
)
def test_what_is_no_button_is_refused(world, action):
    it, _ = world
    with pytest.raises(Refused):
        asyncio.run(it.do(action))
    assert it._events == []


def test_an_interpreter_that_ends_is_one_error(monkeypatch):
    monkeypatch.setattr("lvs_tools.interpreters.command", lambda *_: ["false"])
    with pytest.raises(engine.EngineError, match="cpython ended"):
        watched(load())
