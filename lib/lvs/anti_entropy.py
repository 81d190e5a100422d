"""Sender: what a node says, to whom, and when the governor lets it.

EPs by Trickle, SDMs for news and rumours, answers to whoever lacks rows or wants a shard. An
answer to an address is never larger than what that address sent (docs/protocol.md, sections 8
and 11).
"""

from .fixed import MAX_RAW, ticks_diff
from .state_shard import zeros
from .wire import DIRECT, JOINING, MAX_FRAME, SLOTS, VALUE, WANT, SdmWriter, encode_ep

_WANT_MS = 600  # an answer to WANT waits up to this long
_VOTE_MS = 32000  # a vote, too
_ENOUGH = 3  # and is not given once so many were heard
_CONFIGURED = 3  # configured peers that a broadcast also goes to
_PATIENCE_MS = 32000  # news is said after that, whatever the governor thinks ...
_EP_MS = 64000  # ... and so is an EP that Trickle lets through ...
_EPS = 320  # ... unless so many were heard since my last: a crowd beyond the tables
_CORRECTIONS = 3  # corrections heard in a cycle: enough


class Sender:
    """All that a node sends. node: its owner, for state, noise, governor and transport."""

    def __init__(self, node):
        self.node = node
        self.sent = self.sent_bytes = 0
        self.unsent = 0  # frames that the transport did not take
        self.corrections = 0
        self._writer = SdmWriter()
        self._buf = bytearray(MAX_FRAME)
        self._zero = zeros("i", SLOTS)
        self._digests = zeros("H", 8)
        self._values = zeros("i", SLOTS)
        self._ep_at = node.now()  # when the last EP was said
        self._heard = 0  # EPs heard since then
        self._told = 0  # bit map of the shards that were told of in this round
        self._said = 0  # EPs said, for one in eight to a far address
        self._want = {}  # shard: [due, answers heard]
        self._reads = {}  # shard not held: [values, cycle of the answer or None]
        self._asking = []
        self._keys = None
        self._own_due = {}  # shard not held: bit map of the slots whose own rows are to be said
        self._pause = self._left = 1  # epochs until all of those are said again

    # --- sending ------------------------------------------------------------------------------

    def _send(self, buf, n, addr):
        node = self.node
        frame = bytes(memoryview(buf)[:n])
        if not node.transport.send(frame, addr):
            self.unsent += 1
        node.governor.spend(n)
        self.sent += 1
        self.sent_bytes += n + 28

    def _some_peers(self):
        """Some configured peers, in turn by chance: who may be beyond a broadcast's reach. Also
        those that were known before the last start, while there is no state."""
        peers = self.node.peer_addrs()
        if self.node.remembered and self.node.life.flags() & WANT:
            peers = peers + self.node.remembered
        if len(peers) <= _CONFIGURED:
            return peers
        first = self.node.noise.below(len(peers))
        return [peers[(first + i) % len(peers)] for i in range(_CONFIGURED)]

    def _spread(self, buf, n):
        """To everybody: broadcast, and some configured peers."""
        self._send(buf, n, None)
        for addr in self._some_peers():
            self._send(buf, n, addr)

    def _allowed(self, addr, n):
        """Book a reply of n bytes to an address; False when it has not sent as much."""
        routes = self.node.routes
        route = routes.known(self.node.transport.key(addr))
        if routes.allowance[route] < n:
            return False
        routes.allowance[route] -= n
        return True

    # --- entropy packets ----------------------------------------------------------------------

    def _encode(self, index, flags):
        node = self.node
        r = node.replica(index)
        s = node.ledger.session
        count = min(SLOTS, len(node.config.channels) - SLOTS * index)
        vector, digests, horizon = self._zero, self._digests, 0
        if r:
            vector, digests, horizon = r.shard.settled, r.shard.digests, r.shard.horizon
            if flags & VALUE:
                vector = self._values
                for i in range(count):
                    vector[i] = r.shard.value(i)
        return encode_ep(
            self._buf,
            node.config.tag,
            s.start,
            s.nonce,
            node.clock.cycle,
            index,
            node.noise.nonce(),
            horizon & 0xFFFF,
            flags,
            self.load(),
            node.held_map(),
            digests,
            vector,
            count,
        )

    def load(self):
        """local_node_load, 0..255: the larger of the board's own and the traffic's."""
        g = self.node.governor
        busy = (g.full - g.tokens) * 255 // (2 * g.full)
        return min(255, max(busy, self.node.load))

    def _pick(self):
        """A random shard to speak of: one that is sought, or asked for, or held, and not told
        since all others were."""
        node = self.node
        if self._asking:
            return self._asking.pop(), WANT
        flags = node.life.flags()
        if flags & WANT:
            some = [r for r in node.replicas if not (r.live and r.synced)]
        else:
            some = [r for r in node.replicas if r.fetching or not r.live]
            if some:
                flags |= JOINING | WANT
        some = some or node.replicas
        left = [r for r in some if not self._told >> r.index & 1]
        if not left:
            left = some
            self._told = 0
        index = left[node.noise.below(len(left))].index
        self._told |= 1 << index
        return index, flags

    def say_ep(self, now, index=None):
        """Say an EP, if the governor lets it: to everybody, one in eight to a far address, too."""
        node = self.node
        flags = node.life.flags()
        wanted = index is not None
        if not wanted:
            index, flags = self._pick()
        r = node.replica(index)
        if r and not flags & WANT and not r.shard.intact():
            return  # nobody else may hear of it
        n = self._encode(index, flags)
        waited = ticks_diff(now, self._ep_at) >= _EP_MS and (wanted or self._heard < _EPS)
        if not waited and not node.governor.ready(n, node.governor.full // 4):
            return
        self._ep_at = now
        self._heard = 0
        self._send(self._buf, n, None)
        for addr in self._some_peers():
            self._send(self._buf, self._encode(index, flags | DIRECT), addr)
        self._said += 1
        if self._said & 7 == 0:
            far = node.routes.pick(node.noise.below(0x7FFF))
            if far is not None:
                n = self._encode(index, flags | DIRECT)
                if self._allowed(far, n):  # the address may be a victim's
                    self._send(self._buf, n, far)

    def wanted(self, f, addr, now):
        """Somebody asked for a shard."""
        node = self.node
        r = node.replica(f.shard)
        if r is None or not r.live or node.life.flags() & WANT or not r.shard.intact():
            return
        reader = not f.held >> f.shard & 1
        if f.flags & DIRECT or reader:
            n = self._encode(f.shard, node.life.flags() | (VALUE if reader else 0))
            if node.governor.ready(n) and self._allowed(addr, n):
                self._send(self._buf, n, addr)
        elif f.shard not in self._want:
            delay = 50 + node.noise.below(_WANT_MS) * node.governor.stretch()
            self._want[f.shard] = [(now + delay) & MAX_RAW, 0]

    def vote(self, index, now):
        """A shard is disputed: say what I hold, however many said the same. With more than 128
        sessions in the table only by chance."""
        noise = self.node.noise
        if index not in self._want and noise.below(self.node.peers.n + 1) < 128:
            self._want[index] = [(now + noise.below(_VOTE_MS)) & MAX_RAW, -MAX_RAW]

    def heard_state(self, index):
        """Somebody said an EP of a shard: one answer less to give."""
        self._heard += 1
        w = self._want.get(index)
        if w:
            w[1] += 1

    # --- shards held elsewhere ----------------------------------------------------------------

    def read(self, c):
        """Newest known raw value of a channel that is not held here; asks for a newer one."""
        index = c // SLOTS
        got = self._reads.get(index)
        if got is None:
            got = self._reads[index] = [zeros("i", SLOTS), None]
        if index not in self._asking and (got[1] is None or self.node.clock.cycle > got[1] + 4):
            self._asking.append(index)
        return got[0][c % SLOTS]

    def answer(self, f, cycle):
        """A holder's values for a reader."""
        got = self._reads.get(f.shard)
        if got:
            for i in range(f.count):
                got[0][i] = f.vector[i]
            got[1] = cycle

    def age(self, index):
        """Cycles since a shard's holder answered, or None."""
        got = self._reads.get(index)
        return self.node.clock.cycle - got[1] if got and got[1] is not None else None

    # --- rows ---------------------------------------------------------------------------------

    def _stretch(self):
        return self.node.governor.stretch() * (4 if self.node.life.low else 1)

    def _neighbours(self):
        return self.node.peers.n

    def own(self, c, now):
        """My own total in a channel grew."""
        r = self.node.replica(c // SLOTS)
        if r:
            r.gossip.own(c % SLOTS, now, self.node.noise, self._stretch())
        else:
            self._own_due[c // SLOTS] = self._own_due.get(c // SLOTS, 0) | 1 << (c % SLOTS)
            self._pause = self._left = 1

    def new_epoch(self):
        """Own rows of shards held elsewhere are said again, ever more rarely: no digest shows
        whether the holders have them."""
        self._left -= 1
        if self._left > 0:
            return
        self._pause = self._left = min(16, 2 * self._pause)
        for session in self.node.ledger.sessions:
            for c in range(len(session.total)):
                if session.total[c] and not self.node.replica(c // SLOTS):
                    self._own_due[c // SLOTS] = self._own_due.get(c // SLOTS, 0) | 1 << (c % SLOTS)

    def retire(self, r):
        """My session ends: its news that is not said yet stays news."""
        session = self.node.ledger.session
        for slot in range(r.shard.slots):
            if r.gossip.news >> slot & 1:
                self.late(r, session, slot)
        r.gossip.news = 0

    def late(self, r, session, slot):
        """My total in an earlier session grew, or was not said before its end."""
        now = self.node.now()
        key = (session.start, session.nonce, slot)
        r.gossip.own_late(key, now, self.node.noise, self._stretch())
        p = r.shard.find(*key)
        if p >= 0:
            self.learned(r, p, now)

    def learned(self, r, p, now, key=None):
        """A row is new to me. key: the route it came by, if it came from somebody else."""
        if self.node.config.peers and key is not None:
            r.gossip.crossing(p, now, self.node.noise)
            if key in self._bridges():
                r.gossip.urgent = True
        r.gossip.learned(p, now, self.node.noise, self._stretch(), self._neighbours())

    def behind(self, r, start, nonce, slot, now):
        """Somebody said a total that is older than mine."""
        p = r.shard.find(start, nonce, slot)
        if p >= 0 and r.shard.heard[p] >= r.gossip.k:
            r.shard.heard[p] = r.gossip.k - 1
            self.learned(r, p, now)

    def lacking(self, r, bits, f, addr, now):
        """An EP showed that somebody lacks rows, or has rows that I lack."""
        to = addr if f.flags & DIRECT else None
        whole = bool(f.flags & WANT)
        r.gossip.lacking(
            bits, to, whole, now, self.node.noise, self._stretch(), self._neighbours()
        )

    def corrected(self, r, now):
        """Drift moved a shard: say so where there is room and few others do."""
        few = self.node.noise.below(8 + self._neighbours()) < 8
        if few and self.corrections < _CORRECTIONS and self.node.governor.stretch() == 1:
            r.gossip.corrected(now, self.node.noise)
        self.corrections = 0

    def reset(self, now):
        """My state is new: speak soon."""
        self.node.trickle.restart(now)

    def poll(self, now):
        """Say what is due; returns the milliseconds until something is."""
        wait = 1000
        for r in self.node.replicas:
            g = r.gossip
            if g.due is not None and ticks_diff(now, g.due) >= 0:
                self._say_news(r, now)
            if g.bridge_due is not None and ticks_diff(now, g.bridge_due) >= 0:
                self._say_crossing(r, now)
            if g.reply_due is not None and ticks_diff(now, g.reply_due) >= 0:
                self._say_reply(r, now)
            wait = min(wait, g.wait(now))
        if self._want:
            wait = min(wait, self._poll_wants(now))
        if self._own_due and self.node.governor.ready(MAX_FRAME):
            self._say_unheld()
        return wait

    def _poll_wants(self, now):
        wait = 1000
        for index in sorted(self._want):
            due, heard = self._want[index]
            left = ticks_diff(due, now)
            if left > 0:
                wait = min(wait, left)
                continue
            del self._want[index]
            r = self.node.replica(index)
            if heard < _ENOUGH and r and r.live:
                self.say_ep(now, index)
        return wait

    def _begin(self, index, weight):
        node = self.node
        s = node.ledger.session
        self._writer.begin(node.config.tag, s.start, s.nonce, node.clock.cycle, index, weight)
        return self._writer

    def _weight(self, r):
        return 0 if self.node.life.flags() & WANT else min(255, r.dc)

    def _say_news(self, r, now):
        node = self.node
        g = r.gossip
        patient = g.waited(now) < _PATIENCE_MS
        own = g.news or g.late
        if g.steps and not own and not g.n:
            if self.corrections >= _CORRECTIONS or node.governor.stretch() > 1:
                g.steps = 0
                g.rest(now, node.noise, 1, 0)
                return
        elif not own and not g.may_speak(now, node.noise, self._neighbours()):
            return
        # Rumours leave room for news, on which they ride.
        reserve = 0 if own else node.governor.full // 2
        if node.state == "INIT" or patient and not node.governor.ready(MAX_FRAME // 2, reserve):
            g.due = (now + 250 + node.noise.below(1000)) & MAX_RAW
            return
        w = self._begin(r.index, self._weight(r))
        session = node.ledger.session
        base = r.first_channel()
        for slot in range(r.shard.slots):
            if g.news >> slot & 1:
                w.own(slot, session.total[base + slot])
                p = r.shard.find(session.start, session.nonce, slot)
                if p >= 0 and r.shard.heard[p] < 100:
                    r.shard.heard[p] += 1
        g.news = 0
        g.fill_late(w)
        # Where traffic is dense, fewer repeats do: digests mend the rest.
        g.fill_rumours(w, g.k if node.governor.stretch() == 1 else max(1, g.k - 1))
        for slot in range(r.shard.slots):
            if g.steps >> slot & 1:
                w.correction(slot, r.steps[slot])
        g.steps = 0
        g.settle_marks()
        if not w.empty():
            self._spread(w.buf, w.end())
        g.rest(now, node.noise, self._stretch(), self._neighbours())

    def _bridges(self):
        """Routes of the configured peers."""
        if self._keys is None:
            key = self.node.transport.key
            self._keys = [key(addr) for addr in self.node.peer_addrs()]
        return self._keys

    def _say_crossing(self, r, now):
        """Tell the configured peers what I learned: suppression works inside a cell only."""
        node = self.node
        g = r.gossip
        if not node.governor.ready(MAX_FRAME):
            g.bridge_due = (now + 250 + node.noise.below(500)) & MAX_RAW
            return
        for addr, key in zip(node.peer_addrs(), self._bridges()):
            route = node.routes.known(key)
            first = 0
            while first < g.crossed:
                w = self._begin(r.index, self._weight(r))
                # A row too old to be said is passed over.
                first = max(g.fill_crossing(w, first, route), first + 1)
                if not w.empty():
                    self._send(w.buf, w.end(), addr)
        g.crossed = 0
        g.bridge_due = None

    def _say_reply(self, r, now):
        node = self.node
        g = r.gossip
        to = g.reply_to
        if not node.governor.ready(MAX_FRAME, 0 if g.whole else node.governor.full // 4):
            g.reply_due = (now + 500 + node.noise.below(1000)) & MAX_RAW
            return
        w = self._begin(r.index, self._weight(r))
        if to is not None:
            routes = node.routes
            allowance = routes.allowance[routes.known(node.transport.key(to))]
            w.limit(allowance)
        done = g.fill_reply(w)
        w.answers(g.buckets if done else 0)
        if not w.empty():
            n = w.end()
            if to is None:
                self._spread(w.buf, n)
            elif self._allowed(to, n):
                self._send(w.buf, n, to)
        if done or to is not None:
            g.reply_due = None
            g.buckets = 0
        else:
            g.reply_due = (now + 50 + node.noise.below(200)) & MAX_RAW

    def _say_unheld(self):
        ledger = self.node.ledger
        index = sorted(self._own_due)[0]
        bits = self._own_due.pop(index)
        w = self._begin(index, 0)
        for session in reversed(ledger.sessions):  # in a frame own rows come first
            for slot in range(SLOTS):
                if not bits >> slot & 1:
                    continue
                total = session.total[index * SLOTS + slot]
                if total and not self._say_own(w, session, slot, total):
                    self._spread(w.buf, w.end())
                    w = self._begin(index, 0)
                    self._say_own(w, session, slot, total)
        if not w.empty():
            self._spread(w.buf, w.end())

    def _say_own(self, w, session, slot, total):
        if session is self.node.ledger.session:
            return w.own(slot, total)
        return w.relay(session.nonce, session.start, slot, total)
