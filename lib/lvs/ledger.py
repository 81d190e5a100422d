"""Ledger: what this node itself contributed, session by session, and what the mesh knows of it.

A contribution belongs to the session in which it was accepted: it raises that session's
``target``. Cycle by cycle the running total that is said to the mesh follows the target,
max_allowed_shift bounding each step. After a power cut the target is claimed again under the same
session, so nothing counts twice, however much of it the mesh knew. What is accepted while there is
no session yet is ``unassigned``. A total that another node was heard to hold is *known*. Sessions
are kept until they are folded (docs/protocol.md, section 3).

Where a journal remembers an amount as never told, nothing of it may be told before the journal
knows better: a session that is folded while the node is switched off would count it twice. Such
amounts are withheld (``write_ahead``, ``journaled``) until the journal is written
(docs/durability.md).
"""

from .fixed import END, MAX_RAW, LvsError, serial_diff, zeros


class Session:
    """One session: start grain and nonce; per channel (raw) target, running total, known total."""

    def __init__(self, start, nonce, channels):
        self.start = start
        self.nonce = nonce
        self.target = zeros("i", channels)
        self.total = zeros("i", channels)
        self.known = zeros("i", channels)
        self.write_ahead = zeros("i", channels)  # limit of totals until the journal is written
        self.begun_isolated = False  # begun while nobody was heard ...
        self.isolated = False  # ... and nobody was heard since
        self.restored = False  # from before the last start
        self.astray = False  # begun by a clock that was never the mesh's
        for c in range(channels):
            self.write_ahead[c] = MAX_RAW

    def bound(self, channel, lead):
        """The total that may have been told by the time it has grown by ``lead`` raw."""
        total = self.total[channel]
        rest = self.target[channel] - total
        return total + (rest if rest < lead else lead)

    def has_write_ahead(self):
        """True when the journal remembers something of it as untold."""
        return min(self.write_ahead) < MAX_RAW

    def withheld(self):
        """True when something is not to be told before the journal is written."""
        for c in range(len(self.total)):
            if self.write_ahead[c] <= self.total[c] < self.target[c]:
                return True
        return False

    def unknown(self):
        """True while some total was never heard from anybody else."""
        for c in range(len(self.total)):
            if self.known[c] < self.total[c]:
                return True
        return False

    def restore(self, channel, target, bound, isolated):
        """A journal says what was contributed before the last start, and how far it may have been
        told; isolated: while nobody was heard. Else whoever heard it may have told anybody."""
        self.restored = True
        self.isolated = isolated
        self.target[channel] = target
        self.total[channel] = bound
        self.known[channel] = 0 if isolated else bound
        self.write_ahead[channel] = bound if bound < target else MAX_RAW


class Ledger:
    """Own sessions, the present one last, and what waits for one. Amounts in raw."""

    def __init__(self, channels):
        self.channels = channels
        self.sessions = []
        self.unassigned = zeros("i", channels)  # accepted, but part of no session yet
        self.unacknowledged = zeros("i", channels)  # folded here, but never known to anybody else
        self.journaled = zeros("i", channels)  # of what waits: a journal may hold it elsewhere
        self.version = 0  # rises with every change that a journal must keep
        self.shape = 0  # ... and with those beyond the present session and what waits
        self._issued = zeros("i", channels)  # in this cycle
        self._epoch_left = 0

    @property
    def session(self):
        """The present session."""
        return self.sessions[-1]

    def open(self, grain, nonce, isolated):
        """Begin a session in a grain, isolated: while nobody is heard. One without contributions
        is not kept."""
        if self.sessions and not max(self.session.target):
            self.sessions.pop()
        self.sessions.append(Session(grain & 0xFFFF, nonce, self.channels))
        self.session.isolated = self.session.begun_isolated = isolated
        self.shape += 1

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
        if amount > END - value - self.pending(channel):
            raise LvsError(
                "amount %d.%02d is too large: the counter would pass its end, %d VU"
                % (amount >> 8, (amount & 255) * 100 >> 8, END >> 8)
            )
        if ready:
            self.session.target[channel] += amount
        else:
            self.unassigned[channel] += amount
        self.version += 1

    def place(self, all_of_it=True):
        """What waits becomes part of the present session; all_of_it: also what a journal
        remembers elsewhere, which then is withheld."""
        for c in range(self.channels):
            n = self.unassigned[c]
            if not all_of_it:
                n -= self.journaled[c]
            if n > 0:
                session = self.session
                session.target[c] += n
                self.unassigned[c] -= n
                if all_of_it and self.journaled[c]:
                    self.journaled[c] = 0
                    session.write_ahead[c] = session.total[c]
                self.version += 1

    def withheld(self):
        """True when something could be told but for the journal, which remembers it untold."""
        for s in self.sessions:
            if s.withheld():
                return True
        return False

    def kept(self, lead):
        """The journal holds all this now, totals as if ``lead`` raw more were told: no more bars
        than follow from that."""
        for c in range(self.channels):
            self.journaled[c] = self.unassigned[c]
            for s in self.sessions:
                s.write_ahead[c] = s.bound(c, lead)
                if s.write_ahead[c] == s.target[c]:
                    s.write_ahead[c] = MAX_RAW

    def pending(self, channel):
        """Raw accepted on a channel and not said yet."""
        n = self.unassigned[channel]
        for s in self.sessions:
            n += s.target[channel] - s.total[channel]
        return n

    def left(self):
        """Raw that nobody else is known to hold: not said yet, or said and not echoed."""
        n = self.outstanding()
        for s in self.sessions:
            n += sum(s.total) - sum(s.known)
        return n

    def outstanding(self):
        """Raw accepted and not said yet, all channels."""
        return sum([self.pending(c) for c in range(self.channels)])

    def issue(self, session, channel, max_step):
        """Let a session's total follow its target as far as this cycle allows; the raw issued."""
        most = min(session.target[channel], session.write_ahead[channel])
        amount = most - session.total[channel]
        room = min(max_step - self._issued[channel], self._epoch_left)
        if amount > room:
            amount = room
        if amount <= 0:
            return 0
        self._issued[channel] += amount
        self._epoch_left -= amount
        session.total[channel] += amount
        assert session.total[channel] <= session.target[channel] <= MAX_RAW
        return amount

    def find(self, start, nonce):
        """One of my sessions, or None."""
        for s in self.sessions:
            if s.nonce == nonce and s.start == start:
                return s
        return None

    def echo(self, session, channel, total):
        """Somebody said that a session of mine has this total; False if it overstates me."""
        if total > session.target[channel]:
            return False
        if total > session.total[channel]:  # told before a power cut that I remember less of
            session.total[channel] = total
        if total > session.known[channel]:
            session.known[channel] = total
        return True

    def echo_all(self, first, slots):
        """Somebody's digests equal mine: all my totals in these channels are known."""
        for s in self.sessions:
            for c in range(first, first + slots):
                s.known[c] = s.total[c]

    def fold(self, horizon, closing, isolated, jumped=False):
        """Drop the sessions that began at or before ``horizon`` (a grain); up to ``closing`` they
        are in their last epochs.

        What they had not said yet waits for another session. isolated: nobody was heard for longer
        than a horizon, so what nobody is known to hold is owed to the mesh (``unacknowledged``).
        jumped: my clock did, so that nobody ever took what was begun astray: that waits, too.
        """
        kept = []
        for s in self.sessions:
            if serial_diff(s.start, horizon) > 0 or s is self.session:
                kept.append(s)
                if s is not self.session and serial_diff(s.start, closing) <= 0:
                    self._withdraw_rest(s)  # late rows count ever less
                continue
            self.version += 1
            self.shape += 1
            for c in range(self.channels):
                if jumped and s.astray:
                    self._take_back(c, s.target[c])
                    continue
                self._take_back(c, s.target[c] - s.total[c])
                if isolated:
                    self.unacknowledged[c] += s.total[c] - s.known[c]
        self.sessions = kept

    def astray(self):
        """The clock under which the present sessions began was never the mesh's."""
        for s in self.sessions:
            s.astray = not s.restored

    def owe(self, channel, amount):
        """An amount (raw) that was folded here alone has to be told under another session."""
        self.unacknowledged[channel] -= amount
        self._take_back(channel, amount)
        self.version += 1
        self.shape += 1

    def _withdraw_rest(self, s):
        for c in range(self.channels):
            rest = s.target[c] - s.total[c]
            if rest:
                s.target[c] -= rest
                self._take_back(c, rest)
                self.version += 1
                self.shape += 1

    def _take_back(self, channel, amount):
        self.unassigned[channel] += amount
        self.journaled[channel] += amount

    def met(self, oldest):
        """Somebody is heard, who takes sessions that began after ``oldest`` (a grain).

        From now on others may know what was begun alone since. What is older nobody has taken and
        nobody takes: it waits for another session. Returns those sessions, which are no more.
        """
        gone = []
        for s in self.sessions:
            if not s.isolated:
                continue
            s.isolated = False
            if not max(s.target):
                continue
            self.version += 1
            self.shape += 1
            if serial_diff(s.start, oldest) <= 0 and s is not self.session:
                gone.append(s)
                for c in range(self.channels):
                    self._take_back(c, s.target[c])
        if gone:
            self.sessions = [s for s in self.sessions if s not in gone]
        return gone

    def restore(self, sessions, unassigned, unacknowledged):
        """Take over what a journal kept, before anything is contributed in this life."""
        assert self.version == 0
        self.sessions = [s for s in sessions if max(s.target)] + self.sessions
        for c in range(self.channels):
            self.unassigned[c] = self.journaled[c] = unassigned[c]
            self.unacknowledged[c] = unacknowledged[c]
