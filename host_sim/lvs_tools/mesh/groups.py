"""Who holds the same, by the digests that nodes show: what groups a live mesh has come apart in.

Values alone do not tell two groups that both count on from nodes between which much is on its
way. Digests do, each bucket by itself: where a node stood at one digest, and another showed a
different one in the middle of that, long after the first began and long before it ended, nothing
was on its way. Digests of different epochs or horizons are not compared (docs/protocol.md,
section 3), so what is said is of one epoch, and of the one before until the new one is old enough.
"""

from lvs.config import EPOCH_CYCLES
from lvs.wire import JOINING, RECOVERING

_MOST = 8  # groups; who fits in none of so many is left out
_EVERY_S = 2.0  # between two samples of a node and shard, where it is watched for long
_STOOD_S = 1.5  # a look tells groups by what stood for so long
_SAMPLES = 40  # ... in an epoch
_EPOCHS = 2  # that are remembered
_INVENTED = 16  # ... until they are looked at: whoever invents cycles costs no memory
_BELIEVED_S = 200.0  # who was found apart is, for so long without a sign of either


class Groups:
    """Samples of digests, and the groups that they show. lag_s: what was shown so long ago,
    everybody shows; every_s: between two samples."""

    def __init__(self, lag_s, every_s=_EVERY_S):
        self._lag = lag_s
        self._every = every_s
        self._told = {}  # two nodes that were found apart: when
        self._seen = {}  # epoch: {node: {(shard, horizon): [(when, digests)]}}

    def hear(self, now, node, frame):
        """An EP of a node was heard (frame: decoded), with or without values."""
        if frame.flags & (JOINING | RECOVERING) or not frame.held >> frame.shard & 1:
            return
        epoch = frame.cycle // EPOCH_CYCLES
        if epoch not in self._seen and len(self._seen) >= _INVENTED:
            return
        nodes = self._seen.setdefault(epoch, {})
        samples = nodes.setdefault(node, {}).setdefault((frame.shard, frame.horizon), [])
        late = not samples or now - samples[-1][0] >= self._every
        if late and len(samples) < _SAMPLES:
            samples.append((now, tuple(frame.digests)))

    def forget(self, cycle, nodes):
        """Keep the epochs about a cycle, and the nodes that are still there."""
        epoch = cycle // EPOCH_CYCLES
        self._seen = {
            e: {node: said for node, said in seen.items() if node in nodes}
            for e, seen in self._seen.items()
            if abs(e - epoch) < _EPOCHS
        }

    def newest(self, node):
        """What a node showed last, {(epoch, shard, horizon): digests}."""
        for epoch in sorted(self._seen, reverse=True):
            if node in self._seen[epoch]:
                said = self._seen[epoch][node]
                return {(epoch, *key): samples[-1][1] for key, samples in said.items()}
        return {}

    def look(self, now, nodes):
        """The groups, each a list of nodes, the largest first: one where nobody is apart."""
        known = {}  # what was worked out of a node's samples
        groups = _sorted(nodes, lambda a, b: self._apart(now, a, b, known))
        for pair in [p for p, at in self._told.items() if now - at > _BELIEVED_S]:
            del self._told[pair]
        return groups

    def brief(self, nodes, least_s=_STOOD_S):
        """The same of a look of some seconds, which is too short for a lag: apart are two of whom
        one stood at a digest all the time, of least_s, and the other never showed it."""
        return _sorted(nodes, lambda a, b: self._never_met(a, b) >= least_s)

    def _never_met(self, a, b):
        """Seconds for which that was so of two; -1: they met, or cannot be compared."""
        longest = -1
        for seen in self._seen.values():
            keys = seen.get(a, {}).keys() & seen.get(b, {}).keys()
            if keys:
                longest = max(stood := max(_missed(seen[a][k], seen[b][k]) for k in keys), longest)
                if stood < 0:
                    return -1
        return longest

    def _apart(self, now, a, b, known):
        """Do two nodes hold different things? By the newest epoch that says so, or not; else as
        it was said last."""
        pair = frozenset((a, b))
        for epoch in sorted(self._seen, reverse=True):
            seen = self._seen[epoch]
            shared = seen.get(a, {}).keys() & seen.get(b, {}).keys()
            both = [
                [self._about(epoch, node, key, known) for node in (a, b)] for key in sorted(shared)
            ]
            if any(self._differs(*one) or self._differs(*reversed(one)) for one in both):
                self._told[pair] = now
                return True
            if both and all(_met(*one) for one in both):
                self._told.pop(pair, None)
                return False
        return pair in self._told

    def _about(self, epoch, node, key, known):
        """(samples, where digests stood, the set of each bucket's digests)."""
        if (epoch, node, key) not in known:
            samples = self._seen[epoch][node][key]
            known[epoch, node, key] = samples, self._stood(samples), _buckets(samples)
        return known[epoch, node, key]

    def _differs(self, one, other):
        """Did the other show something else where one stood at a digest for long?"""
        return any(
            first + self._lag <= when <= last - self._lag and said[bucket] != digest
            for bucket, digest, first, last in one[1]
            for when, said in other[0]
        )

    def _stood(self, samples):
        """[(bucket, digest, first, last)]: where a digest did not change for long enough."""
        found = []
        for bucket in range(len(samples[0][1])):
            first, last, digest = samples[0][0], samples[0][0], samples[0][1][bucket]
            for when, said in [*samples[1:], (samples[-1][0], {bucket: None})]:
                if said[bucket] == digest:
                    last = when
                    continue
                if last - first >= 2 * self._lag:
                    found.append((bucket, digest, first, last))
                first, last, digest = when, when, said[bucket]
        return found


def _sorted(nodes, apart):
    """Groups of nodes that are not apart from their first one, the largest first."""
    groups = []
    for node in nodes:
        for group in groups:
            if not apart(node, group[0]):
                group.append(node)
                break
        else:
            if len(groups) < _MOST:
                groups.append([node])
    return sorted(groups, key=len, reverse=True)


def _buckets(samples):
    """The set of each bucket's digests."""
    return [set(said) for said in zip(*(said for _, said in samples), strict=True)]


def _missed(one, other):
    """Seconds of the samples of two of whom one stood at a digest that the other never showed;
    -1 if there is no such bucket."""
    both = zip(_buckets(one), _buckets(other), strict=True)
    if any(a.isdisjoint(b) and 1 in (len(a), len(b)) for a, b in both):
        return min(samples[-1][0] - samples[0][0] for samples in (one, other))
    return -1


def _met(one, other):
    """Did both show the same in each bucket at some time of an epoch?"""
    return not any(mine.isdisjoint(theirs) for mine, theirs in zip(one[2], other[2], strict=True))
