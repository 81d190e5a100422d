"""Absences of days, restarts for a day, lists that grow: at full size, with default parameters.

    python -m tests.world.nights --engine pypy               all of them, a seed each (ten minutes)
    python -m tests.world.nights --engine pypy --only night  a night of twenty nodes: half a minute

Exit code 1 if a run did not end with exactly what was contributed, to the bit.
"""

import sys

from lvs_tools.sim import engine, scenario
from tests.support.seeds import campaign
from tests.world import peace

NAMES = (
    "night",
    "three_groups",
    "changing_groups",
    "three_days",
    "restart_day",
    "restart_bare",
    "growing",
)
_ROWS = {"restart_day": 3, "growing": 3}  # of one node in a channel: its own and two more
_BARE = {"restart_bare": [0, 1]}  # nodes that forget what they said last


def wrong(name, result):
    """What a world's result lacks: a text, "" if nothing."""
    found = peace.wrong(name, result)
    if found:
        return found
    if result["rows_of_one"] > _ROWS.get(name, result["rows_of_one"]):
        return "a node left %d rows in a channel" % result["rows_of_one"]
    if name in _BARE and set(result["losers"]) - set(_BARE[name]):
        return "of nodes %s something is lost" % result["losers"]
    if name == "restart_day" and result["lost_raw"]:
        return "%d raw that a journal had are lost" % result["lost_raw"]
    return ""


def once(name, seed, on, settings=()):
    """What is wrong with a run: a text, "" if nothing is. on: the engine, a word."""
    settings = ["seed=%d" % seed, "engine=%s" % on, *settings]
    return wrong(name, engine.run(scenario.load(name, settings), stay=True))


if __name__ == "__main__":
    sys.exit(campaign(once, NAMES, 1, (__doc__ or "\n").splitlines()[0]))
