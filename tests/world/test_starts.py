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
