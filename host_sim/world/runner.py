"""Runs a plan in a world to its end; also the script that runs one under MicroPython.

    micropython runner.py PLAN.json LIB

with LIB the folder that holds lvs.  It prints one JSON object a line: {"cycle": n} now and
then, {"result": {...}} at the end.
"""

import json
import sys

_REPORTS = 200  # progress reports in a run


def run(plan, progress=None, make_journal=None):
    """Run the plan; returns the world's result. progress: called with the cycles done.

    make_journal: see World.
    """
    from host_sim.world.world import World

    world = World(plan, make_journal)
    every = max(1, plan["cycles"] // _REPORTS)
    for cycle in range(1, plan["cycles"] + 1):
        world.run_cycle()
        if progress and (cycle % every == 0 or cycle == plan["cycles"]):
            progress(cycle)
    return world.result()


def main(path):
    """Run the plan in a JSON file and print what comes of it."""
    with open(path) as f:
        plan = json.load(f)
    result = run(plan, lambda cycle: print(json.dumps({"cycle": cycle})))
    print(json.dumps({"result": result}))


if __name__ == "__main__":
    # In place of this folder, whose file names could hide modules: the project and its library.
    _root = (__file__.rpartition("/")[0] or ".") + "/../.."
    sys.path[0] = _root
    sys.path.insert(1, sys.argv[2])
    main(sys.argv[1])
