"""Reception: what a node does with the frames it hears (docs/protocol.md, sections 4 to 6).

A frame is hostile until it has proved otherwise: each of these may drop it, and counts why.
"""

from .fixed import const, serial_diff
from .state_shard import GREW, NEW, OLD
from .wire import AUDIT, DIRECT, EP, JOINING, NAMES, RECOVERING, SDM, SLOTS, VALUE, WANT

_FULL = const(217)  # bytes of rows: an SDM has no room for another
_LAST_CYCLE = const(0x3FEFFFFF)  # 2**30 - 1 - 2**20: 34 years
_HEADERS = const(28)  # bytes of IPv4 and UDP around a frame


class Reception:
    """Hears frames. frame: a wire.Frame to decode into; what is heard is for the others, the
    node's parts by kind, as assembly groups them.

    ``dropped``: reason -> frames that were not believed; ``received``, ``received_bytes``: the
    others, headers included.
    """

    def __init__(self, frame, world, pace, state, rules, eps):
        config, self._transport, self._now, _ = world
        _, self._governor, self._trickle, self._clock = pace
        self._routes, self._ledger, self._placement, self._elsewhere = state
        self._contributions, self._life = rules
        self._frame = frame
        self._eps = eps
        self._config = config
        self._me = None  # the address at which I hear myself
        self.dropped = {}
        self.received = self.received_bytes = 0

    def hear(self, data, addr):
        """One datagram from an address. Never raises."""
        routes = self._routes
        key = self._transport.key(addr)
        known = routes.known(key)
        reason = self._decode(data, known, key)
        if reason:
            self.dropped[reason] = self.dropped.get(reason, 0) + 1
            return
        f = self._frame
        if f.kind == AUDIT:  # whoever asks is no node: nobody is there, and has a vote, for that
            self._eps.asked(f, addr, self._now())
            return
        clock = self._clock
        route = routes.admit(key, addr, clock.epoch())
        if route != known:
            routes.allowance[route] = len(data)
        if f.kind == EP and routes.bears(route, f.held) or route != known:
            for r in self._placement.replicas:
                r.votes.clear(route)
        self.received += 1
        # What liars and shouters send must not silence the others.
        size = len(data) + _HEADERS
        if not self._disbelieved(route) and routes.fair(
            route, size, self._governor.per_s, clock.cycle
        ):
            self._governor.spend(len(data))
        self.received_bytes += size
        if not routes.leaf(route):  # who holds nothing knows of nothing
            near = clock.silence() <= self._config.horizon_epochs * 64
            if near or self._life.come_back(f):
                clock.hear()
        if f.kind == SDM:
            self._hear_sdm(f, route)
        elif f.kind == NAMES:
            reason = self._eps.named(f, self._transport.name(addr), self._now())
        else:
            reason = self._hear_ep(f, addr, key, route)
        if reason:
            self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def _decode(self, data, route, key):
        """Decode a frame; returns why it is not heard, or ""."""
        if not self._routes.receive(route, len(data)):
            return "quota"
        f = self._frame
        reason = f.decode(data, self._config.tag, self._config.grain)
        if reason:
            return reason
        # A broadcast comes back to its sender, whose EPs tell him where from.
        if f.nonce == self._ledger.session.nonce:
            self._me = key
            return "own"
        if key == self._me and self._ledger.find(f.start, f.nonce):
            return "own"
        return "malformed" if f.cycle >= _LAST_CYCLE else ""  # a clock that nobody reaches

    def _disbelieved(self, route):
        """Is there a state to defend against somebody who says something else? Where nobody is
        established yet all disagree, and all their traffic counts."""
        for r in self._placement.replicas:
            if r.established and not r.votes.diverged and r.votes.off(route):
                return True
        return False

    # --- entropy packets ----------------------------------------------------------------------

    def _hear_ep(self, f, addr, key, route):
        """An EP; returns why it is not believed, or ""."""
        cycle = self._clock.cycle
        stateless = f.flags & (JOINING | RECOVERING) or not f.held >> f.shard & 1
        routes = self._routes
        if routes.replayed(route, f.nonce, f.cycle):
            return "replay"
        self._life.listed = max(self._life.listed, f.channels)
        if self._config.contradicts(f.shard, f.channels, f.prints):
            self._eps.named(f, "", self._now())
        if f.flags & VALUE:
            if routes.trusted(route) or not routes.trust()[0]:
                self._elsewhere.answer(f, cycle)
            return ""
        if not stateless:
            # Where folding has got to follows from the clock.
            if abs(serial_diff(f.horizon, self._config.horizon(f.cycle >> 6))) > 1:
                return "malformed"
            routes.told(route, f.nonce, f.cycle, cycle, f.held)
        r = self._placement.find(f.shard)
        if f.flags & WANT:
            self._eps.wanted(f, addr, route, self._now(), stateless)
            if r is None and f.held >> f.shard & 1:
                self._elsewhere.again(f.shard)
        if r is None or stateless:
            self._hear_seeker(r, f, addr, key, route)
        else:
            self._hear_state(r, f, addr, key, route)
        return ""

    def _hear_seeker(self, r, f, addr, key, route):
        """An EP of somebody without state, or of a shard that is not held here. Nothing of this
        can be judged, but whoever has no shard in common with me can tell me the time."""
        placed = self._placement
        if r and r.live:
            if self._life.state != "INIT":
                self._compare(r, f, addr)
        elif f.held >> f.shard & 1:
            self._trickle.hear(True, route)  # one question is enough for all who seek
            strange = f.shard < placed.shards and not f.held & placed.held_map()
            if strange and not f.flags & (JOINING | RECOVERING):
                self._routes.steers(route, self._life.told(f, key))

    def _hear_state(self, r, f, addr, key, route):
        """An EP with the state of a shard that is held here."""
        life = self._life
        offset = f.cycle - self._clock.cycle
        if life.offer(f, key, r):
            if f.flags & WANT:
                self._trickle.hear(None, route)
            if life.issuing():  # or a clock that is ahead of all offers finds none to take
                self._routes.steers(route, offset)
            return
        if life.stray(offset, key, r.leap()):
            return
        # A vote, a digest, a reason to speak or not to.
        agrees = r.sample(f, route, key, self._clock.cycle)
        self._eps.hear(f.shard, agrees)
        if agrees or not r.established or r.held_before(f):
            self._routes.steers(route, offset)
        same = self._compare(r, f, addr, agrees) and -2 < offset < 2
        # Whoever disagrees does not silence those who have something to defend.
        if agrees or not r.established:
            self._trickle.hear(agrees and same, route)
        if not (agrees and same):
            self._trickle.news(self._now())

    def _compare(self, r, f, addr, agrees=False):
        """Compare digests, ask for or tell what is lacking; False if that is news."""
        bits = r.lacking(f, agrees and not f.flags & WANT)
        if bits is None:
            return True
        self._contributions.compared(r, bits)
        if bits == 0:
            return True
        now = self._now()
        r.gossip.lacking(bits, addr if f.flags & DIRECT else None, bool(f.flags & WANT), now)
        return r.gossip.in_flight(now)  # then a difference is no news

    # --- state diff messages ------------------------------------------------------------------

    def _hear_sdm(self, f, route):
        r = self._placement.find(f.shard)
        if r is None:
            self._hear_echo(f)
        if r is None or self._life.state == "INIT" and not r.live:
            return
        for i in range(f.owns):
            self._hear_row(r, f.start, f.nonce, f.own_slot[i], f.own_total[i], route)
        for i in range(f.relays):
            start = f.relay_start[i]
            self._hear_row(r, start, f.relay_nonce[i], f.relay_slot[i], f.relay_total[i], route)
        if f.buckets and (not r.established or self._routes.trusted(route)):
            r.gossip.answered(f.buckets, f.owns * 5 + f.relays * 9 < _FULL, route)

    def _hear_echo(self, f):
        """Rows of a shard that is not held here: somebody may pass mine on."""
        for i in range(f.relays):
            mine = self._ledger.find(f.relay_start[i], f.relay_nonce[i])
            c = f.shard * SLOTS + f.relay_slot[i]
            if mine and not self._ledger.echo(mine, c, f.relay_total[i]):
                self._contributions.overstated()

    def _hear_row(self, r, start, nonce, slot, total, route):
        mine = self._ledger.find(start, nonce)
        if mine and not self._ledger.echo(mine, r.first_channel() + slot, total):
            self._contributions.overstated()
        own = nonce == self._frame.nonce
        did = r.row(start, nonce, slot, total, route, own)
        if mine:
            r.own_row(mine, r.first_channel() + slot)
        if did == NEW or did == GREW:
            r.gossip.learned(r.shard.find(start, nonce, slot), self._now(), own)
        elif did == OLD:
            r.gossip.behind(r.shard.find(start, nonce, slot), self._now(), own)
