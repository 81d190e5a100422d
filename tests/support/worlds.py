"""Short ways to make and run worlds, shared by the tests of the simulator."""

from lvs_tools import interpreters
from lvs_tools.sim import engine, scenario
from lvs_tools.world import runner
from lvs_tools.world.world import World

# What takes long runs on PyPy where it is; tests/world/test_world.py: to the same bits.
ENGINE = "pypy" if interpreters.command("pypy") else "cpython"
# Nodes times cycles above which PyPy is ahead: while its compiler is cold, and once it is warm.
_LARGE, _LARGE_WHEN_WARM = 15000, 8000


def measured(checked):
    """The result of a checked scenario, by the engine that takes the least time here."""
    size = checked["nodes"] * checked["cycles"]
    large = size > (_LARGE_WHEN_WARM if ENGINE in engine._staying else _LARGE)
    return engine.run({**checked, "engine": ENGINE if large else "cpython"}, stay=True)


def plan_of(**keys):
    """The plan of a scenario given as keyword arguments (sections as dicts)."""
    return scenario.plan(scenario.check(keys))


def world_of(**keys):
    """A world, not run yet."""
    return World(plan_of(**keys))


def run(**keys):
    """The result of a scenario."""
    return runner.run(plan_of(**keys))


def advance(world, cycles):
    """Run a world for some cycles; returns it."""
    for _ in range(cycles):
        world.run_cycle()
    return world
