"""Gossip: which rows a node says, and when, for one shard.

Three reasons to say a row: it is my own news; it is a rumour, learned lately and heard fewer than
k times (Trickle's counting on rumours, as memberlist piggybacks); or somebody's EP showed that it
lacks rows (anti-entropy by digest). All times are ticks. docs/protocol.md, sections 8 and 11.
"""

from .fixed import MAX_RAW, const, ticks_diff, zeros

RUMOURS = 64  # rows that wait to be passed on; older ones are left to anti-entropy
_NEWS_MS = const(400)  # own news waits so long at most: contributions of one moment go together
_FLIGHT_MS = const(8000)  # a row has reached nearly everybody after that
_BUSY = const(24)  # sixteenths of an SDM a cycle: others carry my rumours
_HOLDS = const(3)  # times that rumours are held back before they rest
_CROWD = const(48)  # sessions heard from which each answers seldom
_NEWEST = const(12)  # rows of an answer that are the newest
_REPLY_MS = const(900)  # answers wait up to this, so that one of them is heard by the others


class Gossip:
    """What one shard has to say.

    shard: its rows; k: times a row is heard before it rests; noise: jitter and choices; trickle:
    the pace; routes: how many neighbours there are.
    """

    def __init__(self, shard, k, noise, trickle, routes):
        self.shard = shard
        self.k = k
        self._noise = noise
        self._trickle = trickle
        self._routes = routes
        self.news = 0  # bit map of slots with own news
        self.late = []  # (start, nonce, slot) of own news that belong to earlier sessions
        self.rumours = zeros("H", RUMOURS)
        self.n = 0
        self.due = None  # when the next SDM is to be said
        self.since = None  # when it was first wanted
        self.buckets = 0  # buckets somebody lacks rows of
        self.reply_due = None
        self.reply_to = None  # an address, or None: everybody
        self.bridge = zeros("H", 0)  # rows for the configured peers, only where there are any
        self.crossed = 0
        self.bridge_due = None
        self.urgent = False  # rumours that came from beyond: nobody else here can say them
        self.whole = False
        self._learned = None  # when a row was last new to me
        self._rate = self._others = 0  # SDMs heard a cycle and in this one, in sixteenths
        self._held = 0
        self._cursor = self._left = 0

    # --- what is to be said ---------------------------------------------------------------------

    def own(self, slot, now):
        """My total in a slot grew."""
        self._learned = now
        self.news |= 1 << slot
        self._schedule(now, self._jitter(_NEWS_MS))

    def own_late(self, session, slot, now):
        """My total in an earlier session grew, or was not said before its end: nobody else can
        say it."""
        key = (session.start, session.nonce, slot)
        if key not in self.late:
            self.late.append(key)
        self._schedule(now, self._jitter(_NEWS_MS))
        p = self.shard.find(*key)
        if p >= 0:
            self.learned(p, now)

    def retire(self, session, now):
        """My session ends: its news that is not said yet stays news."""
        for slot in range(self.shard.slots):
            if self.news >> slot & 1:
                self.own_late(session, slot, now)
        self.news = 0

    def learned(self, p, now):
        """The row at ring position p is new to me; others may lack it, too."""
        self._learned = now
        if self.n < RUMOURS:
            self.rumours[self.n] = p
            self.n += 1
        else:  # the newest matter most
            self.rumours[self._noise.below(RUMOURS)] = p
        self._schedule(now, 100 + self._jitter(self._spread()))

    def behind(self, p, now):
        """Somebody said a total of the row at p that is older than mine."""
        if self.shard.repeats[p] >= self.k:
            self.shard.repeats[p] = self.k - 1
            self.learned(p, now)

    def crossing(self, p, now, urgent):
        """The row at p is new to me; my configured peers, beyond this cell, may lack it, too.
        urgent: it came from beyond itself."""
        self.urgent = self.urgent or urgent
        if not self.bridge:
            self.bridge = zeros("H", RUMOURS)
        if self.crossed < RUMOURS:
            self.bridge[self.crossed] = p
            self.crossed += 1
        if self.bridge_due is None:
            self.bridge_due = (now + 200 + self._noise.below(_NEWS_MS)) & MAX_RAW

    def fill_crossing(self, writer, first, route):
        """Add rows for a peer from the first-th on, but not what came by its route; the next."""
        shard = self.shard
        for i in range(first, self.crossed):
            p = self.bridge[i]
            if shard.via[p] != route and not self._relay(writer, p):
                return i
        return self.crossed

    def _spread(self):
        """Milliseconds over which rumours are spread: the more neighbours, the longer, so that k
        of them suffice."""
        return min(500 + 60 * self._routes.near, 16000)

    def _jitter(self, ms):
        return self._noise.below(ms) * self._trickle.stretch()

    def _schedule(self, now, delay):
        if self.since is None:
            self.since = now
        if self.due is None or ticks_diff(self.due, now) > delay:
            self.due = (now + delay) & MAX_RAW

    def lacking(self, buckets, addr, whole, now):
        """Somebody lacks rows in these buckets, or has rows that I lack.

        addr: answer there alone, or None: everybody; whole: somebody without state asks for all.
        Among many neighbours only some prepare an answer, and few do so while rumours, which
        explain the difference, are still going round.
        """
        peers = self._routes.near
        if not whole and addr is None:
            odds = 6 * 256 // peers if peers > 6 else 256
            if self.in_flight(now):
                odds >>= 3
            if self._noise.below(256) >= odds:
                return
        if self.reply_due is None:
            if peers >= _CROWD:  # many that answer once each would say the same rows
                self._cursor = self._noise.below(self.shard.count + 1)
            self.buckets = 0
            self.whole = False
            self.reply_due = (now + 50 + self._jitter(_REPLY_MS)) & MAX_RAW
            self.reply_to = addr
        elif addr is None:
            self.reply_to = None
        if whole and not self.whole:
            self.whole = True
            self._left = self.shard.count
            buckets = 0xFF
        self.buckets |= buckets

    def answered(self, buckets):
        """Somebody else said all rows of these buckets."""
        self.buckets &= ~buckets
        if not self.buckets:
            self.reply_due = None

    def forget(self):
        """Ring positions have changed: rumours are found again by their count."""
        self.n = self.crossed = 0
        shard = self.shard
        for k in range(shard.count):
            p = shard.position(k)
            if shard.repeats[p] == 0 and self.n < RUMOURS:
                self.rumours[self.n] = p
                self.n += 1
        self.reply_due = None
        self.buckets = 0

    # --- saying it ----------------------------------------------------------------------------

    def _relay(self, writer, p):
        s = self.shard
        # Nobody may hear of a damaged row, and what is not credited has no budget to travel on.
        if not s.credited[p] or not s.sound(p):
            return True
        return writer.relay(s.nonce[p], s.start[p], s.slot[p], s.credited[p])

    def in_flight(self, now):
        """True while rows are on their way: they explain why digests differ."""
        if self._learned is None:
            return False
        return ticks_diff(now, self._learned) < min(_FLIGHT_MS, 2000 + 100 * self._routes.near)

    def heard_sdm(self):
        """Somebody said something: rumours may have gone with it."""
        self._others += 16

    def cycle(self, now):
        """Once a cycle; returns True when rows have just come to rest: time to compare digests."""
        self._rate += (self._others - self._rate) // 8
        self._others = 0
        if self._learned is None or self.in_flight(now):
            return False
        self._learned = None
        return True

    def may_speak(self, now):
        """Where others speak all the time rumours ride on their news: hold back, then rest them.

        Trickle's suppression for frames that would carry rumours alone.
        """
        if self._rate < _BUSY or self.urgent:
            return True
        self.due = None
        self._held += 1
        if self._held > _HOLDS:
            self.n = self._held = 0
            self.since = None
        else:
            self._schedule(now, 500 + self._noise.below(self._spread()))
        return False

    def waited(self, now):
        """Milliseconds that news or rumours have been waiting."""
        return 0 if self.since is None else ticks_diff(now, self.since)

    def fill_rumours(self, writer, k):
        """Add rumours to a frame, the least heard first; drops those heard k times: they rest."""
        heard = self.shard.repeats
        i = 0
        while i < self.n:
            if heard[self.rumours[i]] >= k:
                self.n -= 1
                self.rumours[i] = self.rumours[self.n]
            else:
                i += 1
        said = self._choose(writer, k)
        for p in said:
            heard[p] += 1

    def _choose(self, writer, k):
        """Say rumours while there is room, each once in a frame; returns their positions."""
        said = []
        for level in range(k):
            for i in range(self.n):
                p = self.rumours[i]
                if self.shard.repeats[p] == level and p not in said:
                    if not self._relay(writer, p):
                        return said
                    said.append(p)
        return said

    def fill_own(self, writer, session, first):
        """Add own news to a frame: totals of my session; first: the channel of slot 0."""
        shard = self.shard
        for slot in range(shard.slots):
            if self.news >> slot & 1:
                writer.own(slot, session.total[first + slot])
                p = shard.find(session.start, session.nonce, slot)
                if p >= 0:
                    shard.repeat(p)
        self.news = 0

    def fill_late(self, writer):
        """Add own news of earlier sessions to a frame; what finds no room stays."""
        while self.late:
            p = self.shard.find(*self.late[0])
            if p >= 0 and not self._relay(writer, p):
                return
            self.late.pop(0)

    def fill_reply(self, writer):
        """Add rows of the lacking buckets; returns True when there is no more to say.

        The newest rows are likeliest to be missing; the rest of the frame goes round through the
        older ones, on from where the last answer stopped. Who wants all gets one whole turn.
        """
        count = self.shard.count
        k = count
        if not self.whole:
            said = 0
            while k > 0 and said < _NEWEST:
                k -= 1
                said += self._answer(writer, k) > 0
            if k == 0:
                return True
            self._left = k
        while self._left > 0:
            if not 0 < self._cursor <= k:
                self._cursor = k
            if self._answer(writer, self._cursor - 1) < 0:
                return not self.whole
            self._cursor -= 1
            self._left -= 1
        return True

    def _answer(self, writer, k):
        """Say the k-th row if it is in a lacking bucket: 1 said, 0 not needed, -1 no room."""
        shard = self.shard
        p = shard.position(k)
        if not self.buckets >> shard.bucket(p) & 1:
            return 0
        if shard.about_to_fold(p) and not self.whole:
            return 0  # but who has nothing yet needs it, or lacks it for ever
        return 1 if self._relay(writer, p) else -1

    def postpone(self, now):
        """There are no tokens for news."""
        self.due = self._later(now, 250, 1000)

    def postpone_crossing(self, now):
        """There are no tokens for the configured peers."""
        self.bridge_due = self._later(now, 250, 500)

    def crossing_said(self):
        """The configured peers were told."""
        self.crossed = 0
        self.bridge_due = None

    def postpone_reply(self, now, least, spread):
        """The (rest of the) answer comes in least .. least + spread ms."""
        self.reply_due = self._later(now, least, spread)

    def _later(self, now, least, spread):
        return (now + least + self._noise.below(spread)) & MAX_RAW

    def rest(self, now):
        """After a frame: when to say what is left."""
        self.due = self.since = None
        self._held = 0
        self.urgent = False
        if self.news or self.late:
            self._schedule(now, 500 + self._jitter(_NEWS_MS))
        elif self.n:
            self._schedule(now, 500 + self._jitter(self._spread()))

    def wait(self, now):
        """Milliseconds until something is due, at most 60000."""
        least = 60000
        for due in (self.due, self.reply_due, self.bridge_due):
            if due is not None:
                left = ticks_diff(due, now)
                least = left if left < least else least
        return least if least > 0 else 0
