"""Reception: what a node does with the frames it hears (docs/protocol.md, sections 4 to 6).

A frame is hostile until it has proved otherwise: each of these may drop it, and counts why.
"""

from .fixed import const
from .peers import NONE, TC_START, TRUSTED
from .state_shard import GREW, NEW, OLD
from .vaultguard import note_correction
from .voices import DIVERGED
from .wire import EP, JOINING, RECOVERING, VALUE, WANT

_LOUD = const(192)  # frames an epoch beyond which a route's are not counted as everybody's traffic
_LAST_CYCLE = const(0x3FEFFFFF)  # 2**30 - 1 - 2**20: 34 years


def hear(node, data, addr):
    """One datagram from an address. Never raises."""
    cfg = node.config
    size = len(data)
    key = node.transport.key(addr)
    route = node.routes.known(key)
    if not node.routes.receive(route, size):
        node.drop("quota")
        return
    f = node.frame
    reason = f.decode(data, cfg.tag, len(cfg.channels))
    if reason:
        node.drop(reason)
        return
    if f.nonce == node.ledger.session.nonce:
        node.drop("own")
        return
    if f.cycle >= _LAST_CYCLE:
        node.drop("malformed")  # a clock that nobody reaches
        return
    route = node.routes.admit(key, addr, node.epoch)
    if node.routes.fresh:
        for r in node.replicas:
            r.voices.clear(route)
    node.received += 1
    node.received_bytes += size + 28
    # What liars and shouters send must not silence the others.
    loud = _LOUD if route else 8 * _LOUD  # all who have no entry share the first
    if node.routes.frames[route] < loud and not _disbelieved(node, f.nonce, route):
        node.governor.spend(size)
    node.met(f.cycle >> 6)
    if node.silence() > cfg.horizon_epochs * 64:
        node.life.come_back()
    node.heard_at = node.clock.cycle
    if f.kind == EP:
        _hear_ep(node, f, addr, key, route)
    else:
        _hear_sdm(node, f, key, route)


def _disbelieved(node, nonce, route):
    """Is there a state to defend against somebody who lost its trust, or says what is far from it?
    Sessions cost nothing, so that trust alone cannot tell whose traffic is a lie; and where nobody
    is established yet all disagree, and all their traffic counts."""
    low = node.peers.tc_of(nonce) < TC_START
    for r in node.replicas:
        if r.established and r.verdict != DIVERGED and (low or r.voices.off(route)):
            return True
    return False


def _hear_ep(node, f, addr, key, route):
    peers = node.peers
    cycle = node.clock.cycle
    offset = f.cycle - cycle
    stateless = f.flags & (JOINING | RECOVERING)
    peer = peers.find(f.nonce)
    if peer != NONE:
        if f.cycle < peers.cycle[peer]:
            node.drop("replay")
            return
        if peers.key[peer] != key and (
            peers.tc[peer] >= TRUSTED or cycle - peers.last[peer] < 256
        ):
            node.drop("route")  # somebody else speaks for a session that is alive
            return
    if not stateless:
        peer = peers.admit(f.nonce, f.start, key, cycle)
        if peer != NONE:
            peers.cycle[peer] = min(f.cycle, cycle + 2)
            peers.offset[peer] = max(-1000, min(1000, offset))
            peers.held[peer] = f.held
    if f.flags & VALUE:
        if peers.tc_of(f.nonce) >= TRUSTED or not peers.trust()[0]:
            node.sender.answer(f, cycle)
        return
    if f.flags & WANT:
        node.sender.wanted(f, addr, node.now())
    r = node.replica(f.shard)
    if r is None or stateless:
        if r and r.live and stateless and node.state != "INIT":
            _compare(node, r, f, addr)
        if not (r and r.live):
            node.trickle.hear(True, route)  # one question is enough for all who seek
        return
    node.sender.heard_state(f.shard)
    if not r.live or not node.life.issuing():
        node.life.offer(f, key, r, route)
    elif r.established or not node.life.stray(offset, key):
        _sample(node, r, f, addr, key, peer, route)


def _sample(node, r, f, addr, key, peer, route):
    """An EP that speaks of a shard's state: a voice, a digest, a reason to speak or not to."""
    cycle = node.clock.cycle
    agrees = r.sample(f, node.peers, peer, node.routes, route, key, cycle)
    same = _compare(node, r, f, addr) and -2 < f.cycle - cycle < 2
    # Whoever disagrees does not silence those who have something to defend.
    if agrees or not r.established:
        node.trickle.hear(agrees and same, route)
    if not (agrees and same):
        node.trickle.news(node.now(), node.soon())


def _compare(node, r, f, addr):
    """Compare digests, ask for or tell what is lacking; False if that is news."""
    bits = r.lacking(f, not f.flags & (JOINING | RECOVERING))
    if bits == 0:
        node.ledger.heard_all(r.first_channel(), r.shard.slots)
        return True
    if bits is None:
        return True
    node.sender.lacking(r, bits, f, addr, node.now())
    return r.gossip.in_flight(node.now(), node.peers.n)  # then a difference is no news


def _hear_sdm(node, f, key, route):
    r = node.replica(f.shard)
    if r is None or not r.live:
        return
    r.gossip.heard_sdm()
    for i in range(f.owns):
        _hear_row(node, r, f.start, f.nonce, f.own_slot[i], f.own_total[i], route, key)
    for i in range(f.relays):
        start = f.relay_start[i]
        _hear_row(node, r, start, f.relay_nonce[i], f.relay_slot[i], f.relay_total[i], route, key)
    if f.corrections and f.weight:
        for i in range(f.corrections):
            note_correction(node.routes, route, f.correction_step[i])
        node.sender.corrections += 1
    if f.buckets and (not r.established or node.peers.tc_of(f.nonce) >= TRUSTED):
        r.gossip.answered(f.buckets)


def _hear_row(node, r, start, nonce, slot, total, route, key):
    mine = node.ledger.find(start, nonce)
    if mine and not node.ledger.heard(mine, r.first_channel() + slot, total):
        node.overstated(mine)
    own = nonce == node.frame.nonce
    did, p = r.row(start, nonce, slot, total, node.routes, route, node.clock.cycle, own)
    if did == NEW or did == GREW:
        node.sender.learned(r, p, node.now(), key)
        if own:
            node.peers.contributed(nonce, r.shard.credited[p] >> 8)
    elif did == OLD:
        node.sender.behind(r, start, nonce, slot, node.now())
