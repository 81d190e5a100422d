"""Routes: source addresses, the only thing a sender cannot invent for nothing.

Every quota hangs on a route, never on a session: frames per epoch, credit per epoch, bytes that
may be sent in reply (docs/protocol.md, section 6).
Entry 0 stands for all addresses that have no entry of their own; they share its quotas.
"""

from .state_shard import zeros

OTHERS = 0  # the shared entry
FRAMES_PER_EPOCH = 1280  # twenty a cycle; honest nodes stay below one
ALLOWANCE = 1000  # bytes of reply that a route can save up

_ESTABLISHED = 4  # epochs heard before an entry is no longer a newcomer's
_STALE = 8  # unheard epochs after which any entry may be taken over


class Routes:
    """A fixed table of routes. size: entries, the shared one included."""

    def __init__(self, size):
        self.size = size
        self.addr = [None] * size
        self.key = zeros("i", size)
        self.last = zeros("i", size)  # epoch when last heard
        self.heard = bytearray(size)  # epochs in which it was heard, up to 255
        self.frames = zeros("H", size)  # in this epoch
        self.credit = zeros("i", size)  # raw credited in this epoch
        self.allowance = zeros("H", size)  # bytes of reply
        self.below = bytearray(size)  # drain evidence, 0..255 (vaultguard)
        self.n = 1
        self._index = {}

    def known(self, key):
        """Index of a route, OTHERS if it has no entry."""
        return self._index.get(key, OTHERS)

    def admit(self, key, addr, epoch):
        """Index of a route, entering it if there is room; OTHERS if there is none.

        Newcomers take at most a quarter of a crowded table and never an entry heard this epoch,
        so that no flood of addresses renews a spent budget or pushes a known route out.
        """
        i = self._index.get(key, -1)
        if i < 0:
            i = self._place(epoch)
            if i == OTHERS:
                return OTHERS
            if self.addr[i] is not None:
                del self._index[self.key[i]]
            self._index[key] = i
            self.key[i] = key
            self.heard[i] = self.below[i] = 0
            self.frames[i] = self.allowance[i] = 0
            self.credit[i] = 0
            self.last[i] = -1
        self.addr[i] = addr
        if self.last[i] != epoch:
            self.last[i] = epoch
            if self.heard[i] < 255:
                self.heard[i] += 1
        return i

    def _place(self, epoch):
        newcomers = 0
        oldest = OTHERS
        for i in range(1, self.n):
            new = self.heard[i] < _ESTABLISHED
            if new:
                newcomers += 1
            if self.last[i] == epoch or not (new or epoch - self.last[i] > _STALE):
                continue
            if oldest == OTHERS or self.last[i] < self.last[oldest]:
                oldest = i
        # While the table is young and half empty everybody is a newcomer: let them in.
        if self.n < self.size and (newcomers < self.size // 4 or self.n <= self.size // 2):
            self.n += 1
            return self.n - 1
        return oldest

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

    def new_epoch(self):
        """Renew the budgets."""
        for i in range(self.n):
            self.frames[i] = 0
            self.credit[i] = 0
            self.below[i] -= self.below[i] >> 2

    def pick(self, random):
        """A remembered address chosen by ``random``, or None."""
        return self.addr[1 + random % (self.n - 1)] if self.n > 1 else None
