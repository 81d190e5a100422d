"""Short ways to make and run worlds, shared by the tests of the simulator."""

from lvs_tools.sim import scenario
from lvs_tools.world import runner
from lvs_tools.world.world import World


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
