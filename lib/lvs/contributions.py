"""Contributions: from what the application adds to rows that are told, session by session."""

from .config import CLOSING, EPOCH_CYCLES
from .fixed import LONG, const, serial_diff, unload
from .ledger import BEYOND, SPOKEN, SURE
from .state_shard import bucket
from .wide import BRIM
from .wire import SLOTS

_SILENCE = const(64)  # cycles in which nobody shows that he knows what was told: nobody heard it
_GONE = const(16)  # and in which nobody is heard, either: nobody is there
_FORGERY = const(1024)  # cycles between two sessions that forgery forces on a node; then twice ...
_WHOLE = const(16)  # cycles after which a total that others show is believed to be all there is
_BRIM = BRIM >> 30


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
        self._said_at = -_FORGERY
        self._wait = _FORGERY
        self.age = 0  # of this life in which totals may be told
        self._spoken = None  # in which the last life spoke
        self._chosen = True  # is it decided in which session this life speaks?
        self._end = 0  # epoch in which the present session ends

    # --- sessions -------------------------------------------------------------------------------

    def _span(self):
        """(epoch, grain) in which the present span began. Sessions end with a span, at a node's
        own time, not all nodes' at once; one that is opened in between counts from its beginning,
        or a third would overlap the two."""
        return self._config.span(self._clock.epoch(), self._ledger.lineage)

    def rotate(self):
        """Begin a session; what follows is contributed in it."""
        ledger = self._ledger
        if ledger.sessions:
            for r in self._placement.replicas:
                r.gossip.retire(ledger.session)
        begun, grain = self._span()
        ledger.open(grain, self._noise.nonce())
        ledger.session.nonce = self._noise.nonce()  # of its lineage when anything is told
        self._end = begun + self._config.session_epochs

    def restored(self):
        """A journal gave sessions back: which of them goes on is decided when the mesh is met."""
        self._chosen = False
        self._ledger.quiet = _SILENCE if self._ledger.partial else 0
        self.rotate()
        if len(self._ledger.sessions) > 1 and self._ledger.sessions[-2].fate == SPOKEN:
            self._spoken = self._ledger.sessions[-2]

    def new_epoch(self, issuing):
        """Fold what is due; a session that is over is followed by another. issuing: may totals be
        told?"""
        self._ledger.new_epoch(self._config.route_budget)
        self.fold()
        if issuing and self._clock.epoch() >= self._end:
            self.rotate()
        # Whoever has more answers, and steady news would hush who asks by digest.
        for s in self._ledger.sessions[:-1]:
            if s.unsure is None and s.known != s.total:
                for r in self._placement.replicas:
                    r.gossip.again(s, self._now())

    def fold(self):
        """Fold what is due in the ledger. Before that, in the closing, what nobody is known to
        hold leaves my own rows, so that nobody takes it in the last moment. Sessions that have
        not begun are of a clock that went back: nobody takes their rows, so they wait again."""
        cfg = self._config
        ledger = self._ledger
        closing = cfg.horizon(self._clock.epoch() + CLOSING)
        newest = (self._clock.epoch() + 1) // cfg.grain
        for s in ledger.sessions:
            if serial_diff(s.start, newest) > 0 and s.known != s.total:
                ledger.take_back(s)
        start = ledger.session.start
        if serial_diff(start, closing) <= 0 or serial_diff(start, newest) > 0:
            self.rotate()
        alone = self._clock.silence() > cfg.horizon_epochs * EPOCH_CYCLES
        for s in ledger.late(closing):
            for c in range(ledger.channels):
                r = self._placement.find(c // SLOTS)
                p = r.shard.find(s.start, s.nonce, c % SLOTS) if r and s.unsure else -1
                beyond = r.shard.credited[p] - s.total[c] if p >= 0 else 0
                if 0 < beyond <= BEYOND * cfg.max_allowed_shift:  # told in another life's last
                    s.total[c] += beyond  # seconds: it is accounted for
                    s.known[c] = s.total[c]
                    ledger.changed()
                elif not r and not alone:
                    ledger.echo(s, c, s.total[c])  # its holders took it, though no digest shows it
            if ledger.silent and self._clock.silence() > _GONE:
                ledger.take_back(s)  # else somebody may show until the fold that he knows it
            for r in self._placement.replicas:
                r.take_back(s)
        ledger.fold(cfg.horizon(self._clock.epoch()))

    def overstated(self):
        """Somebody tells more of my session than I do: contribute under another from now on."""
        cycle = self._clock.cycle
        if cycle - self._said_at >= self._wait:
            self._said_at = cycle
            self._wait *= 2
            self.rotate()

    def compared(self, r, bits):
        """Somebody's digests were compared with mine. bits: the buckets that differ; in the others
        he holds what I hold in this shard."""
        ledger = self._ledger
        first = r.first_channel()
        if first >= ledger.channels:
            return
        for s in ledger.sessions:
            if s.unsure is None and s.known == s.total:
                continue
            for slot in range(min(r.shard.slots, ledger.channels - first)):
                if bits >> bucket(s.nonce, slot) & 1:
                    continue
                if s is ledger.session and r.gossip.news >> slot & 1:
                    continue  # it was not said yet: he has my digests from me
                if r.shard.find(s.start, s.nonce, slot) >= 0:  # or my digests are without it
                    ledger.echo(s, first + slot, s.held(first + slot))
            if s.unsure is not None and self.age >= _WHOLE:
                self._confirm(s, r, bits)

    def _confirm(self, s, r, bits):
        """What the mesh has of a session of another life is its total."""
        if s.fate != SPOKEN or not s.unsure[r.index]:
            return
        ledger = self._ledger
        shard = r.shard
        for c in range(r.first_channel(), min(r.first_channel() + SLOTS, ledger.channels)):
            slot = c % SLOTS
            p = shard.find(s.start, s.nonce, slot)
            if p < 0 or bits >> bucket(s.nonce, slot) & 1:
                continue
            if shard.credited[p] < shard.claimed[p]:
                return
            if s.total[c] < shard.credited[p]:  # told in its last seconds
                s.total[c] = s.known[c] = shard.credited[p]
                ledger.changed()
        s.unsure[r.index] &= bits
        if not any([s.unsure[i] for i in range(len(s.unsure)) if self._placement.find(i)]):
            s.fate = SURE
            ledger.changed()

    # --- which session goes on ------------------------------------------------------------------

    def _choose(self):
        """Decide in which session this life speaks; False while that cannot be said yet."""
        from . import restart

        ledger = self._ledger
        parts = self._config, self._clock, self._noise, ledger, self._placement, self._journal
        found = restart.decide(parts, self.age, self._spoken, self._span, self.rotate)
        if found is None:
            return False
        if found:
            ledger.take_up(found)
            self._end = self._span()[0] + self._config.session_epochs
        unload("restart")
        return True

    # --- contributing ---------------------------------------------------------------------------

    def add(self, c, raw, carry, value, ready, at_once):
        """Accept a contribution (raw), and what is carried on. value: the channel's present one;
        ready: may totals be told? at_once: then now. Raises LvsError, and changes nothing, where
        the counter would end."""
        self._ledger.add(c, raw, value, carry)
        if ready and at_once and self._chosen:
            self._issue(c)

    def _issue(self, c):
        ledger = self._ledger
        if not ledger.lead(c, 1):
            return
        if ledger.session.total[c] >> LONG:
            self.rotate()
        session = ledger.session
        r = self._placement.find(c // SLOTS)
        if r:
            full = r.shard.count >= r.shard.capacity and not session.total[c]
            high = r.shard.settled.hi[c % SLOTS] + r.shard.inflow.hi[c % SLOTS]
            if full or high >= _BRIM:
                return  # no room for a row, or in the counter: it waits
        n = session.nonce
        if not max(session.total) and n != ledger.nonce(session.start, n >> 24):
            # Named by my EPs before a journal names it, it would make a copy of me.
            ledger.open(session.start, self._noise.nonce())
            session = ledger.session
        if not (ledger.named and ledger.free[c]):
            # Not before the journal lets it go: told twice, it would count twice.
            self._journal.sync()
            ledger.named = True  # where nothing can be kept, what is new is told all the same
        if not ledger.issue(c, self._config.max_allowed_shift - 1):
            return
        if r:
            r.own_row(session, c)
            r.gossip.own(c % SLOTS, self._now())
        else:
            self._elsewhere.own(c)

    def cycle(self):
        """Once a cycle: tell as much of what was contributed as a cycle may."""
        ledger = self._ledger
        self.age += 1
        n = ledger.apart()
        ledger.quiet += n > 0
        most = _GONE if self._clock.silence() > _GONE else _SILENCE
        silent = ledger.quiet > most or self._clock.heard_at is None
        if silent != ledger.silent:
            ledger.silent = silent
            n = max(n, ledger.partial)  # what a journal may take for known is another
            ledger.version += n > 0
            if n > 1:
                ledger.changed()
        ledger.begin(self._clock.cycle)
        ledger.new_cycle()
        if not self._chosen:
            self._chosen = self._choose()
            if not self._chosen:
                return
        for c in range(ledger.channels):
            self._issue(c)

    def apart(self):
        """Of a node that never heard anybody in this life: was it alone for so long, or with the
        last one, that what it folded is nobody else's?"""
        return self._ledger.partial or self.age > self._config.horizon_epochs * EPOCH_CYCLES

    def drained(self, since, most):
        """Is there nothing to wait for before the node stops? since: cycle when it was told to;
        most: cycles that it may wait."""
        clock = self._clock
        if clock.cycle - since >= most or not self._ledger.left():
            return True
        if clock.heard_at is None:
            return self.age > 0  # nobody is there
        return clock.cycle - max(since, clock.heard_at) > _GONE
