"""Replica: one held shard with all that belongs to it, and what happens to it.

State, budgets, samples, votes, confidence and gossip of a shard; hearing an EP, a row, a cycle,
an epoch. It is handed what it needs and touches no network and no clock.
"""

from .config import CLOSING, EPOCH_CYCLES
from .drift_core import (
    CONFIDENT,
    FULL_CONFIDENCE,
    QUORUM,
    WINDOW,
    Window,
    coefficient,
)
from .fixed import MAX_RAW, const, hash16, mix, serial_diff, zeros
from .gossip import Gossip
from .ledger import LATE
from .routes import OTHERS, TC_START
from .state_shard import EXPIRED, FUTURE, GREW, NEW, NO_ROOM, SAME, Shard
from .vaultguard import ShardGuard
from .votes import EPOCHS, Votes
from .wide import FAR, Wide, of
from .wire import BUCKETS, JOINING, RECOVERING, SLOTS, WANT

# phases of a shard
EMPTY = 0  # no state that may be shown: offers are collected
DOUBTED = 1  # its memory changed by itself: the same
KEPT = 2  # state of the last life: shown, but rows may be missing
FETCHING = 3  # a settled vector that was offered; rows are missing
LIVE = 4
FLAGS = (JOINING | WANT, RECOVERING | WANT, WANT, JOINING | WANT, 0)  # of the EPs in each

_MEMORY = const(256)  # cycles that a sample counts for the confident
_PAST = const(64)  # folds that are remembered: a sender that far behind is believed about time
_PATIENCE = const(1024)  # cycles by which rows that come in prolong the wait for more, in all
_UNASKED = const(64)  # cycles without a question before the wait for an answer to it begins
_CROWD = const(8)  # offers, more than half of them equal, by which it is settled what is true
_SHORT = const(64)  # epochs of absence after which what is lacking may be beyond all budgets
_FRESH = const(2)  # and for those that still move


def maker(config, clock, *parts):
    """A function that makes the replica of a shard, empty, now. parts: as Replica takes them."""
    return lambda index: Replica(config, index, clock.epoch(), *parts)


class Replica:
    """One held shard of a node.

    config: Config; index: shard number; epoch: now; drift: the node's Drift; routes: who is heard;
    noise, trickle: for its gossip.
    """

    def __init__(self, config, index, epoch, drift, routes, noise, trickle):
        slots = config.listed(index)
        self.index = index
        self.shard = Shard(index, slots, config.rows, config.lifetime, epoch, config.grain)
        for c, raw in config.starts.items():
            if c // SLOTS == index:
                self.shard.settled[c % SLOTS] = raw
                self.shard.seal()
        self.guard = ShardGuard(self.shard, routes)
        self.window = Window(slots)
        self.offers = []  # (route, horizon, settled vector) while there is no state
        self.votes = Votes(config.routes)
        self.gossip = Gossip(self.shard, config.relays, bool(config.peers), noise, trickle, routes)
        self._drift = drift
        self._routes = routes
        self._noise = noise
        self._salt = 1  # draws whose votes a diverged node listens to
        self._shift = config.max_allowed_shift
        self._channels = len(config.channels)
        self.confidence = 0
        self.established = False
        self.phase = EMPTY
        self.waited = self.offered = 0  # cycles in this phase, and since state was first offered
        self.allowance = _PATIENCE  # what is left of it in this life
        self.known = 0  # epoch up to which the rows of others are in the journal, 0: none
        self.orphan = False  # nobody had any state
        # What a journal has not yet: 1 rows of sessions that have ended; 2 state that was offered,
        self.late = 0  # ... 4 nor has it the segment that is being written
        self._lacks = 0  # buckets that never equalled a peer's since
        self._past = zeros("H", _PAST)  # what was settled before each fold, hashed
        self._sole = False  # all that is known came by one route
        self._horizon = config.horizon_epochs
        self._budget = config.route_budget
        self.refused = 0  # rows for which the ring had no room
        self.expired = 0  # rows that came after their session was folded
        self.dc = 0  # the newest drift coefficient, Q8
        self.max_step = 0  # largest correction ever taken, raw
        self.yielded = zeros("i", SLOTS)  # raw by which it was led to what most hold
        self._quiet = False  # nothing new since the last drift, which changed nothing

    def first_channel(self):
        """Number of the channel in slot 0."""
        return self.index * SLOTS

    # --- starting -----------------------------------------------------------------------------

    @property
    def live(self):
        """Is there state that can be compared?"""
        return self.phase != EMPTY

    @property
    def reliable(self):
        """Is there state that can be shown and kept?"""
        return self.phase >= KEPT

    def _enter(self, phase):
        self.phase = phase
        self.waited = self.offered = 0
        self._lacks = 0xFF

    def seek(self, phase):
        """Look for state, EMPTY or DOUBTED: what was heard so far is of the past."""
        self._enter(phase)
        self.window.expire(MAX_RAW)
        self.offers = []

    def keep(self):
        """What there is may lack rows: of all that was told since the last start, if it was one
        from a journal and most have not agreed since."""
        if self.phase > KEPT:
            self._enter(KEPT)
            self.known = self.known or self.shard.epoch

    def leap(self):
        """Cycles by which a clock may be ahead to be followed: all leaps since most were known to
        agree are together a horizon at most, or what is kept would not be sure."""
        left = self._horizon - (self.known and self.shard.epoch - self.known)
        return max(1, left * EPOCH_CYCLES) if self.established else 0

    def go_live(self):
        """Show what there is. What was kept goes on with the budgets that it has."""
        if self.phase != KEPT:
            self.guard.new_epoch()
        self._enter(LIVE)
        self.shard.seal()

    def purge(self):
        """Drop what changed by itself; own rows are to be entered again."""
        self.shard.purge()
        self.gossip.forget()
        self._quiet = False

    def adopt(self, epoch):
        """Take over the median of the offers with the commonest horizon, of which there are."""
        horizons = [horizon for _, horizon, _ in self.offers]
        best = max(horizons, key=horizons.count)
        vectors = [vector for _, horizon, vector in self.offers if horizon == best]
        middle = (len(vectors) - 1) // 2
        vector = of([sorted([v[s] for v in vectors])[middle] for s in range(SLOTS)])
        grain = epoch // self.shard.grain
        late = serial_diff(grain, best)
        if late > self.shard.lifetime + 1:
            self.seek(self.phase)  # of before a fold: whoever offered has no more what it folded
            self.waited = -_UNASKED
            return
        self.shard.adopt(vector, grain - late, epoch)
        self.shard.mended()
        self.gossip.forget()
        self.votes.forget()
        # In a dispute whoever is loud would lead it on: who chose as most of a crowd do stays.
        same = 0
        for v in vectors:
            same += v.equals(vector)
        n = len(self.offers)
        self.established = _CROWD < n < 2 * same < 2 * n
        self.confidence = FULL_CONFIDENCE if self.established else 0
        self._quiet = False
        self._sole = n == 1
        self.offers = []
        self._enter(FETCHING)
        self.late = 6
        self.guard.new_epoch()

    # --- hearing ------------------------------------------------------------------------------

    def offer(self, frame, key):
        """Keep the newest that a route offers while there is no state to compare it with; of many
        routes a salted draw: not of those who are loud."""
        self._know(frame.count)
        offers = [o for o in self.offers if o[0] != key]
        same = [o[2] for o in offers if o[2].equals(frame.vector)]
        vector = same[0] if same else Wide(SLOTS)
        vector.copy(frame.vector)
        offers.append((key, frame.horizon, vector))
        self.offers = sorted(offers, key=lambda o: self._routes.draw(o[0]))[: 2 * WINDOW]

    def _know(self, slots):
        """Somebody has so many channels in this shard: carry those that my list lacks."""
        self.shard.slots = slots = max(slots, self.shard.slots)
        if slots > self.window.slots:
            self.window = Window(slots)

    def _mark(self, horizon, vector):
        h = horizon & 0xFFFF
        for s in range(SLOTS):
            h = mix(mix(h, vector.lo[s]), vector.hi[s])
        return hash16(h) or 1  # 0: no fold yet

    def held_before(self, frame):
        """Does an EP show what I held before a fold? Then its sender is behind in time alone."""
        at = frame.horizon % _PAST
        return self._past[at] == self._mark(frame.horizon, frame.vector)

    def sample(self, frame, route, key, cycle):
        """Take an EP's settled vector into account; returns True if it agrees to the bit: a
        unit off is as wrong as any lie, and is not to be hushed but answered."""
        shard = self.shard
        if frame.horizon != shard.horizon & 0xFFFF:
            return False
        self._know(frame.count)
        exact = shard.settled.equals(frame.vector)
        self.votes.cast(route, exact, shard.epoch)
        self._routes.judge(route, exact)
        # Nobody moves an established shard by talking: what is off is kept to be shown, without
        # weight. Once most are known to hold something else, who is listened to is drawn.
        weight, salt = self._routes.tc(route), 0
        if self.established:
            weight, salt = (TC_START, self._salt) if self.votes.diverged else (0, 0)
        if (weight or not exact) and self.window.put(
            key, cycle, frame.noise, weight, shard.settled, frame.vector, salt
        ):
            self._quiet = self._quiet and not weight
        return exact

    def unsettled(self):
        """True while my own state disagrees with what I hear and I have nothing to defend."""
        return self.live and self.confidence < CONFIDENT and not self._quiet and self.window.n > 0

    def lacking(self, frame, whole):
        """Bit map of the buckets in which an EP's digests differ from mine; None: incomparable.

        whole: the sender agrees with me, and lacks nothing that it knows of.
        """
        shard = self.shard
        if frame.cycle >> 6 != shard.epoch or frame.horizon != shard.horizon & 0xFFFF:
            return None
        bits = 0
        for b in range(BUCKETS):
            if frame.digests[b] != shard.digests[b]:
                bits |= 1 << b
        if whole and self.phase < LIVE and self._lacks & ~bits:
            self.waited = 0
            self._lacks &= bits
            if not self._lacks:
                self.go_live()
        return bits

    def _most(self, start):
        """The largest total (raw) that a session may have that began in a grain."""
        grain = self.shard.grain
        now = self.shard.epoch + 1  # clocks differ
        epochs = serial_diff(now // grain, start) * grain + now % grain + 1
        return max(-1, epochs) * self._budget if epochs < MAX_RAW // self._budget else MAX_RAW

    def row(self, start, nonce, slot, total, route, own=False):
        """Learn a row; returns what Shard.merge did.

        own: its session says it itself, and so may use the last places of a crowded ring.
        """
        shard = self.shard
        p = shard.find(start, nonce, slot)
        if total > self._most(start):
            return FUTURE  # nobody honest is that fast
        lacking = self.phase < LIVE
        long = self.phase != KEPT or shard.epoch - self.known > _SHORT
        if lacking and long and p >= 0 and shard.via[p] != route:
            # What two routes say needs no budget while there is nothing to compare with.
            shard.credit(p, min(shard.claimed[p], total) - shard.credited[p])
        # Refused, it comes back by digest when there is room.
        did = NO_ROOM
        if p >= 0 or not shard.crowded() or total and self._last(route, own):
            did = shard.merge(start, nonce, slot, total, route)
            p = shard.find(start, nonce, slot)
        before = start != shard.epoch // shard.grain & 0xFFFF
        if did == NEW and lacking and before and self.allowance > 0:
            self.allowance -= self.waited  # there may be more, though not for ever
            self.waited = 0
        if did == NO_ROOM:
            self.refused += 1
        elif did == EXPIRED:
            self.expired += 1
        elif did == SAME and p >= 0:
            self.gossip.heard(p, self._routes.trusted(route) or not self.established)
            if shard.credited[p] < total:  # others are further: follow, on the sayer's budget
                if own:
                    shard.via[p] = route
                self.guard.credit(p, route, total, own, self.established)
        elif did == GREW or did == NEW:
            self.late |= shard.left(p) <= self._horizon + CLOSING + 1
            if lacking and self._sole:
                shard.credit(p, shard.claimed[p] - shard.credited[p])
            else:
                self.guard.credit(p, route, total, own, self.established)
        return did

    def _last(self, route, own):
        """May a new row have one of the last places of a crowded ring?"""
        return own and not self.shard.closed() and self._routes.place(route, 4 * self._channels)

    def own_row(self, session, channel):
        """My own total grew: it counts at once. Returns its ring position, -1 when it is full."""
        shard = self.shard
        slot = channel - self.first_channel()
        did = shard.merge(session.start, session.nonce, slot, session.held(channel), OTHERS)
        if did == NO_ROOM:
            return -1
        p = shard.find(session.start, session.nonce, slot)
        if p >= 0:
            # Not what others may have claimed in my name: that has to be credited to them.
            counts = min(shard.claimed[p], session.held(channel))
            shard.credit(p, counts - shard.credited[p])
        return p

    def take_back(self, session):
        """What nobody is known to hold of a session of mine leaves its rows."""
        first = self.first_channel()
        for slot in range(min(self.shard.slots, len(session.total) - first)):
            known = session.known[first + slot]
            self.shard.lower(session.start, session.nonce, slot, known)
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
        if not drift.select(window, cycle - (_FRESH if moving else _MEMORY)):
            self._quiet = window.n == 0
            return False
        if moving and 2 * window.equal() >= window.n:  # and I: those who agree are soon hushed
            self._quiet = True
            self._gain()
            return False
        # A unit at a time, now and then, before medians lock it in.
        unit = not moving and not diverged and cycle & 3 == 0
        limit = 1 if unit else self._shift - 1
        level = QUORUM if diverged else TC_START if unit else 0
        error = drift.run(window, self.confidence, limit, level)
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
        for s in range(self.window.slots):
            step = steps[s]
            if step and self.established:
                step = self.guard.allow(s, step)
            assert -self._shift < step < self._shift  # G2
            if step:
                if not moved and not shard.intact():
                    return False
                shard.shift(s, step)
                self.window.moved(s, step)
                if self.established:
                    self.yielded[s] = max(-FAR, min(FAR, self.yielded[s] + step))
                moved = True
                size = -step if step < 0 else step
                if size > self.max_step:
                    self.max_step = size
        return moved

    def next_epoch(self, epoch, cycle, now):
        """Fold, renew budgets, credit what waited, ask who agrees with me. Rows of sessions that
        have just ended, or close next, are rumours once more: nobody speaks in them any more, and
        somebody may lack their last totals."""
        self._fold(epoch)
        shard = self.shard
        for k in range(shard.count):
            p = shard.position(k)
            left = shard.left(p) - CLOSING - 2
            if left == 0 or left == self._horizon - 1:
                self.gossip.behind(p, now, True)
        self._quiet = False
        self.guard.new_epoch()
        self.guard.credit_rest(self.established)
        if self.phase < KEPT:
            return
        self.window.expire(cycle - _MEMORY)
        recent = self._routes.recent(epoch, EPOCHS)
        self.votes.count(epoch, self._routes, self.index)
        if self.phase == LIVE and (self.votes.total - self.votes.others) * 2 > recent:
            self.known = 0
        self.dc = coefficient(self.confidence, self._routes.trust()[1], False)
        if self.votes.diverged:
            self.confidence = 0
            self._salt = self._noise.nonce() | 1
        elif self.established:
            self.confidence = FULL_CONFIDENCE

    def _fold(self, epoch):
        """Fold what is due. Whoever may lack rows that were due has no state any more: what is
        offered after the fold is what it would have."""
        horizon = self.shard.horizon
        if self.phase >= KEPT:
            self._past[horizon % _PAST] = self._mark(horizon, self.shard.settled)
        if self.shard.advance(epoch):
            self.gossip.forget()
        # Nothing was added to sessions that ended a horizon ago.
        sure = self.phase == KEPT and epoch - self.known <= self._horizon
        if self.phase < LIVE and self.shard.horizon != horizon and not sure:
            self.seek(self.phase if self.phase == DOUBTED else EMPTY)

    # --- from a journal -----------------------------------------------------------------------

    def restore(self, vector, horizon, epoch, confidence, established):
        """Take over a settled vector (raw) and its standing, as they were kept in ``epoch``."""
        self._know(len(vector))
        self.shard.adopt(vector, horizon, epoch)
        self.shard.expect(epoch + 2)  # rows follow, perhaps of sessions begun a little later
        self.confidence = confidence
        self.established = established
        if self.phase == EMPTY:
            self._enter(KEPT)
            self.known = epoch  # the first is the checkpoint's, and rows are in those alone

    def enter(self, sessions):
        """Enter the rows of own sessions: they are mine to know."""
        first = self.first_channel()
        for session in sessions:
            for c in range(first, min(first + SLOTS, len(session.total))):
                if session.total[c]:
                    self.own_row(session, c)

    def resume(self, sessions, epoch):
        """All was restored: enter own rows, then fold what is due by now."""
        self.shard.expect(epoch)
        self.enter(sessions)
        first = self.first_channel()
        for s in sessions:
            if s.fate == LATE:  # the checkpoint may have what was taken back since
                for c in range(first, min(first + SLOTS, len(s.total))):
                    self.shard.lower(s.start, s.nonce, c - first, s.known[c])
        self._fold(epoch)
        self.gossip.forget()
