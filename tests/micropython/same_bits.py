"""A small mesh with loss, restarts and liars, which every Python must run to the same bits.

    python same_bits.py SECONDS

Prints a line every ten seconds: the values, rows, clocks and a hash of every frame so far.
"""

import sys

from lvs import Node
from lvs.fixed import mix

STEP = 50
COUNT = 4
START = 2**30 - 60000  # ticks wrap on the way
CONFIG = {
    "channels": ["water", "power", "heat"],
    "session_epochs": 2,
    "horizon_epochs": 2,
    "rows": 64,
}


class Random:
    """Numbers that are the same everywhere."""

    def __init__(self, seed):
        self.state = seed

    def bits(self):
        """30 bits."""
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        high = self.state >> 8
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (high << 15 ^ self.state >> 8) & 0x3FFFFFFF

    def below(self, n):
        """0 .. n - 1."""
        return self.bits() % n


class Port:
    """A transport into a list of all ports."""

    def __init__(self, cell, address):
        self.cell = cell
        self.address = address
        self.inbox = []

    def send(self, frame, addr):
        """Carry a frame to whom it reaches."""
        self.cell.carry(self.address, frame, addr)
        return True

    def recv(self):
        """The next frame."""
        return self.inbox.pop(0) if self.inbox else None

    def key(self, addr):
        """An address is its own route."""
        return addr

    def resolve(self, text):
        """A number."""
        return int(text)

    def close(self):
        """Nothing to do."""


class Cell:
    """Nodes, time, loss."""

    def __init__(self):
        self.now = START
        self.random = Random(7)
        self.hash = 0
        self.ports = []
        self.nodes = []
        for address in range(COUNT):
            self.ports.append(Port(self, address + 1))
            self.nodes.append(self.make(address))

    def ticks(self):
        """The clock."""
        return self.now & 0x3FFFFFFF

    def make(self, k):
        """A node."""
        return Node(CONFIG, self.ports[k], self.ticks, Random(self.random.bits()).bits)

    def carry(self, source, frame, addr):
        """Note a frame, and deliver what is not lost."""
        for byte in frame:
            self.hash = mix(self.hash, byte)
        for port in self.ports:
            if port.address != source and addr in (None, port.address):
                if self.random.below(100) >= 25:
                    port.inbox.append((frame, source))

    def lie(self):
        """Some noise, and good frames with changed bytes."""
        for node in self.nodes:
            node.handle(bytes([self.random.below(256) for _ in range(self.random.below(60))]), 9)

    def step(self, n):
        """Fifty milliseconds."""
        self.now += STEP
        if n % 60 == 0:
            k = self.random.below(COUNT)
            self.nodes[k].contribute(
                CONFIG["channels"][self.random.below(3)],
                "%d.%03d" % (self.random.below(9), self.random.below(1000)),
            )
            self.lie()
        if n == 1500:
            self.nodes[0] = self.make(0)
        if n == 2500:
            self.nodes[1].replicas[0].shard.settled[0] += 500
        for node in self.nodes:
            node.receive()
            node.tick()

    def line(self, n):
        """What there is to see."""
        out = ["%d %08x" % (n * STEP // 1000, self.hash)]
        for node in self.nodes:
            values = [node.value(c, raw=True) for c in CONFIG["channels"]]
            shard = node.replicas[0].shard
            out.append(
                "%s %d %s %d %d %s"
                % (
                    node.state,
                    node.clock.cycle,
                    values,
                    shard.count,
                    node.sender.sent,
                    sum(shard.digests),
                )
            )
        return "; ".join(out)


def main():
    """Run and print."""
    cell = Cell()
    for n in range(int(sys.argv[1]) * 1000 // STEP):
        cell.step(n)
        if n % 200 == 199:
            print(cell.line(n))


main()
