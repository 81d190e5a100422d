"""A shard: the settled vector and the ring of rows that are not folded yet.

A row is one session's running total in one slot: ``credited <= claimed``, both only grow, so that
merging rows is commutative, associative and idempotent (a grow-only counter). ``value = settled +
sum of credited``. Folding moves a finished session's credit from its rows to ``settled`` and never
changes ``value``. All records lie in arrays allocated once (docs/protocol.md, section 3).

Every row and every settled value carries a checksum, so that a bit that flips in memory is noticed
before it is folded or told to anybody: since rows only grow, a row that flipped upwards would
otherwise stay in the mesh for ever (docs/durability.md).
"""

from .fixed import MAX_RAW, fold16, hash16, mix, mix4, serial_diff, zeros
from .wide import MOST, Wide
from .wire import BUCKETS, SLOTS

# what merge() did
SAME = 0  # the total was known already
GREW = 1  # a known row grew
NEW = 2  # a row was added
OLD = 3  # a smaller total than the known one
EXPIRED = 4  # the session is past the horizon
FUTURE = 5  # the session begins after the next epoch's grain
NO_ROOM = 6  # refused
DAMAGED = 7  # the row changed by itself: it is not to be used


def bucket(nonce, slot):
    """Digest bucket (0..7) of a row."""
    return (nonce ^ (nonce >> 7) ^ slot) & (BUCKETS - 1)


class Shard:
    """State of one shard.

    index: shard number; slots: channels of it that are known (0..16), more when others tell of
    them; capacity: rows that fit; lifetime: grains
    from a session's start until it is folded; epoch: now; grain: epochs in one.
    """

    def __init__(self, index, slots, capacity, lifetime, epoch, grain=1):
        self.index = index
        self.slots = slots
        self.capacity = capacity
        self.kept = min(3 * slots, capacity // 4)  # places for this node's own rows
        self.lifetime = lifetime
        self.grain = grain
        self.settled = Wide(SLOTS)
        self.seals = zeros("H", SLOTS)  # checksum of each settled value
        self.changes = 0  # times that the settled vector, or its horizon, was changed
        self.damaged = 0  # values and rows found to have changed by themselves
        self.inflow = Wide(SLOTS)  # sum of credited rows per slot
        self.horizon = epoch // grain - lifetime - 1  # sessions that began up to here are folded
        self.epoch = epoch
        # the ring: records head .. head + count - 1, modulo capacity
        self.head = self.count = 0
        self.nonce = zeros("i", capacity)
        self.start = zeros("H", capacity)
        self.slot = bytearray(capacity)
        self.claimed = zeros("i", capacity)
        self.credited = zeros("i", capacity)
        self.repeats = bytearray(capacity)  # times the present total was heard or said
        self.via = bytearray(capacity)  # route that is charged for the row's increase
        self.check = zeros("H", capacity)  # checksum of each row
        self.uncredited = 0  # rows with credited < claimed
        size = 32
        while size < 2 * capacity:
            size *= 2
        self._table = zeros("H", size)  # open addressing: ring position + 1, or 0
        self.digests = zeros("H", BUCKETS)
        self.seal()

    # --- checksums ------------------------------------------------------------------------------

    def _seal(self, slot):
        h = mix4(self.settled.lo[slot], self.settled.hi[slot], 0x0CC9E2D5, slot + 1)
        return fold16(mix(h, 0x1B873593))

    def seal(self):
        """Declare the settled vector to be as it should be."""
        for i in range(SLOTS):
            self.seals[i] = self._seal(i)
        self.changes += 1

    def shift(self, slot, amount):
        """Let a settled value grow or shrink (raw). It never moves in any other way."""
        self.settled.grow(slot, amount)
        self.seals[slot] = self._seal(slot)
        self.changes += 1

    def intact(self):
        """True if no settled value has changed by itself; otherwise it is noted as damage."""
        bad = 0
        for i in range(self.slots):
            bad += self.seals[i] != self._seal(i)
        if bad and not self.damaged:
            self.damaged = bad
        return not bad

    def _row_check(self, p):
        h = mix4(self.nonce[p], self.claimed[p], self.credited[p], 0x0CC9E2D5)
        return fold16(mix(h, (self.start[p] << 4) | self.slot[p]))

    def sound(self, p):
        """True if the row at ring position p has not changed by itself; otherwise it is noted."""
        if self.check[p] == self._row_check(p):
            return True
        if not self.damaged:
            self.damaged = 1
        return False

    def verify(self):
        """Look at every value and row; returns how many have changed by themselves."""
        bad = 0
        for i in range(self.slots):
            bad += self.seals[i] != self._seal(i)
        sums = Wide(SLOTS)
        for k in range(self.count):
            p = self.position(k)
            if self.check[p] != self._row_check(p):
                bad += 1
            else:
                sums.grow(self.slot[p], self.credited[p])
        if not bad and not sums.equals(self.inflow):
            bad = 1
        if bad:
            self.damaged = bad
        return bad

    def lower(self, start, nonce, slot, total):
        """Take back what a row claims beyond ``total`` (raw): nobody else holds it."""
        p = self.find(start, nonce, slot)
        if p >= 0 and self.claimed[p] > total and self.sound(p):
            self.claimed[p] = total
            self.credited[p] = min(self.credited[p], total)
            self.check[p] = self._row_check(p)
            self.purge()

    def purge(self):
        """Remove the rows that have changed by themselves or claim nothing."""
        self._sweep(False, True)
        self._redigest()

    def mended(self):
        """What has changed by itself was replaced."""
        self.damaged = 0
        self.seal()

    def value(self, slot):
        """Raw value of a slot, an integer of 48 bits: settled + credited, saturating."""
        return min(self.settled[slot] + self.inflow[slot], MOST)

    def adopt(self, vector, horizon, epoch):
        """Take over a settled vector (Wide) and its horizon; rows that it contains already go."""
        self.settled.copy(vector)
        self.seal()
        self.epoch = epoch
        self.horizon = horizon
        self._sweep(False)
        self._redigest()

    def crowded(self):
        """True when a quarter is left, which is for what sessions say of themselves."""
        return self.count * 4 >= self.capacity * 3

    def closed(self):
        """True when only the places are left that are kept for this node's own rows."""
        return self.count >= self.capacity - self.kept

    # --- rows ---------------------------------------------------------------------------------

    def _probe(self, start, nonce, slot):
        """Index in the hash table of a row's entry, or of the free place where it belongs."""
        table = self._table
        mask = len(table) - 1
        i = (nonce ^ (nonce >> 13) ^ (start * 31) ^ (slot * 1031)) & mask
        while True:
            p = table[i]
            if p == 0:
                return i
            p -= 1
            if self.nonce[p] == nonce and self.slot[p] == slot and self.start[p] == start:
                return i
            i = (i + 1) & mask

    def find(self, start, nonce, slot):
        """Ring position of a row, or -1."""
        return self._table[self._probe(start, nonce, slot)] - 1

    def position(self, k):
        """Ring position of the k-th oldest row, 0 <= k < count."""
        p = self.head + k
        return p - self.capacity if p >= self.capacity else p

    def merge(self, start, nonce, slot, total, via):
        """Learn that a session's running total is at least ``total`` (raw).

        via: index of the route to be charged. Returns SAME, GREW, NEW, OLD, EXPIRED, FUTURE,
        NO_ROOM or DAMAGED. ``credited`` is left alone: VaultGuard decides when a claim counts.
        """
        assert 0 <= total <= MAX_RAW and 0 <= slot < SLOTS
        i = self._probe(start, nonce, slot)
        p = self._table[i] - 1
        if p >= 0:
            known = self.claimed[p]
            if total <= known:
                return SAME if total >= self.credited[p] else OLD
            if not self.sound(p):
                return DAMAGED
            if self.credited[p] == known:
                self.uncredited += 1
            self.claimed[p] = total
            self.check[p] = self._row_check(p)
            self.repeats[p] = 0
            self.via[p] = via
            return GREW
        if serial_diff(start, self.horizon) <= 0:
            return EXPIRED
        if serial_diff(start, (self.epoch + 1) // self.grain) > 0:
            return FUTURE
        if total == 0:
            return SAME
        if self.count >= self.capacity:
            return NO_ROOM
        p = self.position(self.count)
        self.count += 1
        self.slots = max(self.slots, slot + 1)
        self.nonce[p] = nonce
        self.start[p] = start
        self.slot[p] = slot
        self.claimed[p] = total
        self.credited[p] = 0
        self.repeats[p] = 0
        self.via[p] = via
        self.check[p] = self._row_check(p)
        self._table[i] = p + 1
        self.uncredited += 1
        return NEW

    def credit(self, p, amount):
        """Let ``amount`` raw of the claim at ring position p count."""
        if amount <= 0 or not self.sound(p):
            return
        credited = self.credited[p] + amount
        assert credited <= self.claimed[p]
        self._toggle(p, -1)
        self.credited[p] = credited
        self._toggle(p, 1)
        self.check[p] = self._row_check(p)
        slot = self.slot[p]
        self.inflow.grow(slot, amount)
        if credited == self.claimed[p]:
            self.uncredited -= 1

    def repeat(self, p):
        """The total of the row at p was heard or said once more."""
        if self.repeats[p] < 100:
            self.repeats[p] += 1

    # --- digests ------------------------------------------------------------------------------

    def bucket(self, p):
        """Digest bucket (0..7) of the row at ring position p."""
        return bucket(self.nonce[p], self.slot[p])

    def left(self, p):
        """Epochs until the row at ring position p is folded."""
        grain = self.epoch // self.grain
        return (
            serial_diff(self.start[p], grain) + self.lifetime + 1
        ) * self.grain - self.epoch % self.grain

    def about_to_fold(self, p):
        """True within an epoch of folding, when clocks may disagree whether the row is there."""
        return self.left(p) <= 1

    def _toggle(self, p, sign):
        """Add (1) or remove (-1) a row's hash from its bucket's digest.

        What is not credited yet stays out: it would travel on other routes' budgets.
        """
        if not self.credited[p]:
            return
        place = (self.start[p] << 4) | self.slot[p]
        h = hash16(mix4(self.epoch & 0xFFFF, self.nonce[p], self.credited[p], place))
        b = self.bucket(p)
        self.digests[b] = (self.digests[b] + sign * h) & 0xFFFF

    def _redigest(self):
        for b in range(BUCKETS):
            self.digests[b] = 0
        for k in range(self.count):
            self._toggle(self.position(k), 1)

    def _reindex(self):
        table = self._table
        for i in range(len(table)):
            table[i] = 0
        for k in range(self.count):
            p = self.position(k)
            table[self._probe(self.start[p], self.nonce[p], self.slot[p])] = p + 1

    # --- time ---------------------------------------------------------------------------------

    def advance(self, epoch):
        """Go to a later epoch and fold what is due. Returns the number of rows folded."""
        self.epoch = epoch
        horizon = epoch // self.grain - self.lifetime - 1
        folded = 0
        if horizon > self.horizon:
            self.horizon = horizon
            self.changes += 1
            folded = self._sweep(True)
        self._redigest()  # the digests' salt is the epoch
        assert self.count <= self.capacity and 0 <= self.uncredited <= self.count
        return folded

    def _gone(self, p):
        """True when the row at p is past the horizon (or from a clock that was wrong)."""
        start = self.start[p]
        if not self.claimed[p]:
            return True
        newest = (self.epoch + 1) // self.grain
        return serial_diff(start, self.horizon) <= 0 or serial_diff(start, newest) > 0

    def _sweep(self, settle, always=False):
        """Remove the rows past the horizon, into ``settled`` if told so; returns how many.

        One turn of the ring: each row at the head goes, or moves to the tail; damaged ones go for
        good. inflow is summed anew, since a saturated sum cannot be subtracted from.
        """
        gone = 0
        for k in range(self.count):
            gone += self._gone(self.position(k))
        if not gone and not always:
            return 0
        for slot in range(self.slots):
            self.inflow[slot] = 0
        self.uncredited = 0
        for _ in range(self.count):
            p = self.head
            self.head = self.position(1)
            self.count -= 1
            if not self.sound(p):
                continue
            slot = self.slot[p]
            if not self._gone(p):
                self.inflow.grow(slot, self.credited[p])
                self.uncredited += self.credited[p] < self.claimed[p]
                self._append_copy(p)
            elif settle:
                self.shift(slot, self.credited[p])
        self._reindex()
        return gone

    def _append_copy(self, p):
        q = self.position(self.count)
        self.count += 1
        if q != p:
            self.nonce[q] = self.nonce[p]
            self.start[q] = self.start[p]
            self.slot[q] = self.slot[p]
            self.claimed[q] = self.claimed[p]
            self.credited[q] = self.credited[p]
            self.repeats[q] = self.repeats[p]
            self.via[q] = self.via[p]
            self.check[q] = self.check[p]

    def expect(self, epoch):
        """Take rows of sessions begun by ``epoch``; what is due is folded by ``advance``."""
        self.epoch = epoch
