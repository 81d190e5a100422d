"""Gives a starting node back what its journal holds.

Nothing here may count twice: rows are merged, targets are set, and what the journal does not know
for certain to be untold counts as told (docs/durability.md). Boards unload it.
"""

from . import restart
from .config import EPOCH_CYCLES
from .fixed import MAX_RAW, LvsError, serial_diff
from .journal_reader import CHECK, FORMAT
from .journal_replay import Found, read
from .ledger import SPOKEN, TAKEN, Session
from .routes import OTHERS
from .wire import SLOTS


class Restorer:
    """Takes records, each by a method of its name (journal_replay.read): shards are filled at
    once, the rest is collected.

    tag: the mesh's; channels: mine, more if the journal has more; replica: the one to fill with a
    shard of this number, or None; vectors: restore settled vectors, not rows alone.
    ``usable``: the journal is this mesh's; ``refused``: why it is not.
    """

    def __init__(self, tag, channels, replica, vectors=True):
        self._tag = tag
        self._channels = channels
        self._replica = replica
        self.careful = False  # newer records were lost
        self.later = 0  # epochs by which my clock is ahead of the journal's
        # epochs in a grain of the mesh before, whose journal it is, and in one of mine
        self.grain = self.mine = 0
        self.started = lambda start: start  # a grain (16 bits) there, in mine
        self.folded = {}  # horizon of each shard
        self._vectors = vectors
        self.usable = False
        self.refused = ""
        self.cycle = 0  # the newest
        self.sessions = []
        self.waiting = [0] * channels
        self.carried = {}
        self.spent = {}
        self.lineage = bytes(12)
        self.since = self.near = self.began = 0
        self.texts = []  # addresses
        self._session = None  # whose entries follow
        self._heard = False  # may others know more of them?

    def take(self, kind, buf, at, end):
        """One record."""
        if self.usable or kind == CHECK:
            read(kind, buf, at, end, self)

    def check(self, version, tag, channels, cycle):
        """A checkpoint begins."""
        if version != FORMAT:
            self.refused = "its format %d is not this version's, %d" % (version, FORMAT)
        elif tag != self._tag:
            self.refused = "it is another mesh's"
        else:
            self.usable = True
            self.cycle = self.began = cycle
            self._channels = max(self._channels, channels)

    def ledger(self, cycle, near, lineage):
        """What follows replaces what waits and, with a lineage, all sessions."""
        self.cycle = max(self.cycle, cycle)
        self.near = near
        self.waiting = [0] * self._channels
        self.carried = {}
        if lineage is not None:
            self.sessions = []
            self.spent = {}
            self.lineage = lineage

    def account(self, since):
        """Since when there is an account of what was contributed."""
        self.since = since

    def gone(self, channel, amount):
        """What was contributed in sessions that are gone."""
        self.spent[channel] = amount

    def doubt(self, channel, amount):
        """What of all that was contributed may be lost."""
        self.spent[~channel] = amount

    def session(self, start, nonce, fate, heard):
        """A session's entries follow. heard: may others know more of them?"""
        found = [s for s in self.sessions if s.nonce == nonce and s.start == start]
        s = found[0] if found else Session(start, nonce, self._channels)
        if not found:
            self.sessions.append(s)
        s.fate = SPOKEN if self.careful else fate
        s.doubts = {}
        self._session = s
        self._heard = heard or self.careful

    def entry(self, channel, total, known):
        """What was told in a session, and what of it is known."""
        s = self._session
        assert s is not None
        s.total[channel] = total
        s.known[channel] = total if self._heard else known
        if self._heard and known < total:
            s.doubts[channel] = total - known

    def waits(self, channel, amount):
        """What is not told yet."""
        self.waiting[channel] = amount

    def carries(self, channel, amount):
        """What is less than a step."""
        self.carried[channel] = amount

    def settled(self, index, cycle, horizon, confidence, established, vector):
        """A shard's settled vector."""
        self.cycle = max(self.cycle, cycle)
        self.folded[index] = max(horizon, self.folded.get(index, horizon))
        r = self._replica(index)
        if self._vectors and r is not None:
            epoch = (cycle >> 6) + self.later
            if self.grain:
                horizon = horizon * self.grain // self.mine
            r.restore(vector, horizon, epoch, confidence, established)

    def row(self, index, start, nonce, slot, claimed, credited):
        """A row of a shard."""
        r = self._replica(index)
        if self.grain:
            if serial_diff(start, self.folded.get(index, start - 1)) <= 0:
                return  # in another grain it might not be seen that it is
            start = self.started(start)
        if r is None:
            return
        if not r.shard.closed() or r.shard.find(start, nonce, slot) >= 0:
            r.shard.merge(start, nonce, slot, claimed, OTHERS)
            p = r.shard.find(start, nonce, slot)
            if p >= 0:
                r.shard.credit(p, min(credited, r.shard.claimed[p]) - r.shard.credited[p])
        else:
            r.refused += 1

    def route(self, text):
        """An address to try."""
        self.texts.append(text)


def _older(files, found, config):
    """What there is of the mesh before, or None: it is of use only until anything was told in this
    one. found: what there is of that. Raises OSError."""
    if found.segment.number or found.fallback or "before" not in config.data:
        return None
    older = Found(files, int(config.data["before"]["tag"], 16))
    return older if older.find() else None


def _moving(older, config, channels, replica):
    """A Restorer for what there is of the mesh before. Raises OSError."""
    tag = int(config.data["before"]["tag"], 16)
    first = Restorer(tag, channels, lambda index: None)
    older.replay(first.take)
    restorer = Restorer(tag, channels, replica)
    restorer.folded = first.folded
    restorer.mine = config.grain
    restorer.grain, restorer.later = config.moved()
    restorer.started = lambda start: config.started(start, restorer.cycle, restorer.grain)
    return restorer


def _inherit(ledger, found, later):
    """Give a ledger what a Restorer found. later: cycles by which my clock is ahead of it."""
    for s in found.sessions:
        lives = s.fate != TAKEN  # else nothing of mine was told in its last seconds
        s.unsure = bytearray(b"\xff" * -(-ledger.channels // SLOTS) if lives else b"")
    since = found.since and found.since + later
    told = found.sessions, found.waiting, found.lineage
    restart.restore(ledger, *told, found.carried, found.spent, since)
    if found.grain:
        if found.folded:
            ledger.fold(max(found.folded.values()))
        for s in found.sessions:
            s.start = found.started(s.start)


def restore(log, path, config, clock, now, ledger, placement, routes, resolve):
    """Give a node that starts what a log's folder holds, and let the log go on there.

    Returns (is anything restored, cycles since the last checkpoint was begun if all is sound, what
    was wrong, addresses to try). Raises OSError.
    """

    def replica(index):
        r = placement.find(index)
        if r is None:
            r = placement.hold(index)
        return r

    found = used = Found(log.files, config.tag)
    restorer = Restorer(config.tag, ledger.channels, replica)
    try:
        beside = _version_1(log.files, config)
        found.find()
        used = _older(log.files, found, config) or found
        if used is not found:
            restorer = _moving(used, config, ledger.channels, replica)
        restorer.careful = used.fallback
        if used.segment.number:
            used.replay(restorer.take)
        if restorer.refused:
            found.segment.number = 0  # it is replaced
    finally:
        log.resume(found.segment, found.highest, found.serial)
    found = used
    if not restorer.usable:
        why = restorer.refused
        if not why and not found.highest:
            why = beside or _others(log.files, config.tag)
        return False, MAX_RAW, _describe(path, found, why, 0), []
    lost = 0  # raw that waited in an old record and cannot be told safely
    if found.fallback:
        lost = sum(restorer.waiting)
        restorer.waiting = [0] * len(restorer.waiting)
        restorer.carried = {}
    later = restorer.later * EPOCH_CYCLES
    clock.adopt(restorer.cycle + later, now)
    routes.crowd = restorer.near
    _inherit(ledger, restorer, later)
    for r in placement.replicas:
        r.resume(ledger.sessions, clock.epoch())
    notice = _describe(path, found, "", lost) or _describe(path, found, beside, 0)
    age = MAX_RAW if found.damaged else restorer.cycle - restorer.began
    return True, age, notice, _resolved(restorer.texts, resolve)


def repair(files, tag, replica, sessions, channels, epoch):
    """Give a shard, of which no peer has any, what files hold of it. sessions: the node's own.
    Raises OSError."""
    found = Found(files, tag)
    restorer = Restorer(
        tag,
        channels,
        lambda index: replica if index == replica.index else None,
        vectors=not replica.shard.intact(),  # else only rows are missing
    )
    if found.find():
        found.replay(restorer.take)
        replica.resume(sessions, epoch)


def _resolved(texts, resolve):
    addresses = []
    for text in texts:
        try:
            addresses.append(resolve(text))
        except (LvsError, OSError):
            pass  # no network yet, or a name that is gone: there are others
    return addresses


def _version_1(files, config):
    """Says what to do with a journal of version 1; "" if there is none, or its values are where
    this mesh started. Of others they are made on a computer, from all journals of a mesh at once:
    docs/operations.md."""
    if not config.starts:
        for name in files.names():
            if name[:4] == "seg-" and len(name) == 10 and name[4:].isdigit():
                return "it has one of version 1: 'lvs backup --journal' carries its values over"
    return ""


def _others(files, tag):
    """Says which journals there are that are not this mesh's."""
    others = set([name[-8:] for name in files.names() if name[-9:-8] == "."])
    if [name for name in others if name[1:] == ("%08x" % tag)[1:]]:
        return "it has this mesh's of another format only, which is kept"
    if others:
        return "it has journals of other meshes only, tag %s" % ", ".join(sorted(others))
    return ""


def _describe(path, found, refused, lost):
    """What was wrong with what was found, one line; "" if nothing was."""
    number = found.segment.number
    text = ""
    if refused:
        text = refused + "; nothing of that is used"
    elif not number:
        if found.highest or found.damaged:
            text = "nothing in it can be read; starting without it"
    elif found.fallback:
        text = "the newest segment is damaged; restored from segment %d" % number
        if lost:
            text += "; %d raw that waited may be lost" % lost
    elif found.damaged:
        text = "segment %d is damaged in %d places; the rest is restored" % (number, found.damaged)
    return "journal: %s: %s" % (path, text) if text else ""
