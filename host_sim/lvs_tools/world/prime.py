"""Brings new nodes to where a long quiet life would have led them, for a start in the middle."""

from lvs.drift_core import FULL_CONFIDENCE
from lvs.wide import of


def settle(node, vectors, established):
    """Give a node the settled vectors (raw) of its shards, one a replica; established: with full
    confidence in them."""
    epoch = node.clock.epoch()
    for k, r in enumerate(node.replicas):
        confidence = FULL_CONFIDENCE if established else 0
        r.restore(of(vectors[k]), r.shard.horizon, epoch, confidence, established)
        r.resume((), epoch)
        r.go_live()
    node.life.activate()


def trust(node, peers, voted):
    """Let a node have heard everybody for long, and trust as many routes as its table holds.

    peers: [(nonce, address)]; voted: they all agreed of late.
    """
    routes = node.routes
    cycle = node.clock.cycle
    epoch = node.clock.epoch()
    held = node.placement.held_map()
    looked = False
    for nonce, addr in peers:
        key = node.transport.key(addr)
        if looked and not routes.known(key):
            routes._since = epoch  # whoever was added is trusted: who makes place is the same
        count = routes.n
        route = routes.admit(key, addr, epoch)
        if not route:
            continue
        looked = route == count  # and no entry was another's
        routes.told(route, nonce, cycle, cycle, held)
        routes.steers(route, 0)
        routes.agreed[route] = 255
        for r in node.replicas if voted else ():
            r.votes.cast(route, True, epoch)
