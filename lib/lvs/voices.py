"""Voices: who, of all routes heard in four epochs, holds what I hold (divergence).

Trust makes an established mesh deaf to a camp that disagrees, so healing must not depend on trust:
one voice a route, my own included (specification 10; docs/protocol.md, section 6).
"""

from .routes import OTHERS
from .state_shard import zeros

EPOCHS = 4  # a voice counts this long

SILENT = 0
EXACT = 1  # within one unit of mine in every slot
NEAR = 2  # within one epoch's budget
OFF = 3

AGREED = 0  # nothing to heal
SPLIT = 1  # most are near, but too few agree: a unit now and then
DIVERGED = 2  # most are off: drift towards the middle of all voices



class Voices:
    """One voice a route for one shard. size: entries of the route table."""

    def __init__(self, size):
        self._voice = bytearray(size)
        self._epoch = zeros("i", size)

    def hear(self, route, voice, epoch):
        """Keep what a route's newest sample says; the shared entry has no voice."""
        if route != OTHERS:
            self._voice[route] = voice
            self._epoch[route] = epoch

    def off(self, route):
        """True when the newest that a route said is far from what I hold."""
        return self._voice[route] == OFF

    def tally(self, epoch):
        """(exact, near, off) among the voices of the last four epochs, without my own."""
        exact = near = off = 0
        for i in range(len(self._voice)):
            v = self._voice[i]
            if v == SILENT or epoch - self._epoch[i] >= EPOCHS:
                continue
            if v == EXACT:
                exact += 1
            elif v == NEAR:
                near += 1
            else:
                off += 1
        return exact, near, off

    def clear(self, route):
        """A table entry belongs to another route now."""
        self._voice[route] = SILENT

    def verdict(self, epoch, heard):
        """AGREED, SPLIT or DIVERGED. heard: routes heard of late; nobody moves for the few voices
        that come through while most are hushed."""
        exact, near, off = self.tally(epoch)
        if (exact + near + off) * 2 < heard:
            return AGREED
        total = exact + near + off + 1
        # At half and half everybody doubts, or two nodes that disagree never heal.
        if (exact + near + 1) * 2 <= total:
            return DIVERGED
        if (exact + 1) * 2 <= total:
            return SPLIT
        return AGREED

    def forget(self):
        """Nobody has said anything yet."""
        for i in range(len(self._voice)):
            self._voice[i] = SILENT
