"""Holders: whether so few nodes can hold so many shards that none of them is lost.

Asked before a node starts (docs/configuration.md). Seldom needed: unloaded on boards.
"""

from .fixed import ConfigError
from .wire import SLOTS


def lack(channels, held, replicas, nodes):
    """Why a shard may have no holder, with the limit and the mends, or "".

    channels: how many a mesh has; held: shards that each of its nodes has room for, 0: it is a
    leaf; nodes: how many there will be, 0: that is not known.
    """
    shards = -(-channels // SLOTS)
    if not held or shards <= held:
        return ""
    # Only a shard that more than twice ``replicas`` others hold goes for one that too few do.
    least = -(-((shards - 1) * (2 * replicas + 1) + replicas) // held)
    if nodes >= least:
        return ""
    return (
        "channels: %d are %d shards, and with room for %d ('held') at most %d channels are safe "
        "in a mesh of fewer than %d nodes: a shard may have no holder; set 'held' to %d, have "
        "fewer channels, or set 'nodes' if there are so many"
        % (channels, shards, held, held * SLOTS, least, shards)
    )


def check(data):
    """Raise ConfigError where shards may have no holder. data: a node's configuration; what is
    wrong in it otherwise, Config says."""
    channels = data.get("channels")
    numbers = [data.get(key, n) for key, n in (("held", 30), ("replicas", 3), ("nodes", 0))]
    if isinstance(channels, list) and all([isinstance(n, int) and n >= 0 for n in numbers]):
        text = lack(len(channels), numbers[0], numbers[1], numbers[2])
        if text:
            raise ConfigError(text)
