"""Peers: the sessions heard of late, and the trust credit (TC) that each has earned.

Trust is slow to earn and fast to lose, and only a confident node judges. Honest nodes agree to the
bit, so even a lie just inside every threshold loses its voice (docs/protocol.md, section 6).
"""

from .fixed import const, mix, zeros

TC_START = 32
TC_MAX = 255
TRUSTED = 64  # from here on a session is no newcomer

_UNHEARD = const(256)  # cycles after which a session may be replaced ...
_FORGOTTEN = const(4096)  # ... and a trusted one: Trickle hushes a settled mesh for long
_EARN = const(8)  # cycles between two steps of trust
NONE = -1

# how far a sample is from a confident node's settled vector, in its worst slot
WITHIN_UNIT = 1
WITHIN_BUDGET = 2  # of an epoch
WITHIN_SHIFT = 3  # max_allowed_shift
BEYOND = 4


class Peers:
    """A fixed table of sessions. size: entries; salt: 30 secret bits."""

    def __init__(self, size, salt):
        self.size = size
        self._salt = salt
        self.n = 0
        self.nonce = zeros("i", size)
        self.tc = bytearray(size)
        self.key = zeros("i", size)  # its route
        self.last = zeros("i", size)  # my cycle when last heard
        self.cycle = zeros("i", size)  # the newest cycle it named
        self.offset = zeros("h", size)  # its clock against mine, cycles
        self.held = zeros("i", size)  # bit map of the shards it holds
        self.judged = zeros("i", size)  # my cycle when it last earned trust
        self.vu = bytearray(size)  # contributions credited, up to 255
        self._index = {}

    def find(self, nonce):
        """Index of a session, or NONE."""
        return self._index.get(nonce, NONE)

    def tc_of(self, nonce):
        """Trust credit of a session; that of a newcomer if it is not in the table."""
        i = self._index.get(nonce, NONE)
        return self.tc[i] if i != NONE else TC_START

    def admit(self, nonce, key, cycle):
        """Index of a session, entering it if it is new; NONE when there is no place for it.

        Newcomers use at most a quarter of a crowded table and never push out a trusted session; a
        route's third session takes the place of its own least trusted, and among the others the
        salted hash of the route decides, as in routes.
        """
        i = self._index.get(nonce, NONE)
        if i == NONE:
            i = self._place(key, cycle)
            if i == NONE:
                return NONE
            if i == self.n:
                self.n += 1
            else:
                del self._index[self.nonce[i]]
            self._index[nonce] = i
            self.nonce[i] = nonce
            self.key[i] = key
            self.tc[i] = TC_START
            self.cycle[i] = self.held[i] = 0
            self.judged[i] = cycle - _EARN
            self.offset[i] = self.vu[i] = 0
        if self.key[i] != key:
            self.key[i] = key
            self.tc[i] = TC_START  # trust does not move to another address
        self.last[i] = cycle
        assert 0 <= i < self.n <= self.size
        return i

    def _place(self, key, cycle):
        newcomers = mine = 0
        own = worst = gone = NONE
        most = mix(self._salt, key)
        for i in range(self.n):
            trusted = self.tc[i] >= TRUSTED
            silent = cycle - self.last[i]
            if silent > (_FORGOTTEN if trusted else _UNHEARD) and (
                gone == NONE or self.last[i] < self.last[gone]
            ):
                gone = i
            if self.key[i] == key:
                mine += 1
                if own == NONE or self.tc[i] < self.tc[own]:
                    own = i
            if trusted:
                continue
            newcomers += 1
            h = mix(self._salt, self.key[i])
            if h > most:
                worst, most = i, h
        if mine >= 2:
            return own
        if newcomers < self.size // 4 or self.n <= self.size // 2:
            if self.n < self.size:
                return self.n
            if gone != NONE:
                return gone
        return worst

    def weight(self, i):
        """Weight of a session's sample: its TC, and up to a quarter more for contributions."""
        if i == NONE:
            return 8
        tc = self.tc[i]
        return tc + (tc * self.vu[i] >> 10) if tc >= TRUSTED else tc

    def contributed(self, nonce, amount):
        """A session was credited with ``amount`` VU by now: it weighs a little more."""
        i = self._index.get(nonce, NONE)
        if i != NONE and amount > self.vu[i]:
            self.vu[i] = amount if amount < 255 else 255

    def told(self, i, cycle, offset, held):
        """Keep what a session's EP says of itself: its cycle (at most ``cycle``), its clock
        against mine, the shards that it holds."""
        self.cycle[i] = cycle
        self.offset[i] = max(-1000, min(1000, offset))
        self.held[i] = held

    def judge(self, i, distance, cycle):
        """Adjust a session's TC for a sample: WITHIN_UNIT +8 (once in eight cycles); WITHIN_BUDGET
        costs an eighth, WITHIN_SHIFT a quarter, BEYOND three quarters at once."""
        tc = self.tc[i]
        if distance == WITHIN_UNIT:
            if cycle - self.judged[i] < _EARN and tc >= TC_START:
                return
            self.judged[i] = cycle
            tc = tc + 8 if tc < TC_MAX - 8 else TC_MAX
        elif distance == WITHIN_BUDGET:
            tc -= (tc + 7) >> 3
        elif distance == WITHIN_SHIFT:
            tc -= (tc + 3) >> 2
        else:
            tc >>= 2
        self.tc[i] = tc if tc > 1 else 1

    def doubt_all(self):
        """Everybody back to the start: a diverged node must not be deaf."""
        for i in range(self.n):
            self.tc[i] = TC_START

    def recent(self, cycle, within):
        """Number of sessions heard in the last ``within`` cycles."""
        n = 0
        for i in range(self.n):
            if cycle - self.last[i] <= within:
                n += 1
        return n

    def trust(self):
        """(number of trusted sessions, mean TC of all, 0..255)."""
        trusted = total = 0
        for i in range(self.n):
            total += self.tc[i]
            if self.tc[i] >= TRUSTED:
                trusted += 1
        return trusted, total // self.n if self.n else 0

    def holders(self, shard, cycle, within):
        """Number of sessions heard in the last ``within`` cycles that hold a shard."""
        n = 0
        for i in range(self.n):
            if self.held[i] >> shard & 1 and cycle - self.last[i] <= within:
                n += 1
        return n

    def gained(self, cycles):
        """My clock was slewed: it gained so many cycles on what the peers' were when heard."""
        if cycles:
            for i in range(self.n):
                self.offset[i] = max(-1000, min(1000, self.offset[i] - cycles))

    def clock_offset(self, own_weight, cycle, within):
        """Weighted median of the peers' clocks against mine (cycles); mine has ``own_weight``.

        Counting instead of sorting: the offsets that matter are -2 .. 2, the rest only has a side.
        """
        ahead = behind = close = 0
        for i in range(self.n):
            if cycle - self.last[i] > within:
                continue
            if self.offset[i] > 1:
                ahead += self.tc[i]
            elif self.offset[i] < -1:
                behind += self.tc[i]
            else:
                close += self.tc[i]
        close += own_weight
        # At a tie the one behind follows, or two nodes would never meet.
        if ahead and ahead >= behind + close:
            return 2
        if behind > ahead + close:
            return -2
        return 0
