"""Ledger: what this node itself contributed, session by session, and what the mesh knows of it.

A contribution waits in ``pending`` until a cycle may issue it (max_allowed_shift bounds each
step), then it is part of the running total of the present session. A total that another node was
heard to hold is *known*. Sessions are kept until they are folded (docs/protocol.md, section 3).
"""

from .fixed import MAX_RAW, LvsError, serial_diff
from .state_shard import zeros


class Session:
    """One session: start epoch, nonce, and per channel the total and what of it is known."""

    def __init__(self, start, nonce, channels):
        self.start = start
        self.nonce = nonce
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
    """Pending contributions and own sessions, the present one last. Amounts in raw."""

    def __init__(self, channels):
        self.channels = channels
        self.pending = zeros("i", channels)
        self.sessions = []
        self.exile = zeros("i", channels)  # folded here, but never known to anybody else
        self._issued = zeros("i", channels)  # in this cycle
        self._epoch_left = 0

    @property
    def session(self):
        """The present session."""
        return self.sessions[-1]

    def open(self, epoch, nonce):
        """Begin a session. One in which nothing was contributed is not kept."""
        if self.sessions and not max(self.sessions[-1].total):
            self.sessions.pop()
        self.sessions.append(Session(epoch & 0xFFFF, nonce, self.channels))

    def new_cycle(self):
        """Renew what a cycle may issue."""
        for c in range(self.channels):
            self._issued[c] = 0

    def new_epoch(self, budget):
        """Renew what an epoch may issue (raw, all channels): a route is credited no faster."""
        self._epoch_left = budget

    def add(self, channel, amount, value):
        """Take a contribution (raw). value: the channel's present value. Raises LvsError."""
        if amount > MAX_RAW - value - self.pending[channel]:
            raise LvsError(
                "amount %d.%02d is too large: the counter would pass its end, 4194303 VU"
                % (amount >> 8, (amount & 255) * 100 >> 8)
            )
        self.pending[channel] += amount

    def issue(self, channel, max_step):
        """Move what this cycle allows from pending to the session; returns the raw moved."""
        amount = self.pending[channel]
        if not amount:
            return 0
        room = max_step - self._issued[channel]
        if room > self._epoch_left:
            room = self._epoch_left
        total = self.session.total[channel]
        if room > MAX_RAW - total:
            room = MAX_RAW - total
        if amount > room:
            amount = room
        if amount <= 0:
            return 0
        self.pending[channel] -= amount
        self._issued[channel] += amount
        self._epoch_left -= amount
        self.session.total[channel] = total + amount
        return amount

    def find(self, start, nonce):
        """One of my sessions, or None."""
        for s in self.sessions:
            if s.nonce == nonce and s.start == start:
                return s
        return None

    def heard(self, session, channel, total):
        """Somebody said that a session of mine has this total; False if it overstates me."""
        if total > session.total[channel]:
            return False
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

        alone: nobody was heard for longer than a horizon, so what nobody is known to hold is owed
        to the mesh: it goes to ``exile``.
        """
        kept = []
        for s in self.sessions:
            if serial_diff(s.start, horizon) > 0 or s is self.sessions[-1]:
                kept.append(s)
                continue
            for c in range(self.channels):
                if alone:
                    self.exile[c] += s.total[c] - s.known[c]
        self.sessions = kept

    def recall(self):
        """Take everything back into pending: the clock was wrong, so nobody took these rows."""
        for s in self.sessions:
            for c in range(self.channels):
                self.pending[c] += s.total[c]
        self.sessions = []

    def outstanding(self):
        """Raw contributed here and not issued yet, all channels."""
        return sum(self.pending)
