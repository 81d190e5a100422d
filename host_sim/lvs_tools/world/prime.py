"""Brings new nodes to where a long quiet life would have led them, for a start in the middle."""

from lvs.drift_core import FULL_CONFIDENCE
from lvs.peers import TC_MAX
from lvs.votes import EXACT


def settle(node, vectors, established):
    """Give a node the settled vectors (raw) of its shards, one a replica; established: with full
    confidence in them."""
    epoch = node.clock.epoch()
    for k, r in enumerate(node.replicas):
        confidence = FULL_CONFIDENCE if established else 0
        r.restore(vectors[k], r.shard.horizon, epoch, confidence, established)
        r.resume((), epoch)
        r.go_live(node.clock.cycle)
    node.life.activate()


def trust(node, peers, voted):
    """Let a node have heard everybody for long, and trust as many sessions as its table holds.

    peers: [(nonce, address)]; voted: they all agreed of late.
    """
    epoch = node.clock.epoch()
    for k, (nonce, addr) in enumerate(peers):
        key = node.transport.key(addr)
        route = node.routes.admit(key, addr, epoch)
        node.routes.epochs[route] = 255
        for r in node.replicas if voted else ():
            r.votes.cast(route, EXACT, epoch)
        if k < node.config.sessions:
            peer = node.peers.admit(nonce, key, node.clock.cycle)
            if peer >= 0:
                node.peers.tc[peer] = TC_MAX
