"""The mesh-wide logical clock: cycles that follow local ticks and are slewed towards the peers.

It never goes back, and it advances at most twice as fast as local time, whoever asks for it
(docs/protocol.md, section 9).
"""

from .config import CYCLE_MS, EPOCH_CYCLES
from .fixed import MAX_RAW, const, ticks_diff

_CATCH_UP = const(4)  # cycles counted at once after a stall; the rest is caught up by slewing


class MeshClock:
    """Counts cycles. now: local ticks (ms, modulo 2**30); cycle: where to begin; grain: epochs in
    one."""

    def __init__(self, now, cycle, grain=1):
        self.cycle = cycle
        self._grain = grain * EPOCH_CYCLES
        self._due = CYCLE_MS  # ms of this cycle's length
        self._began = now
        self.slew = 0  # +1: half-length cycles, -1: double-length, 0: as local time goes
        self.heard_at = None  # cycle when anybody was last heard
        self._turned = cycle >> 6
        self.apart = ()  # by how many cycles clocks heard of late are ahead, of those far off

    def epoch(self):
        """The epoch: 64 cycles."""
        return self.cycle >> 6

    def grain(self):
        """The grain, in which sessions begin and are folded."""
        return self.cycle // self._grain

    def turned(self):
        """True once when the epoch is another than at the last call."""
        was = self._turned
        self._turned = self.epoch()
        return self._turned != was

    def hear(self):
        """Somebody is heard."""
        self.heard_at = self.cycle

    def silence(self):
        """Cycles since anybody was heard, 2**30 - 1 if never."""
        return MAX_RAW if self.heard_at is None else self.cycle - self.heard_at

    def wait(self, now):
        """Milliseconds until the next cycle begins."""
        left = self._due - ticks_diff(now, self._began)
        return left if left > 0 else 0

    def advance(self, now):
        """Begin the next cycle if it is due; returns True if it did."""
        over = ticks_diff(now, self._began) - self._due
        if over < 0:
            return False
        # A stalled node does not race through the cycles that it missed.
        self._began = (now - (over if over < _CATCH_UP * CYCLE_MS else 0)) & MAX_RAW
        self._due = CYCLE_MS // 2 if self.slew > 0 else CYCLE_MS * 2 if self.slew < 0 else CYCLE_MS
        self.cycle += 1
        assert self.cycle <= MAX_RAW
        return True

    def steer(self, lead):
        """Slew towards the peers: 1, they are ahead, -1, behind, 0, neither.

        One cycle of difference is only phase; two and more are mended.
        """
        self.slew = lead

    def adopt(self, cycle, now):
        """Jump to a cycle: only for a node that has no state to defend."""
        self.cycle = cycle
        self._began = now
