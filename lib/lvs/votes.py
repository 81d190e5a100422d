"""Votes: who, of all routes heard in eight epochs, holds what I hold (divergence).

Trust makes an established mesh deaf to a camp that disagrees, so healing must not depend on trust:
one vote a route, my own included (specification 10; docs/protocol.md, section 6).
"""

from .fixed import const
from .routes import OTHERS

EPOCHS = 8  # a vote counts this long
_DOUBTS = const(4)  # epochs in a row: until then whoever was hushed has said what it holds

SILENT = 0
EXACT = 1  # within one unit of mine in every slot
NEAR = 2  # within one epoch's budget
OFF = 3

AGREED = 0  # nothing to heal
SPLIT = 1  # most are near, but too few agree: a unit now and then
DIVERGED = 2  # most are off: drift towards the middle of all votes


class Votes:
    """One vote a route for one shard. size: entries of the route table."""

    def __init__(self, size):
        self._votes = bytearray(size)  # two bits, and above them the epoch modulo 64
        self._doubts = 0
        self.disputed = False  # a quarter is off: nobody is to be hushed now

    def cast(self, route, vote, epoch):
        """Keep what a route's newest sample says; the shared entry has no vote."""
        if route != OTHERS:
            self._votes[route] = vote | (epoch & 63) << 2

    def off(self, route):
        """True when the newest that a route said is far from what I hold."""
        return self._votes[route] & 3 == OFF

    def tally(self, epoch):
        """(exact, near, off) among the votes that count, without my own; forgets the others."""
        exact = near = off = 0
        for i in range(len(self._votes)):
            v = self._votes[i]
            if v & 3 == SILENT:
                continue
            if (epoch - (v >> 2)) & 63 >= EPOCHS:
                self._votes[i] = SILENT
                continue
            v &= 3
            if v == EXACT:
                exact += 1
            elif v == NEAR:
                near += 1
            else:
                off += 1
        return exact, near, off

    def clear(self, route):
        """A table entry belongs to another route now."""
        self._votes[route] = SILENT

    def verdict(self, epoch, recent):
        """AGREED, SPLIT or DIVERGED, once an epoch. recent: routes heard of late; nobody moves for
        the few votes that come through while most are hushed."""
        exact, near, off = self.tally(epoch)
        total = exact + near + off + 1
        self.disputed = off * 4 >= total
        doubts = self._doubts
        self._doubts = 0
        if (total - 1) * 2 < recent:
            return AGREED
        # At half and half everybody doubts, or two nodes that disagree never heal.
        if off * 2 >= total:
            self._doubts = min(doubts + 1, _DOUBTS)
            return DIVERGED if self._doubts == _DOUBTS else AGREED
        if (exact + 1) * 2 <= total:
            return SPLIT
        return AGREED

    def forget(self):
        """Nobody has said anything yet."""
        self._doubts = 0
        for i in range(len(self._votes)):
            self._votes[i] = SILENT
