"""VaultGuard: bounds how fast anything may move, whoever asks for it.

Budgets per slot and epoch for settled values, per route and epoch for credit; the
recovery trigger (docs/protocol.md, section 7; guarantees G2 to G4).
"""

from .config import CLOSING
from .fixed import zeros
from .wide import FAR, Wide, scratch
from .wire import SLOTS

EIGHTH = 3  # a fall by value >> 3 triggers recovery


class ShardGuard:
    """Budgets of one shard. routes: who pays for credit."""

    def __init__(self, shard, routes):
        self.shard = shard
        self._routes = routes
        self.limit = zeros("i", SLOTS)  # raw that settled may move in this epoch
        self._used = zeros("i", SLOTS)
        self._floor = Wide(SLOTS)  # values at the epoch's start
        self.new_epoch()

    def new_epoch(self):
        """Renew the budgets: settled may move by max(1, settled >> 10)."""
        shard = self.shard
        for s in range(shard.slots):
            limit = shard.settled.part(s, 10)
            self.limit[s] = limit if limit > 1 else 1
            self._used[s] = 0
            self._floor.add(s, shard.settled, shard.inflow)

    def allow(self, slot, step):
        """The part of a correction that the budget allows; books it. Both directions add up."""
        left = self.limit[slot] - self._used[slot]
        q = -step if step < 0 else step
        if q > left:
            q = left
        self._used[slot] += q
        assert 0 <= self._used[slot] <= self.limit[slot]
        return -q if step < 0 else q

    def lowered(self):
        """My own rows were withdrawn, to be told anew: that is no fall."""
        for s in range(self.shard.slots):
            if self._fall(s) > 0:
                self._floor.add(s, self.shard.settled, self.shard.inflow)

    def _fall(self, s):
        """By how much a value has fallen since the epoch began, at most FAR."""
        scratch.add(s, self.shard.settled, self.shard.inflow)
        return scratch.distance(s, self._floor)

    def fallen(self):
        """True when a value has fallen by an eighth since the epoch began."""
        for s in range(self.shard.slots):
            fall = self._fall(s)
            if fall == FAR or 0 < self._floor.part(s, EIGHTH) < fall:
                return True
        return False

    def credit(self, p, via, total, own, established):
        """Credit the row at p up to ``total``, as far as the budget of who says so goes (a route),
        ``own``: of its own session. In the last epochs before folding only what others have
        credited counts, and ever less of it, so that what some nodes take in an epoch the others
        can still catch up with; what nobody has by then its owner takes back. Who is not
        ``established`` catches up with what they took before."""
        shard = self.shard
        late = CLOSING + 1 - shard.left(p) if established else 0
        if late > 0 and own:
            return
        shard.credit(p, self._routes.charge(via, total - shard.credited[p], own, late))

    def credit_rest(self, established):
        """Credit the rows that wait, as far as the new epoch's budgets go: first what sessions say
        of themselves."""
        shard = self.shard
        for turn in range(2 if shard.uncredited else 0):
            for k in range(shard.count):
                p = shard.position(k)
                if established and shard.left(p) <= CLOSING:
                    continue
                via = shard.via[p]
                own = self._routes.nonce[via] == shard.nonce[p]
                if shard.credited[p] < shard.claimed[p] and own == (turn == 0):
                    self.credit(p, via, shard.claimed[p], own, established)
