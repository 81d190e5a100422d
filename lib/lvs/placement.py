"""Shard placement by rendezvous hashing (Thaler and Ravishankar, 1998).

Every node ranks all shards for itself from its session alone; no table, no leader
(docs/protocol.md, section 8).
"""

from .fixed import const, mix, unload
from .replica import LIVE

_RECENT = const(256)  # cycles within which a holder must have been heard
_GONE = const(1024)  # without a holder: a shard is gone, unless somebody takes it up


def score(nonce, shard):
    """How much a session likes a shard: 30 bits, the highest is held first."""
    h = mix(mix(nonce, shard + 1), 0x2545F49)
    return mix(mix(h, 0x1B873593), shard)


def ranked(nonce, shards):
    """Shard numbers, the best liked first."""
    return sorted(range(shards), key=lambda s: (-score(nonce, s), s))


class Placement:
    """The shards that are held here: ``replicas``, by number.

    shards: how many my list of channels has; held: how many fit here; holders: below so many a
    shard is adopted; make: index -> Replica, empty; rows: of each, for which there must be room.
    """

    def __init__(self, shards, held, holders, make, rows):
        self.shards = shards
        self._rows = rows
        self.replicas = []
        self._order = []  # of all shards, the best liked first
        self._held = held
        self._holders = holders
        self._make = make

    def find(self, index):
        """The replica of a shard, or None if it is not held here."""
        for r in self.replicas:
            if r.index == index:
                return r
        return None

    def hold(self, index):
        """Hold a shard that is to be filled; its replica, or None where there is no room."""
        room = len(self.replicas) < self._held
        if not room or index > self.shards or index == self.shards and not self._fits():
            return None
        r = self._make(index)
        self.replicas.append(r)
        self.replicas.sort(key=lambda r: r.index)
        return r

    def _fits(self):
        """Has memory room for one more shard than was planned?"""
        from .capacity import fitting

        fits = fitting(self._rows, 1) == self._rows
        unload("capacity")
        return fits

    def fill(self, nonce):
        """Hold the shards that a session likes best, as many as fit. They stay so in this life."""
        self._order = ranked(nonce, self.shards)
        for index in self._order:
            if not self.find(index):
                self.hold(index)

    def held_map(self):
        """Bit map of the shards held here."""
        bits = 0
        for r in self.replicas:
            bits |= 1 << r.index
        return bits

    def rebalance(self, routes, cycle, noise):
        """Each epoch: adopt a shard that too few hold, or let one go that many hold. True if so.

        By chance, so that not all do it at once. A shard goes only when it is synchronised,
        nothing in it waits, enough others were heard to hold the same to the bit, whatever they
        announce, and there is one that needs its place; the best liked only for one that is gone.
        """
        order = self._order + [self.shards]  # and one that others have beyond my list
        missing = []
        for i in order:
            least = 2 if i == self.shards else 0  # holders: no single one may take my memory
            if not self.find(i) and least <= routes.holders(i, cycle, _RECENT) < self._holders:
                missing.append(i)
        if not missing or noise.below(4):
            return False
        if self.hold(missing[0]):
            return True
        if missing[0] == self.shards:
            return False  # none of mine goes for it
        for i in reversed(order):
            r = self.find(i)
            if not r or r.phase != LIVE or r.shard.uncredited:
                continue
            if i == order[0] and routes.holders(missing[0], cycle, _GONE):
                continue
            if r.votes.tally(cycle >> 6)[0] > 2 * self._holders:
                self.replicas.remove(r)
                self.hold(missing[0])
                return True
        return False
