"""Runs a plan in a world to its end; also the script that runs plans under MicroPython or PyPy.

    micropython runner.py LIB

with LIB the folder that holds lvs.  It reads the names of files with a plan, one a line, and
prints one JSON object a line: {"cycle": n} now and then, {"result": {...}} at each plan's end.
"""

import json
import sys

_REPORTS = 200  # progress reports in a run


def run(plan, progress=None, make_journal=None):
    """Run the plan; returns the world's result. progress: called with the cycles done.

    make_journal: see World.
    """
    from lvs_tools.world.world import World

    world = World(plan, make_journal)
    every = max(1, plan["cycles"] // _REPORTS)
    for cycle in range(1, plan["cycles"] + 1):
        world.run_cycle()
        if progress and (cycle % every == 0 or cycle == plan["cycles"]):
            progress(cycle)
    return world.result()


def main(names):
    """Run the plan in each of the JSON files named and print what comes of it."""
    for name in names:
        with open(name.strip()) as f:
            plan = json.load(f)
        _tell("result", run(plan, lambda cycle: _tell("cycle", cycle)))


def _tell(key, value):
    print(json.dumps({key: value}))
    if hasattr(sys.stdout, "flush"):
        sys.stdout.flush()


if __name__ == "__main__":
    # In place of this folder, whose file names could hide modules: the project and its library.
    _root = (__file__.rpartition("/")[0] or ".") + "/../.."
    sys.path[0] = _root
    sys.path.insert(1, sys.argv[1])
    main(sys.stdin)
