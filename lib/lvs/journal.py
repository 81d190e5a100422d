"""Journal: what a node must find again after a power cut, on a file system.

A node restores from it when it starts, tells it once a cycle that time passes, and asks it to keep
something at once where that matters. docs/durability.md says what a power cut can cost, and what
writing costs the flash.
"""

from .fixed import ticks_diff, unload
from .journal_files import Files
from .journal_log import Log
from .journal_state import (
    put_check,
    put_end,
    put_latest,
    put_ledger,
    put_routes,
    put_rows,
    put_settled,
)

TAIL = 120  # bytes that a tail may have: littlefs keeps that with the directory
_AGAIN = 4  # cycles until a journal that could not be written is tried again; each time twice ...
_SELDOM = 512  # ... as many, up to this
_STILL = 64  # cycles after which the cycle alone is worth a record: an epoch
_BYTES = 32768  # appended to a segment before the next checkpoint
_SPARE = 1  # older segments that are kept, in case the newest is damaged
_ENOSPC = 28
_MEND = {
    28: "the file system is full: delete something",
    30: "the file system is read-only: mount it writable",
    13: "no permission to write there",
    20: "that is not a folder: name another",
    5: "the medium fails",
}


class Journal:
    """A journal in a folder.

    path: the folder; it is made when needed. flush_s: seconds after which a contribution is
    durable at the latest. checkpoint_s: cycles (about a second each) between checkpoints, which
    hold what the node knows of others. files: an object like journal_files.Files in place of the
    folder. Nothing here raises: ``error`` says why nothing can be kept at present, ``notice`` what
    was wrong with what was found.
    """

    durable = True

    def __init__(self, path, flush_s=10, checkpoint_s=1024, files=None):
        self.path = path
        # A cycle, of two seconds at most, passes until a contribution is noticed here, and another
        # one may pass until the time for it is found to be over.
        self._wait = max(0, flush_s - 4) * 1000
        self.checkpoint_s = checkpoint_s
        self.log = Log(files or Files(path))
        self.error = self.notice = ""
        self._node = None
        self._forget()

    def _forget(self):
        self._now = 0  # calls of note
        self._again = 0  # when to try again
        self._pause = _AGAIN
        self._version = self._shape = 0  # of the ledger, as it was last written
        self._dirty = None  # ticks when the ledger was found not to be as written
        self._written = 0  # when anything was last written
        self._settled_at = 0  # when the settled vectors were last written
        self._changes = {}  # of each shard's settled vector, as last written
        self._checkpoint = None  # when the last one was made
        self._steps = None  # the checkpoint that is being written
        self._verified = True
        self._tidy = False  # no file lies about that is not needed

    # --- starting -----------------------------------------------------------------------------

    addresses = ()

    def attach(
        self, config, clock, now, noise, ledger, routes, transport, placement, contributions
    ):
        class _N:
            pass

        n = _N()
        n.config = config
        n.clock = clock
        n.now = now
        n.noise = noise
        n.ledger = ledger
        n.routes = routes
        n.transport = transport
        n.replicas = placement.replicas
        n.replica = placement.find
        n.shards = placement.shards
        n.enter = contributions.enter
        n.remembered = []
        n.placement = placement
        n.state = "INIT"
        self._n = n

    def restore(self):
        r = self.restore_(self._n)
        self.addresses = self._n.remembered
        return r

    def repair(self, replica):
        self.repair_(self._n, replica)

    def note(self, state):
        self._n.state = state
        self.note_(self._n)

    def sync(self):
        return self.sync_(self._n)

    def flush(self):
        return self.flush_(self._n)

    def restore_(self, node):
        """Give a starting node back what was kept; returns True if there was anything."""
        from .journal_restore import Restorer, describe

        try:
            return self._restore(node, Restorer, describe)
        finally:
            unload("journal_restore")

    def _restore(self, node, Restorer, describe):
        self._node = node
        self._forget()
        self.error = self.notice = ""
        log = self.log
        try:
            found = log.find()
            restorer = Restorer(node, log.fallback)
            if found:
                log.replay(restorer.take)
        except OSError as e:
            self._failed(e, "read")
            return False
        self.notice = describe(self.path, log, restorer)
        if restorer.refused:
            log.number = 0
        if not restorer.usable:
            return False
        restorer.finish()
        self._version = node.ledger.version
        self._shape = -1  # the first record is a whole one
        if not log.damaged:
            self._checkpoint = 0
        for r in node.replicas:
            self._changes[r.index] = r.shard.changes
        return True

    def repair_(self, node, replica):
        """Give a shard, of which no peer has any, what was kept of it."""
        from .journal_restore import Restorer

        restorer = Restorer(node, False, replica)
        try:
            if self.log.find():
                self.log.replay(restorer.take)
                restorer.finish()
        except OSError as e:
            self._failed(e, "read")
        finally:
            unload("journal_restore")

    # --- keeping ------------------------------------------------------------------------------

    def note_(self, node):
        """Once a cycle: write a little of what is due. Never raises."""
        self._now += 1
        if self.error and self._now < self._again:
            return
        try:
            self._step(node)
        except (OSError, MemoryError) as e:
            self._failed(e, "written")

    def sync_(self, node):
        """Keep the ledger now, with what is about to be told; True when that is done."""
        if self.error and self._now < self._again:
            return False
        # One cycle's step: what the journal lets go and nobody has heard yet could be lost, if the
        # node then stays away until the session is folded. So it is as little as possible.
        return self._keep(node, node.config.max_allowed_shift - 1)

    def flush_(self, node):
        """Make all contributions durable now; True when they are."""
        return self._keep(node, 0)

    def close(self):
        """Write what waits, then stop."""
        node = self._node
        if node and node.ledger.version != self._version:
            self.flush_(node)
        self.log.abandon()

    def _keep(self, node, lead):
        ledger = node.ledger
        if ledger.version == self._version and not (lead and ledger.barred()):
            return True
        try:
            self._write_ledger(node, lead)
        except (OSError, MemoryError) as e:
            self._failed(e, "written")
            return False
        return True

    def _failed(self, e, what):
        """Note why; the next attempt begins a new segment: nobody knows how this one ends."""
        code = e.args[0] if isinstance(e, OSError) and e.args else 0
        mend = _MEND.get(code)
        if mend is None:
            mend = str(e) or "out of memory"
        self.error = "journal: %s cannot be %s (%s); a power cut would lose what is new" % (
            self.path,
            what,
            mend,
        )
        self._again = self._now + self._pause
        self._pause = min(2 * self._pause, _SELDOM)
        self._steps = None
        log = self.log
        log.drop()
        log.abandon()
        log.clean = False
        if code == _ENOSPC:
            try:
                while log.forget(0):
                    self._again = self._now  # now there may be room
            except OSError:
                pass  # tried again with the rest

    def _step(self, node):
        log = self.log
        ledger = node.ledger
        if ledger.version == self._version:
            self._dirty = None
        elif self._dirty is None:
            self._dirty = node.now()
        if self._dirty is not None and ticks_diff(node.now(), self._dirty) >= self._wait:
            self._write_ledger(node, 0)
        elif self._steps is not None:
            self._go_on(node)
        elif not self._verified:
            self._verify(node)
        elif not self._tidy:
            self._tidy = not log.forget(_SPARE)
        elif node.state != "ACTIVE" and node.state != "LOW_POWER":
            return  # nothing to rely on yet
        elif self._due():
            self._begin(node)
        elif self._now - self._settled_at >= _STILL and self._moved(node):
            self._write_settled(node)
        elif self._now - self._written >= _STILL:
            self._write_ledger(node, 0)  # for the cycle

    def _due(self):
        log = self.log
        return (
            self._checkpoint is None
            or not log.number
            or not log.clean
            or log.full()
            or log.size >= _BYTES
            or self._now - self._checkpoint >= self.checkpoint_s
        )

    def _wrote(self):
        self.error = ""
        self._pause = _AGAIN
        self._written = self._now

    # --- records ------------------------------------------------------------------------------

    def _write_ledger(self, node, lead):
        """Make the ledger durable: in a tail if it is small, else behind the segment."""
        log = self.log
        ledger = node.ledger
        if not log.number or not log.clean or log.full():
            self._renew(node, lead)
            return
        rests = False
        for s in ledger.sessions:
            rests = rests or s is not ledger.session and s.limited()
        if self._shape == ledger.shape and not rests:
            turn = (log.turn + 1) & 0xFFFF
            small = put_latest(log, node, lead, turn) <= TAIL
            if small:
                log.turn = turn
                log.write_tail()
                self._kept(node, lead)
                return
            log.drop()
        put_ledger(log, node, lead)
        log.append()
        self._kept(node, lead)

    def _kept(self, node, lead):
        ledger = node.ledger
        ledger.kept(lead)
        self._version = ledger.version
        self._shape = ledger.shape
        self._dirty = None
        self.log.drop()
        self._wrote()

    def _known(self, node):
        """The shards whose state is worth keeping."""
        return [r for r in node.replicas if (r.live or r.kept) and not r.suspect]

    def _moved(self, node):
        for r in self._known(node):
            if self._changes.get(r.index) != r.shard.changes:
                return True
        return False

    def _put_moved(self, node, new):
        """Settled vectors that are not as last written; those that fill the buffer go at once."""
        log = self.log
        for r in self._known(node):
            if self._changes.get(r.index) == r.shard.changes or not r.shard.intact():
                continue
            if log.room() < 80:
                if new:
                    log.write()
                else:
                    log.append()
            put_settled(log, r, node.clock.cycle, new)
            self._changes[r.index] = r.shard.changes

    def _write_settled(self, node):
        self._put_moved(node, False)
        self.log.append()
        self._settled_at = self._now
        self._wrote()

    # --- checkpoints --------------------------------------------------------------------------

    def _begin(self, node, with_rows=True):
        """Begin a checkpoint; ``_go_on`` writes it a little at a time."""
        log = self.log
        log.abandon()
        log.tidy()
        self._steps = []
        self._changes = {}
        log.begin(node.noise.nonce() & 0xFFFF)
        put_check(log, node)
        put_ledger(log, node, 0, True)
        log.write()
        if with_rows:
            self._steps = [[r.index, 0, r.shard.horizon] for r in self._known(node)]

    def _go_on(self, node):
        """Write some rows of the checkpoint, or its end."""
        log = self.log
        if not self._steps:
            self._finish(node, 0)
            return
        step = self._steps[0]
        r = node.replica(step[0])
        if r is None or r.suspect:
            self._steps.pop(0)
            return
        if r.shard.horizon != step[2]:  # rows were folded: they have other places now
            step[1] = 0
            step[2] = r.shard.horizon
        if step[1] == 0:
            self._changes.pop(r.index, None)
            self._put_moved(node, True)
        if step[1] < r.shard.count:
            step[1] = put_rows(log, r, step[1])
        log.write()
        if step[1] >= r.shard.count:
            self._steps.pop(0)

    def _finish(self, node, lead):
        log = self.log
        self._steps = None
        put_routes(log, node)
        self._put_moved(node, True)
        log.write()
        put_ledger(log, node, lead, True)
        put_end(log)
        log.finish()
        self._checkpoint = self._now
        self._verified = self._tidy = False
        self._settled_at = self._now
        self._kept(node, lead)
        # From now on a tail says that this segment is in use.
        self._shape = node.ledger.shape
        log.turn = (log.turn + 1) & 0xFFFF
        put_latest(log, node, lead, log.turn)
        log.write_tail()

    def _renew(self, node, lead):
        """A new segment at once, since there is none that can be appended to."""
        all_of_it = self.log.number > 0
        self._begin(node, all_of_it)
        while self._steps:
            self._go_on(node)
        self._finish(node, lead)
        if not all_of_it:
            self._checkpoint = None  # the rows follow as soon as the node is active

    def _verify(self, node):
        """Read a little of the new segment back; the older ones are needed until that is done."""
        for _ in range(8):
            sound = self.log.verify()
            if sound is not None:
                self._verified = True
                if not sound:
                    self.log.clean = False
                    raise OSError(5)
                return
