"""The mesh in the browser: its engine, in Node.js, has the bits of `lvs sim`."""

import json
import subprocess
from pathlib import Path

import pytest

from lvs_tools import interpreters
from lvs_tools.sim import scenario
from lvs_tools.world import runner
from tests.support.interpreters import require
from tools.website import bundle

# Seven nodes, of them two liars, on a mesh with most of what a click can do.
SMALL = ["nodes=7", "adversary.0.count=2", "workload.contributions_per_minute=20", "seed=77"]
ACTS = {
    3: [
        {"action": "contribute", "nodes": [1], "value": 2.5},
        {"action": "lie", "nodes": [6]},
        {"action": "partition", "nodes": [0, 3]},
    ],
    8: [{"action": "loss", "value": 0.3}, {"action": "lie", "nodes": [5, 6]}],
    9: [{"action": "crash", "nodes": [2]}, {"action": "contribute", "nodes": [0], "value": 1}],
    14: [{"action": "restart", "nodes": [2]}, {"action": "heal"}],
}


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """What the engine told at the end, of a world in which things were clicked."""
    require("wasm")
    folder = tmp_path_factory.mktemp("page")
    given = {"files": bundle.files(), "plan": bundle.plan("Inflate", SMALL)}
    (folder / "input.json").write_text(json.dumps({**given, "acts": ACTS, "cycles": 24}))
    node, _, modules = interpreters.wasm() or ("", "", "")
    program = f"{modules}/@micropython/micropython-webassembly-pyscript/micropython.mjs"
    play = Path(__file__).with_name("play.mjs")
    done = subprocess.run(
        [node, play, bundle.HOME / "engine.mjs", program, folder / "input.json"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_what_was_clicked_is_a_scenario_with_the_same_bits(played, tmp_path):
    path = tmp_path / "clicked.toml"
    path.write_text(played["end"]["scenario"])
    checked = scenario.load(path)
    assert len(checked["event"]) == 7 and checked["seed"] == 77
    assert [liar["from_cycle"] for liar in checked["adversary"]] == [8, 3]
    result = runner.run(scenario.plan(checked))
    assert result["trace_hash"] == played["end"]["trace_hash"]
    checked["event"].pop()
    assert runner.run(scenario.plan(checked))["trace_hash"] != played["end"]["trace_hash"]


def test_the_page_is_told_what_it_shows(played):
    seen = played["seen"]
    assert played["begun"] == {"honest": 5, "nodes": 7} and played["said"] == ""
    assert seen["cycle"] == 24 and len(seen["nodes"]) == 5 and sorted(seen["lying"]) == [5, 6]
    assert seen["total"] > 103500 and seen["text"] == f"{seen['total'] / 1000:.3f}"
    assert {node[0] for node in seen["nodes"]} <= {"ACTIVE", "SYNCING", "RECOVERING", "INIT"}
    assert seen["frames"] and all(0 <= ms < 1000 for ms, _, _ in seen["frames"])


def test_every_liar_of_the_page_comes_along():
    for kind, offered in bundle.plans().items():
        (liar,) = offered["plan"]["adversaries"]
        assert liar["class"] == kind and liar["path"].removeprefix("/lvs-page/") in bundle.files()
