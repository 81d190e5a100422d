"""Lifecycle: how a node finds state, doubts its own, and comes back after an absence
(docs/protocol.md, section 10; specification 8.2)."""

from .fixed import const
from .wire import JOINING, LOW_POWER, RECOVERING, SLOTS, WANT

INIT = "INIT"  # looking for peers and state
JOIN = "JOINING"  # has a settled vector, fetches rows
ACTIVE = "ACTIVE"
LOW = "LOW_POWER"  # active, with long intervals
RECOVER = "RECOVERING"  # doubts its own state: adopts its peers'

_ALONE = const(8)  # cycles without an offer until a node goes on by itself
_ENOUGH = const(3)  # offers that suffice
_PATIENCE = const(5)  # cycles to wait for more after the first offer
_ROWS = const(32)  # cycles for fetching rows before a node calls itself active all the same
_STRAY = const(64)  # cycles by which a fresh node's clock may be behind before it joins anew


class Lifecycle:
    """A node's way from one state to the next. ``state`` is one of the above.

    clock, ledger, placement, contributions,
    routes, trickle: the node's; journal: repairs a shard of which no peer has any; now: () ->
    ticks.
    """

    def __init__(self, clock, now, ledger, placement, contributions, routes, trickle, journal):
        self._clock = clock
        self._now = now
        self._ledger = ledger
        self._placement = placement
        self._contributions = contributions
        self._routes = routes
        self._trickle = trickle
        self._journal = journal
        self.state = INIT
        self.low = False
        self.recoveries = 0
        self.rejoins = 0
        self.doubts = ""  # why the node last recovered
        self._sought = 0  # cycles in this state

    def seeking(self):
        """Is state still looked for?"""
        return self.state != ACTIVE and self.state != LOW

    def issuing(self):
        """May contributions be told?"""
        return self.state != INIT and self.state != RECOVER

    def flags(self):
        """EP flags for the present state."""
        f = LOW_POWER if self.low else 0
        if self.seeking():
            f |= WANT | (RECOVERING if self.state == RECOVER else JOINING)
        return f

    def low_power(self, on):
        """Enter or leave low power."""
        self.low = on
        if self.state == ACTIVE or self.state == LOW:
            self.activate()

    def activate(self):
        """There is state, and nothing more to fetch."""
        self.state = LOW if self.low else ACTIVE

    def seek(self, state=INIT):
        """Look for state: from the start, after an absence, or in doubt of my own."""
        self.state = state
        self._sought = 0
        self._offered = 0  # cycles since the first offer
        self._strays = []  # routes far ahead of a fresh clock
        self._offers = []  # (route, its clock against mine), the newest last
        for r in self._placement.replicas:
            r.seek()

    def cycle(self, now):
        """Once a cycle: what the present state waits for. now: ticks."""
        if not self.issuing():
            self._join(now)
        else:
            self._fill()
        if self.state == JOIN:
            self._synced()

    # --- why to seek --------------------------------------------------------------------------

    def recover(self, why, replica=None):
        """Doubt a shard's state, or all of them: stop drifting and adopt the peers' (specification
        8.2; docs/durability.md). why: for people."""
        for r in [replica] if replica else self._placement.replicas:
            r.suspect = True
        self.recoveries += 1
        self.doubts = "recovered %d times, last because %s" % (self.recoveries, why)
        if self.state != INIT:
            self.seek(RECOVER)
            self._trickle.restart(self._now())

    def repair(self, r):
        """Values or rows of a shard have changed by themselves: a flipped bit, a wild write."""
        n = r.shard.damaged
        r.repair()
        r.enter(self._ledger.sessions)
        self.recover("%d values in the memory of shard %d had changed" % (n, r.index), r)

    def _rejoin(self):
        """Start over with nothing but what was contributed."""
        self.rejoins += 1
        for r in self._placement.replicas:
            r.live = False
        self.seek()
        self._trickle.restart(self._now())

    def stray(self, offset, key):
        """A fresh node hears a clock that is ahead of its own by ``offset`` cycles: start over
        when enough routes say so. True if that clock is too far ahead to be listened to."""
        if offset <= _STRAY:
            return False
        if key not in self._strays:
            self._strays.append(key)
        if len(self._strays) >= min(_ENOUGH, self._routes.recent(self._clock.epoch(), 2)):
            self._ledger.astray()
            self._rejoin()
        return True

    def come_back(self):
        """Somebody is heard again after more than a horizon: nobody else knows what I folded."""
        ledger = self._ledger
        if self._clock.heard_at is None and not any(ledger.unacknowledged):
            return  # just switched on
        for c in range(ledger.channels):
            owed = ledger.unacknowledged[c]
            if owed:
                ledger.owe(c, owed)
                r = self._placement.find(c // SLOTS)
                if r:
                    r.lower(c % SLOTS, owed)
        self._rejoin()

    # --- what is found ------------------------------------------------------------------------

    def offer(self, f, key, r):
        """An EP with state for a shard that seeks it."""
        if r.readopt and f.horizon != r.shard.horizon & 0xFFFF:
            return  # from before the fold
        cycle = self._clock.cycle
        # One voice a route: sessions cost nothing.
        self._offers = [o for o in self._offers if o[0] != key][-14:]
        self._offers.append((key, f.cycle - cycle))
        r.offer(f, key, cycle)

    def _offered_now(self):
        """How many offers there are for what is sought."""
        if self.state != RECOVER:
            return len(self._offers)
        return min([r.window.n for r in self._placement.replicas if r.suspect] or [0])

    def _join(self, now):
        """While seeking: adopt, wait, or go on alone."""
        self._sought += 1
        n = self._offered_now()
        if n:
            self._offered += 1
            if n < _ENOUGH and self._offered < _PATIENCE:
                return
        elif self._sought < _ALONE:
            return
        recovering = self.state == RECOVER
        clock = self._clock
        if n and not recovering:
            offsets = sorted([o[1] for o in self._offers])
            clock.adopt(clock.cycle + offsets[len(offsets) // 2], now)
            clock.hear()  # or the jump would look like an absence
        moved = clock.turned()
        for r in self._placement.replicas:
            self._revive(r, n, moved)
        # A session without contributions begins now, and none from before a jump of the clock
        # goes on.
        if moved or not recovering and not max(self._ledger.session.target):
            self._contributions.rotate()
        if moved:
            self._contributions.fold(False, True)
        self._sought = 0
        if n:
            self.state = JOIN
        else:
            self.activate()
        self._trickle.restart(now)

    def _revive(self, r, n, moved):
        """Give a shard state: the peers', or what I kept. n: offers; moved: the clock jumped."""
        epoch = self._clock.epoch()
        cycle = self._clock.cycle
        if self.state == RECOVER and not r.suspect:
            return
        if n and (r.suspect or r.stale()):
            if r.adopt(epoch, cycle):
                r.repaired()
                r.enter(self._ledger.sessions)
                return
            if not r.suspect:
                return  # there is a mesh, but nobody has spoken of this shard yet
        if r.suspect:
            self._journal.repair(r)
            r.repaired()
        if moved:
            r.next_epoch(epoch, cycle)
        r.go_live(cycle)

    def _fill(self):
        """Shards held here without state adopt what is offered for them."""
        for r in self._placement.replicas:
            if r.live:
                r.fetching = 0 if r.synced or not r.fetching else r.fetching - 1
                continue
            r.sought += 1
            n = r.window.n
            if n >= _ENOUGH or n and r.sought >= _PATIENCE:
                self._revive(r, n, False)
                r.fetching = _ROWS
                self._trickle.restart(self._now())
            elif r.sought >= _ROWS:
                r.orphan = not (r.kept or r.readopt)  # in a mesh that has no state of it
                r.whole = True
                self._revive(r, 0, False)
                r.enter(self._ledger.sessions)

    def _synced(self):
        """While fetching rows: active when a peer's digests were equal to mine."""
        self._sought += 1
        if self._sought >= _ROWS or all([r.synced for r in self._placement.replicas]):
            self.activate()
