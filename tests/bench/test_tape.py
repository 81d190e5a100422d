"""A tape played to a new node elsewhere leads where it led; and who heard what is told apart."""

import json

import pytest

from lvs_tools import interpreters
from lvs_tools.bench import memory, played, tape, udp
from lvs_tools.bench.workload import Arrivals
from tests.support.interpreters import require

SMALL = {"nodes": 4, "warm": 4, "cycles": 4}


def replayed(path):
    said = interpreters.run("micropython", played.REPLAY, [path, "count"], path=played.path())
    return json.loads(said.splitlines()[-1])


def test_a_tape_is_of_one_node_and_of_no_other(tmp_path):
    require("micropython")
    path = tape.kept(tmp_path, SMALL)
    assert path == tape.kept(tmp_path, SMALL)
    labels = replayed(path)["labels"]
    assert labels.count("cycle") + labels.count("cycle and sent") >= 2 * SMALL["cycles"] - 1
    other = json.loads(path.read_text())
    other["end"][0] += 1
    path.write_text(json.dumps(other))
    with pytest.raises(interpreters.ScriptFailed, match="the tape ended with"):
        replayed(path)


def test_a_kept_tape_is_whole(tmp_path):
    recorded = tape.record(**SMALL)
    path = tape.kept(tmp_path, SMALL)
    assert json.loads(path.read_text())["calls"] == recorded["calls"]
    assert 0 < recorded["warm"] < recorded["busy"] < len(recorded["calls"])


def test_who_has_heard_what_is_told_from_sums():
    arrivals = Arrivals(3)
    sums = udp._Sums(arrivals)
    for node in (0, 1):
        sums.amount(arrivals.make(node, 0.0))
    sums.changed(2, "0.002")  # the second contribution alone
    assert arrivals.open() == 2
    assert arrivals.result()["unheard"] == 3
    for node in (0, 1, 2):
        sums.changed(node, "0.003")
    assert arrivals.open() == 0
    found = arrivals.result()
    assert found["unheard"] == 0 and found["contributions"] == 2
    assert found["reach_s"]["max"] >= found["reach_s"]["p50"] > 0


def test_modules_follow_those_that_they_import():
    order = memory.ordered(["node_runtime", "drift_core", "wire"])
    for name in order:
        assert all(order.index(other) < order.index(name) for other in memory.imported(name))
    assert "fixed" in order
