"""Names: whose list of channels contradicts mine, told to both (docs/protocol.md, section 4).

Needed only while somebody's does: lvs.ep_sender loads it then.
"""

from .decimal import text
from .fixed import MAX_RAW, const, ticks_diff
from .wire import NAMES, SLOTS, encode_names

_SOON_MS = const(8000)  # names are said within this, by one of those who would say the same
_KNOWN = const(8)  # contradictions that are kept ...
_EPOCHS = const(8)  # ... for so long


class Names:
    """config, noise: the node's. ``wrong``: channel -> [epoch, what is said of it, by whom]."""

    def __init__(self, config, noise):
        self._config = config
        self._noise = noise
        self._due = {}  # shard: when my names of it are to be said
        self._said = {}  # shard: epoch in which somebody said them
        self._next = {}  # shard: the slot from which on
        self.wrong = {}

    def hear(self, f, where, epoch, now):
        """Somebody's fingerprint contradicts mine, or he says names of a shard."""
        same = f.kind == NAMES
        if same:
            same = self._compare(f, where, epoch)
        if same:
            self._due.pop(f.shard, None)  # what I would have said
            self._said[f.shard] = epoch
        elif self._said.get(f.shard) != epoch and f.shard not in self._due:
            self._due[f.shard] = (now + self._noise.below(_SOON_MS)) & MAX_RAW

    def _compare(self, f, where, epoch):
        """Are all the names that somebody says mine?"""
        cfg = self._config
        same = True
        for slot, step, name in f.names:
            c = f.shard * SLOTS + slot
            if c >= len(cfg.channels) or name == cfg.channels[c] and step == cfg.steps[c]:
                continue
            same = False
            self._next[f.shard] = slot
            if c in self.wrong or len(self.wrong) < _KNOWN:
                name = "".join([x if " " <= x < "\x7f" or x >= "\xa0" else "?" for x in name])
                self.wrong[c] = [epoch, "'%s' in steps of %s" % (name, text(1, step)), where]
        return same

    def warnings(self, epoch):
        """A text for each channel that is another somewhere, as was heard of late."""
        cfg = self._config
        for c in list(self.wrong):
            if epoch - self.wrong[c][0] > _EPOCHS:
                del self.wrong[c]
        return [
            "channels[%d]: '%s' in steps of %s here, %s at %s: what is counted there mixes; give "
            "it the same name and step on all nodes"
            % (c, cfg.channels[c], text(1, cfg.steps[c]), self.wrong[c][1], self.wrong[c][2])
            for c in sorted(self.wrong)
        ]

    def due(self, now):
        """A shard whose names are to be said now, or None."""
        for shard in self._due:
            if ticks_diff(self._due[shard], now) <= 0:
                return shard
        return None

    def encode(self, buf, head, shard, epoch):
        """Fill a frame with as many of my names of a shard as there is room for; returns its
        length. head: tag, start, nonce and cycle."""
        del self._due[shard]
        self._said[shard] = epoch
        cfg = self._config
        n = cfg.listed(shard)
        first = self._next.get(shard, 0)
        self._next[shard] = (first + 3) % n  # as many always fit
        slots = [(first + i) % n for i in range(n)]
        c = shard * SLOTS
        named = [(s, cfg.steps[c + s], cfg.channels[c + s]) for s in slots]
        return encode_names(buf, head[0], head[1], head[2], head[3], shard, named)
