"""The swarm: random worlds in which every promise must hold; what happens to one that fails."""

import pytest

from lvs_tools.sim import scenario
from lvs_tools.sim.swarm import command as swarm
from lvs_tools.sim.swarm import random_world
from lvs_tools.sim.swarm.shrink import mended, shrink
from tests.sim.test_mutants import fold_forgets

CHUNK = 5


@pytest.mark.parametrize("first", range(1, 11, CHUNK))
def test_promises_hold_in_random_worlds(first):
    for seed in range(first, first + CHUNK):
        wrong, _ = swarm.judge(random_world.draw(seed, 10))
        assert not wrong, "lvs swarm --seeds %d --most-nodes 10: %s" % (seed, wrong)


def test_a_seed_draws_one_world():
    assert random_world.draw(5) == random_world.draw(5) != random_world.draw(6)


def test_worlds_have_all_kinds_of_faults_and_are_mended_in_the_end():
    actions, kinds, links, liars, crowds = set(), set(), set(), set(), set()
    for seed in range(1, 301):
        data = random_world.draw(seed)
        scenario.check(data)
        assert mended(data)
        assert data["cycles"] >= data["workload"]["until_cycle"] + 300
        assert all(e["at_cycle"] <= data["workload"]["until_cycle"] for e in data["event"])
        actions |= {e["action"] for e in data["event"]}
        kinds.add(data["topology"].get("kind", "lan"))
        links |= set(data["link"])
        if "rows" not in data["config"]:
            crowds.add((data["nodes"], data["workload"]["channels"]))
        liars |= {liar["class"] for liar in data.get("adversary", ())}
    assert actions == set(scenario.ACTIONS) - {"corrupt", "clone"}
    assert kinds == set(scenario.KINDS)
    assert crowds == {(12, 16), (60, 8)}
    assert links == set(scenario.FIELDS["link"])
    assert len(liars) == 9


def test_shrinking_finds_what_matters():
    data = random_world.draw(4)
    data["event"] = [{"at_cycle": 9, "action": "restart", "nodes": [n]} for n in range(3)]
    data["nodes"] = 40

    def fails(smaller):
        return any(e["nodes"] == [1] for e in smaller["event"])

    small = shrink(data, fails, 60)
    assert small["nodes"] == 2
    assert [e["nodes"] for e in small["event"]] == [[1]]
    assert small["link"] == {} and small["workload"]["channels"] == 1


def test_shrinking_leaves_no_wound_open():
    data = {
        "nodes": 4,
        "link": {},
        "workload": {},
        "event": [
            {"at_cycle": 1, "action": "partition", "nodes": [1]},
            {"at_cycle": 2, "action": "skew", "nodes": [2], "value": 0},
            {"at_cycle": 3, "action": "crash", "nodes": [1, 2]},
            {"at_cycle": 4, "action": "restart", "nodes": [1, 2]},
            {"at_cycle": 5, "action": "skew", "nodes": [2], "value": 1},
            {"at_cycle": 6, "action": "heal"},
        ],
    }
    assert mended(data)
    for i in (3, 4, 5):
        assert not mended(dict(data, event=data["event"][:i] + data["event"][i + 1 :]))
    small = shrink(data, lambda smaller: True, 60)
    assert mended(small) and small["nodes"] <= 3


def test_a_core_that_raises_is_a_failed_seed(monkeypatch):
    from lvs.state_shard import Shard

    def broken(self, *rest):
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(Shard, "advance", broken)
    wrong, result = swarm.judge(random_world.draw(1, 6))
    assert result is None and "ZeroDivisionError: a mistake" in wrong[0]


def test_a_failed_seed_is_shrunk_and_can_be_replayed(monkeypatch, tmp_path):
    fold_forgets(monkeypatch)
    data = random_world.draw(1, 6)
    assert data["config"]["session_epochs"] == 2  # something is folded in this world
    report = swarm.run_seed((1, 6, 3, "cpython"))
    assert report["wrong"]
    path = tmp_path / "small.toml"
    path.write_text(random_world.to_toml(report["shrunk"]), encoding="utf-8")
    again = scenario.plan(scenario.load(str(path)))
    assert again == scenario.plan(scenario.check(report["shrunk"]))
    assert swarm.judge(report["shrunk"])[0]
