"""What liars get at the moments in which a mesh needs what somebody tells it, in small meshes.

At full size: `lvs attack --staged`.
"""

import pytest

from lvs_tools.attack import cases
from lvs_tools.attack.stages import STAGES
from tests.support.worlds import measured

BUDGET = 1 << 20  # raw that one address may invent in an epoch


def attacked(stage, strategy, liars, nodes=12, cycles=260, seed=1):
    """The figures of one run, so many liars among the nodes."""
    return measured(cases.scenario_of(strategy, liars / nodes, "lan", seed, nodes, cycles, stage))


def exact(result):
    """All honest nodes have all that the honest contributed, and nothing else."""
    harm = result["harm"]
    return (harm["error_low"], harm["error_high"], harm["missing_raw"]) == (0, 0, 0)


@pytest.mark.parametrize(
    "strategy", ["walker", "loud_walker", "slow_walker", "camp_walker", "part_walker"]
)
def test_walkers_walk_alone(strategy):
    """A third of liars, who would fill any window of the loudest, each a unit off in step."""
    result = attacked("established", strategy, 8, nodes=24, cycles=200)
    assert result["settled_shift_max"] == 0


@pytest.mark.parametrize("strategy", ["two_faces", "near_faces", "edge_voter", "wedge"])
def test_votes_that_differ_with_some_move_nobody(strategy):
    result = attacked("established", strategy, 5, nodes=15, cycles=400)
    assert abs(result["settled_shift_mean"]) < cases.VALUE // 5000
    assert result["budget_violations"] == 0


@pytest.mark.parametrize("strategy", ["usurper", "same_usurper"])
@pytest.mark.parametrize("liars", [1, 4])
def test_a_power_cut_gives_liars_nothing(strategy, liars):
    result = attacked("cut", strategy, liars, nodes=13)
    assert exact(result) and result["alive"] == 13 - liars


@pytest.mark.parametrize("strategy", ["future_host", "lock_host", "end_host", "past_host"])
def test_whoever_answers_newcomers_first_does_not_say_what_time_it_is(strategy):
    result = attacked("newcomers", strategy, 3, nodes=20)
    assert exact(result)
    assert result["harm"]["clock_spread"] <= 2 and result["harm"]["clock_off"] <= 2


@pytest.mark.parametrize("liars", [1, 2])
def test_newcomers_do_not_believe_in_one_huge_row(liars):
    assert exact(attacked("newcomers", "first_row", liars))


def test_a_row_that_could_be_is_invented_within_the_budget():
    harm = attacked("newcomers", "plausible_row", 2)["harm"]
    assert harm["error_low"] == 0 < harm["error_high"] <= 2 * BUDGET * (260 // 64 + 1)


@pytest.mark.parametrize("strategy", ["holds_all", "holds_truly"])
def test_nobody_lets_go_of_a_shard_because_liars_hold_all(strategy):
    result = attacked("shards", strategy, 3, nodes=18, cycles=400, seed=3)
    assert result["harm"]["holders"] >= 1 and result["harm"]["error_low"] == 0


@pytest.mark.parametrize("strategy", ["loud_truth", "false_answer", "trusted_answer", "mirror"])
def test_a_partition_heals_beside_those_who_speak_for_others(strategy):
    result = attacked("partition", strategy, 2, cycles=500)
    assert exact(result)


@pytest.mark.parametrize("strategy", ["clock_value", "clock_flags", "clock_agree", "clock_pusher"])
def test_a_quarter_of_liars_does_not_pull_clocks_apart(strategy):
    result = attacked("busy", strategy, 4, nodes=16)
    assert result["harm"]["clock_spread"] <= 2 and result["harm"]["clock_off"] <= 2
    assert exact(result)


@pytest.mark.parametrize("strategy", ["ring_filler", "row_breeder"])
def test_rows_that_liars_invent_or_force_leave_room(strategy):
    result = attacked("busy", strategy, 2, cycles=300)
    assert result["harm"]["error_low"] == 0 and result["harm"]["missing_raw"] == 0


def test_forged_totals_add_no_more_than_invented_ones():
    harm = attacked("busy", "forger", 4)["harm"]
    assert harm["error_low"] == 0 <= harm["error_high"] < 4 * BUDGET * (260 // 64 + 1)


@pytest.mark.parametrize("stage", [name for name in STAGES if STAGES[name].parts])
def test_a_stage_is_survived_without_liars(stage):
    cycles = {"partition": 500, "shards": 400, "restarts": 1500}.get(stage, 260)
    result = attacked(stage, cases.NOBODY, 0, cycles=cycles, seed=3)
    assert result["liars"] == 0 and result["alive"] == 12
    assert result["harm"]["error_high"] == 0 and result["harm"]["holders"] >= 1
    assert stage == "restarts" or exact(result)
