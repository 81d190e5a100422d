"""What low power costs: a node whose radio is on for ten seconds a minute, in a simulated mesh."""

import random

import pytest

from lvs_tools.sim import scenario
from lvs_tools.world.world import World

AWAKE, PERIOD, SLEEPER, OTHER = 10, 60, 3, 5  # cycles of a second each; two of the eight nodes


def latencies(seed, loss, rounds, patience=240):
    """Seconds until a unit of the sleeper is with all others, and until the sleeper has one of
    another node: two lists, None where ``patience`` was too little. Each is contributed at a
    moment of the minute drawn by the seed.
    """
    world = World(
        scenario.plan(
            scenario.check(
                {
                    "name": "low power",
                    "seed": seed,
                    "nodes": 8,
                    "cycles": 60 + rounds * patience,
                    "link": {"loss": loss},
                    "workload": {"contributions_per_minute": 0.0},
                },
                "test",
                "",
            )
        )
    )
    moments = random.Random(seed)
    sleeper = world.machines[SLEEPER]
    channel, total = world.channels[0], 0

    def cycle():
        asleep = int(world.cycle % PERIOD >= AWAKE)
        if sleeper.low_power and asleep != sleeper.group:
            sleeper.group = asleep
            world.network.regroup()
            if not asleep:  # as firmware/power.py does
                world.set_low_power(sleeper)
        world.run_cycle()

    for _ in range(60):
        cycle()
    sleeper.low_power = True
    world.set_low_power(sleeper)
    out, back = [], []
    for _ in range(rounds):
        for _ in range(moments.randrange(PERIOD)):
            cycle()
        for index in (SLEEPER, OTHER):
            world.machines[index].node.contribute(channel, 1)
            world.wake(world.machines[index])
        total += 2 * 1000
        took: dict[str, int | None] = {"out": None, "back": None}
        for second in range(1, patience - PERIOD):
            cycle()
            here = {m: m.node.value(channel, raw=True) == total for m in world.machines}
            if took["back"] is None and here[sleeper]:
                took["back"] = second
            if took["out"] is None and all(here[m] for m in world.machines if m is not sleeper):
                took["out"] = second
        out.append(took["out"])
        back.append(took["back"])
    return out, back


@pytest.mark.parametrize("seed", [1, 2])
def test_the_next_waking_is_enough(seed):
    """docs/boards/low-power.md: what a sleeper counts, and what it missed, is told on waking."""
    out, back = latencies(seed, 0.0, 4)
    assert None not in out + back and max(out + back) < PERIOD, (out, back)
    assert max(out + back) > AWAKE  # its radio was off


def test_told_and_heard_later_where_a_fifth_of_all_frames_is_lost():
    out, back = latencies(3, 0.2, 3)
    assert None not in out + back
