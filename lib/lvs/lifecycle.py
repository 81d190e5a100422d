"""Lifecycle: how a node finds state, doubts its own, and comes back after an absence
(docs/protocol.md, section 10; specification 8.2)."""

from .config import EPOCH_CYCLES
from .fixed import MAX_RAW, const
from .replica import DOUBTED, EMPTY, FLAGS, KEPT, LIVE
from .votes import EPOCHS
from .wire import DOUBT, EP, JOINING, LOW_POWER, RECOVERING, VALUE

INIT = "INIT"  # looking for peers, for their clock and for state
JOIN = "JOINING"  # has a settled vector, fetches rows
ACTIVE = "ACTIVE"
LOW = "LOW_POWER"  # active, with long intervals
RECOVER = "RECOVERING"  # doubts its own state: adopts its peers'

_ALONE = const(8)  # cycles without an offer until a node goes on by itself
_PATIENCE = const(5)  # cycles to collect offers after the first: whoever is quickest is no crowd
_ROWS = const(32)  # cycles without anybody who has all, until what there is will do
_STRAY = const(64)  # cycles by which a clock that has nothing to defend may differ from most
_APART = const(8)  # and by which those that answer may, or they contradict each other
_OFFERS = const(64)  # clocks that are remembered


class Lifecycle:
    """A node's way from one state to the next. ``state`` is one of the above.

    clock, ledger, placement, contributions, routes, trickle: the node's; journal: repairs a shard
    of which no peer has any; now: () -> ticks. ``remembered``: routes of the last life.
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
        self.low = False
        self.recoveries = 0
        self.rejoins = 0
        self.doubts = ""  # why the node last recovered
        self.remembered = []
        self.listed = 0  # channels in the longest list that was heard of
        self._least = 0  # cycle that a clock shows at least whose state is taken over
        self._seek()

    def seeking(self):
        """Is state still looked for?"""
        return self.state != ACTIVE and self.state != LOW

    def issuing(self):
        """May contributions be told?"""
        return self.state != INIT and self.state != RECOVER

    def flags(self, r):
        """EP flags for a shard, None for one that is not held."""
        more = (LOW_POWER if self.low else 0) | (DOUBT if self.disputed else 0)
        return more | (FLAGS[r.phase] if r else 0)

    def low_power(self, on):
        """Enter or leave low power."""
        self.low = on
        self._name()

    def _name(self):
        """The state that follows from the shards' phases."""
        if self.state == INIT:
            return
        self.state = LOW if self.low else ACTIVE
        for r in self._placement.replicas:
            if r.phase == DOUBTED:
                self.state = RECOVER
            elif r.phase != LIVE and self.state != RECOVER:
                self.state = JOIN

    def _seek(self):
        """Look for peers, and for the clock that they have."""
        self.state = INIT
        self.disputed = False  # do those who answer contradict each other?
        self._wait = _ALONE  # cycles until an end is made of it
        self._clocks = {}  # route: its clock against mine, of those that show state

    def activate(self):
        """There is a clock; the rest is up to the shards."""
        self.state = JOIN
        self.disputed = False
        self._clocks = {}
        self._name()

    def cycle(self, now):
        """Once a cycle: what the present state waits for. now: ticks."""
        if self.state != INIT and not self._clock.cycle % (EPOCHS * EPOCH_CYCLES):
            self._clock.apart = sorted(self._clocks.values())
            self._clocks = {}
        if self.state == INIT:
            self._wait -= 1
            if self._wait > 0:
                return
            self._meet(now)
        for r in self._placement.replicas:
            if r.phase != LIVE:
                self._proceed(r)
        self._name()

    # --- why to seek --------------------------------------------------------------------------

    def recover(self, why, replica=None):
        """Doubt a shard's state, or all of them: stop drifting and adopt the peers' (specification
        8.2; docs/durability.md). why: for people."""
        for r in [replica] if replica else self._placement.replicas:
            r.seek(DOUBTED)
        self.recoveries += 1
        self.doubts = "recovered %d times, last because %s" % (self.recoveries, why)
        self._name()
        self._trickle.restart(self._now())

    def repair(self, r):
        """Values or rows of a shard have changed by themselves: a flipped bit, a wild write."""
        if r.phase == DOUBTED:
            return
        n = r.shard.damaged
        r.purge()
        r.enter(self._ledger.sessions)
        self.recover("%d values in the memory of shard %d had changed" % (n, r.index), r)

    def _rejoin(self, least=0):
        """Start over with nothing but what was contributed, and what those offer whose clocks show
        ``least`` or more."""
        self.rejoins += 1
        self._least = least
        for r in self._placement.replicas:
            r.seek(EMPTY)
        self._seek()
        self._trickle.restart(self._now())

    def stray(self, offset, key, kept):
        """Somebody whose clock is ``offset`` cycles ahead is heard: start over when most say so.
        Not with ``kept`` state: then come back as after a power cut so many cycles long. True if
        that clock is too far off to be listened to."""
        if -_STRAY <= offset <= _STRAY:
            self._clocks.pop(key, None)
            return False
        self._note(offset, key)
        if kept:
            # Of all neighbours: of those heard of late most may be loud, and hush the others.
            half = self._crowd() + 1 >> 1
            if self._ahead(kept) > half:
                self._return()
            elif offset < 0 and len(self._clocks) - self._ahead(MAX_RAW) > half:
                # Most are waited for, whatever they hold: only who folds together can settle it.
                self._routes.steers(self._routes.known(key), offset)
            return False
        most = min(self._crowd(), self._routes.recent(self._clock.epoch(), 2))
        # Of two that are as many the one behind follows.
        ahead = 2 * self._ahead(MAX_RAW)
        if ahead >= most or 2 * len(self._clocks) - ahead > most + 1:
            self._ledger.astray()
            self._rejoin()
        return True

    def _last(self):
        """Of those whose clocks are remembered, who was drawn last."""
        return max(self._clocks, key=self._routes.draw)

    def _crowd(self):
        """Of how many neighbours all that stray are remembered: the others were not drawn."""
        full = len(self._clocks) >= _OFFERS
        return self._routes.draw(self._last()) if full else self._routes.near

    def _ahead(self, most):
        """How many of the clocks are ahead of mine, by less than so many cycles."""
        n = 0
        for offset in self._clocks.values():
            n += 0 < offset < most
        return n

    def _return(self):
        """Most are far ahead: too few of them were heard when this life began."""
        for r in self._placement.replicas:
            r.keep()
        self.remembered = []  # of an earlier life: they say nothing against those who are here
        self.state = INIT
        self._wait = _PATIENCE

    def come_back(self, f):
        """A frame is heard after more than a horizon of silence: nobody else knows what I folded.
        But no clock goes back: who is behind those that I heard last, or behind mine by more than
        clocks may run apart, has nothing to start over with. False for him: the silence goes on,
        until an EP shows what I hold, for he has come to me, or something else."""
        heard = self._clock.heard_at
        if heard is None:
            if self.state == INIT or not (self._least or self._contributions.apart()):
                return True
            heard = self._clock.cycle - self._contributions.age // 4
        least = heard - EPOCH_CYCLES
        if f.cycle < least:
            self._least = least
            return False
        r = self._placement.find(f.shard)
        if self._least and r:
            stateless = f.flags & (JOINING | RECOVERING | VALUE) or not f.held >> f.shard & 1
            if f.kind != EP or stateless:
                return False
            if r.shard.settled.equals(f.vector):
                return True
        self._rejoin(least)
        return True

    # --- what is found ------------------------------------------------------------------------

    def _note(self, offset, key):
        """One voice a route: sessions cost nothing. Of many a draw: who is quick is no crowd."""
        self._clocks[key] = offset
        if len(self._clocks) > _OFFERS:
            del self._clocks[self._last()]

    def offer(self, f, key, r):
        """An EP with state of a shard, while a clock is looked for or that shard has none. True
        if it is not to be compared with my state yet."""
        seeks = self.state == INIT or r.phase < KEPT
        if seeks and f.cycle >= self._least:
            if r.phase < KEPT:
                r.offer(f, key)
            self.told(f, key)
        return seeks

    def told(self, f, key):
        """Somebody has state, and so a clock: one to go by, if one is looked for. Returns by how
        many cycles it is ahead."""
        offset = f.cycle - self._clock.cycle
        if self.state == INIT:
            n = len(self._clocks)
            self._note(offset, key)
            found = self._clocks.values()
            more = len(found) > n
            if more and len(found) == 1:
                self._wait = _PATIENCE
            elif (more or not self.disputed) and (
                max(found) - min(found) > (_STRAY if self._kept() else _APART)
                or self._contradicted()
            ):
                # While others come in there may be more who know.
                self.disputed = True
                self._wait = max(self._wait, 2 * _ALONE)
                self._trickle.hurry(self._now())
        return offset

    def _kept(self):
        """Is there state of the last life?"""
        return any([r.phase == KEPT for r in self._placement.replicas])

    def _contradicted(self):
        """Are there two vectors on offer for one shard, at the same fold?"""
        for r in self._placement.replicas:
            for _, horizon, vector in r.offers:
                if horizon == r.offers[0][1] and not vector.equals(r.offers[0][2]):
                    return True
        return False

    def _offset(self):
        """By how many cycles to move my clock."""
        found = sorted(self._clocks.values())
        if not self._kept():
            return found[len(found) // 2] if found else 0
        # It stood still while I was off, so it is behind by something: as far as it takes to be
        # within an epoch, farther only if two fifths say so: a third may lie, and others that were
        # off are as far behind. Of those that I know, who shows no clock says nothing of the kind.
        near = [0]
        for o in found:
            if -_STRAY <= o <= _STRAY:
                near.append(o)
        near.sort()
        quiet = 0
        for key in self.remembered:
            quiet += key not in self._clocks
        quiet = max(quiet, self._crowd() - len(found))
        far = sorted(found + [0] * (quiet + 1))
        far = far[len(far) * 3 // 5]
        return max(0, far if far > _STRAY else near[(len(near) - 1) // 2])

    def _meet(self, now):
        """Everybody was heard that wanted to be: from now on my clock goes as theirs do."""
        clock = self._clock
        heard = bool(self._clocks)
        offset = self._offset()
        fresh = not max(self._ledger.session.total)
        if heard:
            clock.adopt(clock.cycle + offset, now)
            clock.hear()  # or the jump would look like an absence
        moved = clock.turned()
        if fresh:
            self._contributions.rotate()  # it begins now
        if moved:
            self._contributions.fold()
        for r in self._placement.replicas:
            r.offered = _PATIENCE  # offers were collected together with the clocks
            if moved and not r.offers:
                r.next_epoch(clock.epoch(), clock.cycle, now)
        if not heard:
            for r in self._placement.replicas:
                self._alone(r)
        self.activate()
        self._trickle.restart(now)

    def _alone(self, r):
        """There is nobody who has anything of a shard: go on with what there is."""
        if r.phase == DOUBTED:
            self._journal.repair(r)
            r.shard.mended()
        r.go_live()
        r.enter(self._ledger.sessions)

    def _proceed(self, r):
        """Once a cycle, for a shard that lacks something."""
        r.waited += 1
        if r.phase >= KEPT:
            if r.waited > _ROWS * min(4, self._trickle.stretch()):
                r.go_live()
        elif r.offers:
            r.offered += 1
            if r.offered > _PATIENCE:
                r.adopt(self._clock.epoch())
                r.enter(self._ledger.sessions)
                self._trickle.restart(self._now())
        elif r.waited > (_ALONE if r.phase == DOUBTED else _ROWS):
            # In a mesh that has no state of it, though others list channels of it.
            r.orphan = not r.known and r.phase == EMPTY and r.first_channel() < self.listed
            self._alone(r)
