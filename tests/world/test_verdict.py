"""The verdict in a word: what moves is not told from what stands still by its distance."""

import pytest

from lvs_tools.world.account import Account
from lvs_tools.world.verdict import STILL, needed
from tests.support.cell import SHORT, Cell
from tests.support.worlds import advance, run, world_of

CALM = 60 + STILL + 16


def test_two_groups_that_stand_still_are_apart():
    result = run(
        nodes=4,
        cycles=CALM + 40,
        workload={"contributions_per_minute": 6, "until_cycle": 60},
        event=[{"at_cycle": 20, "action": "partition", "nodes": [0, 1]}],
    )
    assert (result["verdict"], result["exact"], result["needed"]) == ("apart", False, None)


def test_a_mesh_that_is_on_its_way_is_not_there_yet():
    """The same, mended a moment ago."""
    result = run(
        nodes=4,
        cycles=CALM + 40,
        workload={"contributions_per_minute": 6, "until_cycle": 60},
        event=[
            {"at_cycle": 20, "action": "partition", "nodes": [0, 1]},
            {"at_cycle": CALM + 40, "action": "heal"},
        ],
    )
    assert (result["verdict"], result["exact"]) == ("not yet", False)
    assert "cycles" in result["needed"]


def settled_world(nodes, channels=1, **config):
    return advance(
        world_of(
            nodes=nodes,
            cycles=1000,
            workload={"contributions_per_minute": 6, "channels": channels, "until_cycle": 60},
            config=config,
        ),
        100,
    )


def test_equal_nodes_that_lack_something_for_good_are_not_exact():
    world = settled_world(3)
    assert world.result()["verdict"] == "exact"
    world.account.given[0] += 1000  # which nobody ever told
    result = advance(world, STILL + 16).result()
    assert result["verdict"] == "not exact" and "do not hold" in result["why"][0]


def test_a_shard_that_nobody_holds_is_not_exact():
    world = settled_world(3, 17, held=1)
    holders = [m for m in world.honest if m.node.placement.find(1)]
    assert world.result()["exact"] and 0 < len(holders) < 3
    for machine in holders:
        world.leave(machine)
    world.run_cycle()
    result = world.result()
    assert not result["exact"]
    assert result["why"] == ["channel c16: no node that lives holds it"]


def test_a_clock_apart_is_said():
    world = settled_world(3)
    assert world.result()["why"] == []
    world.honest[1].node.clock.cycle += 100
    (said,) = world.result()["why"]
    assert "1 of 3 nodes" in said and "node 1 is" in said and said.endswith("ahead")


@pytest.mark.parametrize(
    "samples, said",
    [
        ([(0, 800, 0), (128, 100, 0)], "about 42 cycles more"),
        ([(0, 1000, 0), (128, 990, 0)], "cycles more"),
        ([(0, 1000, 0), (128, 1500, 0)], "grows, by 500 raw in 128 cycles"),
        ([(0, 1000, 0), (128, 1500, 2000)], "2000 raw wait at their owners"),
        ([(0, 500, 0), (128, 500, 0)], "of calm"),
        ([], "more cycles"),
    ],
)
def test_what_is_needed(samples, said):
    assert said in needed(samples, 0, 100)


def test_who_is_late_at_a_fold_takes_nothing_from_what_the_dead_are_known_to_have_told():
    """A node that has just started from its journal knows an older total of a session that all
    others have folded."""
    cell = Cell(3, **SHORT)
    owner, witness, late = cell.nodes.values()
    cell.active()
    account = Account(1)
    for raw, hears in (5, True), (4, False):
        cell.links = lambda a, b, hears=hears: hears or b != 3
        cell.contribute(1, raw)
        account.contribute(0, 0, raw, 0)
        cell.run(10)
    account.death(0, owner, 90000)
    account.survey([witness, late])
    assert account.lost(0) == 0
    witness.replicas[0].shard.advance(witness.clock.epoch() + 100)  # it folds
    account.survey([witness, late])
    assert account.lost(0) == 0
    account.survey([late])  # whoever knew more is gone, and had folded nothing
    assert account.lost(0) == 4
