"""What modules and tables take of the heap: runs in MicroPython with 32-bit objects, prints JSON.

    memory_inside.py ASKED.json

ASKED.json: ``modules`` in an order in which each follows those that it imports, ``config`` of a
node, and whether it has a ``journal``. Every ``yield`` is a collection (run.mjs), and what is
measured after it is what lives. ``there``: the modules that stay while the node runs.
"""

import gc
import json
import sys

from inside import Transport  # pyright: ignore[reportMissingImports]


def clock():
    """No time passes."""
    return 0


def entropy():
    """The same bits always."""
    return 12345


def scenario(asked):
    """Import all, then make the node."""
    allocated = gc.mem_alloc  # pyright: ignore - MicroPython has it
    modules = {}
    yield
    for name in asked["modules"]:
        before = allocated()
        __import__("lvs." + name)
        yield
        modules[name] = allocated() - before
    from lvs.node_runtime import Node

    yield
    before = allocated()
    journal = None
    if asked["journal"]:
        from lvs.journal import Journal

        journal = Journal("/journal")
    node = Node(asked["config"], Transport(), clock, entropy, journal)
    yield
    used = allocated() - before
    there = [name[4:] for name in sys.modules if name.startswith("lvs.")]
    print(json.dumps({"modules": modules, "node": used, "there": there}))
    del node


with open(sys.argv[1]) as _file:
    steps = scenario(json.load(_file))
