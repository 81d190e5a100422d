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
_SAMPLES = 64  # of a node and shard in an epoch
_EPOCHS = 2  # that are remembered
_BELIEVED_S = 200.0  # who was found apart is, for so long without a sign of either


class Groups:
    """Samples of digests, and the groups that they show. lag_s: what was shown so long ago,
    everybody shows."""

    def __init__(self, lag_s):
        self._lag = lag_s
        self._told = {}  # two nodes that were found apart: when
        self._seen = {}  # epoch: {node: {(shard, horizon): [(when, digests)]}}

    def hear(self, now, node, frame):
        """An EP of a node was heard (frame: decoded), with or without values."""
        if frame.flags & (JOINING | RECOVERING) or not frame.held >> frame.shard & 1:
            return
        nodes = self._seen.setdefault(frame.cycle // EPOCH_CYCLES, {})
        samples = nodes.setdefault(node, {}).setdefault((frame.shard, frame.horizon), [])
        if len(samples) < _SAMPLES:
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
        standing = {}
        groups = []
        for node in nodes:
            for group in groups:
                if not self._apart(now, node, group[0], standing):
                    group.append(node)
                    break
            else:
                if len(groups) < _MOST:
                    groups.append([node])
        for pair in [p for p, at in self._told.items() if now - at > _BELIEVED_S]:
            del self._told[pair]
        return sorted(groups, key=len, reverse=True)

    def _apart(self, now, a, b, standing):
        """Do two nodes hold different things? By the newest epoch that says so, or not; else as
        it was said last."""
        pair = frozenset((a, b))
        for epoch in sorted(self._seen, reverse=True):
            seen = self._seen[epoch]
            shared = seen.get(a, {}).keys() & seen.get(b, {}).keys()
            both = [(epoch, a, b, key) for key in shared] + [(epoch, b, a, key) for key in shared]
            if any(self._differs(*one, standing) for one in both):
                self._told[pair] = now
                return True
            if shared and all(_met(seen[a][key], seen[b][key]) for key in shared):
                self._told.pop(pair, None)
                return False
        return pair in self._told

    def _differs(self, epoch, a, b, key, standing):
        """Did b show something else where a stood at one digest for long?"""
        if (epoch, a, key) not in standing:
            standing[epoch, a, key] = self._stood(self._seen[epoch][a][key])
        return any(
            first + self._lag <= when <= last - self._lag and said[bucket] != digest
            for bucket, digest, first, last in standing[epoch, a, key]
            for when, said in self._seen[epoch][b][key]
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


def _met(one, other):
    """Did both show the same in each bucket at some time of an epoch?"""
    mine, theirs = (zip(*(digests for _, digests in samples)) for samples in (one, other))
    return not any(set(m).isdisjoint(t) for m, t in zip(mine, theirs))
