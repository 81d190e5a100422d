"""Gives a starting node back what its journal holds, record by record.

Nothing here may count twice: rows are merged, targets are set, and what the journal does not know
for certain to be untold counts as told (docs/durability.md).
"""

from .fixed import LvsError
from .journal_reader import CHECK
from .journal_state import FORMAT, read
from .ledger import Session
from .routes import OTHERS


class Restorer:
    """Takes records for a node. careful: newer records were lost; only: restore this replica's
    shard alone, and nothing else.

    ``usable``: the journal is this mesh's; ``refused``: why it is not; ``lost``: raw that waited
    in an old record and cannot be told safely.
    """

    def __init__(self, node, careful=False, only=None):
        self._node = node
        self._careful = careful
        self._only = only
        self.usable = False
        self.refused = ""
        self.lost = 0
        self._sessions = []
        self._channels = node.ledger.channels
        self._waiting = [0] * self._channels
        self._exile = [0] * self._channels
        self._cycle = 0
        self._present = Session(0, 0, self._channels)
        self._was_intact = True
        if only is not None:
            self._was_intact = only.shard.intact()

    def take(self, kind, buf, at, end):
        """One record."""
        if self.usable or kind == CHECK:
            read(kind, buf, at, end, self)

    # --- what a record says -------------------------------------------------------------------

    def check(self, version, tag, channels, cycle):
        """A checkpoint begins."""
        if version != FORMAT:
            self.refused = "its format %d is not this version's, %d" % (version, FORMAT)
        elif tag != self._node.config.tag or channels != self._channels:
            self.refused = "it is of another mesh, channel list or mesh parameter"
        else:
            self.usable = True
            self._cycle = cycle

    def ledger(self, cycle, whole):
        """What follows replaces the sessions and what waits."""
        self._cycle = max(self._cycle, cycle)
        self._waiting = [0] * self._channels
        if whole:
            self._sessions = []
            self._exile = [0] * self._channels

    def session(self, start, nonce, alone):
        """A session's entries follow."""
        for s in self._sessions:
            if s.nonce == nonce and s.start == start:
                break
        else:
            s = Session(start, nonce, self._channels)
            s.restored = True
            self._sessions.append(s)
        s.alone = alone
        self._present = s

    def entry(self, channel, target, bound):
        """What was contributed in a session, and how far it may have been told."""
        self._present.target[channel] = target
        self._present.total[channel] = bound

    def waits(self, channel, amount):
        """What is part of no session."""
        self._waiting[channel] = amount

    def owed(self, channel, amount):
        """What was folded here alone."""
        self._exile[channel] = amount

    def _shard(self, index):
        """The replica to fill, or None."""
        node = self._node
        if self._only is not None:
            return self._only if self._only.index == index else None
        r = node.replica(index)
        if r is None and index < node.shards and len(node.replicas) < node.config.held:
            node.placement.hold(index)
            r = node.replica(index)
        return r

    def settled(self, index, cycle, horizon, confidence, established, vector):
        """A shard's settled vector."""
        self._cycle = max(self._cycle, cycle)
        r = self._shard(index)
        if r is None or len(vector) != r.shard.slots:
            return
        if self._only is not None and self._was_intact:
            return  # only rows are missing
        r.shard.adopt(vector, horizon, cycle >> 6)
        r.shard.epoch += 2  # the rows that follow may be of sessions begun a little later
        r.confidence = confidence
        r.established = established
        r.kept = True

    def row(self, index, start, nonce, slot, claimed, credited):
        """A row of a shard."""
        r = self._shard(index)
        if r is None or slot >= r.shard.slots:
            return
        shard = r.shard
        shard.merge(start, nonce, slot, claimed, OTHERS)
        p = shard.find(start, nonce, slot)
        if p >= 0:
            shard.credit(p, min(credited, shard.claimed[p]) - shard.credited[p])

    def route(self, text):
        """An address to try."""
        node = self._node
        if self._only is not None:
            return
        try:
            addr = node.transport.resolve(text)
        except (LvsError, OSError):
            return  # no network yet, or a name that is gone: there are others
        node.remembered.append(addr)

    # --- and then -----------------------------------------------------------------------------

    def finish(self):
        """All records were taken: put the node together."""
        node = self._node
        if self._only is not None:
            self._advance(self._only)
            return
        ledger = node.ledger
        node.clock.adopt(self._cycle, node.now())
        for c in range(self._channels):
            if self._careful:
                self.lost += self._waiting[c] + self._exile[c]
            else:
                ledger.waiting[c] = ledger.remembered[c] = self._waiting[c]
                ledger.exile[c] = self._exile[c]
        kept = []
        for s in self._sessions:
            if max(s.target):
                self._settle(s)
                kept.append(s)
        ledger.sessions = kept + ledger.sessions
        for r in node.replicas:
            self._advance(r)

    def _advance(self, r):
        """Enter my own rows, then fold what is due by now."""
        node = self._node
        r.shard.epoch = node.clock.epoch()
        node.enter(r)
        r.shard.advance(node.clock.epoch())
        r.gossip.forget()

    def _settle(self, s):
        """Bounds and what is known of a restored session."""
        for c in range(self._channels):
            if self._careful:
                s.total[c] = s.target[c]
            if s.total[c] < s.target[c]:
                s.limit[c] = s.total[c]
            if not s.alone:
                s.known[c] = s.total[c]  # whoever heard it may have told anybody


def describe(path, log, restorer):
    """What was wrong with what was found, one line; "" if nothing was."""
    where = "journal: %s" % path
    if restorer.refused:
        return "%s: %s; it is not used and is replaced" % (where, restorer.refused)
    if not log.number:
        if log.highest or log.damaged:
            return "%s: nothing in it can be read; starting without it" % where
        return ""
    if log.fallback:
        text = "%s: the newest segment is damaged; restored from segment %d" % (where, log.number)
        if restorer.lost:
            text += "; %d raw that waited may be lost" % restorer.lost
        return text
    if log.damaged:
        return "%s: segment %d is damaged in %d places; the rest is restored" % (
            where,
            log.number,
            log.damaged,
        )
    return ""
