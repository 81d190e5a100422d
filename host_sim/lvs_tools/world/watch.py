"""Watches the settled vectors of one node: steps, budgets, shift; from outside, by observation.

Folding and adopting move settled values, too, and rightly; both are told apart by wrapping the
shard's own two methods on this one object.  The node runs unchanged.
"""

_MOVING = ("JOINING", "ACTIVE", "LOW_POWER")  # states in which only drift may move settled


class Watch:
    """One replica of one node.

    tally: the world's Tally, which takes the extremes.  start: settled values that the shift is
    measured against, or None.
    """

    def __init__(self, replica, tally):
        self.replica = replica
        self.start = None
        self._slots = slots = replica.shard.slots  # that are watched
        self.folded = [0] * slots  # raw that folding has added since the start
        self._tally = tally
        self._last = self._settled()
        self._fold = [0] * slots  # ... since the last look
        self._rebase = True  # what happened since the last look was no drift
        self._epoch = None
        self._up, self._down = [], []
        self._limit = None
        self._wrap(replica.shard)

    def _wrap(self, shard):
        advance, adopt = shard.advance, shard.adopt

        def watched_advance(epoch):
            before = self._settled()
            rows = advance(epoch)
            for s in range(self._slots):
                self._fold[s] += shard.settled[s] - before[s]
            return rows

        def watched_adopt(vector, horizon, epoch):
            self.rebase()
            return adopt(vector, horizon, epoch)

        shard.advance = watched_advance
        shard.adopt = watched_adopt

    def rebase(self):
        """Something other than drift has changed the settled values: no step, no shift."""
        self._rebase = True
        self.start = None

    def begin(self):
        """Measure the shift against the present settled values."""
        self.start = self._settled()

    def _settled(self):
        return [self.replica.shard.settled[s] for s in range(self._slots)]

    def look(self, state):
        """Once a cycle of the node: see what has moved; returns True if anything has."""
        shard = self.replica.shard
        settled = self._settled()
        new_epoch = shard.epoch != self._epoch
        if settled == self._last and not new_epoch and not self._rebase:
            return False
        self._epoch = shard.epoch
        fold, self._fold = self._fold, [0] * self._slots
        drifted = [settled[s] - self._last[s] - fold[s] for s in range(self._slots)]
        for s in range(self._slots):
            self.folded[s] += fold[s]
            if settled[s] < 0 or shard.inflow[s] < 0:
                self._tally.negative += 1
        self._last = settled
        if self._rebase or state not in _MOVING or not self.replica.live:
            self._rebase = state not in _MOVING or not self.replica.live
            self._limit = None
            return True
        self._measure(drifted, settled, new_epoch)
        return True

    def _measure(self, drifted, settled, new_epoch):
        tally = self._tally
        for step in drifted:
            size = -step if step < 0 else step
            if size > tally.max_step:
                tally.max_step = size
        if not self.replica.established:
            self._limit = None
            return
        slots = len(settled)
        if self._limit is None or new_epoch:
            known = self._limit is not None
            self._limit = [max(1, (settled[s] - drifted[s]) >> 10) for s in range(slots)]
            self._up = [0] * slots
            self._down = [0] * slots
            if not known:
                return  # established a moment ago: what led there had no budget yet
        for s in range(slots):
            if drifted[s] > 0:
                self._up[s] += drifted[s]
            else:
                self._down[s] -= drifted[s]
            if drifted[s] and max(self._up[s], self._down[s]) > self._limit[s]:
                tally.budget_violations += 1

    def shift(self):
        """Raw that drift has moved each settled value since the start; [] if that is unknown."""
        if self.start is None:
            return []
        settled = self.replica.shard.settled
        return [
            settled[s] - self.start[s] - self.folded[s] for s in range(self.replica.shard.slots)
        ]
