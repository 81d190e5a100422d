"""The scenarios in which nodes die, forget or start anew, each from many seeds.

    python -m tests.durability.seeds                             all of them, 50 seeds each
    python -m tests.durability.seeds --seeds 5 --only blackout

Exit code 1 if a run did not end with exactly what was contributed, to the bit. Nothing may be
lost, but where nodes leave for good while they contribute (replacement): there what a node said
in its last minute may die with it.
"""

import sys

from lvs_tools.sim import engine, scenario
from tests.support.seeds import campaign

NAMES = ("blackout", "corruption", "replacement", "g9_survivor")


def once(name, seed, on):
    """What is wrong with a run: a text, "" if nothing is. on: the engine, a word."""
    result = engine.run(scenario.load(name, ["seed=%d" % seed, "engine=%s" % on]), stay=True)
    if not result["exact"]:
        return "; ".join(result["why"])
    lost = result["lost_old_raw" if name == "replacement" else "lost_raw"]
    if lost or not result["contributed_raw"]:
        return "%d raw of %d are lost" % (lost, result["contributed_raw"])
    return ""


if __name__ == "__main__":
    sys.exit(campaign(once, NAMES, 50, (__doc__ or "\n").splitlines()[0]))
