"""Routes: source addresses, the only thing a sender cannot invent for nothing.

Every quota, every vote and all trust hang on a route, never on a session: frames and credit an
epoch, bytes that may be sent in reply, and one evidence: how many epochs it agreed with me to the
bit. The specification's trust credit (TC) is made of it (docs/protocol.md, section 6).
Entry 0 stands for all addresses that have no entry of their own; they share its quotas and have
neither vote nor trust.
"""

from .fixed import const, hash16, mix, zeros

OTHERS = 0  # the shared entry
FRAMES_PER_EPOCH = 1280  # twenty a cycle; honest nodes stay below one
ALLOWANCE = 1000  # bytes of reply that a route can save up

TC_START = 32  # trust credit of who has agreed in no epoch ...
_TC_EPOCH = const(16)  # ... and what each adds
TC_MAX = 255
TRUSTED = 64  # two epochs of agreement

_DRAWN = const(48)  # routes by whose clocks mine is set: a third of liars are no majority of them
_FEW = const(16)  # clocks off, one of so many drawn: then those who are silent are asked
_SILENT = const(64)  # cycles after which they are, twice an epoch
_STALE = const(64)  # unheard epochs after which any entry may be taken over: Trickle hushes long
_UNKNOWN = const(0x7FFF)  # no clock to go by
_AGREED = const(1)  # what a route showed in this epoch ...
_OFF = const(2)
_LEAF = const(4)  # holds nothing: no neighbour, and no voice in anything


class Routes:
    """A fixed table of routes. size: entries, the shared one included; salt: 30 secret bits;
    budget: raw that each may be credited in an epoch; life: epochs that a row stays.

    ``near``: neighbours, those heard of late; ``crowd``: with those that may be hushed since this
    life began.
    """

    def __init__(self, size, salt, budget=1 << 28, life=64):
        self.size = size
        self._life = life
        self.budget = budget
        self._salt = salt
        self.addr = [None] * size
        self.key = zeros("i", size)
        self.last = zeros("i", size)  # epoch when last heard
        self.agreed = bytearray(size)  # epochs in which it agreed with me to the bit, up to 255
        self._shown = bytearray(size)  # what it showed in this epoch
        self.nonce = zeros("i", size)  # the session that speaks by it
        self.cycle = zeros("i", size)  # the newest cycle that one named
        self.heard = zeros("i", size)  # my cycle when it last showed state
        self.offset = zeros("h", size)  # its clock against mine then, cycles, or _UNKNOWN
        self.held = zeros("i", size)  # bit map of the shards that it says it holds
        self.frames = zeros("H", size)  # in this epoch
        self._booked = zeros("i", size)  # bytes of those that count as everybody's traffic
        self.credited = zeros("i", size)  # raw credited in this epoch
        self._late = zeros("i", size)  # of that, for rows that are about to be folded
        self._own = zeros("i", size)  # of that, for the session that speaks by it
        self._kept = zeros("i", size)  # raw that only that one may still be credited
        self.places = bytearray(size)  # last places of rings that it took of late
        self.allowance = zeros("H", size)  # bytes of reply
        self.n = 1
        self.near = self.crowd = 0
        self.age = 0  # epochs of this life: in the first most may not have been heard yet
        self.disputed = False  # are so many clocks off that the silent are to be asked?
        self._apart = False  # may a clock be off by two cycles or more?
        self._index = {}
        self._since = None  # epoch of the last look for who would make place, if it still holds
        self._others = self._most = 0
        self._worst = self._gone = OTHERS

    def known(self, key):
        """Index of a route, OTHERS if it has no entry."""
        return self._index.get(key, OTHERS)

    def admit(self, key, addr, epoch):
        """Index of a route, entering it if there is a place; OTHERS if there is none. Who was not
        ``known`` and has an entry now took a place that may have been another's.

        Newcomers take at most a quarter of a crowded table and never a trusted route's entry.
        Among newcomers the salted hash decides, not who is loudest: min-wise sampling (Bortnikov
        et al., Brahms, 2009), and what was pushed out does not come back with a fresh budget.
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
            self._since = None
            self._index[key] = i
            self.key[i] = key
            self.near += 1
            self.agreed[i] = self._shown[i] = 0
            self.nonce[i] = self.cycle[i] = self.held[i] = 0
            self.heard[i] = -0x7FFF
            self.offset[i] = _UNKNOWN
            self.frames[i] = self._booked[i] = self.allowance[i] = self.places[i] = 0
            self.credited[i] = self._late[i] = self._own[i] = 0
            self._kept[i] = self.budget >> 4
        assert 0 < i < self.n <= self.size
        self.addr[i] = addr
        self.last[i] = epoch
        return i

    def _place(self, key, epoch):
        gone = self._gone
        if self._since != epoch or gone > OTHERS and epoch - self.last[gone] <= _STALE:
            self._find(epoch)
        # While the table is young everybody is a newcomer: let them in.
        if self._others < self.size // 4 or self.n <= self.size // 2:
            if self.n < self.size:
                return self.n
            if self._gone > OTHERS:
                return self._gone
        return self._worst if self._most > mix(self._salt, key) else OTHERS

    def _find(self, epoch):
        """Find who would make place: an entry that is stale, and of the newcomers the one whose
        hash is the largest. It holds until an entry is another's or not trusted any more."""
        self._since = epoch
        self._others = self._most = 0
        self._worst = self._gone = OTHERS
        for i in range(1, self.n):
            if epoch - self.last[i] > _STALE:
                self._gone = i
            if not self.trusted(i):
                self._others += 1
                h = mix(self._salt, self.key[i])
                if h > self._most:
                    self._worst = i
                    self._most = h

    # --- trust --------------------------------------------------------------------------------

    def told(self, i, nonce, cycle, now, held):
        """A route's session shows state: its cycle, my own one (now), the shards that it holds.
        Its clock is unknown until ``steers`` says what it is."""
        if i == OTHERS:
            return
        if self.nonce[i] != nonce:
            self.nonce[i] = nonce
            self.cycle[i] = 0
        self.cycle[i] = max(self.cycle[i], min(cycle, now + 2))
        self.heard[i] = now
        self.held[i] = held
        self.offset[i] = _UNKNOWN

    def bears(self, i, held):
        """A route says what it holds; one that holds nothing is a leaf. True if it became one."""
        was = self.leaf(i)
        if i == OTHERS or was != (held > 0):
            return False
        self._shown[i] = 0 if was else _LEAF
        self.near += 1 if was else -1
        return not was

    def leaf(self, i):
        """Did a route say that it holds nothing?"""
        return self._shown[i] == _LEAF

    def replayed(self, i, nonce, cycle):
        """True when a session names a cycle before the newest that it named by this route."""
        return i != OTHERS and self.nonce[i] == nonce and cycle < self.cycle[i]

    def steers(self, i, offset):
        """What a route shows is to be believed, and so is its clock (cycles, against mine)."""
        self.offset[i] = max(-1000, min(1000, offset))
        self._apart |= offset > 1 or offset < -1

    def judge(self, i, exact):
        """A route's sample agrees with me to the bit, or does not: then its trust is gone."""
        if i == OTHERS:
            return
        if not exact:
            self._shown[i] = _OFF
            self.agreed[i] = 0
            self._since = None
        elif not self._shown[i]:
            self._shown[i] = _AGREED

    def tc(self, i):
        """Trust credit (specification 5.2) of a route: TC_START .. TC_MAX."""
        tc = TC_START + _TC_EPOCH * self.agreed[i]
        return tc if tc < TC_MAX else TC_MAX

    def trusted(self, i):
        """Did a route agree with me in two epochs, and never say anything else since?"""
        return self.tc(i) >= TRUSTED

    def trust(self):
        """(number of trusted routes, mean TC of all, 0..255)."""
        trusted = total = 0
        for i in range(1, self.n):
            total += self.tc(i)
            trusted += self.trusted(i)
        return trusted, total // (self.n - 1) if self.n > 1 else 0

    def clock_lead(self, epoch, gained):
        """Are most clocks drawn for an epoch ahead of mine (1) or behind (-1), by two cycles or
        more, as last heard, less what mine ``gained`` since by slewing? One voice a route, however
        loud: TC would weigh those most who are loud, and mine is none, so two meet half way."""
        if not self._apart and not gained:
            return 0
        self._apart = False
        ahead = behind = voices = 0
        for i in range(1, self.n):
            offset = self.offset[i]
            if offset == _UNKNOWN:
                continue
            offset = self.offset[i] = max(-1000, min(1000, offset - gained))
            self._apart |= offset > 1 or offset < -1
            if self._drawn(i, epoch):
                voices += 1
                ahead += offset > 1
                behind += offset < -1
        self.disputed = (ahead + behind) * _FEW > voices
        # Half are enough where nobody says otherwise: in a ring each hears one on either side.
        return (2 * ahead + (not behind) > voices) - (2 * behind + (not ahead) > voices)

    def _drawn(self, i, epoch):
        """Is a route's clock one of those that count in an epoch? Nobody can guess."""
        if epoch - self.last[i] >= _STALE:
            return False
        return self.draw(mix(epoch, 0) ^ self.key[i]) < _DRAWN

    def silent(self, i, cycle, size):
        """Is a route to be asked for its clock now, in ``size`` bytes? It has no voice until it
        answers: it may be gone. Nobody is sent more than he sent."""
        known = self.offset[i] != _UNKNOWN and cycle - self.heard[i] <= _SILENT
        if known or (i ^ cycle >> 2) & 7 or not self._drawn(i, cycle >> 6):
            return False
        if self.reply(i, size):  # or it keeps its voice
            self.offset[i] = _UNKNOWN
            return True
        return False

    def draw(self, x):
        """A number in 0 .. near that is mine for x, and nobody can guess."""
        return hash16(mix(self._salt, x)) * (self.near + 1) >> 16

    # --- quotas -------------------------------------------------------------------------------

    def charge(self, i, amount, own, late):
        """Book up to ``amount`` raw of credit; returns how much the route's budget has room for.

        own: for the session that speaks by it. What that was credited in the last epoch, and a
        sixteenth of the budget at least, is kept for it: nobody uses up an honest route by telling
        it what to pass on. late: epochs, if any, that the row is in the closing.
        """
        left = self.budget - self.credited[i]
        if not own:
            left -= self._kept[i]
        if late > 0:
            left = min(left, (self.budget >> (9 * late >> 1)) - self._late[i])
        amount = max(0, min(amount, left))
        self.credited[i] += amount
        if own:
            self._own[i] += amount
            self._kept[i] = max(0, self._kept[i] - amount)
        if late > 0:
            self._late[i] += amount
        return amount

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

    def fair(self, i, size, bytes_per_s, cycle):
        """Book a frame as everybody's traffic; False beyond a route's fair share of the bytes that
        there are for all by this cycle of the epoch: four times a neighbour's, a quarter at most.
        Those who have no entry share a half. However loud a few are, the others can still speak.
        """
        share = bytes_per_s // 2 if i == OTHERS else 4 * bytes_per_s // max(16, self.near)
        if self._booked[i] + size > share * (16 + (cycle & 63)):
            return False
        self._booked[i] += size
        return True

    def place(self, i, most):
        """Book one of the last places of a ring: ``most`` a route in a row's lifetime."""
        if self.places[i] >= min(most, 255):
            return False
        self.places[i] += 1
        return True

    def new_epoch(self, epoch):
        """Renew the budgets; who agreed in the last epoch earned trust."""
        self.near = self.recent(epoch, _STALE)
        self.age += 1
        self.crowd = max(self.near, self.crowd) if self.age <= _STALE else self.near
        self._since = None
        for i in range(self.n):
            if self._shown[i] == _AGREED and self.agreed[i] < 255:
                self.agreed[i] += 1
            self._shown[i] &= _LEAF
            if epoch % self._life == 0:
                self.places[i] = 0
            self.frames[i] = self._booked[i] = 0
            self.credited[i] = self._late[i] = 0
            self._kept[i] = max(self._own[i], self.budget >> 4)
            self._own[i] = 0

    def recent(self, epoch, within):
        """Number of routes with an entry that were heard in the last ``within`` epochs, without
        leaves."""
        n = 0
        for i in range(1, self.n):
            n += epoch - self.last[i] < within and not self.leaf(i)
        return n

    def holders(self, shard, cycle, within):
        """Number of routes that showed state in the last ``within`` cycles and hold a shard."""
        n = 0
        for i in range(1, self.n):
            n += self.held[i] >> shard & 1 and cycle - self.heard[i] <= within
        return n

    def pick(self, random):
        """A remembered address chosen by ``random``, or None; none of a leaf, which sleeps."""
        for k in range(1, self.n):
            i = 1 + (random + k) % (self.n - 1)
            if not self.leaf(i):
                return self.addr[i]
        return None
