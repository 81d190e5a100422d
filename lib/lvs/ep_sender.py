"""Entropy packets (specification 6.1): which shard a node speaks of, to whom, and when.

By Trickle; in answer to who wants a shard; as a vote where one is disputed (docs/protocol.md,
sections 8 and 11).
"""

from .fixed import MAX_RAW, const, ticks_diff, unload
from .replica import KEPT, LIVE
from .wide import scratch
from .wire import BUCKETS, DIRECT, DOUBT, MAX_FRAME, VALUE, WANT, encode_ep

_NONE = bytes(BUCKETS)  # digests of a shard that is not held
_WANT_MS = const(600)  # an answer to WANT waits up to this long
_VOTE_MS = const(32000)  # a vote, too
_QUESTIONS = const(16)  # frames of a route in an epoch that are answered without tokens
_ASKED = const(16)  # of all, who answer somebody whose answers contradict each other
_READERS = const(6)  # nodes of many that answer who reads
_ENOUGH = const(3)  # and is not given once so many were heard
_EP_MS = const(64000)  # then an EP is said for which there are no tokens ...
_HUSHED = const(2000000)  # ms that a node may be hushed, up to half as long again
_EPS = const(320)  # ... unless so many were heard since my last: a crowd beyond the tables


class EpSender:
    """Says EPs. outbox, config, life: the node's; pace, state: its parts by kind, as assembly
    groups them; now: ticks."""

    def __init__(self, outbox, now, config, pace, state, life):
        self._noise, self._governor, self._trickle, self._clock = pace
        self._routes, self._ledger, self._placement, self._elsewhere = state
        self._life = life
        self._outbox = outbox
        self._config = config
        self._buf = outbox.buf
        self._said_at = (now - _EP_MS) & MAX_RAW
        self._crowd = 0  # EPs heard since then
        self._pause = _HUSHED + 32 * self._noise.below(0x7FFF)
        self._round = 0  # bit map of the shards that were told of in this round
        self._said = 0  # EPs said, for one in eight to a far address
        self.names = None  # whose contradict mine
        self.audit = None  # who asks what this node contributed
        self._answers = {}  # shard that is wanted: [due, answers heard]

    def _encode(self, index, flags):
        r = self._placement.find(index)
        s = self._ledger.session
        config = self._config
        vector, digests = scratch, _NONE
        horizon = count = 0
        if r:
            shard = r.shard
            digests, horizon, count = shard.digests, shard.horizon, shard.slots
            if flags & VALUE:
                for i in range(shard.slots):
                    vector.add(i, shard.settled, shard.inflow)
            else:
                vector = shard.settled
        return encode_ep(
            self._buf,
            config.tag,
            s.start,
            s.nonce,
            self._clock.cycle,
            index,
            self._noise.nonce(),
            horizon & 0xFFFF,
            flags,
            self._governor.busy(),
            self._placement.held_map(),
            len(config.channels),
            config.fingerprint(index, config.listed(index)),
            digests,
            vector,
            count,
        )

    def _pick(self):
        """A random shard to speak of: one that is sought, or held, and not told since all others
        were."""
        replicas = self._placement.replicas
        most = LIVE
        for r in replicas:
            if r.phase < LIVE:
                most = LIVE - 1
        left = 0
        while not left:
            for r in replicas:
                left += r.phase <= most and not self._round >> r.index & 1
            if not left:
                self._round = 0
        left = self._noise.below(left)
        for r in replicas:
            if r.phase <= most and not self._round >> r.index & 1:
                if not left:
                    self._round |= 1 << r.index
                    return r.index
                left -= 1

    def say(self, now, index=None):
        """Say an EP, if the governor lets it: to everybody, one in eight to a far address, too."""
        wanted = index is not None
        question = None if wanted else self._elsewhere.question()
        if not wanted:
            index = self._pick() if question is None else question
        r = self._placement.find(index)
        flags = WANT if question is not None else self._life.flags(r)
        if r and not flags & WANT and not r.shard.intact():
            return  # nobody else may hear of it
        outbox = self._outbox
        n = self._encode(index, flags)
        age = ticks_diff(now, self._said_at)
        waited = age >= _EP_MS and (wanted or self._crowd < _EPS) or age >= self._pause
        if not (waited or self._governor.ready(n, self._governor.full // 4)):
            # However loud others are, who seeks asks. Of very many who do, some.
            asked = self._trickle.asked
            if self._life.state != "INIT" or self._noise.below(asked + 1) >= _ASKED:
                return
        if r and r.waited < 0:
            r.waited = 0
        self._said_at = now
        self._crowd = 0
        self._pause = _HUSHED + 32 * self._noise.below(0x7FFF)
        outbox.send(self._buf, n, None)
        for addr in outbox.some_peers(self._life.seeking()):
            outbox.send(self._buf, self._encode(index, flags | DIRECT), addr)
        self._said += 1
        if self._said & 7 == 0:
            far = self._routes.pick(self._noise.below(0x7FFF))
            if far is not None:  # the address may be a victim's
                outbox.reply(self._buf, self._encode(index, flags | DIRECT), far)

    def hear(self, index, agrees):
        """Somebody said an EP of a shard: one answer less to give, if it is mine."""
        self._crowd += 1
        w = self._answers.get(index)
        if w and agrees:
            w[1] += 1

    def wanted(self, f, addr, route, now, stateless):
        """Somebody asked for a shard. stateless: he has nothing of it."""
        r = self._placement.find(f.shard)
        if r is None or r.phase not in (KEPT, LIVE) or not r.shard.intact():
            return
        doubt = f.flags & DOUBT
        # Two that ask answer each other with a question, for ever.
        if r.phase == KEPT and not (stateless or doubt):
            return
        flags = self._life.flags(r) & ~DOUBT
        reader = not f.held >> f.shard & 1
        if reader and self._noise.below(self._routes.near + 1) > _READERS:
            return
        # Some answer in any case, more if answers contradict each other: else whoever is loud
        # decides what is heard. Who is asked too loudly for a broadcast answers him alone.
        some = self._noise.below(self._routes.near + 1) < (_ASKED if doubt else _ENOUGH + 1)
        governor = self._governor
        loud = some and not governor.ready(MAX_FRAME, governor.full // 4)
        if f.flags & DIRECT or reader or loud or some and doubt:
            n = self._encode(f.shard, flags | (VALUE if reader else 0))
            if some or self._routes.frames[route] < _QUESTIONS or governor.ready(n):
                self._outbox.reply(self._buf, n, addr)
        elif f.shard not in self._answers:
            delay = self._noise.below(_WANT_MS) * governor.stretch()
            delay = 50 + (delay >> 3 if some else delay)
            self._answers[f.shard] = [(now + delay) & MAX_RAW, -MAX_RAW if some else 0]

    def vote(self, index, now):
        """A shard is disputed: say what I hold, however many said the same. With more than 128
        sessions in the table only by chance."""
        if index not in self._answers and self._noise.below(self._routes.near + 1) < 128:
            self._answers[index] = [(now + self._noise.below(_VOTE_MS)) & MAX_RAW, -MAX_RAW]

    def question(self, cycle):
        """Ask some for their clocks if clocks are disputed, whatever tokens there are."""
        routes = self._routes
        index = self._pick() if routes.disputed else -1
        r = self._placement.find(index)
        if r and r.shard.intact():
            assert index is not None
            n = self._encode(index, self._life.flags(r) | WANT | DIRECT)
            for i in range(1, routes.n):
                if (routes.held[i] or -1) >> index & 1 and routes.silent(i, cycle, n):
                    self._outbox.send(self._buf, n, routes.addr[i])

    def named(self, f, where, now):
        """Somebody's list of channels contradicts mine, or he says their names. where: his
        address, as text. Returns why that is not heard, or ""."""
        if self.names is None:
            from .names import Names

            parts = self._noise, self._governor, self._clock, self._ledger
            self.names = Names(self._config, self._outbox, *parts)
        return self.names.hear(f, where, now)

    def asked(self, f, addr, now):
        """Somebody asks what this node contributed itself."""
        if self.audit is None:
            from .audit import Audit

            parts = self._noise, self._governor, self._clock
            state = self._ledger, self._placement, self._elsewhere
            self.audit = Audit(now, self._config, self._outbox, *(parts + state))
        self.audit.hear(f, addr, now)

    def poll(self, now):
        """Say the answers that are due; returns the milliseconds until one is, at most 1000."""
        wait = 1000
        # Whoever is never heard is forgotten, and only the loud are left.
        if ticks_diff(now, self._said_at) >= self._pause:
            self.say(now)
        if self.names:
            self.names.poll(now)
        if self.audit and self.audit.poll(now):
            self.audit = None
            unload("audit")
        if not self._answers:
            return wait
        for index in sorted(self._answers):
            due, heard = self._answers[index]
            left = ticks_diff(due, now)
            if left > 0:
                wait = min(wait, left)
                continue
            del self._answers[index]
            r = self._placement.find(index)
            if heard < _ENOUGH and r and r.live:
                self.say(now, index)
        return wait
