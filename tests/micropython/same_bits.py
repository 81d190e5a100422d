"""A small mesh with loss, restarts and liars, which every Python must run to the same bits.

    python same_bits.py SECONDS

Prints a line every ten seconds: the values, rows, clocks and a hash of every frame so far.
"""

import sys

from lvs.fixed import mix
from tests.support.cell import STEP_MS, Cell

COUNT = 4
LOSS = 0.25
START = 2**30 - 60000  # ticks wrap on the way
CHANNELS = ["water", "power", "heat"]


class Mesh:
    """The cell, what happens to it, and a hash of every frame."""

    def __init__(self):
        self.hash = 0
        self.cell = Cell(
            COUNT, LOSS, 7, START, channels=CHANNELS, session_epochs=2, horizon_epochs=2, rows=64
        )
        self.carry = self.cell.carry
        self.cell.carry = self.note

    def note(self, source, frame, addr):
        """Add a frame to the hash, and let it go on."""
        for byte in frame:
            self.hash = mix(self.hash, byte)
        self.carry(source, frame, addr)

    def step(self, n):
        """What happens in the n-th step."""
        cell = self.cell
        below = cell.rng.below
        if n % 60 == 0:
            cell.nodes[1 + below(COUNT)].contribute(
                CHANNELS[below(3)], "%d.%03d" % (below(9), below(1000))
            )
            for node in cell.nodes.values():  # somebody's noise
                node.handle(bytes([below(256) for _ in range(below(60))]), 9)
        if n == 1500:
            cell.add(1)
        if n == 2500:
            cell.nodes[2].replicas[0].shard.settled[0] += 500
        cell.step()

    def line(self, n):
        """What there is to see."""
        out = ["%d %08x" % (n * STEP_MS // 1000, self.hash)]
        for node in self.cell.nodes.values():
            shard = node.replicas[0].shard
            out.append(
                "%s %d %s %d %d %s"
                % (
                    node.state,
                    node.clock.cycle,
                    self.cell.values(node),
                    shard.count,
                    node.outbox.sent,
                    sum(shard.digests),
                )
            )
            node.transport.sent.clear()
        return "; ".join(out)


def main():
    """Run and print."""
    mesh = Mesh()
    for n in range(int(sys.argv[1]) * 1000 // STEP_MS):
        mesh.step(n)
        if n % 200 == 199:
            print(mesh.line(n))


main()
