"""VaultGuard: bounds how fast anything may move, whoever asks for it.

Budgets per slot and epoch for settled values, per route and epoch for credit; the
recovery trigger (docs/protocol.md, section 7; guarantees G2 to G4).
"""

from .config import CLOSING
from .fixed import zeros
from .routes import OTHERS

EIGHTH = 3  # a fall by value >> 3 triggers recovery


class ShardGuard:
    """Budgets of one shard. routes: who pays for credit; route_budget: raw that one is
    credited in an epoch."""

    def __init__(self, shard, routes, route_budget):
        slots = shard.slots
        self.shard = shard
        self._routes = routes
        self._route_budget = route_budget
        self.limit = zeros("i", slots)  # raw that settled may move in this epoch
        self._used = zeros("i", slots)
        self._floor = zeros("i", slots)  # values at the epoch's start
        self.new_epoch()

    def new_epoch(self):
        """Renew the budgets: settled may move by max(1, settled >> 10)."""
        shard = self.shard
        for s in range(shard.slots):
            limit = shard.settled[s] >> 10
            self.limit[s] = limit if limit > 1 else 1
            self._used[s] = 0
            self._floor[s] = shard.value(s)

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
            self._floor[s] = min(self._floor[s], self.shard.value(s))

    def fallen(self):
        """True when a value has fallen by an eighth since the epoch began."""
        shard = self.shard
        for s in range(shard.slots):
            floor = self._floor[s]
            if floor > 8 and shard.value(s) < floor - (floor >> EIGHTH):
                return True
        return False

    def credit(self, p, own=False, via=-1, total=0):
        """Credit what the row at p claims, as far as its route's budget goes.

        A sixteenth of a route's budget is kept for what sessions say of themselves (``own``):
        nobody else can use it up. In the last epochs before folding ever less counts, so that what
        some nodes take in an epoch the others can still catch up with. via, total: charge another
        route than the row's for what that one says to be credited.
        """
        shard = self.shard
        routes = self._routes
        budget = self._route_budget
        amount = (total or shard.claimed[p]) - shard.credited[p]
        if via < 0:
            via = shard.via[p]
        if via >= routes.n:
            via = OTHERS
        base = budget >> 4
        late = CLOSING + 1 - shard.left(p)
        if late > 0:
            amount = min(amount, (budget >> (4 * late)) - routes.credited_late[via])
            base = 0
        shared = min(amount, budget - (budget >> 4) - routes.credited[via])
        if shared > 0:
            routes.charge(via, shared, late > 0)
            shard.credit(p, shared)
            amount -= shared
        if own and amount > 0:
            shared = min(amount, base - routes.credited_own[via])
            if shared > 0:
                routes.charge_own(via, shared)
                shard.credit(p, shared)

    def credit_rest(self):
        """Credit the rows that wait, as far as the new epoch's budgets go."""
        shard = self.shard
        if not shard.uncredited:
            return
        for k in range(shard.count):
            p = shard.position(k)
            if shard.credited[p] < shard.claimed[p]:
                self.credit(p)
