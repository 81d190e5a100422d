"""Absences, restarts and a list that grows lose nothing: the worlds of nights.py, shortened."""

import pytest

from tests.support.worlds import ENGINE
from tests.world.nights import NAMES, once

_HOUR = ("config.session_epochs=48", "config.horizon_epochs=48")  # 51 minutes stand for three days

# name: settings that make a world short by its absences, its sessions or its size
ROWS = {
    "three_groups": (
        "nodes=6",
        *_HOUR,
        "event.0.nodes=[2, 3]",
        "event.1.nodes=[4, 5]",
        "event.2.times=2",
        "event.3.at_cycle=2400",
        "event.3.nodes=[2, 3]",
        "event.4.at_cycle=3000",
        "workload.until_cycle=3300",
        "cycles=3700",
    ),
    "restart_day": ("nodes=5", "event.0.times=30", "workload.until_cycle=2100", "cycles=2300"),
    "restart_bare": (
        "nodes=6",
        "config.rows=80",  # with fewer, what one without a journal said last may find no place
        "config.session_epochs=12",
        "config.horizon_epochs=8",
        "event.0.times=30",
        "event.1.times=30",
        "workload.until_cycle=2200",
        "cycles=3900",  # its rows are folded
    ),
    "growing": (),
}


@pytest.mark.parametrize("name", ROWS)
def test_nothing_is_lost(name):
    assert name in NAMES
    assert once(name, 1, ENGINE, ROWS[name]) == ""
