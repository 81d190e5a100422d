"""A tape of all that happens to one node of a simulated mesh, for the bench to play again.

A node is a function of what it is handed (docs/architecture.md), so a tape played to a new node
does the very same in any interpreter: what each call costs there is measured in real traffic.
"""

import json
import os
from pathlib import Path

from lvs.wire import EP, SDM, Frame
from lvs_tools.places import PACKAGE, PROTOCOL
from lvs_tools.sim import kept as kept_by
from lvs_tools.sim import scenario
from lvs_tools.world import prime
from lvs_tools.world.world import World

SOURCES = (PROTOCOL, PACKAGE / "world", Path(__file__))
START = 100000  # raw: what is settled when the tape begins
WARM, CYCLES = 90, 66  # cycles played first, busy ones, and calm ones: an epoch has 64
KINDS = {EP: "EP heard", SDM: "SDM heard"}


class _Bits:
    """A machine's random bits, noted; everything else is the generator's own."""

    def __init__(self, prng, noted):
        self._prng = prng
        self._noted = noted

    def bits(self):
        """30 bits."""
        self._noted.append(self._prng.bits())
        return self._noted[-1]

    def __getattr__(self, name):
        return getattr(self._prng, name)


class _Noted:
    """A node whose calls are noted, each with the node's time; everything else is its own."""

    def __init__(self, node, clock, calls):
        self._node = node
        self._ticks = clock.ticks
        self._calls = calls
        self._frame = Frame()

    def handle(self, data, addr):
        """As Node.handle."""
        config = self._node.config
        heard = not self._frame.decode(data, config.tag, config.grain)
        kind = KINDS.get(self._frame.kind, "heard") if heard else "refused"
        self._calls.append([self._ticks(), kind, data.hex(), addr])
        self._node.handle(data, addr)

    def tick(self):
        """As Node.tick."""
        self._calls.append([self._ticks(), "tick"])
        return self._node.tick()

    def contribute(self, channel, amount, durable=False):
        """As Node.contribute."""
        self._calls.append([self._ticks(), "contribution", channel, amount])
        self._node.contribute(channel, amount, durable)

    def __getattr__(self, name):
        return getattr(self._node, name)


class _Taped(World):
    """A world that tapes its first machine, which has no journal, as the others have none."""

    def __init__(self, plan):
        self.tape = {"bits": [], "calls": []}
        super().__init__(plan, lambda *_: None)

    def boot(self, machine):
        """As World.boot."""
        taped = machine.index == 0
        if taped:
            machine.prng = _Bits(machine.prng, self.tape["bits"])
            self.tape["start"] = machine.clock.ticks()
        super().boot(machine)
        if taped:
            machine.node = _Noted(machine.node, machine.clock, self.tape["calls"])

    def _trust(self, machine, first, prng):
        if machine.index:
            super()._trust(machine, first, prng)
            return
        known = [(m.node.ledger.session.nonce, m.addr) for m in first if m is not machine]
        self.tape["known"] = known
        prime.trust(machine.node, known, True)


def record(nodes, channels=1, warm=WARM, cycles=CYCLES, seed=18):
    """A tape (JSON-able) of a node in settled traffic: a contribution a node and minute, no loss;
    for as many cycles as these last, nothing follows. seed: one in which calls of all kinds are.

    ``warm``: calls to play before the measured ones; ``busy``: before the calm ones; ``end``: raw
    values after the last call.
    """
    checked = scenario.check(
        {
            "nodes": nodes,
            "cycles": warm + 2 * cycles,
            "seed": seed,
            "workload": {"channels": channels, "until_cycle": warm + cycles},
            "start": {"value": START, "established": True},
        },
        folder=".",
    )
    world = _Taped(scenario.plan(checked))
    node = world.machines[0].node
    assert node
    played = []
    for last in (warm, cycles, cycles):
        for _ in range(last):
            world.run_cycle()
        played.append(len(world.tape["calls"]))
    return {
        **world.tape,
        "config": node.config.data,
        "address": world.machines[0].addr,
        "value": START,
        "warm": played[0],
        "busy": played[1],
        "cycles": cycles,
        "end": [node.raw(c) for c in range(channels)],
    }


def kept(folder, world):
    """The file of a tape, recorded unless it is there already. world: arguments of ``record``."""
    words = [kept_by.checksum(SOURCES), *("%s%d" % item for item in sorted(world.items()))]
    path = folder / "tapes" / ("-".join(words) + ".json")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".%d" % os.getpid())
        draft.write_text(json.dumps(record(**world)), encoding="utf-8")
        draft.replace(path)
    return path
