"""Short ways to make and run worlds, shared by the tests of the simulator."""

from lvs_tools import interpreters
from lvs_tools.sim import engine, scenario
from lvs_tools.world import runner
from lvs_tools.world.world import World

# What takes long runs on PyPy where it is; tests/world/test_world.py: to the same bits.
ENGINE = "pypy" if interpreters.command("pypy") else "cpython"
_LARGE = 15000  # nodes times cycles above which PyPy is ahead, though its compiler begins cold


def measured(checked):
    """The result of a checked scenario, by the engine that takes the least time here."""
    large = checked["nodes"] * checked["cycles"] > _LARGE
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
