"""Shards held elsewhere: their values are asked for, own rows in them are said blindly."""

from .wide import Wide
from .wire import SLOTS


class Elsewhere:
    """What a node knows and owes of shards that it does not hold. ledger: what it contributed."""

    def __init__(self, ledger):
        self._ledger = ledger
        self._reads = {}  # shard: [values, cycle of the answer or None]
        self._wanted = []  # shards to ask for
        self._due = {}  # shard: bit map of the slots whose own rows are to be said

    # --- reading ------------------------------------------------------------------------------

    def read(self, c, cycle):
        """Newest known raw value of a channel, 0 if there is none; asks for a newer one, unless
        there is no cycle."""
        index = c // SLOTS
        got = self._reads.get(index)
        if cycle is None:
            return got[0][c % SLOTS] if got else 0
        if got is None:
            got = self._reads[index] = [Wide(SLOTS), None]
        if index not in self._wanted and (got[1] is None or cycle > got[1] + 4):
            self._wanted.append(index)
        return got[0][c % SLOTS]

    def question(self):
        """A shard to ask for now, or None."""
        return self._wanted.pop() if self._wanted else None

    def answer(self, frame, cycle):
        """A holder's values for a reader."""
        got = self._reads.get(frame.shard)
        if got:
            got[0].copy(frame.vector)
            got[1] = cycle

    def age(self, index, cycle):
        """Cycles since a shard's holder answered, or None."""
        got = self._reads.get(index)
        return cycle - got[1] if got and got[1] is not None else None

    # --- own rows -----------------------------------------------------------------------------

    def own(self, c):
        """My own total in a channel grew."""
        self._say(c)

    def _say(self, c):
        self._due[c // SLOTS] = self._due.get(c // SLOTS, 0) | 1 << (c % SLOTS)

    def new_epoch(self, held, known):
        """Own rows are said again until somebody was heard to pass them on, or the known, too: no
        digest shows whether the holders have them. held: bit map of the shards held here."""
        for index in range(-(-self._ledger.channels // SLOTS)):
            if not held >> index & 1:
                self._say_all(index, known)

    def again(self, index):
        """All own rows of a shard are to be said: somebody begins to hold it."""
        self._say_all(index, True)

    def _say_all(self, index, known):
        for session in self._ledger.sessions:
            for c in range(index * SLOTS, min((index + 1) * SLOTS, self._ledger.channels)):
                if session.total[c] > (0 if known else session.known[c]):
                    self._say(c)

    def due(self):
        """True when own rows are to be said."""
        return bool(self._due)

    def take(self):
        """The first shard with own rows to be said: (its number, bit map of the slots)."""
        index = min(self._due)
        return index, self._due.pop(index)
