"""The simulated world: one seed decides everything, on every interpreter; faults befall."""

import pytest

from lvs.ram_journal import RamJournal
from lvs_tools import interpreters
from lvs_tools.sim import engine, scenario
from lvs_tools.world.world import World
from tests.support.worlds import ENGINE, advance, plan_of, run, world_of

EVERYTHING = {
    "nodes": 9,
    "cycles": 150,
    "topology": {"kind": "ring", "degree": 4},
    "link": {"loss": 0.2, "duplicate": 0.05, "reorder": 0.05, "bandwidth_kbps": 2000},
    "workload": {"contributions_per_minute": 6, "channels": 20, "amount": "0.75"},
    "event": [
        {"at_cycle": 40, "action": "skew", "nodes": [3], "value": 1.1},
        {"at_cycle": 45, "action": "low_power", "nodes": [2]},
        {"at_cycle": 50, "action": "partition", "fraction": 0.3},
        {"at_cycle": 60, "action": "crash", "nodes": [5]},
        {"at_cycle": 70, "action": "restart", "nodes": [5]},
        {"at_cycle": 75, "action": "join", "nodes": [6]},
        {"at_cycle": 80, "action": "heal"},
        {"at_cycle": 85, "action": "leave", "nodes": [4]},
        {"at_cycle": 90, "action": "loss", "value": 0.05},
    ],
    "adversary": [{"class": "Replay", "count": 1}],
}


def everything(name="cpython"):
    """The result on an interpreter, but for what it took."""
    result = engine.run(scenario.check(dict(EVERYTHING, engine=name)), stay=name == "pypy")
    return {key: result[key] for key in result if key not in ("wall_s", "memory_mb")}


@pytest.fixture(scope="module")
def here():
    """The result in this process."""
    return everything()


def test_the_same_seed_does_the_same_and_another_does_not(here):
    assert run(**EVERYTHING) == here
    assert run(**EVERYTHING, seed=2)["trace_hash"] != here["trace_hash"]


def test_micropython_ends_in_the_same_bits(micropython, here):
    assert everything(micropython) == here


@pytest.mark.skipif(ENGINE == "cpython", reason=interpreters.mend("pypy"))
def test_pypy_ends_in_the_same_bits(here):
    assert everything("pypy") == here


def test_a_quiet_mesh_is_exact():
    result = run(nodes=8, cycles=120)
    assert result["exact"] and result["why"] == [] and result["lost_raw"] == 0
    assert result["contributed_raw"] > 0 and result["contributed_raw"] % 1000 == 0
    assert result["alive"] == 8
    assert result["reach_cycles"]["max"] <= 4


def test_reach_is_not_that_of_contributions_that_wait_for_a_cold_start():
    start = {"value": 0, "established": False}
    work = {"contributions_per_minute": 30, "until_cycle": 40}
    result = run(nodes=4, cycles=560, start=start, workload=work)
    assert result["exact"] and 1 <= result["reach_cycles"]["max"] <= 16


def test_a_node_alone_works():
    result = run(nodes=1, cycles=90, workload={"contributions_per_minute": 20})
    assert result["exact"] and result["contributed_raw"] > 0


def test_the_meter_of_a_node_alone_never_runs_back():
    world = world_of(
        nodes=1,
        workload={"contributions_per_minute": 30},
        config={"session_epochs": 3, "horizon_epochs": 6},
    )
    node = advance(world, 1).machines[0].node
    shown = waited = 0
    for _ in range(1200):  # sessions close from cycle 512 on, every 192
        advance(world, 1)
        assert node.raw(0) >= shown
        shown = node.raw(0)
        waited = max(waited, node.ledger.waiting[0])
    assert waited > 50_000 and shown == world.account.given[0]


def test_the_meter_of_a_node_alone_stands_still_at_a_restart():
    world = world_of(
        nodes=1,
        workload={"contributions_per_minute": 30, "durable": True},
        config={"session_epochs": 3, "horizon_epochs": 6},
        event=[
            {"at_cycle": at, "action": action, "nodes": [0]}
            for at in (516, 900)
            for action in ("crash", "restart")
        ],
    )
    shown = 0
    for cycle in range(1200):
        advance(world, 1)
        node = world.machines[0].node
        if node and node.state == "ACTIVE":
            assert node.raw(0) >= shown, cycle
            shown = node.raw(0)
    assert shown == world.account.given[0]


def test_events_happen_to_whom_they_name():
    world = world_of(
        nodes=8,
        cycles=100,
        event=[
            {"at_cycle": 10, "action": "crash", "nodes": [1, 2]},
            {"at_cycle": 12, "action": "partition", "nodes": [3]},
            {"at_cycle": 14, "action": "restart", "nodes": [1]},
            {"at_cycle": 16, "action": "join", "nodes": [4]},
            {"at_cycle": 18, "action": "leave", "nodes": [5]},
            {"at_cycle": 20, "action": "restart", "nodes": [5]},
            {"at_cycle": 22, "action": "low_power", "nodes": [6]},
            {"at_cycle": 24, "action": "heal"},
        ],
    )

    def there():
        return [i for i, m in enumerate(world.machines) if m.node]

    advance(world, 5)
    assert there() == [0, 1, 2, 3, 5, 6, 7]
    advance(world, 8)
    assert there() == [0, 3, 5, 6, 7]
    assert [m.group != 0 for m in world.machines].index(True) == 3
    advance(world, 4)
    assert there() == [0, 1, 3, 4, 5, 6, 7]
    advance(world, 8)
    assert there() == [0, 1, 3, 4, 6, 7]  # who left does not come back
    assert world.machines[6].node.status()["state"] == "LOW_POWER"
    assert not any(m.group for m in world.machines)


def test_a_fraction_is_drawn_by_the_seed():
    def crashed(seed):
        world = advance(
            world_of(
                nodes=20, seed=seed, event=[{"at_cycle": 2, "action": "crash", "fraction": 0.25}]
            ),
            4,
        )
        return [m.index for m in world.machines if not m.node]

    assert len(crashed(1)) == 5
    assert crashed(1) == crashed(1) != crashed(2)


def test_restart_by_fraction_means_those_that_are_down():
    world = advance(
        world_of(
            nodes=20,
            event=[
                {"at_cycle": 2, "action": "crash", "fraction": 0.25},
                {"at_cycle": 4, "action": "restart", "fraction": 0.25},
            ],
        ),
        6,
    )
    assert all(m.node for m in world.machines)


def test_a_restarted_node_is_a_new_one_with_the_same_journal():
    journals = []

    class Noting(RamJournal):
        """Remembers whose journal it was."""

        def __init__(self):
            self.ledgers = []

        def attach(self, ledger, **others):
            super().attach(ledger, **others)
            self.ledgers.append(ledger)

    def make_journal(index):
        journals.append(index)
        world_journals[index] = Noting()
        return world_journals[index]

    world_journals = {}
    world = World(
        plan_of(nodes=2, event=[{"at_cycle": 3, "action": "restart", "nodes": [1]}]), make_journal
    )
    advance(world, 6)
    assert sorted(journals) == [0, 1]
    assert len(world_journals[1].ledgers) == 2
    assert world_journals[1].ledgers[1] is world.machines[1].node.ledger
    assert len(world_journals[0].ledgers) == 1


def test_what_a_journal_holds_outlives_a_crash():
    # Alone from the start, node 2 contributes for 60 cycles, loses power, and comes back.
    def lost(action):
        result = run(
            nodes=3,
            cycles=400,
            workload={"contributions_per_minute": 30, "until_cycle": 80},
            event=[
                {"at_cycle": 20, "action": "partition", "nodes": [2]},
                {"at_cycle": 100, "action": "crash", "nodes": [2]},
                {"at_cycle": 101, "action": "heal"},
                {"at_cycle": 110, "action": action, "nodes": [2], "value": 1},
            ],
        )
        assert result["exact"], result["why"]
        return result["lost_raw"]

    assert lost("restart") == 0
    assert lost("low_power") > 20 * 1000


def test_what_nobody_learned_is_lost_and_nothing_else():
    # Cut off from all others, node 2 contributes for 60 cycles and dies with it.
    result = run(
        nodes=3,
        cycles=300,
        workload={"contributions_per_minute": 30},
        event=[
            {"at_cycle": 60, "action": "partition", "nodes": [2]},
            {"at_cycle": 115, "action": "crash", "nodes": [2]},
            {"at_cycle": 121, "action": "heal"},
        ],
    )
    assert result["exact"], result["why"]
    assert 20 * 1000 <= result["lost_raw"] <= 45 * 1000
    assert result["lost_old_raw"] == 0  # it was said in the last minute


def test_what_was_said_long_before_its_owner_died_is_told_apart():
    result = run(
        nodes=3,
        cycles=300,
        workload={"contributions_per_minute": 30, "until_cycle": 90},
        event=[
            {"at_cycle": 60, "action": "partition", "nodes": [2]},
            {"at_cycle": 115, "action": "crash", "nodes": [2]},
            {"at_cycle": 116, "action": "heal"},
        ],
    )
    early = run(
        nodes=3,
        cycles=300,
        workload={"contributions_per_minute": 30, "until_cycle": 90},
        event=[
            {"at_cycle": 60, "action": "partition", "nodes": [2]},
            {"at_cycle": 160, "action": "crash", "nodes": [2]},
            {"at_cycle": 161, "action": "heal"},
        ],
    )
    assert result["lost_old_raw"] == 0 < early["lost_old_raw"] == early["lost_raw"]


def test_what_the_others_learned_is_not_lost():
    result = run(
        nodes=3,
        cycles=300,
        workload={"contributions_per_minute": 30, "until_cycle": 60},
        event=[{"at_cycle": 90, "action": "leave", "nodes": [2]}],
    )
    assert result["exact"] and result["lost_raw"] == 0


def test_a_partition_that_lasts_is_reported_as_not_exact():
    result = run(
        nodes=4, cycles=200, event=[{"at_cycle": 20, "action": "partition", "nodes": [0, 1]}]
    )
    assert not result["exact"]
    assert result["value_error_max"] > 0
    assert "do not hold" in result["why"][0]


def test_flipped_bits_change_memory():
    world = advance(
        world_of(
            nodes=3,
            start={"value": 100000},
            event=[{"at_cycle": 20, "action": "corrupt", "nodes": [1], "value": 3}],
        ),
        19,
    )
    held = [list(m.node.placement.find(0).shard.settled) for m in world.machines]
    world.timeline.run_until(20001)
    after = [m.node.placement.find(0).shard for m in world.machines]
    assert list(after[0].settled) == held[0]
    changed = list(after[1].settled) != held[1]
    rows = any(
        after[1].credited[p] > after[1].claimed[p] or after[1].claimed[p] % 1000
        for p in map(after[1].position, range(after[1].count))
    )
    assert changed or rows


def test_a_frozen_clock_stands_still():
    world = advance(
        world_of(
            nodes=3,
            event=[
                {"at_cycle": 20, "action": "skew", "nodes": [1], "value": 0},
                {"at_cycle": 60, "action": "skew", "nodes": [1], "value": 1},
            ],
        ),
        50,
    )
    behind = world.machines[0].node.clock.cycle - world.machines[1].node.clock.cycle
    assert behind >= 28
    advance(world, 80)
    behind = world.machines[0].node.clock.cycle - world.machines[1].node.clock.cycle
    assert behind <= 4


@pytest.mark.parametrize("engine_name", ["cpython", "micropython"])
def test_clocks_that_wrap_do_no_harm(engine_name, request):
    if engine_name == "micropython":
        request.getfixturevalue("micropython")
    result = engine.run(
        scenario.check(
            {
                "nodes": 2,
                "cycles": 1500,
                "seed": 3,
                "engine": engine_name,
                "workload": {"contributions_per_minute": 2},
            }
        )
    )
    assert result["exact"]


def test_the_history_is_bounded():
    history = run(nodes=3, cycles=700)["history"]
    assert len(history["cycles"]) <= 240
    assert len(history["values_raw"]) == len(history["cycles"]) == len(history["spread_raw"])
    assert all(len(values) == 3 for values in history["values_raw"])


def test_an_event_contributes_and_happens_again():
    result = run(
        nodes=3,
        cycles=120,
        workload={"contributions_per_minute": 0, "channels": 2},
        event=[
            {
                "at_cycle": 20,
                "action": "contribute",
                "nodes": [1],
                "value": 2.5,
                "channel": 1,
                "durable": True,
                "every": 10,
                "times": 3,
            }
        ],
    )
    assert result["exact"], result["why"]
    assert result["contributed_raw"] == 3 * 2500
    assert result["faults"]["contribute"] == 3


def test_a_steady_workload_keeps_its_share_of_the_budget():
    world = advance(
        world_of(
            nodes=2,
            cycles=200,
            workload={
                "budget_share": 0.5,
                "steady": True,
                "amount": 1,
                "channels": 2,
                "until_cycle": 200,
            },
            config={"route_budget": 16000},
        ),
        130,
    )
    # An epoch's share of each node: 8000 raw, four times both channels, every 16 s.
    gave = world.account.given
    assert gave[0] == gave[1] and 2 * 7 * 1000 <= gave[0] <= 2 * 9 * 1000


def test_an_island_is_cut_off_as_one():
    world = advance(
        world_of(
            nodes=7,
            topology={"kind": "islands", "islands": 2, "degree": 1},
            event=[{"at_cycle": 5, "action": "partition", "island": 1}],
        ),
        7,
    )
    assert [m.group for m in world.machines] == [0, 1, 0, 1, 0, 1, 0]


def test_who_stops_is_switched_off_and_says_no_more():
    world = advance(
        world_of(nodes=3, event=[{"at_cycle": 30, "action": "stop", "nodes": [2]}], cycles=120),
        100,
    )
    assert world.machines[2].node is None
    assert all(m.node for m in world.machines[:2])


def test_flash_can_be_lost_or_copied():
    world = advance(
        world_of(
            nodes=4,
            cycles=400,
            workload={"contributions_per_minute": 6, "until_cycle": 90},
            event=[
                {"at_cycle": 120, "action": "clone", "nodes": [3], "source": 0},
                {"at_cycle": 120, "action": "wipe", "nodes": [1]},
                {"at_cycle": 130, "action": "restart", "nodes": [1]},
            ],
        ),
        128,
    )
    assert not world.machines[1].journal and not world.machines[3].node
    first, copy = world.machines[0].journal, world.machines[3].journal
    assert copy is not first and copy.log.files.files == first.log.files.files != {}
    advance(world, 100)
    assert world.machines[1].node and world.result()["exact"]


def test_a_board_elsewhere_counts_for_nobody_here():
    world = advance(
        world_of(
            nodes=3,
            cycles=300,
            workload={"contributions_per_minute": 12, "until_cycle": 200},
            event=[{"at_cycle": 60, "action": "carry", "nodes": [2], "mesh": "there"}],
        ),
        200,
    )
    away = world.machines[2]
    assert away.node.config.tag != world.machines[0].node.config.tag
    assert away.node.value("c0", raw=True) > 0  # it counts on, apart
    advance(world, 100)
    result = world.result()
    assert result["exact"] and result["alive"] == 2, result["why"]


def test_a_shard_that_nobody_holds_any_more_is_not_exact():
    world = advance(
        world_of(
            nodes=9,
            cycles=300,
            workload={"contributions_per_minute": 12, "channels": 20, "until_cycle": 100},
            config={"held": 1},
        ),
        150,
    )
    holders = [[m for m in world.machines if m.node.placement.find(k)] for k in range(2)]
    fewest = min(holders, key=len)
    assert 0 < len(fewest) < 9
    for machine in fewest:
        world.leave(machine)
    advance(world, 150)
    assert not world.result()["exact"]


def test_clocks_of_a_ring_meet():
    """Each hears one on either side: a slope from neighbour to neighbour has no majority."""
    world = world_of(nodes=8, topology={"kind": "ring", "degree": 2})
    advance(world, 100)
    for i, m in enumerate(world.machines):
        m.node.clock.cycle += 20 * min(i, 8 - i)
    advance(world, 500)
    cycles = [m.node.clock.cycle for m in world.machines]
    assert max(cycles) - min(cycles) <= 8
