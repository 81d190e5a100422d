"""State diff messages (specification 6.2): news, rumours, answers to who lacks rows.

When is each shard's gossip's to say; here the frames are filled, as the governor lets them
(docs/protocol.md, sections 8 and 11).
"""

from .fixed import const, ticks_diff
from .lifecycle import INIT
from .wire import MAX_FRAME, SLOTS, SdmWriter

_PATIENCE_MS = const(32000)  # news is said after that, whatever the governor thinks


class SdmSender:
    """Says SDMs. config, outbox, governor, clock, ledger, placement, elsewhere,
    routes: the node's; life: whether there is state."""

    def __init__(
        self,
        outbox,
        config,
        governor,
        clock,
        ledger,
        placement,
        elsewhere,
        routes,
        life,
    ):
        self._tag = config.tag
        self._grain = config.grain
        self._bridged = bool(config.peers)
        self._outbox = outbox
        self._governor = governor
        self._clock = clock
        self._ledger = ledger
        self._placement = placement
        self._elsewhere = elsewhere
        self._routes = routes
        self._life = life
        self._writer = SdmWriter()

    # --- what is to be said -------------------------------------------------------------------

    def learned(self, r, p, now, key):
        """A row is new to me. key: the route that it came by."""
        if self._bridged:
            r.gossip.crossing(p, now, key in self._outbox.bridges())
        r.gossip.learned(p, now)

    # --- saying it ----------------------------------------------------------------------------

    def poll(self, now):
        """Say what is due; returns the milliseconds until something is."""
        wait = 1000
        for r in self._placement.replicas:
            g = r.gossip
            if g.due is not None and ticks_diff(now, g.due) >= 0:
                self._say_news(r, now)
            if g.bridge_due is not None and ticks_diff(now, g.bridge_due) >= 0:
                self._say_crossing(r, now)
            if g.reply_due is not None and ticks_diff(now, g.reply_due) >= 0:
                self._say_reply(r, now)
            wait = min(wait, g.wait(now))
        return wait

    def _begin(self, index, weight=0):
        s = self._ledger.session
        self._writer.begin(
            self._tag, s.start, s.nonce, self._clock.cycle, index, weight, self._grain
        )
        return self._writer

    def _spread(self, w):
        if not w.empty():
            self._outbox.spread(w.buf, w.end(), self._life.seeking())

    def _weight(self, r):
        return 0 if self._life.seeking() else min(255, r.dc)

    def _say_news(self, r, now):
        g = r.gossip
        governor = self._governor
        patient = g.waited(now) < _PATIENCE_MS
        own = g.news or g.late
        if not own and not g.may_speak(now):
            return
        # Rumours leave room for news, on which they ride.
        reserve = 0 if own else governor.full // 2
        if self._life.state == INIT or patient and not governor.ready(MAX_FRAME // 2, reserve):
            g.postpone(now)
            return
        w = self._begin(r.index, self._weight(r))
        session = self._ledger.session
        g.fill_own(w, session, r.first_channel())
        g.fill_late(w)
        # Where traffic is dense, fewer repeats do: digests mend the rest.
        g.fill_rumours(w, g.k if governor.stretch() == 1 else max(1, g.k - 1))
        self._spread(w)
        g.rest(now)

    def _say_crossing(self, r, now):
        """Tell the configured peers what I learned: suppression works inside a cell only."""
        g = r.gossip
        if not self._governor.ready(MAX_FRAME):
            g.postpone_crossing(now)
            return
        for addr, key in zip(self._outbox.peers(), self._outbox.bridges()):
            route = self._routes.known(key)
            first = 0
            while first < g.crossed:
                w = self._begin(r.index, self._weight(r))
                # A row too old to be said is passed over.
                first = max(g.fill_crossing(w, first, route), first + 1)
                if not w.empty():
                    self._outbox.send(w.buf, w.end(), addr)
        g.crossing_said()

    def _say_reply(self, r, now):
        g = r.gossip
        to = g.reply_to
        if not self._governor.ready(MAX_FRAME, 0 if g.whole else self._governor.full // 4):
            g.postpone_reply(now, 500, 1000)
            return
        w = self._begin(r.index, self._weight(r))
        if to is not None:
            w.limit(self._outbox.allowance(to))
        done = g.fill_reply(w)
        w.answers(g.buckets if done else 0)
        if to is None:
            self._spread(w)
        elif not w.empty():
            self._outbox.reply(w.buf, w.end(), to)
        if done or to is not None:
            g.answered(g.buckets)
        else:
            g.postpone_reply(now, 50, 200)

    # --- shards held elsewhere ----------------------------------------------------------------

    def say_elsewhere(self):
        """Say the own rows that are due of a shard that is held elsewhere."""
        if not self._elsewhere.due() or not self._governor.ready(MAX_FRAME):
            return
        index, slots = self._elsewhere.take()
        w = self._begin(index)
        for session in reversed(self._ledger.sessions):  # in a frame own rows come first
            for slot in range(SLOTS):
                if not slots >> slot & 1:
                    continue
                total = session.total[index * SLOTS + slot]
                if total and not self._say_own(w, session, slot, total):
                    self._spread(w)
                    w = self._begin(index)
                    self._say_own(w, session, slot, total)
        self._spread(w)

    def _say_own(self, w, session, slot, total):
        if session is self._ledger.session:
            return w.own(slot, total)
        return w.relay(session.nonce, session.start, slot, total)
