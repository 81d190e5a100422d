"""Routes: source addresses, the only thing a sender cannot invent for nothing.

Every quota hangs on a route, never on a session: frames per epoch, credit per epoch, bytes that
may be sent in reply (docs/protocol.md, section 6).
Entry 0 stands for all addresses that have no entry of their own; they share its quotas.
"""

from .fixed import const, mix, zeros

OTHERS = 0  # the shared entry
FRAMES_PER_EPOCH = 1280  # twenty a cycle; honest nodes stay below one
ALLOWANCE = 1000  # bytes of reply that a route can save up

_KNOWN = const(2)  # epochs heard from which an entry is no longer a newcomer's
_STALE = const(64)  # unheard epochs after which any entry may be taken over: Trickle hushes long


def choose(n, size, newcomers, gone, worst):
    """Place for a newcomer in a table with n of ``size`` entries: a free one; gone, of somebody
    who is not heard any more, if any (> 0); worst, of another newcomer."""
    # While the table is young everybody is a newcomer: let them in.
    if newcomers < size // 4 or n <= size // 2:
        if n < size:
            return n
        if gone > OTHERS:
            return gone
    return worst


class Routes:
    """A fixed table of routes. size: entries, the shared one included; salt: 30 secret bits."""

    def __init__(self, size, salt):
        self.size = size
        self._salt = salt
        self.addr = [None] * size
        self.key = zeros("i", size)
        self.last = zeros("i", size)  # epoch when last heard
        self.epochs = bytearray(size)  # epochs in which it was heard, up to 255
        self.frames = zeros("H", size)  # in this epoch
        self.credited = zeros("i", size)  # raw credited in this epoch
        self.credited_own = zeros("i", size)  # of that, beyond all budgets, for its own sessions
        self.credited_late = zeros("i", size)  # of that, for rows that are about to be folded
        self.places = bytearray(size)  # last places of rings that it took of late
        self.allowance = zeros("H", size)  # bytes of reply
        self.below = bytearray(size)  # drain evidence, 0..255 (vaultguard)
        self.n = 1
        self._index = {}

    def known(self, key):
        """Index of a route, OTHERS if it has no entry."""
        return self._index.get(key, OTHERS)

    def admit(self, key, addr, epoch):
        """Index of a route, entering it if there is a place; OTHERS if there is none. Who was not
        ``known`` and has an entry now took a place that may have been another's.

        Newcomers take at most a quarter of a crowded table and never a known route's entry. Among
        newcomers the salted hash decides, not who is loudest: min-wise sampling (Bortnikov et al.,
        Brahms, 2009), and what was pushed out does not come back with a fresh budget.
        """
        i = self._index.get(key, -1)
        if i < 0:
            i = self._place(key, epoch)
            if i == OTHERS:
                return OTHERS
            if i == self.n:
                self.n += 1
            else:
                del self._index[self.key[i]]
            self._index[key] = i
            self.key[i] = key
            self.epochs[i] = self.below[i] = 0
            self.frames[i] = self.allowance[i] = self.places[i] = 0
            self.credited[i] = self.credited_own[i] = self.credited_late[i] = 0
            self.last[i] = -1
        assert 0 < i < self.n <= self.size
        self.addr[i] = addr
        if self.last[i] != epoch:
            self.last[i] = epoch
            if self.epochs[i] < 255:
                self.epochs[i] += 1
        return i

    def _place(self, key, epoch):
        newcomers = 0
        worst = gone = OTHERS
        most = mix(self._salt, key)
        for i in range(1, self.n):
            if epoch - self.last[i] > _STALE:
                gone = i
            if self.epochs[i] < _KNOWN:
                newcomers += 1
                h = mix(self._salt, self.key[i])
                if h > most:
                    worst, most = i, h
        return choose(self.n, self.size, newcomers, gone, worst)

    def charge(self, i, amount, late):
        """Book what a route is credited (raw); late: for a row that is about to be folded."""
        self.credited[i] += amount
        if late:
            self.credited_late[i] += amount

    def charge_own(self, i, amount):
        """Book what a route's own session is credited (raw) beyond all budgets."""
        self.credited_own[i] += amount

    def suspect(self, i, amount):
        """Drain evidence (specification 8.3) for a route, or, negative, against it: 0..255."""
        self.below[i] = max(0, min(255, self.below[i] + amount))

    def reply(self, i, size):
        """Book ``size`` bytes of reply; False when the route has not sent as much."""
        if self.allowance[i] < size:
            return False
        self.allowance[i] -= size
        return True

    def receive(self, i, size):
        """Book a frame of ``size`` bytes; False when the route's frames are used up this epoch."""
        limit = FRAMES_PER_EPOCH * (8 if i == OTHERS else 1)
        if self.frames[i] >= limit:
            return False
        self.frames[i] += 1
        if i != OTHERS:
            total = self.allowance[i] + size
            self.allowance[i] = total if total < ALLOWANCE else ALLOWANCE
        return True

    def place(self, i, most):
        """Book one of the last places of a ring: ``most`` a route in 64 epochs."""
        if self.places[i] >= min(most, 255):
            return False
        self.places[i] += 1
        return True

    def new_epoch(self, epoch):
        """Renew the budgets."""
        for i in range(self.n):
            if epoch & 63 == 0:
                self.places[i] = 0
            self.frames[i] = 0
            self.credited[i] = self.credited_own[i] = self.credited_late[i] = 0
            self.below[i] -= self.below[i] >> 2

    def recent(self, epoch, within):
        """Number of routes with an entry that were heard in the last ``within`` epochs."""
        n = 0
        for i in range(1, self.n):
            n += epoch - self.last[i] < within
        return n

    def pick(self, random):
        """A remembered address chosen by ``random``, or None."""
        return self.addr[1 + random % (self.n - 1)] if self.n > 1 else None
