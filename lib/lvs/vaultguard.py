"""VaultGuard: bounds how fast anything may move, whoever asks for it.

Budgets per slot and epoch for settled values, per route and per shard and epoch for credit; drain
evidence per route; the recovery triggers (docs/protocol.md, section 7; guarantees G2 to G4).
"""

from .config import CLOSING
from .fixed import serial_diff
from .routes import OTHERS
from .state_shard import zeros

EIGHTH = 3  # a fall by value >> 3 triggers recovery
SUSPECT = 64  # drain evidence from which a route's samples weigh half


class ShardGuard:
    """Budgets of one shard."""

    def __init__(self, shard):
        slots = shard.slots
        self.shard = shard
        self.limit = zeros("i", slots)  # raw that settled may move in this epoch
        self.used = zeros("i", slots)
        self.floor = zeros("i", slots)  # values at the epoch's start
        self.credit = 0  # raw credited in this epoch
        self.new_epoch()

    def new_epoch(self):
        """Renew the budgets: settled may move by max(1, settled >> 10)."""
        shard = self.shard
        for s in range(shard.slots):
            limit = shard.settled[s] >> 10
            self.limit[s] = limit if limit > 1 else 1
            self.used[s] = 0
            self.floor[s] = shard.value(s)
        self.credit = 0

    def allow(self, slot, step):
        """The part of a correction that the budget allows; books it. Both directions add up."""
        left = self.limit[slot] - self.used[slot]
        q = -step if step < 0 else step
        if q > left:
            q = left
        self.used[slot] += q
        return -q if step < 0 else q

    def lowered(self):
        """My own rows were withdrawn, to be told anew: that is no fall."""
        for s in range(self.shard.slots):
            self.floor[s] = min(self.floor[s], self.shard.value(s))

    def fallen(self):
        """True when a value has fallen by an eighth since the epoch began."""
        shard = self.shard
        for s in range(shard.slots):
            floor = self.floor[s]
            if floor > 8 and shard.value(s) < floor - (floor >> EIGHTH):
                return True
        return False


def credit_row(shard, guard, routes, p, route_budget, shard_budget, own=False, via=-1, total=0):
    """Credit what a row claims, as far as its route's and the shard's budgets go this epoch.

    A sixteenth of a route's budget is kept for what sessions say of themselves (``own``): nobody
    else can use it up. In the last epochs before folding ever less counts, so that what some
    nodes take in an epoch the others can still catch up with. via, total: charge another route
    than the row's for what that one says to be credited.
    """
    amount = (total or shard.claimed[p]) - shard.credited[p]
    if via < 0:
        via = shard.via[p]
    if via >= routes.n:
        via = OTHERS
    base = route_budget >> 4
    late = serial_diff(shard.epoch, shard.start[p]) - (shard.lifetime - CLOSING)
    if late > 0:
        amount = min(amount, (route_budget >> (4 * late)) - routes.late[via])
        base = 0
    shared = min(
        amount,
        route_budget - (route_budget >> 4) - routes.credit[via],
        shard_budget - guard.credit,
    )
    if shared > 0:
        routes.credit[via] += shared
        if late > 0:
            routes.late[via] += shared
        guard.credit += shared
        shard.credit(p, shared)
        amount -= shared
    if own and amount > 0:
        shared = min(amount, base - routes.own[via])
        if shared > 0:
            routes.own[via] += shared
            shard.credit(p, shared)


def credit_waiting(shard, guard, routes, route_budget, shard_budget):
    """Credit the rows that wait, as far as the new epoch's budgets go."""
    if not shard.waiting:
        return
    for k in range(shard.count):
        p = shard.position(k)
        if shard.credited[p] < shard.claimed[p]:
            credit_row(shard, guard, routes, p, route_budget, shard_budget)


def note_sample(routes, route, below):
    """Drain evidence: a sample clearly below mine counts two, any other takes one back."""
    n = routes.below[route]
    if below:
        routes.below[route] = n + 2 if n < 254 else 255
    elif n:
        routes.below[route] = n - 1


def note_correction(routes, route, step):
    """Repeated corrections downward are evidence, too."""
    n = routes.below[route]
    if step < 0:
        routes.below[route] = n + 1 if n < 255 else 255
    elif n:
        routes.below[route] = n - 1
