"""Nothing is lost in peace: the worlds of tests/world/peace.py, most of them shortened."""

import pytest

from tests.support.worlds import ENGINE
from tests.world.peace import NAMES, once

_SHORT = ("config.session_epochs=8", "config.horizon_epochs=6")
_SHORTEST = ("config.session_epochs=4", "config.horizon_epochs=4")
_TWICE = ("event.0.times=2", "event.1.times=2")


def _until(cycle, calm=400):
    """Settings: contributions until a cycle, and a calm after it."""
    return "workload.until_cycle=%d" % cycle, "cycles=%d" % (cycle + calm)


# name: settings that make a world short by its sessions, its absences or its size
ROWS = {
    "300x1": ("nodes=24", "workload.channels=9", "link.loss=0.1", *_SHORTEST, *_until(1000)),
    "12x16": ("workload.contributions_per_minute=8", *_SHORT, *_until(1700)),
    "bridge": ("nodes=4",),
    "partitions": ("nodes=8",),
    "power_cuts": (*_TWICE, *_until(1100)),
    "power_cuts_short": (*_TWICE, *_until(800)),
    "power_cuts_wiped": (*_TWICE, *_until(1100)),
    "near_budget": ("nodes=8", *_until(700, 800)),  # who lacks the last of a row is led back
    "full_pace_20": (*_SHORTEST, *_until(500)),
    "restarts": ("nodes=6", "config.rows=60", "event.0.times=40", *_until(2600)),
    "counter_end": (),
    "durable": (),
    "clone": (),
    "carried": (),
    "clocks": ("nodes=8", "event.0.nodes=['0-3']", "event.1.nodes=['4-7']", *_until(2000)),
    "frozen_clock": ("nodes=8", *_until(1500)),
    "fast_clock": ("nodes=8", *_until(1500)),
    "stop": (),
}
# In the second a session's owner, hushed by its own news, once never heard of an echo.
SEEDS = {"near_budget": (1, 3)}


@pytest.mark.parametrize("name", ROWS)
def test_nothing_is_lost_in_peace(name):
    assert name in NAMES
    for seed in SEEDS.get(name, (1,)):
        assert once(name, seed, ENGINE, ROWS[name]) == ""
