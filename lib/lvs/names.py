"""Names: whose list of channels contradicts mine, told to both (docs/protocol.md, section 4).

Needed only while somebody's does: lvs.ep_sender loads it then.
"""

from .decimal import text
from .fixed import MAX_RAW, const, ticks_diff
from .wire import MAX_FRAME, NAMES, SLOTS, get30, put30, put_head, seal

_SOON_MS = const(8000)  # names are said within this, by one of those who would say the same
_KNOWN = const(8)  # contradictions that are kept ...
_EPOCHS = const(8)  # ... for so long


def encode(buf, tag, start, nonce, cycle, shard, names):
    """Write into buf what some channels of a shard are called; returns its length. names: an
    iterable of (slot, (m, e), text of at most 64 bytes), of which those are said that fit."""
    n = put_head(buf, NAMES, tag, start, nonce, cycle, shard)
    for slot, (m, e), name in names:
        name = name.encode()
        end = n + 6 + len(name)
        if end > MAX_FRAME - 2:
            break
        buf[n] = slot
        put30(buf, n + 1, (e + 9) << 20 | m)
        buf[n + 5] = len(name)
        buf[n + 6 : end] = name
        n = end
    return seal(buf, n)


def decode(body):
    """The names in a frame's body as a list of (slot, (m, e), text); None: malformed."""
    names = []
    i = 0
    while i < len(body):
        if i + 6 >= len(body) or body[i] >= SLOTS or body[i + 4] > 0x3F:
            return None
        step = get30(body, i + 1)
        m = step & 0xFFFFF
        end = i + 6 + body[i + 5]
        if not i + 6 < end <= len(body) or step >> 20 > 18 or not 0 < m < 1000000:
            return None
        try:
            names.append((body[i], (m, (step >> 20) - 9), body[i + 6 : end].decode()))
        except UnicodeError:
            return None
        i = end
    return names


class Names:
    """config, outbox, noise, governor, clock, ledger: the node's. ``wrong``: channel -> [epoch,
    what is said of it, by whom]."""

    def __init__(self, config, outbox, noise, governor, clock, ledger):
        self._config = config
        self._outbox = outbox
        self._noise = noise
        self._governor = governor
        self._clock = clock
        self._ledger = ledger
        self._due = {}  # shard: when my names of it are to be said
        self._said = {}  # shard: epoch in which somebody said them
        self._next = {}  # shard: the slot from which on
        self.wrong = {}

    def hear(self, f, where, now):
        """Somebody's fingerprint contradicts mine, or he says names of a shard. Returns why that
        is not heard, or ""."""
        same = not self._config.listed(f.shard)  # what I have no names for I say none of
        epoch = self._clock.epoch()
        if f.kind == NAMES:
            said = decode(f.body)
            if not said:
                return "malformed"
            same = same or self._compare(f.shard, said, where, epoch) and self._noise.below(4)
        if same:
            self._due.pop(f.shard, None)  # what I would have said
            self._said[f.shard] = epoch
        elif self._said.get(f.shard) != epoch and f.shard not in self._due:
            self._due[f.shard] = (now + self._noise.below(_SOON_MS)) & MAX_RAW
        return ""

    def _compare(self, shard, said, where, epoch):
        """Are all the names that somebody says mine?"""
        cfg = self._config
        same = True
        for slot, step, name in said:
            c = shard * SLOTS + slot
            if c >= len(cfg.channels) or name == cfg.channels[c] and step == cfg.steps[c]:
                continue
            same = False
            self._next[shard] = slot
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

    def poll(self, now):
        """Say the names that are due, as many of a shard as a frame has room for."""
        for shard in list(self._due):
            if ticks_diff(self._due[shard], now) > 0 or not self._governor.ready(MAX_FRAME):
                continue
            del self._due[shard]
            self._said[shard] = self._clock.epoch()
            cfg = self._config
            n = cfg.listed(shard)
            first = self._next.get(shard, 0)
            self._next[shard] = (first + 3) % n  # as many always fit
            slots = [(first + i) % n for i in range(n)]
            c = shard * SLOTS
            named = [(s, cfg.steps[c + s], cfg.channels[c + s]) for s in slots]
            s = self._ledger.session
            buf = bytearray(MAX_FRAME)
            size = encode(buf, cfg.tag, s.start, s.nonce, self._clock.cycle, shard, named)
            self._outbox.spread(buf, size)
