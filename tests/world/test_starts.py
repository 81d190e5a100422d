"""Nearly all lose their power in the middle of folding, with journals and without: exact."""

import pytest

from lvs.ram_journal import RamJournal
from lvs_tools.world.memory_files import make_journal
from lvs_tools.world.world import World
from tests.support.worlds import advance, plan_of

JOURNALS = {
    "all": make_journal,
    "odd": lambda i: make_journal(i) if i & 1 else RamJournal(),
    "none": lambda i: RamJournal(),
}


@pytest.mark.parametrize(
    ("seed", "sessions", "at", "off", "journals"),
    [
        (1, 2, 575, 10, "all"),  # just before an epoch turns
        (2, 2, 606, 10, "all"),
        (3, 2, 637, 40, "all"),  # and it turns while they are off
        (4, 2, 600, 10, "odd"),
        (5, 2, 639, 20, "none"),
        (6, 4, 640, 15, "all"),
        (7, 2, 600, 100, "all"),  # nearly a horizon: the two who stayed are far ahead
    ],
)
def test_fourteen_of_sixteen_lose_their_power(seed, sessions, at, off, journals):
    event = [
        {"at_cycle": at, "action": "crash", "nodes": ["0-13"]},
        {"at_cycle": at + off, "action": "restart", "nodes": ["0-13"]},
    ]
    plan = plan_of(
        nodes=16,
        cycles=1100,
        seed=seed,
        link={"loss": 0.2},
        workload={"contributions_per_minute": 6, "until_cycle": 860},
        event=event,
        config={"session_epochs": sessions, "horizon_epochs": 2},
    )
    result = advance(World(plan, JOURNALS[journals]), plan["cycles"]).result()
    assert result["exact"] and result["lost_old_raw"] == 0, result["why"]
    assert result["faults"]["restart"] == 14


@pytest.mark.parametrize(("seed", "others"), [(1, 1), (3, 1), (4, 1), (7, 2), (8, 2)])
def test_who_counted_alone_does_not_start_over_with_a_mesh_that_has_just_begun(seed, others):
    """All lose their power, and hear nobody until the access point is back, 90 s after they are.
    Boards without a journal have begun a mesh of nothing by then."""
    plan = plan_of(
        nodes=1 + others,
        cycles=3000,
        seed=seed,
        link={"loss": 0.1},
        workload={"contributions_per_minute": 0},
        start={"value": 100_000, "established": True},
    )
    world = World(plan)
    owner = world.machines[0]
    advance(world, 256)
    for machine in world.machines[1:]:
        world.wipe(machine)
    world.crash(owner)
    air, world.network.loss = world.network.loss, 1 << 31
    for machine in world.machines:
        world.boot(machine)
    advance(world, 25)
    world.contribute(owner, 0, "5", durable=True)
    advance(world, 65)
    world.network.loss = air
    advance(world, 700)
    values = [m.node.value("c0", raw=True) for m in world.machines if m.node]
    assert len(values) == 1 + others and set(values) == {105_000}
