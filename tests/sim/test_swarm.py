"""The swarm: random worlds in which every promise must hold; what happens to one that fails."""

import pytest

from lvs_tools.sim import scenario
from lvs_tools.sim.swarm import command as swarm
from lvs_tools.sim.swarm import random_world
from lvs_tools.sim.swarm.shrink import mended, shrink
from tests.sim.test_mutants import fold_forgets

# Small worlds that have between them every kind of fault, which the first seeds have not.
SEEDS = (10, 33, 58, 95, 103, 128, 135, 182, 195)
MOST_NODES = 10


@pytest.mark.parametrize("seed", SEEDS)
def test_promises_hold_in_random_worlds(seed):
    wrong, _ = swarm.judge(random_world.draw(seed, MOST_NODES))
    assert not wrong, "lvs swarm --seeds %d --most-nodes %d: %s" % (seed, MOST_NODES, wrong)


def faults(data):
    """The kinds of what happens in a world."""
    happens = {event["action"] for event in data["event"]} | set(data["link"])
    return (
        happens | {data["topology"].get("kind", "lan"), "adversary" in data} | set(data["config"])
    )


def test_those_worlds_have_every_kind_of_fault():
    def found(seeds):
        return set().union(*(faults(random_world.draw(seed, MOST_NODES)) for seed in seeds))

    assert found(SEEDS) == found(range(1, 201)) > found(range(1, 11))
    honest = [s for s in SEEDS if "adversary" not in random_world.draw(s, MOST_NODES)]
    assert len(honest) >= 6  # exactness is promised without liars


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
