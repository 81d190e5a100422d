"""Vectors of wide counters: 48 bits each, in two small integers.

Settled values and what waits in a ledger have them. ``lo`` are the lower 30 bits, ``hi`` the upper
18; only an index makes an integer of both, which a 32-bit board has to allocate
(docs/protocol.md, section 2).
"""

from .fixed import MAX_RAW, const, zeros

MOST = 0xFFFFFFFFFFFF  # raw: the largest wide value
END = 3 << 46  # raw: no contribution is accepted beyond; the rest is for what others give at once
BRIM = 7 << 45  # raw: beyond it what was accepted waits, so that no sum is ever cut off
FAR = 0x1FFFFFFF  # raw: differences are clamped to +-FAR, so that two of them have one, too
_MAX_HI = const(0x3FFFF)


def of(values):
    """The vector of some integers, each 0 .. MOST."""
    made = Wide(len(values))
    for i, value in enumerate(values):
        made[i] = value
    return made


class Wide:
    """n counters, zero at first. As a sequence: integers, for the edge and not for hot paths."""

    def __init__(self, n):
        self.lo = zeros("i", n)
        self.hi = zeros("i", n)

    def __len__(self):
        return len(self.lo)

    def __getitem__(self, i):
        return self.hi[i] << 30 | self.lo[i]

    def __iter__(self):
        return iter([self[i] for i in range(len(self.lo))])

    def __setitem__(self, i, value):
        assert 0 <= value <= MOST
        self.lo[i] = value & MAX_RAW
        self.hi[i] = value >> 30

    def copy(self, other):
        """Become another vector, or its beginning; zero beyond its end."""
        n = len(other.lo)
        for i in range(len(self.lo)):
            self.lo[i] = other.lo[i] if i < n else 0
            self.hi[i] = other.hi[i] if i < n else 0

    def equals(self, other):
        """Is this another vector?"""
        return self.lo == other.lo and self.hi == other.hi

    def grow(self, i, amount):
        """Add a small integer to a counter, which stays within 0 .. MOST."""
        lo = self.lo[i]
        hi = self.hi[i]
        if amount > MAX_RAW - lo:
            hi += 1
            lo = amount - (MAX_RAW - lo) - 1
        else:
            lo += amount
            if lo < 0:
                hi -= 1
                lo = lo + MAX_RAW + 1
        if hi > _MAX_HI:
            hi = _MAX_HI
            lo = MAX_RAW
        elif hi < 0:
            hi = lo = 0
        self.lo[i] = lo
        self.hi[i] = hi

    def add(self, i, a, b):
        """Set a counter to the sum of those in a and b, at most MOST."""
        self.lo[i] = a.lo[i]
        hi = a.hi[i] + b.hi[i]
        self.hi[i] = hi if hi < _MAX_HI else _MAX_HI
        self.grow(i, b.lo[i] if hi <= _MAX_HI else MAX_RAW)

    def distance(self, i, other):
        """other[i] - self[i], clamped to -FAR .. FAR."""
        d = other.lo[i] - self.lo[i]
        h = other.hi[i] - self.hi[i]
        if h == 1 and d < 0:
            d = d + MAX_RAW + 1
        elif h == -1 and d > 0:
            d = d - MAX_RAW - 1
        elif h:
            return FAR if h > 0 else -FAR
        return FAR if d > FAR else -FAR if d < -FAR else d

    def part(self, i, bits):
        """self[i] div 2**bits, at most MAX_RAW."""
        hi = self.hi[i]
        return MAX_RAW if hi >> bits else hi << 30 - bits | self.lo[i] >> bits


scratch = Wide(16)  # for one at a time
