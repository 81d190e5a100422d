"""State diff messages (specification 6.2): news, rumours, answers to who lacks rows.

When is each shard's gossip's to say; here the frames are filled, as the governor lets them
(docs/protocol.md, sections 8 and 11).
"""

from .lifecycle import INIT
from .wire import MAX_FRAME, SLOTS, SdmWriter


class SdmSender:
    """Says SDMs. outbox, config, life: the node's; pace, state: its parts by kind, as assembly
    groups them."""

    def __init__(self, outbox, config, pace, state, life):
        _, self._governor, _, self._clock = pace
        _, self._ledger, self._placement, self._elsewhere = state
        self._life = life
        self._outbox = outbox
        self._tag = config.tag
        self._grain = config.grain
        self._writer = SdmWriter(outbox.buf)

    def poll(self, now):
        """Say what is due; returns the milliseconds until something is."""
        wait = 1000
        for r in self._placement.replicas:
            g = r.gossip
            if g.wait(now) == 0:
                self._say(r, now)
            wait = min(wait, g.wait(now))
        return wait

    def _begin(self, index, s, weight=0):
        self._writer.begin(
            self._tag, s.start, s.nonce, self._clock.cycle, index, weight, self._grain
        )
        return self._writer

    def _spread(self, w):
        if not w.empty():
            self._outbox.spread(w.buf, w.end())

    def _say(self, r, now):
        g = r.gossip
        governor = self._governor
        # Answers leave room for news, which may overdraw; rumours, which ride on both, for both.
        half = governor.full // 2
        answer = g.buckets and (governor.ready(MAX_FRAME, half // 2) or g.urgent(now))
        if g.news or g.late:
            ready = governor.ready(MAX_FRAME // 2, -half) or g.waited(now)
        else:
            ready = g.overdue() and governor.ready(MAX_FRAME // 2, half)
        if self._life.state == INIT or not (answer or ready):
            g.postpone(now)
            return
        weight = 0 if self._life.seeking() else min(255, r.dc)
        to = g.to
        news = 0xFFFF if g.late else g.news
        session = g.speaker(self._ledger)
        first = r.first_channel()
        w = self._begin(r.index, session, weight)
        if answer and to is not None:
            w.limit(self._outbox.allowance(to))
            g.fill_reply(w, session, first)
            if not w.empty():
                self._outbox.reply(w.buf, w.end(), to)
            w = self._begin(r.index, session, weight)
        k = g.enough()
        # Where traffic is dense, fewer repeats do; and fewer again once it is overdrawn.
        k -= k > 2 and not governor.ready(0, half)
        k -= k > 1 and not governor.ready(0)
        g.fill(w, session, first, news, k, answer and to is None)
        self._spread(w)
        g.rest(now, answer)

    # --- shards held elsewhere ----------------------------------------------------------------

    def say_elsewhere(self):
        """Say the own rows that are due of a shard that is held elsewhere."""
        if not self._elsewhere.due() or not self._governor.ready(MAX_FRAME):
            return
        index, slots = self._elsewhere.take()
        for session in self._ledger.sessions:
            w = self._begin(index, session)
            for slot in range(SLOTS):
                total = session.held(index * SLOTS + slot)
                if total and slots >> slot & 1:
                    w.own(slot, total)
            self._spread(w)
