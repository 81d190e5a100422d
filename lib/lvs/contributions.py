"""Contributions: from what the application adds to rows that are told, session by session."""

from .config import CLOSING, EPOCH_CYCLES
from .fixed import BRIM, const, serial_diff
from .wire import SLOTS

_SILENCE = const(16)  # cycles without an echo: then contributions go to a session of their own
_FORGERY = const(1024)  # cycles between two sessions that somebody's forgery forces on a node


class Contributions:
    """Begins and ends sessions, and lets their totals follow what was contributed.

    config, clock, noise, ledger, placement, elsewhere: the node's; now: () -> ticks; journal: what
    is told must not be untold in it.
    """

    def __init__(self, config, clock, now, noise, ledger, placement, elsewhere, journal):
        self._config = config
        self._clock = clock
        self._now = now
        self._noise = noise
        self._ledger = ledger
        self._placement = placement
        self._elsewhere = elsewhere
        self._journal = journal
        self._overstated_at = -_FORGERY
        self._phase = noise.below(config.session_epochs)
        self._begun = False  # were totals to be told in this life?
        self._end = 0  # epoch in which the present session ends

    def rotate(self):
        """Begin a session; what follows is contributed in it."""
        ledger = self._ledger
        if ledger.sessions:
            for r in self._placement.replicas:
                r.gossip.retire(ledger.session, self._now())
        # Sessions end at a node's own time in each span of session_epochs, not all nodes' at once.
        # One that is opened in between counts from there, or a third would overlap the two.
        length = self._config.session_epochs
        epoch = self._clock.epoch()
        begun = epoch - (epoch + self._phase) % length
        ledger.open(
            begun // self._config.grain, self._noise.nonce(), self._clock.silence() > _SILENCE
        )
        self._end = begun + length

    def new_epoch(self, issuing):
        """Fold what is due; a session that is over is followed by another. issuing: may totals be
        told?"""
        cfg = self._config
        epoch = self._clock.epoch()
        self._ledger.new_epoch(cfg.route_budget)
        self.fold(self._clock.silence() > cfg.horizon_epochs * EPOCH_CYCLES)
        if issuing and epoch >= self._end:
            self.rotate()

    def fold(self, alone, jumped=False):
        """Fold what is due in the ledger (Ledger.fold)."""
        horizon = self._config.horizon
        epoch = self._clock.epoch()
        self._ledger.fold(horizon(epoch), horizon(epoch + CLOSING), alone, jumped)

    def add(self, c, raw, value, ready, at_once):
        """Accept a contribution (raw). value: the channel's present one; ready: may totals be
        told? at_once: then now. Raises LvsError, and changes nothing, where the counter would end.
        """
        session = self._ledger.session
        if ready and raw and not session.begun_isolated and self._clock.silence() > _SILENCE:
            if session.unknown():  # perhaps nobody hears me: keep it apart from what they may know
                self.rotate()
        self._ledger.add(c, raw, value, ready)
        if ready and at_once:
            self._issue(self._ledger.session, c)

    def _issue(self, session, c):
        r = self._placement.find(c // SLOTS)
        if r:
            full = r.shard.count >= r.shard.capacity and not session.total[c]
            if full or r.shard.value(c % SLOTS) >= BRIM:
                return  # no room for a row, or in the counter: it waits
        if not self._ledger.issue(session, c, self._config.max_allowed_shift - 1):
            return
        p = r.own_row(session, c) if r else -1
        if session is not self._ledger.session:
            if p >= 0:
                r.gossip.own_late(session, c % SLOTS, self._now())
        elif r:
            r.gossip.own(c % SLOTS, self._now())
        else:
            self._elsewhere.own(c)

    def cycle(self):
        """Once a cycle: tell as much of what was contributed as a cycle may."""
        ledger = self._ledger
        self._begun = True
        ledger.new_cycle()
        ledger.place(not self._journal.error)
        # Not before the journal lets it go: told twice, it would count twice.
        if ledger.withheld() and not self._journal.sync() and ledger.session.withheld():
            self.rotate()  # for what comes a session without a bar
        for session in list(ledger.sessions):
            for c in range(ledger.channels):
                if session.total[c] < session.target[c]:
                    self._issue(session, c)

    def drained(self, since, most):
        """Is there nothing to wait for before the node stops? since: cycle when it was told to;
        most: cycles that it may wait."""
        ledger = self._ledger
        clock = self._clock
        if clock.cycle - since >= most or not ledger.left():
            return True
        if clock.heard_at is None:
            return self._begun  # nobody is there
        return clock.cycle - max(since, clock.heard_at) > _SILENCE

    def met(self, epoch):
        """Somebody is heard in this epoch: what he can take no more of what I did alone nobody
        has taken, so it begins anew."""
        session = self._ledger.session
        oldest = self._config.horizon(epoch + CLOSING)
        if session.isolated and serial_diff(session.start, oldest) <= 0:
            self.rotate()
        for s in self._ledger.met(oldest):
            for r in self._placement.replicas:
                r.withdraw(s)

    def overstated(self, session):
        """Somebody tells more of my session than I do: contribute under another from now on."""
        cycle = self._clock.cycle
        if session is self._ledger.session and cycle - self._overstated_at >= _FORGERY:
            self._overstated_at = cycle
            self.rotate()
