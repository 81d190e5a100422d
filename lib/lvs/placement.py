"""Shard placement by rendezvous hashing (Thaler and Ravishankar, 1998).

Every node ranks all shards for itself from its session alone; no table, no leader
(docs/protocol.md, section 8).
"""

from .fixed import mix
from .replica import Replica

_RECENT = 256  # cycles within which a holder must have been heard


def score(nonce, shard):
    """How much a session likes a shard: 30 bits, the highest is held first."""
    h = mix(mix(nonce, shard + 1), 0x2545F49)
    return mix(mix(h, 0x1B873593), shard)


def ranked(nonce, shards):
    """Shard numbers, the best liked first."""
    return sorted(range(shards), key=lambda s: (-score(nonce, s), s))


def held_map(indices):
    """Bit map of shard numbers."""
    bits = 0
    for i in indices:
        bits |= 1 << i
    return bits


def hold(node, index):
    """Give a node an empty replica of a shard, to be filled by its peers."""
    node.replicas.append(Replica(node.config, index, node.clock.epoch()))
    node.replicas.sort(key=lambda r: r.index)


def rebalance(node):
    """Once an epoch: adopt a shard that too few hold, or let one go that many hold.

    By chance, so that not all do it at once. A shard goes only when it is synchronised, nothing in
    it waits, and there is one that needs its place.
    """
    few = node.config.replicas
    cycle = node.clock.cycle
    order = ranked(node.ledger.session.nonce, node.shards)
    missing = [
        i for i in order if node.replica(i) is None and node.peers.holders(i, cycle, _RECENT) < few
    ]
    if not missing or node.noise.below(4):
        return
    if len(node.replicas) < node.config.held:
        hold(node, missing[0])
        node.sender.reset(node.now())
        return
    for i in reversed(order):
        r = node.replica(i)
        if r and r.synced and not r.shard.waiting:
            if node.peers.holders(i, cycle, _RECENT) > 2 * few:
                node.replicas.remove(r)
                hold(node, missing[0])
                node.sender.reset(node.now())
                return
