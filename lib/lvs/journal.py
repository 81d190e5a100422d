"""Journal: what a node must find again after a power cut, on a file system.

A node restores from it when it starts, tells it once a cycle that time passes, and asks it to keep
something at once where that matters. docs/durability.md says what a power cut can cost, and what
writing costs the flash.
"""

from .fixed import const, ticks_diff, unload
from .journal_files import Files
from .journal_log import Log
from .journal_state import (
    MOVED,
    put_check,
    put_end,
    put_latest,
    put_ledger,
    put_routes,
    put_rows,
    put_settled,
)

# What it does, a little a cycle, from one checkpoint to the next.
_RESTING = const(0)  # keeps what changes, until the next one is due
_WRITING = const(1)  # a checkpoint
_CHECKING = const(2)  # reads it back; the older segments are needed until that is done
_CLEARING = const(3)  # deletes those

_TAIL = const(120)  # bytes that a tail may have: littlefs keeps that with the directory
_PAUSE = const(4)  # cycles until a journal that could not be written is tried again; each time ...
_SELDOM = const(512)  # ... twice as many, up to this
_STILL = const(64)  # cycles after which the cycle alone is worth a record: an epoch
_SOON = const(16)  # and that others know all that was told
_BYTES = const(32768)  # appended to a segment before the next checkpoint
_SPARE = const(1)  # older segments that are kept, in case the newest is damaged
_ADDRESSES = const(8)  # kept
_ENOSPC = const(28)
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
    was wrong with what was found. ``addresses``: restored ones, of peers to try.
    """

    durable = True

    def __init__(self, path, flush_s=10, checkpoint_s=1024, files=None):
        self.path = path
        # A cycle, of two seconds at most, passes until a contribution is noticed here, and another
        # one may pass until the time for it is found to be over.
        self._patience = max(0, flush_s - 4) * 1000
        self.checkpoint_s = checkpoint_s
        self.log = Log(files or Files(path))
        self.error = self.notice = ""
        self._attached = False

    # --- starting -----------------------------------------------------------------------------

    def attach(self, *, config, clock, now, noise, ledger, placement, routes, transport):
        """Get to know the parts of a node that starts, before anything else is asked.

        clock: MeshClock; now: function that returns ticks (ms); the others are named as their
        modules are.
        """
        self._attached = True
        self._config = config
        self.log.tag = config.tag
        self._clock = clock
        self._ticks = now
        self._noise = noise
        self._ledger = ledger
        self._placement = placement
        self._routes = routes
        self._transport = transport
        self.error = self.notice = ""
        self.addresses = []
        # A row that is about to be folded has to be here by then.
        self.checkpoint_s = min(self.checkpoint_s, 32 * config.horizon_epochs)
        self._cycles = 0  # calls of note; what follows is counted in them
        self._retry_at = 0
        self._pause = _PAUSE
        self._written_at = 0  # when anything was last written
        self._settled_at = 0  # when the settled vectors were
        self._checkpoint_at = 0  # when the next one is due
        self._began_at = 0  # when the last one was begun, or this life
        self._version = self._shape = 0  # of the ledger, as it was last written
        self._sure = True  # is all that was told known, as last written?
        self._changed_at = None  # ticks when the ledger was found not to be as written
        self._changes = {}  # of each shard's settled vector, as last written
        self._phase = _CLEARING
        self._shards = []  # numbers of those whose rows the checkpoint lacks ...
        self._row = self._horizon = 0  # ... the next row of the first of them, and its horizon

    def restore(self):
        """Give the node back what was kept; True if there was anything."""
        from .journal_restore import restore

        try:
            restored, age, self.notice, self.addresses = restore(
                self.log,
                self.path,
                self._config,
                self._clock,
                self._ticks(),
                self._ledger,
                self._placement,
                self._routes,
                self._transport.resolve,
            )
        except OSError as e:
            self._failed(e, "read")
            return False
        finally:
            _unload()
        if restored:
            self._version = self._ledger.version
            self._shape = -1  # the first record is a whole one
            # Or a supply that flickers leaves no life time for one.
            self._checkpoint_at = max(0, self.checkpoint_s - age)
            for r in self._placement.replicas:
                self._changes[r.index] = r.shard.changes
        return restored

    def repair(self, replica):
        """Give a shard, of which no peer has any, what was kept of it."""
        from .journal_restore import repair

        ledger = self._ledger
        try:
            repair(
                self.log.files,
                self._config.tag,
                replica,
                ledger.sessions,
                ledger.channels,
                self._clock.epoch(),
            )
        except OSError as e:
            self._failed(e, "read")
        finally:
            _unload()

    # --- keeping ------------------------------------------------------------------------------

    def note(self, active):
        """Once a cycle: write a little of what is due. active: the node's values are to be relied
        on. Never raises."""
        self._cycles += 1
        if self._pausing():
            return
        try:
            self._step(active)
        except (OSError, MemoryError) as e:
            self._failed(e, "written")

    def sync(self):
        """Keep the ledger now, with what is about to be told; True when that is done."""
        # One cycle's step: what the journal lets go and nobody has heard yet could be lost, if the
        # node then stays away until the session is folded. So it is as little as possible.
        return not self._pausing() and self._keep(self._config.max_allowed_shift - 1)

    def flush(self):
        """Make all contributions durable now; True when they are."""
        return self._keep(0)

    def close(self):
        """Write what waits, then stop."""
        if self._attached:
            self.flush()
        self.log.abandon()

    def _keep(self, lead):
        ledger = self._ledger
        if ledger.version == self._version and not (lead and withheld(ledger)):
            return True
        try:
            self._write_ledger(lead)
        except (OSError, MemoryError) as e:
            self._failed(e, "written")
            return False
        return True

    def _pausing(self):
        return self.error != "" and self._cycles < self._retry_at

    def _failed(self, e, what):
        """Note why; the next attempt begins a new segment."""
        code = e.args[0] if e.args else 0
        self.error = "journal: %s cannot be %s (%s); a power cut would lose what is new" % (
            self.path,
            what,
            _MEND.get(code) or str(e) or "out of memory",
        )
        self._retry_at = self._cycles + self._pause
        self._pause = min(2 * self._pause, _SELDOM)
        if self._phase == _WRITING:
            self._phase = _RESTING
        self.log.fail()
        if code == _ENOSPC:
            try:
                while self.log.forget(0):
                    self._retry_at = self._cycles  # now there may be room
            except OSError:
                pass  # tried again with the rest

    def _step(self, active):
        if self._overdue():
            self._write_ledger(0)
        elif self._phase == _WRITING:
            self._go_on()
        elif self._phase == _CHECKING:
            self._check()
        elif self._phase == _CLEARING:
            if not self.log.forget(_SPARE):
                self._phase = _RESTING
        elif active:  # else there is nothing to rely on yet
            self._rest()

    def _rest(self):
        now = self._cycles
        log = self.log
        late = 0
        for r in self._known():
            late |= r.late
        if late:  # soon, though liars may tell such rows for ever
            soon = 0 if late > 1 else self._began_at + (self.checkpoint_s >> 2)
            self._checkpoint_at = min(self._checkpoint_at, soon)
        if now >= self._checkpoint_at or not log.appendable() or log.segment.size >= _BYTES:
            self._begin()
        elif now - self._settled_at >= _STILL and self._moved():
            self._put_moved(False)
            log.append()
            self._settled_at = now
            self._wrote()
        elif now - self._written_at >= (_STILL if self._sure or self._ledger.apart() else _SOON):
            self._write_ledger(0)  # for the cycle

    def _overdue(self):
        """Has the ledger waited long enough?"""
        if self._ledger.version == self._version:
            self._changed_at = None
            return False
        now = self._ticks()
        if self._changed_at is None:
            self._changed_at = now
        return ticks_diff(now, self._changed_at) >= self._patience

    # --- records ------------------------------------------------------------------------------

    def _write_ledger(self, lead):
        """Make the ledger durable: in a tail if it is small, else behind the segment."""
        log = self.log
        ledger = self._ledger
        cycle = self._clock.cycle
        if not log.appendable():
            self._renew(lead)
            return
        # A tail has the present session alone, which is the last.
        near = self._routes.crowd
        if ledger.shape == self._shape and put_latest(log, ledger, cycle, near, lead) <= _TAIL:
            log.write_tail()
        else:
            log.drop()
            # What is folded is in no session any more: where it went is not to come later.
            self._put_moved(False)
            if self._phase == _WRITING:
                self._changes = {}  # the segment that is being written has it not
            put_ledger(log, ledger, cycle, near, lead)
            log.append()
        self._kept(lead)

    def _kept(self, lead):
        ledger = self._ledger
        ledger.kept(lead)
        self._sure = not lead and not ledger.apart()
        self._version = ledger.version
        self._shape = ledger.shape
        self._changed_at = None
        self._wrote()

    def _wrote(self):
        self.error = ""
        self._pause = _PAUSE
        self._written_at = self._cycles

    def _known(self):
        """The shards whose state is worth keeping."""
        return [r for r in self._placement.replicas if r.reliable]

    def _moved(self):
        return any([self._changes.get(r.index) != r.shard.changes for r in self._known()])

    def _put_moved(self, new):
        """Settled vectors that are not as last written; those that fill the buffer go at once."""
        log = self.log
        for r in self._known():
            if self._changes.get(r.index) == r.shard.changes or not r.shard.intact():
                continue
            if r.late & (4 if new else 2):
                continue  # of this state the segment has no rows
            if log.room() < MOVED:
                if new:
                    log.write()
                else:
                    log.append()
            put_settled(log, r, self._clock.cycle, new)
            self._changes[r.index] = r.shard.changes

    # --- checkpoints --------------------------------------------------------------------------

    def _begin(self):
        """Begin a checkpoint; ``_go_on`` writes it a little at a time."""
        log = self.log
        ledger = self._ledger
        cycle = self._clock.cycle
        self._phase = _WRITING
        self._began_at = self._cycles
        self._changes = {}
        log.tidy()
        log.begin(self._noise.nonce() & 0xFFFF)
        put_check(log, self._config.tag, ledger.channels, cycle)
        put_ledger(log, ledger, cycle, self._routes.crowd, 0, True)
        log.write()
        self._shards = [r.index for r in self._known()]
        self._row = 0

    def _go_on(self):
        """Write some rows of the checkpoint, or its end."""
        if self._shards:
            self._write_rows()
        else:
            self._finish(0)

    def _write_rows(self):
        r = self._placement.find(self._shards[0])
        if r is not None and r.reliable:
            shard = r.shard
            if self._row and shard.horizon != self._horizon:
                self._row = 0  # rows were folded: they have other places now
            if not self._row:
                self._horizon = shard.horizon
                r.late &= 2
                self._changes.pop(r.index, None)
                self._put_moved(True)
            if self._row < shard.count:
                self._row = put_rows(self.log, r, self._row)
            self.log.write()
            if self._row < shard.count:
                return
        self._shards.pop(0)
        self._row = 0

    def _finish(self, lead):
        log = self.log
        cycle = self._clock.cycle
        routes = self._routes
        latest = [(-routes.last[i], i) for i in range(1, routes.n) if not routes.leaf(i)]
        latest = sorted(latest)[:_ADDRESSES]
        put_routes(log, [self._transport.name(routes.addr[i]) for _, i in latest])
        self._put_moved(True)
        log.write()
        put_ledger(log, self._ledger, cycle, self._routes.crowd, lead, True)
        put_end(log)
        log.finish()
        for r in self._known():
            if r.late < 4:
                r.late &= 1
        self._phase = _CHECKING
        self._settled_at = self._cycles
        self._checkpoint_at = self._cycles + self.checkpoint_s
        self._kept(lead)
        # From now on a tail says that this segment is in use.
        put_latest(log, self._ledger, cycle, self._routes.crowd, lead)
        log.write_tail()

    def _renew(self, lead):
        """A new segment at once, since there is none that can be appended to."""
        # What was restored from the mesh before is in no segment of this one yet.
        with_rows = self.log.segment.number > 0 or self._shape < 0
        self._begin()
        if not with_rows:
            self._shards = []
        while self._shards:
            self._write_rows()
        self._finish(lead)
        if not with_rows:
            self._checkpoint_at = 0  # the rows follow as soon as the node is active

    def _check(self):
        """Read a little of the new segment back."""
        for _ in range(8):
            sound = self.log.verify()
            if sound is not None:
                self._phase = _CLEARING
                if not sound:
                    raise OSError(5)
                return


def withheld(ledger):
    """True when something could be told but for the journal, which holds it as waiting."""
    for c in range(ledger.channels):
        if not ledger.free[c] and ledger.lead(c, 1):
            return True
    return False


def _unload():
    unload("journal_restore")
    unload("journal_replay")
    unload("restart")
