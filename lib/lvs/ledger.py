"""Ledger: what this node itself contributed, session by session, and what the mesh knows of it.

What is accepted *waits*. Cycle by cycle it becomes part of the running total of the present
session, which is told to the mesh; max_allowed_shift bounds each step. A total that another node
was heard to hold is *known*. Nothing leaves the ledger before it is known: what is not when its
session is folded waits again. Told twice, it never counts twice (docs/protocol.md, section 3).

What a journal holds as waiting is not *free* to be told until the journal knows better, and no
session is told of that the journal does not name: told all the same, it would count twice after a
power cut (docs/durability.md).
"""

from hashlib import sha256

from .fixed import MAX_RAW, LvsError, serial_diff, zeros
from .wide import END, Wide

# fate of a session: may another life go on with it?
SPOKEN = 0  # no: more of it may have been told than the journal knows
SURE = 1  # yes: its total was seen to be the mesh's, and it was not spoken in since
TAKEN = 2  # never: somebody else speaks in it, too
LATE = 3  # nobody: in its last epochs nothing is told that nobody knew before
BEYOND = 16  # steps that may have been told beyond the journal in a life's last seconds


class Session:
    """One session: start grain and nonce; per channel (raw) running total and known total.

    ``unsure``: of one from before the last start, for each shard the digest buckets in which its
    total was not yet seen to be the mesh's; empty where somebody else speaks in it. ``doubts``:
    by channel, what another life told while somebody was there, and was not seen to be known: it
    counts as known, or it might count twice.
    """

    doubts = {}  # of most: what is put in is put into one of its own

    def __init__(self, start, nonce, channels):
        self.start = start
        self.nonce = nonce
        self.total = zeros("i", channels)
        self.known = zeros("i", channels)
        self.fate = SPOKEN
        self.unsure = None

    def held(self, channel):
        """The total that my own row is to have. Of channels that my list lacks I have none."""
        if channel >= len(self.total):
            return 0
        return self.known[channel] if self.fate == LATE else self.total[channel]


class Ledger:
    """Own sessions, the present one last, and what waits for one. Amounts in raw.

    ``lineage``: 96 secret bits from which the nonces are made, so that a copy of a journal
    recognises the sessions of its original, and nobody else can make up one. ``quiet``:
    cycles in which nobody showed that he knows more; ``silent``: nobody is there who could.
    """

    def __init__(self, channels):
        self.sessions = []
        self.make(channels)
        self.carried = {}  # of what was contributed to a channel: what is less than a step
        # ... in sessions that are gone (raw); below 0: a copy accounts for it; at ~channel: doubts
        self.spent = {}
        self.since = 0  # the cycle in which this account began; 0: it did not yet
        self.named = False  # the journal knows the present session
        self.partial = 0  # what apart() was when the journal did not take all for known
        self.silent = False
        self.quiet = 0
        self.lineage = bytes(12)
        self.version = 0  # rises with every change that a journal must keep
        self.shape = 0  # ... and with those beyond the present session and what waits
        self._budget = 0
        self.again = {}  # of what waits: what was told once, so that a meter never runs back
        self.waited = []  # what waited in the journal that this life began from

    def make(self, channels):
        """Make room for so many channels; nothing was contributed yet."""
        self.channels = channels
        self.waiting = Wide(channels)  # accepted, but not said yet
        self.free = zeros("i", channels)  # of that: what may be, the journal does not hold it
        self._used = zeros("i", channels)  # in this cycle
        for s in self.sessions:
            s.total = zeros("i", channels)
            s.known = zeros("i", channels)

    # --- sessions -------------------------------------------------------------------------------

    @property
    def session(self):
        """The present session."""
        return self.sessions[-1]

    def nonce(self, start, n):
        """The nonce of six bits, of a session that began in a grain: 24 bits are made of those, it
        and the lineage."""
        h = sha256(self.lineage + bytes((start & 255, start >> 8, n))).digest()
        return n << 24 | h[0] | h[1] << 8 | h[2] << 16

    def open(self, grain, random):
        """Begin a session in a grain, its nonce made of random bits. One without contributions is
        not kept."""
        if self.sessions and not max(self.session.total):
            self.sessions.pop()
        start = grain & 0xFFFF
        nonce = 0
        for i in range(65):  # if all of 64 are taken, another
            nonce = self.nonce(start, random + i & 63) if i < 64 else random & MAX_RAW
            if nonce and not self.find(start, nonce):
                break
        self.sessions.append(Session(start, nonce, self.channels))
        self.named = False
        self.changed()

    def take_up(self, session):
        """Go on with a session of another life."""
        self.sessions.remove(session)
        self.sessions.append(session)
        session.fate = SPOKEN
        session.unsure = None
        self.named = False
        self.changed()

    def changed(self):
        """More than the present session and what waits is another than before."""
        self.version += 1
        self.shape += 1

    def find(self, start, nonce):
        """One of my sessions, or None."""
        for s in self.sessions:
            if s.nonce == nonce and s.start == start:
                return s
        return None

    # --- contributions --------------------------------------------------------------------------

    def new_cycle(self):
        """Renew what a cycle may issue."""
        for c in range(self.channels):
            self._used[c] = 0

    def new_epoch(self, budget):
        """Renew what an epoch may issue (raw, all channels): a route is credited no faster."""
        self._budget = budget

    def add(self, channel, amount, value, carry=0):
        """Accept a contribution (raw). value: the channel's present value; carry: what is less
        than a step, as decimal.steps gives it. Raises LvsError and changes nothing when the
        counter would pass its end."""
        if amount > END - value - self.waiting[channel]:
            raise LvsError("too large")
        self.waiting[channel] += amount
        self.free[channel] = min(self.free[channel] + amount, MAX_RAW)
        if carry or channel in self.carried:
            self.carried[channel] = carry
        self.version += 1

    def lead(self, channel, most):
        """Of what waits, the part of ``most`` raw that is told next."""
        return min(self.waiting.part(channel, 0), most)

    def kept(self, lead):
        """The journal holds all this now, totals as if ``lead`` raw more were told."""
        for c in range(self.channels):
            self.free[c] = self.lead(c, lead)
        self.named = True
        self.partial = self.silent and self.apart()

    def issue(self, channel, max_step):
        """Let the present session's total grow as far as this cycle allows; the raw issued."""
        amount = min(
            self.free[channel],
            max_step - self._used[channel],
            self._budget,
        )
        if amount <= 0:
            return 0
        self._used[channel] += amount
        self._budget -= amount
        self.waiting.grow(channel, -amount)
        self.free[channel] -= amount
        self.session.total[channel] += amount
        if channel in self.again:
            self.again[channel] = max(0, self.again[channel] - amount)
        return amount

    def left(self, channel=None):
        """Raw that nobody else is known to hold: not said yet, or said and not echoed. Of all
        channels, or one."""
        if channel is None:
            return sum([self.left(c) for c in range(self.channels)])
        n = self.waiting[channel]
        for s in self.sessions:
            n += s.total[channel] - s.known[channel]
        return n

    def apart(self):
        """Was anything told that nobody was seen to know? 1 of the present session alone, 2 of
        others; else 0."""
        for s in self.sessions:
            if s.known != s.total:
                return 1 if s is self.session else 2
        return 0

    def untold(self, channel):
        """Raw that was told once and is in no row now: it waits again, or will after the closing.
        Shown all the same, or a meter ran back."""
        n = self.again.get(channel, 0)
        for s in self.sessions:
            if s.fate == LATE and channel < self.channels:
                n += s.total[channel] - s.known[channel]
        return n

    def given(self, channel):
        """Raw ever contributed to a channel, as far as ``since`` reaches."""
        n = self.spent.get(channel, 0) + self.waiting[channel]
        for s in self.sessions:
            n += s.total[channel]
        return n

    def begin(self, cycle):
        """From now on contributions are told: an account that is none yet begins."""
        if not self.since:
            self.since = cycle
            self.changed()

    # --- what others know -----------------------------------------------------------------------

    def echo(self, session, channel, total):
        """Somebody said that a session of mine has this total; False if that is more than I said
        in the present one."""
        if channel >= self.channels:
            return session is not self.session
        most = session.total[channel]
        if total > most and session is self.session:
            return False
        if session.known[channel] < total:
            session.known[channel] = min(total, most)
            self.quiet = 0
        elif not (session.doubts and total >= most and session.doubts.pop(channel, 0)):
            return True
        if session is not self.session:
            self.changed()
        return True

    def astray(self):
        """The clock under which the sessions of this life began was never the mesh's: whoever
        knows of them has to give them up, too."""
        self.since = 0
        for s in self.sessions:
            if s.unsure is None:
                s.known = zeros("i", self.channels)

    # --- the end of a session -------------------------------------------------------------------

    def late(self, closing):
        """The sessions that began up to a grain are in their last epochs; returns the new ones."""
        found = []
        for s in self.sessions[:-1]:
            if s.fate != LATE and serial_diff(s.start, closing) <= 0:
                s.fate = LATE
                found.append(s)
        return found

    def fold(self, horizon):
        """Close the sessions that began up to a grain: what nobody knows of them waits again."""
        for s in self.sessions[:-1]:
            if serial_diff(s.start, horizon) <= 0:
                self.sessions.remove(s)
                self.take_back(s)
                for c in range(self.channels):
                    if s.total[c]:
                        self.spent[c] = self.spent.get(c, 0) + s.total[c]
                for c in s.doubts:
                    self.spent[~c] = self.spent.get(~c, 0) + s.doubts[c]

    def take_back(self, session):
        """What nobody knows of a session waits again."""
        self.changed()
        for c in range(self.channels):
            amount = session.total[c] - session.known[c]
            session.total[c] -= amount
            self.waiting.grow(c, amount)  # not free: the journal holds it elsewhere
            if amount:
                self.again[c] = self.again.get(c, 0) + amount
