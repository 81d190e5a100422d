"""Worlds without a liar in which nothing may be lost, at full size, each from several seeds.

    python -m tests.world.peace --engine pypy                  all of them, 5 seeds each
    python -m tests.world.peace --seeds 1 --only bridge

Exit code 1 if a run did not end with exactly what was contributed, to the bit, within the traffic.
Where nodes lose their power what a node said in its last minute may die with it.
"""

import sys

from lvs_tools.sim import engine, scenario
from tests.support.seeds import campaign

_CUTS = ("crash", "restart", "wipe", "carry")
_KB = 50000  # bytes a node and minute (G6)
# What a clock may cost that is further off than G1 promises: raw that the mesh may be off.
BOUNDED = {"fast_clock": 0, "frozen_clock": 0}

NAMES = tuple(
    sorted(path.stem.partition("_")[2] for path in scenario.SCENARIOS.glob("peace_*.toml"))
)


def wrong(name, result):
    """What a world's result lacks: a text, "" if nothing."""
    if result["value_error_max"] > BOUNDED.get(name, 0):
        return "; ".join(result["why"])
    if not result["exact"] and name not in BOUNDED:
        return "; ".join(result["why"])
    cut = any(result["faults"].get(action) for action in _CUTS)
    lost = result["lost_old_raw" if cut else "lost_raw"]
    if lost:
        return "%d raw of %d are lost" % (lost, result["contributed_raw"])
    if result["bytes_per_node_per_min"]["max"] >= _KB:
        return "%d bytes a minute" % result["bytes_per_node_per_min"]["max"]
    if result["negative_values"] or result["budget_violations"]:
        return "invariants broken"
    return ""


def once(name, seed, on, settings=()):
    """What is wrong with a run: a text, "" if nothing is. on: the engine, a word."""
    settings = ["seed=%d" % seed, "engine=%s" % on, *settings]
    return wrong(name, engine.run(scenario.load("peace_" + name, settings), stay=True))


if __name__ == "__main__":
    sys.exit(campaign(once, NAMES, 5, (__doc__ or "\n").splitlines()[0]))
