"""Gossip: which rows a node says, and when, for one shard.

One queue, in this order: my own news; rumours, learned lately and said or heard fewer than k
times (Trickle's counting, memberlist's piggyback), the least first; answers to who lacks rows, as
an EP's digests showed (anti-entropy). What waits goes with what is due, in one frame. All times
are ticks. docs/protocol.md, sections 8 and 11.
"""

from .fixed import MAX_RAW, const, ticks_diff, zeros
from .routes import OTHERS
from .state_shard import bucket
from .wire import MAX_RELAYS

RUMOURS = 64  # rows that wait to be passed on; older ones are left to anti-entropy
_NEWS_MS = const(400)  # own news waits so long at most: contributions of one moment go together
_REPLY_MS = const(900)  # answers wait up to this, so that others hear one of them
_FLIGHT_MS = const(8000)  # a row has reached nearly everybody after that
_ANSWERS = const(6)  # neighbours that prepare an answer ...
_ENOUGH = const(3)  # ... and how many of theirs are enough
_FRAMES = const(8)  # frames of an answer to who has no state yet, unless he asks again
_PATIENCE_MS = const(32000)  # after that news and answers are said in any case ...
_URGENT = const(16)  # ... answers by so many neighbours
_SAID = const(128)  # mark of the rows in a frame, beside how often each was heard


class Gossip:
    """What one shard has to say.

    shard: its rows; k: times a row is heard before it rests; bridge: are there configured peers,
    beyond this cell? noise: jitter and choices; trickle: the pace; routes: how many neighbours
    there are.
    """

    def __init__(self, shard, k, bridge, noise, trickle, routes):
        self.shard = shard
        self.k = k
        self._bridge = bridge
        self._lost = 255  # of 256 rows that were new, how many their own session did not say
        self._noise = noise
        self._trickle = trickle
        self._routes = routes
        self.news = 0  # bit map of slots with own news
        self.late = []  # earlier sessions that ended with news
        self.rumours = zeros("H", RUMOURS)
        self.n = 0
        self.buckets = 0  # digest buckets of which somebody lacks rows
        self.whole = 0  # ... who has no state yet: frames that his answer still may take
        self.to = None  # who does: an address, or None: everybody
        self.due = None  # when the next SDM is to be said
        self._since = self._asked = 0  # ticks: when the first news came, an answer was wanted
        self._learned = None  # when a row was last new to me
        self._cause = -1  # the rumour that the timer was set for: its ring position
        self._heard = 0  # answers of others since mine is wanted
        self._first = OTHERS  # who gave the first
        self._certain = False  # given whatever others say
        self._cursor = noise.below(0x7FFF)  # where answers go on
        self._turn = 0  # of my sessions, which speaks
        self._left = -1  # rows that this one has not looked at; below 0: it has not begun

    # --- what is to be said ---------------------------------------------------------------------

    def own(self, slot, now):
        """My total in a slot grew."""
        self._learned = now
        self._tell(now)
        self.news |= 1 << slot

    def _tell(self, now):
        if not self.news and not self.late:
            self._since = now
        self._schedule(now, self._jitter(_NEWS_MS))

    def retire(self, session):
        """My session ends: its news that is not said yet stays news."""
        if self.news:
            self.late.append(session)
        self.news = 0

    def again(self, session, now):
        """Nobody is known to hold all of an earlier session of mine."""
        if session not in self.late:
            self._tell(now)
            self.late.append(session)

    def enough(self):
        """How often a row is heard before it rests: two times less where nothing is lost."""
        return self.k if self._bridge else min(self.k, max(2, self.k - 2 + (self._lost + 16 >> 5)))

    def learned(self, p, now, own):
        """The row at ring position p is new to me; others may lack it, too. Beyond a link nobody
        else says it: there it is told twice, whoever says it here. own: its session said it."""
        self._lost += ((0 if own else 255) - self._lost) >> 4
        self.shard.repeats[p] = max(0, self.k - 2) if self._bridge else 1
        self._rumour(p, now)

    def heard(self, p, trusted):
        """The row at p was heard once more. Whose word is not trusted brings it to rest, too, but
        at some neighbours, drawn for each row."""
        if self._bridge:
            return
        shard = self.shard
        if not trusted and shard.repeats[p] >= self.enough() - 1:
            if self._routes.draw(shard.nonce[p] ^ shard.slot[p]) < _ENOUGH:
                return
        shard.repeat(p)

    def _rumour(self, p, now):
        self._learned = now
        if self.n < RUMOURS:
            self.rumours[self.n] = p
            self.n += 1
        else:  # the newest matter most, and what was heard often the least
            i, j = self._noise.below(RUMOURS), self._noise.below(RUMOURS)
            heard = self.shard.repeats
            self.rumours[i if heard[self.rumours[i]] > heard[self.rumours[j]] else j] = p
        if self._cause < 0:
            self._next(now)

    def behind(self, p, now, own):
        """Somebody said a total of the row at p that is older than mine. own: whose session it is,
        and who takes back what he is not known to have told; or it has ended."""
        least = 0 if own else max(1, self.enough() - 3)  # in dense traffic k is two less
        if self.shard.repeats[p] > least:
            self.shard.repeats[p] = least
            self._rumour(p, now)

    def lacking(self, buckets, addr, whole, now):
        """Somebody lacks rows in these buckets, or has rows that I lack.

        addr: answer there alone, or None: everybody; whole: who asks has no state yet, and needs
        all of them. Among many neighbours only some prepare an answer.
        """
        near = self._routes.near
        if not whole and addr is None and self._noise.below(near + 1) > _ANSWERS:
            return
        if not self.buckets:
            self._asked = now
            self._heard = self._first = 0
            self._certain = not self._noise.below(4)
            self.to = addr
        elif addr is None:
            self.to = None
        if not self.buckets or whole and not self.whole:
            self._left = -1
        if whole:
            self.whole = _FRAMES
        self.buckets |= buckets
        self._schedule(now, 50 + self._jitter(_REPLY_MS))

    def answered(self, buckets, all_of_it, route):
        """Somebody else said rows of these buckets, perhaps all of them. Who has nothing yet
        believes what two routes say: whoever begins goes on to the end; and one answer in four is
        given whoever says he gave it."""
        begun = self._left >= 0
        if self._certain or self.whole and (begun or self._first in (OTHERS, route)):
            self._first = route
            return
        self._heard += 1
        if all_of_it:
            self.buckets &= ~buckets
        if self._heard >= _ENOUGH and not begun or not self.buckets:
            self._done()

    def forget(self):
        """Ring positions have changed: rumours are found again by their count."""
        self.n = 0
        self._cause = -1
        shard = self.shard
        for k in range(shard.count - 1, -1, -1):
            p = shard.position(k)
            if shard.repeats[p] < self.k and self.n < RUMOURS:
                self.rumours[self.n] = p
                self.n += 1
        self._done()

    # --- when -----------------------------------------------------------------------------------

    def _spread(self):
        """Over which rumours are spread, in units of 4 ms: the more neighbours, the longer, so
        that k of them suffice and most find news to ride on."""
        return min(125 + self._routes.near * self._routes.near, 16000)

    def _jitter(self, ms):
        return self._noise.below(ms) * self._trickle.stretch()

    def _schedule(self, now, delay):
        if self.due is None or ticks_diff(self.due, now) > delay:
            self.due = (now - MAX_RAW - 1 + delay) & MAX_RAW  # stays within 31 bits

    def in_flight(self, now):
        """True while rows are on their way: they explain why digests differ."""
        if self._learned is None:
            return False
        return ticks_diff(now, self._learned) < min(_FLIGHT_MS, 2000 + 100 * self._routes.near)

    def cycle(self, now):
        """Once a cycle; returns True when rows have just come to rest: time to compare digests."""
        if self._learned is None or self.in_flight(now):
            return False
        self._learned = None
        return True

    def postpone(self, now):
        """It cannot be said now."""
        self.due = None
        if self.news or self.late or self.buckets:
            self._schedule(now, 250 + self._noise.below(1000))
        self._next(now)

    def waited(self, now):
        """Has news waited so long that it is said whatever the governor thinks?"""
        return ticks_diff(now, self._since) >= _PATIENCE_MS

    def urgent(self, now):
        """Has an answer waited so long that it is said all the same? Among many neighbours only by
        some: the others drop it, since who still lacks something asks again."""
        if ticks_diff(now, self._asked) < _PATIENCE_MS:
            return False
        if self._noise.below(self._routes.near + 1) < _URGENT:
            return True
        self._done()
        return False

    def wait(self, now):
        """Milliseconds until something is due, at most 60000."""
        if self.due is None:
            return 60000
        return min(60000, max(0, ticks_diff(self.due, now)))

    def _next(self, now):
        """Set the timer for a rumour that was heard too seldom, if there is one."""
        self._cause = -1
        for i in range(self.n):
            if self.shard.repeats[self.rumours[i]] < self.enough():
                self._cause = self.rumours[i]
                self._schedule(now, 100 + 4 * self._jitter(self._spread()))
                return

    def overdue(self):
        """Is a frame due though nothing but rumours waits? Only if the rumour that the timer was
        set for is not at rest by now (Trickle's suppression)."""
        return self._cause >= 0 and self.shard.repeats[self._cause] < self.enough()

    def rest(self, now, answered):
        """After a frame, with an answer or not: when to say what is left."""
        self.due = None
        self._since = now
        if answered:
            self._asked = now
        if self.buckets:
            self._schedule(now, 50 + self._noise.below(200))
        if self.news or self.late:
            self._schedule(now, 500 + self._jitter(_NEWS_MS))
        self._next(now)

    # --- saying it ----------------------------------------------------------------------------

    def _relay(self, writer, p):
        s = self.shard
        # Nobody may hear of a damaged row, and what is not credited has no budget to travel on.
        # Who has nothing yet needs what is about to be folded, too, or lacks it for ever.
        if not s.credited[p] or not s.sound(p) or s.about_to_fold(p) and not self.whole:
            return True
        return writer.relay(s.nonce[p], s.start[p], s.slot[p], s.credited[p])

    def _own(self, writer, session, first, slots, buckets):
        """Totals of the session that speaks (first: the channel of slot 0), in some slots and all
        in some buckets: a crowded ring has places for what a session says itself alone."""
        shard = self.shard
        for slot in range(shard.slots):
            if slots >> slot & 1 or buckets >> bucket(session.nonce, slot) & 1:
                p = shard.find(session.start, session.nonce, slot)
                if p >= 0:
                    writer.own(slot, session.held(first + slot))
                    shard.repeat(p)

    def speaker(self, ledger):
        """The session of mine under which the next frame is said: one that ended with news, the
        present one with news, which is none any more, else each in its turn that said something,
        or all."""
        if self.late:
            return self.late.pop(0)
        if self.news:
            self.news = 0
            return ledger.session
        self._turn += 1
        some = 0
        for s in ledger.sessions:
            some += max(s.total) > 0
        k = self._turn % (some or len(ledger.sessions))
        for s in ledger.sessions:
            if max(s.total) or not some:
                if not k:
                    return s
                k -= 1

    def fill(self, writer, session, first, news, k, answer):
        """Fill a frame for everybody: totals of the session that speaks; rumours said fewer than k
        times; an answer, if there is to be."""
        self._own(writer, session, first, news, self.buckets if answer else 0)
        self._fill_rumours(writer, k, MAX_RELAYS // 2 if answer else MAX_RELAYS)
        if answer:
            self.fill_answer(writer)

    def _fill_rumours(self, writer, k, most):
        """Add rumours, those heard least first; those heard k times rest."""
        heard = self.shard.repeats
        i = 0
        while i < self.n:
            if heard[self.rumours[i]] >= k:
                self.n -= 1
                self.rumours[i] = self.rumours[self.n]
            else:
                i += 1
        self._choose(writer, k, most)
        for i in range(self.n):
            p = self.rumours[i]
            if heard[p] & _SAID:
                heard[p] += 1 - _SAID

    def _choose(self, writer, k, most):
        """Say rumours while there is room, each once in a frame, and mark them."""
        heard = self.shard.repeats
        for level in range(k):
            for i in range(self.n):
                p = self.rumours[i]
                if heard[p] == level:
                    if not most or not self._relay(writer, p):
                        return
                    heard[p] |= _SAID
                    most -= 1

    def fill_reply(self, writer, session, first):
        """An answer in a frame of its own."""
        self._own(writer, session, first, 0, self.buckets)
        self.fill_answer(writer)

    def fill_answer(self, writer):
        """Add rows of the lacking buckets, from where the last answer stopped, once round all of
        them; an answer takes as many frames only for who has nothing yet, and while he pays for
        them: others ask, too."""
        shard = self.shard
        if self._left < 0:
            self._left = shard.count
        while self._left > 0:
            self._cursor = (self._cursor + 1) % shard.count
            p = shard.position(self._cursor)
            if self.buckets >> shard.bucket(p) & 1 and not self._relay(writer, p):
                self._cursor -= 1
                break
            self._left -= 1
        writer.answers(self.buckets)
        self.whole -= self.whole > 0
        if not (self._left and self.whole) or writer.empty():
            self._done()

    def _done(self):
        self.buckets = self.whole = 0
        self.to = None
