"""The seeded random numbers of the simulated world.

Python's ``random`` gives other numbers on MicroPython than on CPython, so the world brings its own
generator: a 32-bit xorshift (Marsaglia 2003) whose output is scrambled by one multiplication.
All products stay below 2**62, the small integers of a 64-bit MicroPython, and the results are the
same on every interpreter.  Not for cryptography.
"""

_M32 = 0xFFFFFFFF
_TOP = 1 << 30


def mix(x):
    """Return the 32-bit integer `x` well stirred (murmur3's finaliser); a bijection."""
    x &= _M32
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & _M32
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & _M32
    return x ^ (x >> 16)


class Prng:
    """An independent stream of numbers for every pair of `seed` and `stream` (integers)."""

    def __init__(self, seed, stream=0):
        x = mix(seed ^ (seed >> 32) ^ 0x9E3779B9)
        x = mix(x ^ mix(stream + 0x7F4A7C15))
        self._x = x or 1

    def bits(self):
        """Return 30 random bits; this is also what a node gets as its entropy."""
        x = self._x
        x ^= (x << 13) & _M32
        x ^= x >> 17
        x ^= (x << 5) & _M32
        self._x = x
        return ((x * 0x1D872B41) & _M32) >> 2

    def below(self, n):
        """Return an integer in ``0 .. n-1`` (0 < n <= 2**30)."""
        return (self.bits() * n) >> 30

    def chance(self, threshold):
        """Return True with the probability `threshold` / 2**30."""
        return self.bits() < threshold

    # The names that Python's random.Random has, for adversaries written against it.

    def getrandbits(self, k):
        """Return `k` random bits."""
        value = 0
        have = 0
        while have < k:
            value |= self.bits() << have
            have += 30
        return value & ((1 << k) - 1)

    def randrange(self, start, stop=None):
        """Return an integer in ``0 .. start-1``, or in ``start .. stop-1``."""
        if stop is None:
            start, stop = 0, start
        span = stop - start
        if span <= 0:
            raise ValueError("empty range for randrange")
        if span <= _TOP:
            return start + self.below(span)
        return start + self.getrandbits(60) % span

    def randint(self, a, b):
        """Return an integer in ``a .. b``, both included."""
        return self.randrange(a, b + 1)

    def random(self):
        """Return a float in [0, 1) with 30 random bits."""
        return self.bits() / _TOP

    def choice(self, items):
        """Return one of the sequence `items`."""
        return items[self.below(len(items))]

    def shuffle(self, items):
        """Shuffle the list `items` in place (Fisher and Yates)."""
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]

    def sample(self, items, k):
        """Return `k` different elements of `items`, in random order."""
        rest = list(items)
        for i in range(k):
            j = i + self.below(len(rest) - i)
            rest[i], rest[j] = rest[j], rest[i]
        return rest[:k]
