"""The guarantees of docs/protocol.md, measured: one scenario file each, with its bound."""

import pytest

from lvs_tools.sim import engine, scenario
from lvs_tools.world.world import World
from tests.support.worlds import advance, measured, plan_of, world_of


def measure(name, *settings):
    return measured(scenario.load(name, settings))


def test_g1_exact_through_loss_restarts_and_a_partition():
    result = measure("g1_exactness")
    assert result["exact"], result["why"]
    assert result["faults"]["crash"] and result["faults"]["partition"]


def test_g2_bounds_hold_whatever_is_said():
    result = measure("g2_bounds", "nodes=20", "cycles=200")
    assert result["negative_values"] == 0
    assert 0 < result["max_step"] < 4096


def test_g3_a_majority_of_liars_is_held_to_the_budget():
    result = measure("g3_speed_limit", "nodes=30", "cycles=384")
    assert result["budget_violations"] == 0
    epochs = 384 // 64 + 1
    assert result["settled_shift_max"] <= epochs * (100000 >> 10)


@pytest.mark.parametrize("liar", ["Drain", "BelowThreshold", "SplitView", "Sleeper"])
def test_g4_a_third_of_liars_moves_nothing(liar):
    checked = scenario.load(
        "g4_liars", ["nodes=30", "cycles=384", "adversary=[]"], [liar + "=0.33"]
    )
    result = measured(checked)
    assert result["budget_violations"] == 0
    assert abs(result["settled_shift_mean"]) < 100000 * 0.0002


def test_g5_a_disagreeing_mesh_of_300_agrees():
    result = measure("g5_agreement", "cycles=61")
    assert result["cycles_to_within_2"] is not None and result["cycles_to_within_2"] <= 17
    assert result["cycles_to_exact"] is not None and result["cycles_to_exact"] <= 60
    assert result["bytes_per_node_per_min"]["max"] < 50000  # G6, where all contradict each other


def test_g5_and_g6_contributions_reach_300_nodes_within_the_traffic():
    result = measure("g5_reach", "cycles=100", "workload.until_cycle=60")
    assert result["reach_cycles"]["p99"] <= 16
    assert result["bytes_per_node_per_min"]["max"] < 50000
    assert result["exact"], result["why"]


def test_g6_three_hundred_that_all_start_at_once_keep_to_the_traffic():
    """More than the table of routes holds: what the others say is booked, too."""
    result = measure(
        "g5_reach", "cycles=130", "link.loss=0", "start.established=false", "start.value=0"
    )
    assert result["bytes_per_node_per_min"]["max"] < 50000


def test_g6_a_mesh_that_comes_back_at_once_asks_no_more_than_it_can_hear():
    """Clocks stood still for as long as each was off: no dispute among those who return."""
    world = world_of(
        nodes=60,
        cycles=200,
        link={"loss": 0.1},
        workload={"contributions_per_minute": 6},
        start={"value": 100_000, "established": True},
    )
    machines = world.machines
    advance(world, 80)
    for machine in machines:
        world.crash(machine)
    for i, machine in enumerate(machines):
        world.timeline.at(world.timeline.now + 1 + i * 467, world.boot, machine)
    before = [m.sent_bytes + m.received_bytes for m in machines]
    advance(world, 30)
    spent = [m.sent_bytes + m.received_bytes - b for m, b in zip(machines, before, strict=True)]
    assert 5_000 < 2 * max(spent) < 90_000  # a minute; 190,000 if all ask on


def test_g6_an_idle_mesh_is_nearly_silent():
    assert measure("g6_idle", "cycles=900")["bytes_per_node_per_min"]["max"] < 2000


def test_g9_one_survivor_passes_everything_on():
    result = measure(
        "g9_survivor", "nodes=81", "event.0.nodes=['1-40']", "event.1.nodes=['41-80']"
    )
    assert result["alive"] == 41
    assert result["exact"], result["why"]
    assert result["contributed_raw"] > 0 and result["lost_raw"] == 0


def test_g10_the_same_bits_on_both_engines(micropython):
    settings = ["nodes=12", "cycles=190"]
    here = engine.run(scenario.load("g10_same_bits", settings))
    there = engine.run(scenario.load("g10_same_bits", [*settings, "engine=micropython"]))
    assert here["faults"]["restart"] and here["faults"]["skew"]
    assert here["trace_hash"] == there["trace_hash"]


@pytest.mark.parametrize(
    "name, settings",
    [("house", ()), ("farm", ("nodes=30", "cycles=700", "workload.until_cycle=560"))],
)
def test_typical_deployments_are_exact(name, settings):
    result = measure(name, *settings)
    assert result["exact"], result["why"]
    assert result["faults"]["partition"]


def test_a_mesh_switched_off_for_a_day_goes_on_exactly():
    day = 24 * 60 * 60
    result = measure("blackout", "event.1.at_cycle=%d" % (330 + day), "cycles=%d" % (700 + day))
    assert result["faults"]["crash"] == result["faults"]["restart"] == result["alive"] == 12
    assert result["exact"] and result["lost_raw"] == 0, result["why"]


def test_a_node_alone_for_three_horizons_comes_back_and_counts():
    result = measured(
        scenario.check(
            {
                "nodes": 6,
                "cycles": 128 * 9,
                "config": {"session_epochs": 2, "horizon_epochs": 2},
                "workload": {"contributions_per_minute": 2, "until_cycle": 128 * 6},
                "event": [
                    {"at_cycle": 150, "action": "partition", "nodes": [5]},
                    {"at_cycle": 150 + 3 * 128, "action": "heal"},
                ],
            }
        )
    )
    assert result["exact"], result["why"]
    assert result["lost_raw"] == 0


def test_groups_apart_for_longer_than_the_horizon_end_bounded_and_reported():
    result = measured(
        scenario.check(
            {
                "nodes": 10,
                "cycles": 128 * 8,
                "config": {"session_epochs": 2, "horizon_epochs": 2},
                "start": {"value": 100000, "established": True},
                "workload": {"contributions_per_minute": 2, "until_cycle": 128 * 5},
                "event": [
                    {"at_cycle": 100, "action": "partition", "fraction": 0.5},
                    {"at_cycle": 100 + 3 * 128, "action": "heal"},
                ],
            }
        )
    )
    assert result["negative_values"] == result["budget_violations"] == 0
    assert result["value_error_max"] <= result["contributed_raw"]
    assert result["exact"] or result["why"]


def test_more_nodes_than_the_tables_hold_are_refused_and_counted():
    result = measured(
        scenario.check(
            {
                "nodes": 40,
                "cycles": 100,
                "config": {"rows": 16, "routes": 8},
                "workload": {"contributions_per_minute": 6},
            }
        )
    )
    assert result["refused"] > 0
    assert result["negative_values"] == 0
    assert not result["exact"] and result["why"]


def test_nodes_without_a_shard_in_common_have_one_clock():
    """Each holds one shard of two; clocks 10 % off part the crowds by 180 cycles in 15 minutes."""
    plan = plan_of(
        nodes=9,
        cycles=900,
        seed=3,
        link={"loss": 0.2},
        workload={"contributions_per_minute": 2, "channels": 17, "until_cycle": 700},
        config={"held": 1, "session_epochs": 4, "horizon_epochs": 4},
    )
    world = World(plan)
    advance(world, 1)
    for machine in world.machines:
        machine.clock.skew(1100000 if machine.node.status()["held"] == [0] else 900000)
    advance(world, plan["cycles"] - 1)
    held = [machine.node.status()["held"] for machine in world.machines]
    assert [0] in held and [1] in held
    clocks = [machine.node.clock.cycle for machine in world.machines]
    assert max(clocks) - min(clocks) <= 32, clocks
    assert world.result()["exact"], world.result()["why"]
