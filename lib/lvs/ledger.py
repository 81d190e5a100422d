"""Ledger: what this node itself contributed, session by session, and what the mesh knows of it.

A contribution belongs to the session in which it was accepted: it raises that session's
``target``. Cycle by cycle the running total that is said to the mesh follows the target,
max_allowed_shift bounding each step. After a power cut the target is claimed again under the same
session, so nothing counts twice, however much of it the mesh knew. What is accepted while there is
no session yet ``waits``. A total that another node was heard to hold is *known*. Sessions are kept
until they are folded (docs/protocol.md, section 3).
"""

from .fixed import MAX_RAW, LvsError, serial_diff
from .state_shard import zeros


class Session:
    """One session: start epoch and nonce; per channel (raw) target, running total, known total."""

    def __init__(self, start, nonce, channels):
        self.start = start
        self.nonce = nonce
        self.target = zeros("i", channels)
        self.total = zeros("i", channels)
        self.known = zeros("i", channels)
        self.alone = False  # begun while nobody was heard

    def unknown(self):
        """True while some total was never heard from anybody else."""
        for c in range(len(self.total)):
            if self.known[c] < self.total[c]:
                return True
        return False


class Ledger:
    """Own sessions, the present one last, and what waits for one. Amounts in raw."""

    def __init__(self, channels):
        self.channels = channels
        self.sessions = []
        self.waiting = zeros("i", channels)  # accepted, but part of no session yet
        self.exile = zeros("i", channels)  # folded here, but never known to anybody else
        self.version = 0  # rises with every change that a journal must keep
        self.moved = False  # amounts went to another session: keep that before it is told
        self._issued = zeros("i", channels)  # in this cycle
        self._epoch_left = 0

    @property
    def session(self):
        """The present session."""
        return self.sessions[-1]

    def open(self, epoch, nonce):
        """Begin a session. One in which nothing was contributed is not kept."""
        if self.sessions and not max(self.session.target):
            self.sessions.pop()
        self.sessions.append(Session(epoch & 0xFFFF, nonce, self.channels))
        self.version += 1

    def new_cycle(self):
        """Renew what a cycle may issue."""
        for c in range(self.channels):
            self._issued[c] = 0

    def new_epoch(self, budget):
        """Renew what an epoch may issue (raw, all channels): a route is credited no faster."""
        self._epoch_left = budget

    def add(self, channel, amount, value, ready):
        """Accept a contribution (raw). value: the channel's present value; ready: the session may
        take it. Raises LvsError and changes nothing when the counter would pass its end."""
        if amount > MAX_RAW - value - self.pending(channel):
            raise LvsError(
                "amount %d.%02d is too large: the counter would pass its end, 4194303 VU"
                % (amount >> 8, (amount & 255) * 100 >> 8)
            )
        if ready:
            self.session.target[channel] += amount
        else:
            self.waiting[channel] += amount
        self.version += 1

    def place(self):
        """What waits becomes part of the present session."""
        for c in range(self.channels):
            if self.waiting[c]:
                self.session.target[c] += self.waiting[c]
                self.waiting[c] = 0
                self.version += 1
                self.moved = True

    def pending(self, channel):
        """Raw accepted on a channel and not said yet."""
        n = self.waiting[channel]
        for s in self.sessions:
            n += s.target[channel] - s.total[channel]
        return n

    def outstanding(self):
        """Raw accepted and not said yet, all channels."""
        return sum([self.pending(c) for c in range(self.channels)])

    def issue(self, session, channel, max_step):
        """Let a session's total follow its target as far as this cycle allows; the raw issued."""
        amount = session.target[channel] - session.total[channel]
        room = min(max_step - self._issued[channel], self._epoch_left)
        if amount > room:
            amount = room
        if amount <= 0:
            return 0
        self._issued[channel] += amount
        self._epoch_left -= amount
        session.total[channel] += amount
        return amount

    def find(self, start, nonce):
        """One of my sessions, or None."""
        for s in self.sessions:
            if s.nonce == nonce and s.start == start:
                return s
        return None

    def heard(self, session, channel, total):
        """Somebody said that a session of mine has this total; False if it overstates me."""
        if total > session.target[channel]:
            return False
        if total > session.total[channel]:  # told before a power cut that I remember less of
            session.total[channel] = total
        if total > session.known[channel]:
            session.known[channel] = total
        return True

    def heard_all(self, first, slots):
        """Somebody's digests equal mine: all my totals in these channels are known."""
        for s in self.sessions:
            for c in range(first, first + slots):
                s.known[c] = s.total[c]

    def fold(self, horizon, alone):
        """Drop the sessions that began at or before ``horizon`` (an epoch).

        What they had not said yet waits for another session. alone: nobody was heard for longer
        than a horizon, so what nobody is known to hold is owed to the mesh: it goes to ``exile``.
        """
        kept = []
        for s in self.sessions:
            if serial_diff(s.start, horizon) > 0 or s is self.session:
                kept.append(s)
                continue
            self.version += 1
            for c in range(self.channels):
                self.waiting[c] += s.target[c] - s.total[c]
                if alone:
                    self.exile[c] += s.total[c] - s.known[c]
        self.sessions = kept

    def recall(self):
        """Take everything back: the clock was wrong, so nobody took these rows."""
        for s in self.sessions:
            for c in range(self.channels):
                self.waiting[c] += s.target[c]
        self.sessions = []
        self.version += 1
