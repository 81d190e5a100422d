"""Entropy engine: random bits, when an EP is sent (Trickle, RFC 6206), what may be sent at all.

The source of randomness is handed in; from its 30-bit seed everything here is deterministic.
"""

from .fixed import const, mix, ticks_diff

I_MIN = 1000  # ms, Trickle's shortest interval
I_MAX = 64000  # ms, its longest
AGREEING = 4  # EPs heard that agree: say nothing (Trickle's k)
ANY = 8  # EPs heard of any kind: enough for a window, say nothing

_HEADERS = const(28)  # bytes of IPv4 and UDP around a frame
_RESERVE = const(6000)  # bytes of burst in the governor's bucket


class Noise:
    """Random bits: a seeded generator re-seeded by fresh entropy for every EP nonce."""

    def __init__(self, entropy):
        self._entropy = entropy
        self._state = entropy()

    def nonce(self):
        """A fresh 30-bit nonce, from the outside and the state."""
        self._state = mix(self._state, self._entropy())
        return mix(self._state, 0x1B873593)

    def below(self, n):
        """A number in 0 .. n - 1 for jitter and choices; n up to 2**15."""
        self._state = mix(self._state, 0x2545F49)
        return ((self._state >> 8) & 0x7FFF) * n >> 15


class Trickle:
    """When to send the next EP. All times are ticks (ms modulo 2**30).

    The pace of all that a node says hangs on it and on the governor: ``stretch``.
    """

    def __init__(self, noise, governor, now):
        self._noise = noise
        self._governor = governor
        self._counted = bytearray(32)  # bit map of the routes heard in this interval
        self._slow = 1  # 4 in low power: intervals are so many times as long
        self.reset_at = now
        self._next = 0  # ms of the next interval, 0: twice this one
        self._begin(now, I_MIN)

    def restart(self, now):
        """My own state is new: speak soon."""
        self._begin(now, I_MIN * self._slow)

    def low_power(self, on, now):
        """Long intervals from the next one on; the present one is short, so that who has just
        switched its radio on speaks within a second."""
        self._begin(now, I_MIN)
        self._slow = 4 if on else 1

    def stretch(self):
        """By how much everything that is said waits longer: for want of tokens, in low power."""
        return self._governor.stretch() * self._slow

    def _soon(self):
        """Shortest interval (ms) at present: suppression bounds EPs, so little stretch."""
        return I_MIN * self._slow * min(2, self._governor.stretch())

    def _begin(self, now, interval):
        self.interval = interval
        self._began = now
        self._fire = self._noise.below(interval // 2) + (interval // 2)
        self._fired = False
        self.agreeing = self.others = self.asked = 0
        for i in range(32):
            self._counted[i] = 0

    def hear(self, agrees, route):
        """Count an EP of somebody else: one a route and interval, so that no one voice silences
        the others. agrees: None for a question as mine; route: its index (0..255)."""
        byte = route >> 3
        bit = 1 << (route & 7)
        if self._counted[byte] & bit:
            return
        self._counted[byte] |= bit
        if agrees is None:
            self.asked += 1
        elif agrees:
            self.agreeing += 1
        else:
            self.others += 1

    def news(self, now, times=1):
        """Something disagrees: back to the shortest interval, or ``times`` it.

        At most once in four of those intervals, since a liar can force news.
        """
        least = times * self._soon()
        if self.interval <= least or ticks_diff(now, self.reset_at) < 4 * least:
            return
        self.reset_at = now
        self._begin(now, least)

    def hurry(self, now):
        """I disagree myself and have nothing to defend: stay at a short interval for now."""
        least = self._soon()
        self._next = least
        if self.interval > 2 * least:
            self._begin(now, least)

    def poll(self, now):
        """True when the EP of this interval is to be sent now."""
        age = ticks_diff(now, self._began)
        due = False
        if not self._fired and age >= self._fire:
            self._fired = True
            due = self.agreeing < AGREEING and self.agreeing + self.others < ANY
        if age >= self.interval:
            self._begin(now, self._next or min(self.interval * 2, I_MAX))
            self._next = 0
        return due

    def wait(self, now):
        """Milliseconds until poll() has something to do."""
        left = (self.interval if self._fired else self._fire) - ticks_diff(now, self._began)
        return left if left > 0 else 0


class Governor:
    """Keeps sent + received below a budget by making senders wait: a token bucket on both.

    kb_per_min: 1000 bytes a minute. A seventh is kept back for what arrives before it is heard.
    """

    def __init__(self, kb_per_min, now):
        self.per_s = kb_per_min * 1000 * 6 // (7 * 60)
        self.full = min(_RESERVE, kb_per_min * 160)
        self.tokens = self.full
        self._at = now
        self.load = 0  # percent of the time that the machine computes

    def report(self, load):
        """The machine computes for ``load`` percent of the time."""
        self.load = load

    def busy(self):
        """local_node_load, 0..255: the larger of the board's own and the traffic's."""
        traffic = (self.full - self.tokens) * 255 // (2 * self.full)
        return min(255, max(traffic, self.load * 255 // 100))

    def refill(self, now):
        """Add what the time since the last call brings."""
        ms = ticks_diff(now, self._at)
        if 0 <= ms < 100:
            return  # in portions, so that rounding loses nothing to speak of
        if ms < 0 or ms > 60000:
            ms = 60000
        self._at = now
        # Neighbours hear the same but for what each of them loses by chance: that is forgotten.
        missing = (self.full - self.tokens) * 16 // self.full
        gain = self.per_s * (96 + missing) // 112  # per_s when nothing is left
        gain = ms // 1000 * gain + ms % 1000 // 2 * gain // 500
        self.tokens = min(self.full, self.tokens + gain)

    def spend(self, size):
        """Book a datagram of ``size`` bytes, sent or received."""
        self.tokens = max(-self.full, self.tokens - size - _HEADERS)
        assert -self.full <= self.tokens <= self.full

    def ready(self, size, reserve=0):
        """True when a frame of ``size`` bytes may be sent; ``reserve``: tokens to be left over."""
        return self.tokens >= size + _HEADERS + reserve

    def stretch(self):
        """1, 2, 4, 8 or 16: by how much intervals are lengthened for want of tokens."""
        left = self.tokens * 8 // self.full
        return 1 if left >= 4 else 1 << (4 - left) if left > 0 else 16
