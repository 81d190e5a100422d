"""Votes: who, of all routes heard in eight epochs, holds what I hold, to the bit.

Nobody moves an established shard but a quorum: one vote a route, my own included, whoever is
loudest (specification 10, divergence; docs/protocol.md, section 6).
"""

from .fixed import const
from .routes import OTHERS

EPOCHS = 8  # a vote counts this long
_DOUBTS = const(4)  # epochs in a row: until then whoever was hushed has said what it holds

SILENT = 0
EXACT = 1  # equal to mine in every slot
OFF = 2


class Votes:
    """One vote a route for one shard. size: entries of the route table.

    ``diverged``: most hold something else; ``disputed``: a quarter does, so that nobody is to be
    hushed now. ``others``: how many do, of ``total``, mine included; ``apart``: for how many
    epochs somebody has.
    """

    def __init__(self, size):
        self._votes = bytearray(size)  # two bits, and above them the epoch modulo 64
        self._doubts = 0
        self.disputed = self.diverged = False
        self.others = self.apart = 0
        self.total = 1

    def cast(self, route, exact, epoch):
        """Keep what a route's newest sample says; the shared entry has no vote."""
        if route != OTHERS:
            self._votes[route] = (EXACT if exact else OFF) | (epoch & 63) << 2

    def off(self, route):
        """True when the newest that a route said is not what I hold."""
        return self._votes[route] & 3 == OFF

    def tally(self, epoch):
        """(exact, off) among the votes that count, without my own; forgets the others."""
        exact = off = 0
        for i in range(len(self._votes)):
            v = self._votes[i]
            if v & 3 == SILENT:
                continue
            if (epoch - (v >> 2)) & 63 >= EPOCHS:
                self._votes[i] = SILENT
            elif v & 3 == EXACT:
                exact += 1
            else:
                off += 1
        return exact, off

    def clear(self, route):
        """A table entry belongs to another route now."""
        self._votes[route] = SILENT

    def count(self, epoch, routes, shard):
        """Once an epoch: is there a dispute, and do most hold something else for the fourth time
        in a row? Most of all neighbours, hushed ones, too: whoever hushes the others is not most.
        Those that say that they hold other shards have no vote, unless they cast one."""
        exact, off = self.tally(epoch)
        near = routes.crowd + 1
        for i in range(1, routes.n):  # neighbours: heard in 64 epochs
            if epoch - routes.last[i] < 64:
                near -= not self._votes[i] | (routes.held[i] or -1) >> shard & 1
        self.others = off
        self.total = total = exact + off + 1
        self.apart = self.apart + 1 if off else 0
        self.disputed = off * 4 >= total
        # At half and half everybody doubts, or two nodes that disagree never heal.
        most = off * 2 >= max(total, near)
        self._doubts = min(self._doubts + 1, _DOUBTS) if most else 0
        self.diverged = self._doubts == _DOUBTS

    def forget(self):
        """Nobody has said anything yet."""
        self._doubts = 0
        self.disputed = self.diverged = False
        for i in range(len(self._votes)):
            self._votes[i] = SILENT
