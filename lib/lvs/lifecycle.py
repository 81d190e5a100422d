"""Lifecycle: how a node finds state, doubts its own, and comes back after an absence
(docs/protocol.md, section 10; specification 8.2)."""

from .fixed import MAX_RAW, const
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
    """A node's way from one state to the next. ``state`` is one of the above."""

    def __init__(self, node):
        self._node = node
        self.state = INIT
        self.low = False
        self.recoveries = 0
        self.rejoins = 0
        self.doubts = ""  # why the node last recovered
        self._sought = 0  # cycles in this state

    def issuing(self):
        """May contributions be told?"""
        return self.state != INIT and self.state != RECOVER

    def flags(self):
        """EP flags for the present state."""
        f = LOW_POWER if self.low else 0
        if self.state == INIT or self.state == JOIN:
            f |= JOINING | WANT
        elif self.state == RECOVER:
            f |= RECOVERING | WANT
        return f

    def low_power(self, on):
        """Enter or leave low power."""
        self.low = on
        if self.state == ACTIVE or self.state == LOW:
            self._active()

    def _active(self):
        self.state = LOW if self.low else ACTIVE

    def seek(self, state):
        """Look for state: from the start, after an absence, or in doubt of my own."""
        self.state = state
        self._sought = 0
        self._offered = 0  # cycles since the first offer
        self._strays = []  # routes far ahead of a fresh clock
        self._offers = []  # (route, its clock against mine), the newest last
        for r in self._node.replicas:
            r.window.expire(MAX_RAW)
            r.synced = False
            r.sought = 0

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
        node = self._node
        for r in [replica] if replica else node.replicas:
            r.suspect = True
        self.recoveries += 1
        self.doubts = "recovered %d times, last because %s" % (self.recoveries, why)
        if self.state != INIT:
            self.seek(RECOVER)
            node.sender.reset(node.now())

    def repair(self, r):
        """Values or rows of a shard have changed by themselves: a flipped bit, a wild write."""
        n = r.shard.damaged
        r.repair()
        self._node.enter(r)
        self.recover("%d values in the memory of shard %d had changed" % (n, r.index), r)

    def _again(self):
        """Start over with nothing but what was contributed."""
        self.rejoins += 1
        for r in self._node.replicas:
            r.live = False
        self.seek(INIT)
        self._node.sender.reset(self._node.now())

    def stray(self, offset, key):
        """A fresh node hears a clock that is ahead of its own by ``offset`` cycles: start over
        when enough routes say so. True if that clock is too far ahead to be listened to."""
        if offset <= _STRAY:
            return False
        if key not in self._strays:
            self._strays.append(key)
        node = self._node
        if len(self._strays) >= min(_ENOUGH, node.routes.recent(node.epoch, 2)):
            node.ledger.astray()
            self._again()
        return True

    def come_back(self):
        """Somebody is heard again after more than a horizon: nobody else knows what I folded."""
        node = self._node
        ledger = node.ledger
        if node.heard_at is None and not any(ledger.exile):
            return  # just switched on
        for c in range(ledger.channels):
            owed = ledger.exile[c]
            if owed:
                ledger.owe(c, owed)
                r = node.replica(c // SLOTS)
                if r:
                    left = r.shard.settled[c % SLOTS] - owed
                    r.shard.settle(c % SLOTS, left if left > 0 else 0)
        self._again()

    # --- what is found ------------------------------------------------------------------------

    def offer(self, f, key, r, route):
        """An EP with state for a shard that seeks it."""
        if r.again and f.horizon != r.shard.horizon & 0xFFFF:
            return  # from before the fold
        cycle = self._node.clock.cycle
        # One voice a route: sessions cost nothing.
        self._offers = [o for o in self._offers if o[0] != key][-14:]
        self._offers.append((key, f.cycle - cycle))
        r.offer(f, key, cycle)

    def _offered_now(self):
        """How many offers there are for what is sought."""
        if self.state != RECOVER:
            return len(self._offers)
        return min([r.window.n for r in self._node.replicas if r.suspect] or [0])

    def _join(self, now):
        """While seeking: adopt, wait, or go on alone."""
        node = self._node
        self._sought += 1
        n = self._offered_now()
        if n:
            self._offered += 1
            if n < _ENOUGH and self._offered < _PATIENCE:
                return
        elif self._sought < _ALONE:
            return
        recovering = self.state == RECOVER
        if n and not recovering:
            offsets = sorted([o[1] for o in self._offers])
            node.clock.adopt(node.clock.cycle + offsets[len(offsets) // 2], now)
            node.heard_at = node.clock.cycle  # or the jump would look like an absence
        epoch = node.clock.epoch()
        moved = epoch != node.epoch
        node.epoch = epoch
        for r in node.replicas:
            self._revive(r, n, epoch, moved)
        # A session without contributions begins now, and none from before a jump of the clock
        # goes on.
        if moved or not recovering and not max(node.ledger.session.target):
            node.rotate()
        if moved:
            node.ledger.fold(epoch - node.config.lifetime - 1, False, True)
        self._sought = 0
        if n:
            self.state = JOIN
        else:
            self._active()
        node.sender.reset(now)

    def _revive(self, r, n, epoch, moved):
        """Give a shard state: the peers', or what I kept. n: offers; moved: the clock jumped."""
        node = self._node
        cycle = node.clock.cycle
        if self.state == RECOVER and not r.suspect:
            return
        if n and (r.suspect or r.stale()):
            if r.adopt(epoch, cycle):
                r.repaired()
                node.enter(r)
                return
            if not r.suspect:
                return  # there is a mesh, but nobody has spoken of this shard yet
        if r.suspect:
            node.journal.repair(r)
            r.repaired()
        if moved:
            r.next_epoch(epoch, cycle, node.routes, node.peers)
        r.go_live(cycle)

    def _fill(self):
        """Shards held here without state adopt what is offered for them."""
        node = self._node
        for r in node.replicas:
            if r.live:
                r.fetching = 0 if r.synced or not r.fetching else r.fetching - 1
                continue
            r.sought += 1
            n = r.window.n
            if n >= _ENOUGH or n and r.sought >= _PATIENCE:
                self._revive(r, n, node.epoch, False)
                r.fetching = _ROWS
                node.sender.reset(node.now())
            elif r.sought >= _ROWS:
                r.orphan = not (r.kept or r.again)  # in a mesh that has no state of it
                r.whole = True
                self._revive(r, 0, node.epoch, False)
                node.enter(r)

    def _synced(self):
        """While fetching rows: active when a peer's digests were equal to mine."""
        self._sought += 1
        if self._sought >= _ROWS or all([r.synced for r in self._node.replicas]):
            self._active()
