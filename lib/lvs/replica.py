"""Replica: one held shard with all that belongs to it, and what happens to it.

State, budgets, samples, votes, confidence and gossip of a shard; hearing an EP, a row, a cycle,
an epoch. It is handed what it needs and touches no network and no clock.
"""

from .drift_core import (
    CONFIDENT,
    FULL_CONFIDENCE,
    QUORUM,
    Window,
    apply_step,
    coefficient,
    median_of,
)
from .fixed import MAX_RAW, const, serial_diff, zeros
from .gossip import Gossip
from .routes import OTHERS, TC_START
from .state_shard import EXPIRED, GREW, NEW, NO_ROOM, SAME, Shard
from .vaultguard import ShardGuard
from .votes import EPOCHS, Votes
from .wire import BUCKETS, SLOTS

_MEMORY = const(256)  # cycles that a sample counts for the confident
_FRESH = const(2)  # and for those that still move
_GRACE = const(64)  # cycles after joining in which rows are credited without budget


def maker(config, clock, *parts):
    """A function that makes the replica of a shard, empty, now. parts: as Replica takes them."""
    return lambda index: Replica(config, index, clock.epoch(), *parts)


class Replica:
    """One held shard of a node.

    config: Config; index: shard number; epoch: now; drift: the node's Drift; routes: who is heard;
    noise, trickle: for its gossip.
    """

    def __init__(self, config, index, epoch, drift, routes, noise, trickle):
        slots = min(SLOTS, len(config.channels) - SLOTS * index)
        self.index = index
        self.shard = Shard(index, slots, config.rows, config.lifetime, epoch, config.grain)
        self.guard = ShardGuard(self.shard, routes)
        self.window = Window(slots)
        self.votes = Votes(config.routes)
        self.gossip = Gossip(self.shard, config.relays, noise, trickle, routes)
        self._drift = drift
        self._routes = routes
        self._noise = noise
        self._salt = 1  # draws whose votes a diverged node listens to
        self._shift = config.max_allowed_shift
        self._channels = len(config.channels)
        self.confidence = 0
        self.established = False
        self.live = False  # has state that may be shown and compared
        self.kept = False  # has state from before the last start, not compared with anybody's yet
        self.suspect = False  # its memory changed by itself: to be repaired
        self.sought = 0  # cycles that state was waited for
        self.orphan = False  # nobody had any
        self.fetching = 0  # cycles in which rows are still asked for
        # What is about to be folded is in no digest: who adopted a settled vector does not know
        # whether it has those rows, so it adopts again after the fold, until it was seen to have
        # all rows in the epoch before.
        self.whole = True  # has all that will be folded next
        self.equal = False  # its digests were equal to a peer's in this epoch
        self.readopt = False  # to adopt what its peers have after the fold
        self.synced = False  # its rows were seen to equal a peer's
        self.grace = 0  # cycle until which rows are credited without budget
        self.refused = 0  # rows for which the ring had no room
        self.expired = 0  # rows that came after their session was folded
        self.dc = 0  # the newest drift coefficient, Q8
        self.max_step = 0  # largest correction ever taken, raw
        self._quiet = False  # nothing new since the last drift, which changed nothing

    def first_channel(self):
        """Number of the channel in slot 0."""
        return self.index * SLOTS

    # --- starting -----------------------------------------------------------------------------

    def go_live(self, cycle):
        """Show what there is. For an epoch rows need no budget: nothing to defend yet."""
        self.live = True
        self.kept = self.readopt = False
        self.shard.seal()
        self.guard.new_epoch()
        self.grace = 0 if self.established else cycle + _GRACE

    def _commonest(self):
        """(horizon that most samples have, how many have it)."""
        w = self.window
        best = votes = 0
        for i in range(w.n):
            n = 0
            for j in range(w.n):
                n += w.horizon[j] == w.horizon[i]
            if n > votes:
                best, votes = w.horizon[i], n
        return best, votes

    def stale(self):
        """True unless I kept a settled vector that is as far as those that are offered."""
        return not self.kept or self._commonest()[0] != self.shard.horizon & 0xFFFF

    def seek(self):
        """Look for state: what was offered so far is of the past."""
        self.window.expire(MAX_RAW)
        self.synced = False
        self.sought = 0

    def lower(self, slot, amount):
        """An amount (raw) that was folded here alone is told anew: it leaves the settled value."""
        left = self.shard.settled[slot] - amount
        self.shard.settle(slot, left if left > 0 else 0)

    def repair(self):
        """Drop what changed by itself; own rows are to be entered again."""
        self.suspect = True
        self.shard.purge()
        self.gossip.forget()
        self._quiet = False

    def repaired(self):
        """What is there now is to be used."""
        self.suspect = False
        self.shard.mended()

    def adopt(self, epoch, cycle):
        """Take over the median of the samples with the commonest horizon; False without any."""
        w = self.window
        best, votes = self._commonest()
        if not votes:
            return False
        vector = zeros("i", w.slots)
        for s in range(w.slots):
            vector[s] = median_of(
                [w.vector[i * w.slots + s] for i in range(w.n) if w.horizon[i] == best]
            )
        grain = epoch // self.shard.grain
        horizon = grain - serial_diff(grain, best)
        self.shard.adopt(vector, horizon, epoch)
        self.gossip.forget()
        self.votes.forget()
        self.confidence = 0
        self.established = False
        self._quiet = False
        self.whole = self.readopt and self.equal
        self.equal = False
        self.go_live(cycle)
        return True

    # --- hearing ------------------------------------------------------------------------------

    def offer(self, frame, key, cycle):
        """Keep a sample while there is no state to compare it with."""
        self.window.put(key, cycle, frame.noise, frame.horizon, TC_START, frame.vector)

    def _equals(self, vector):
        settled = self.shard.settled
        for s in range(self.shard.slots):
            if vector[s] != settled[s]:
                return False
        return True

    def sample(self, frame, route, key, cycle):
        """Take an EP's settled vector into account; returns True if it agrees to the bit: a
        unit off is as wrong as any lie, and is not to be hushed but answered."""
        shard = self.shard
        if frame.horizon != shard.horizon & 0xFFFF:
            return False
        exact = self._equals(frame.vector)
        self.votes.cast(route, exact, shard.epoch)
        self._routes.judge(route, exact)
        # Nobody moves an established shard by talking; once most are known to hold something
        # else, who is listened to is drawn.
        weight, salt = self._routes.tc(route), 0
        if self.established:
            weight, salt = TC_START, self._salt if self.votes.diverged else 0
        if (salt or not self.established) and self.window.put(
            key, cycle, frame.noise, frame.horizon, weight, frame.vector, salt
        ):
            self._quiet = False
        return exact

    def unsettled(self):
        """True while my own state disagrees with what I hear and I have nothing to defend."""
        return self.live and self.confidence < CONFIDENT and not self._quiet and self.window.n > 0

    def lacking(self, frame, complete):
        """Bit map of the buckets in which an EP's digests differ from mine; None: incomparable.

        complete: the sender has had time to learn all rows, so that being equal means something.
        """
        shard = self.shard
        if frame.cycle >> 6 != shard.epoch or frame.horizon != shard.horizon & 0xFFFF:
            return None
        bits = 0
        for b in range(BUCKETS):
            if frame.digests[b] != shard.digests[b]:
                bits |= 1 << b
        if not bits and complete:
            self.synced = self.equal = True
        return bits

    def row(self, start, nonce, slot, total, route, cycle, own=False):
        """Learn a row; returns what Shard.merge did, and its ring position or -1.

        own: its session says it itself, and so may use the last places of a crowded ring.
        """
        shard = self.shard
        # Refused, it comes back by digest when there is room.
        did = NO_ROOM
        if not shard.crowded() or shard.find(start, nonce, slot) >= 0 or self._last(route, own):
            did = shard.merge(start, nonce, slot, total, route)
        p = shard.find(start, nonce, slot)
        if did == NO_ROOM:
            self.refused += 1
        elif did == EXPIRED:
            self.expired += 1
        elif did == SAME and p >= 0:
            shard.repeat(p)
            if shard.credited[p] < total:  # others are further: follow, on the sayer's budget
                if own:
                    shard.via[p] = route
                self.guard.credit(p, route, total, own)
        elif did == GREW or did == NEW:
            shard.repeats[p] = 1
            if cycle < self.grace:
                shard.credit(p, shard.claimed[p] - shard.credited[p])
            else:
                self.guard.credit(p, route, total, own)
        return did, p

    def _last(self, route, own):
        """May a new row have one of the last places of a crowded ring?"""
        return own and not self.shard.closed() and self._routes.place(route, self._channels)

    def own_row(self, session, channel):
        """My own total grew: it counts at once. Returns its ring position, -1 when it is full."""
        shard = self.shard
        slot = channel - self.first_channel()
        did = shard.merge(session.start, session.nonce, slot, session.total[channel], OTHERS)
        if did == NO_ROOM:
            return -1
        p = shard.find(session.start, session.nonce, slot)
        if p >= 0:
            # Not what others may have claimed in my name: that has to be credited to them.
            counts = min(shard.claimed[p], session.total[channel])
            shard.credit(p, counts - shard.credited[p])
        return p

    def withdraw(self, session):
        """Nobody took a session of mine: its rows go as if they had never been."""
        self.shard.drop(session.start, session.nonce)
        self.guard.lowered()
        self.gossip.forget()

    # --- time ---------------------------------------------------------------------------------

    def cycle(self, cycle):
        """One drift cycle; returns True if settled moved."""
        if not self.live:
            return False
        diverged = self.votes.diverged
        if not diverged and (self.established or self._quiet):
            if self.window.n:
                self._gain()
            return False
        moving = self.confidence < CONFIDENT and not diverged
        window = self.window
        drift = self._drift
        if not drift.select(window, self.shard.horizon, cycle - (_FRESH if moving else _MEMORY)):
            self._quiet = window.n == 0
            return False
        # A unit at a time, now and then, before medians lock it in.
        unit = not moving and not diverged and cycle & 3 == 0
        limit = 1 if unit else self._shift - 1
        level = QUORUM if diverged else TC_START if unit else 0
        error = drift.run(window, self.shard.settled, self.confidence, limit, level)
        self.dc = drift.dc
        moved = self._take(drift.steps)
        # A unit of difference is agreement for the confident; the others still have to settle.
        if diverged:
            self.confidence = 0
        elif error == 0 or error == 1 and self.confidence >= CONFIDENT:
            self._gain()
        elif self.confidence:
            self.confidence -= 1
        self._quiet = error == 0 and not moved
        return moved

    def _gain(self):
        if self.confidence < FULL_CONFIDENCE:
            self.confidence += 1
            if self.confidence == FULL_CONFIDENCE and not self.established:
                self.established = True
                self.guard.new_epoch()

    def _take(self, steps):
        moved = False
        shard = self.shard
        for s in range(shard.slots):
            step = steps[s]
            if step and self.established:
                step = self.guard.allow(s, step)
            assert -self._shift < step < self._shift  # G2
            if step:
                if not moved and not shard.intact():
                    return False
                apply_step(shard.settled, s, step)
                shard.settle(s, shard.settled[s])
                moved = True
                size = -step if step < 0 else step
                if size > self.max_step:
                    self.max_step = size
        return moved

    def next_epoch(self, epoch, cycle):
        """Fold, renew budgets, credit what waited, ask who agrees with me."""
        shard = self.shard
        before = zeros("i", shard.slots)
        for s in range(shard.slots):
            before[s] = shard.settled[s]
        horizon = shard.horizon
        if shard.advance(epoch):
            self.gossip.forget()
        if self.live and not self.suspect:
            # Whoever was heard folds the same rows: the samples stay comparable.
            self.window.fold(horizon, shard.horizon, before, shard.settled)
            self.window.expire(cycle - _MEMORY)
        else:
            self.window.expire(MAX_RAW)  # I lack those rows: what was offered is of the past
        self._quiet = False
        self.guard.new_epoch()
        self.guard.credit_rest()
        if not self.live:
            return
        if shard.horizon == horizon:  # nothing was about to be folded
            self.whole = self.whole or self.equal
        elif not self.whole:
            self.readopt = True
            self.live = self.synced = False
            self.sought = 0
            self.window.expire(MAX_RAW)
            return
        self.votes.count(epoch, self._routes.recent(epoch, EPOCHS))
        self.dc = coefficient(self.confidence, self._routes.trust()[1], False)
        if self.votes.diverged:
            self.confidence = 0
            self._salt = self._noise.nonce() | 1
        elif self.established:
            self.confidence = FULL_CONFIDENCE

    # --- from a journal -----------------------------------------------------------------------

    def restore(self, vector, horizon, epoch, confidence, established):
        """Take over a settled vector (raw) and its standing, as they were kept in ``epoch``."""
        self.shard.adopt(vector, horizon, epoch)
        self.shard.expect(epoch + 2)  # rows follow, perhaps of sessions begun a little later
        self.confidence = confidence
        self.established = established
        self.kept = True

    def enter(self, sessions):
        """Enter the rows of own sessions: they are mine to know."""
        first = self.first_channel()
        for session in sessions:
            for c in range(first, first + self.shard.slots):
                if session.total[c]:
                    self.own_row(session, c)

    def resume(self, sessions, epoch):
        """All was restored: enter own rows, then fold what is due by now."""
        self.shard.expect(epoch)
        self.enter(sessions)
        self.shard.advance(epoch)
        self.gossip.forget()
