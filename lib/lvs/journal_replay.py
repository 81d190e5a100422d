"""Reads a journal back: which of its files count, and what their records say, in order.

Needed when a node starts, and by `lvs journal`: boards unload it. journal_state writes them.
"""

from . import journal_reader as kinds
from .fixed import serial_diff
from .journal_log import Segment, segment_name, segments, tail_name
from .journal_reader import Reader
from .journal_state import DOUBT, HEARD, PART, ROW
from .wide import Wide
from .wire import SLOTS, get16, get30, get_wide


class Found:
    """What there is in a folder. files: see journal_files; tag: of the mesh.

    ``find`` sets ``segment``, the one to restore from (its number is 0 if there is none),
    ``highest``, the number of the newest that is there, sound or not, and ``fallback``: a newer
    segment was sound once. ``serial`` is that of the newest tail, ``damaged`` how many places are,
    and segments that cannot be used.
    """

    def __init__(self, files, tag):
        self._files = files
        self._tag = tag
        self.segment = Segment()
        self.highest = None
        self.damaged = 0
        self.fallback = False
        self.serial = 0
        self._tail = None  # a reader at the newest one
        for serial in (0, 1):
            self._look(tail_name(serial, tag))

    def _look(self, name):
        """Is this tail the newest?"""
        try:
            reader = Reader(self._files, name, True)
        except OSError:
            return
        try:
            sound = reader.next()
        except OSError:
            sound = False
        reader.close()
        if sound:
            serial = get16(reader.buf, reader.at)
            if self._tail is None or serial_diff(serial, self.serial) > 0:
                self._tail = reader
                self.serial = serial

    def _mark(self, number):
        """Mark of a segment with a whole, undamaged checkpoint, or None."""
        try:
            reader = Reader(self._files, segment_name(number, self._tag))
        except OSError:
            return None  # as good as not there
        try:
            if not reader.next() or reader.kind != kinds.CHECK:
                return None
            if get30(reader.buf, reader.end - 4) != number:
                return None  # blocks of an older file
            while reader.next() and not reader.damaged:
                if reader.kind == kinds.END:
                    return reader.mark
        except OSError:
            return None
        finally:
            reader.close()
        return None

    def find(self):
        """Choose the newest segment that is complete; returns its number. Raises OSError.

        Incomplete ones are what a power cut leaves, unless the tails show that one was in use.
        """
        numbers = segments(self._files, self._tag)
        self.highest = numbers[0] if numbers else 0
        tail = self._tail
        known = tail is None  # is the tail's segment among those that are complete?
        for n in numbers:
            mark = self._mark(n)
            if mark is None:
                continue
            known = known or tail is not None and tail.mark == mark
            if not self.segment.number:
                self.segment = Segment(n, mark)
            if known:
                break
        if not known:
            self.damaged = 1
            self.fallback = True
        return self.segment.number

    def replay(self, take):
        """Hand every sound record of the segment, and the newest tail in its place, to
        ``take(kind, buffer, at, end)``. Raises OSError."""
        segment = self.segment
        name = segment_name(segment.number, self._tag)
        tail = self._tail
        if tail and tail.mark != segment.mark:
            tail = None
        reader = Reader(self._files, name)
        try:
            while reader.next():
                if tail and tail.index <= reader.index:
                    take(tail.kind, tail.buf, tail.at, tail.end)
                    tail = None
                take(reader.kind, reader.buf, reader.at, reader.end)
                segment.count = reader.index + 1
        finally:
            reader.close()
        if tail:
            take(tail.kind, tail.buf, tail.at, tail.end)
        self.damaged += reader.damaged
        segment.clean = not reader.torn
        segment.size = self._files.size(name)


def read(kind, b, at, end, into):
    """Tell ``into`` what a record says, by its methods:

    check(format, tag, channels, cycle), ledger(cycle, near, lineage) with None in a tail,
    account(since), gone(channel, amount), doubt(channel, amount),
    session(start, nonce, fate, heard),
    entry(channel, total, known), waits(channel, amount), carries(channel, amount),
    settled(shard, cycle, horizon, confidence, established, vector),
    row(shard, start, nonce, slot, claimed, credited), route(text).
    """
    if kind == kinds.CHECK:
        into.check(b[at], get30(b, at + 1), get16(b, at + 5), get30(b, at + 7))
    elif kind == kinds.LEDGER:
        into.ledger(get30(b, at), get16(b, at + 4), bytes(b[at + 6 : at + 18]))
        at = _gone(b, at + 18, end, into)
        i = at + 2
        for _ in range(get16(b, at)):
            i = _session(b, i, end, into)
        _waiting(b, i, end, into)
    elif kind == kinds.LATEST:
        into.ledger(get30(b, at + 2), get16(b, at + 6), None)
        _waiting(b, _session(b, at + 8, end, into), end, into)
    elif kind == kinds.SETTLED:
        vector = Wide(min(b[at + 11], SLOTS))
        i = at + 12
        for s in range(len(vector)):
            i = get_wide(b, i, end, vector, s)
        into.settled(b[at], get30(b, at + 3), get30(b, at + 7), b[at + 2], bool(b[at + 1]), vector)
    elif kind == kinds.ROWS:
        i = at + 2
        for _ in range(b[at + 1]):
            slot = b[i + 3] >> 6 | b[i + 7] >> 6 << 2
            into.row(b[at], get16(b, i + 8), get30(b, i), slot, get30(b, i + 4), get30(b, i + 10))
            i += ROW
    elif kind == kinds.ROUTES:
        while at < end:
            into.route(bytes(b[at + 1 : at + 1 + b[at]]).decode())
            at += 1 + b[at]


def _gone(b, i, end, into):
    into.account(get30(b, i))
    amount = Wide(1)
    at = i + 6
    for _ in range(get16(b, i + 4)):
        c = get16(b, at)
        at = get_wide(b, at + 2, end, amount, 0)
        if c & DOUBT:
            into.doubt(c & ~DOUBT, amount[0])
        else:
            into.gone(c & ~PART, -amount[0] if c & PART else amount[0])
    return at


def _session(b, i, end, into):
    n = get16(b, i + 6)
    into.session(get16(b, i), get30(b, i + 2), b[i + 5] >> 6, bool(n & HEARD))
    at = i + 8
    left = Wide(1)
    for _ in range(n & ~HEARD):
        c = get16(b, at)
        total = get30(b, at + 2)
        at += 6
        if c & PART:
            at = get_wide(b, at, end, left, 0)
        known = total - left.lo[0] if c & PART else total
        into.entry(c & ~PART, total, known)
    return at


def _waiting(b, i, end, into):
    amount = Wide(1)
    at = i + 2
    for _ in range(get16(b, i)):
        c = get16(b, at)
        at = get_wide(b, at + 2, end, amount, 0)
        into.waits(c, amount[0])
    i = at
    at += 2
    for _ in range(get16(b, i)):
        into.carries(get16(b, at), int.from_bytes(bytes(b[at + 2 : at + 12]), "little"))
        at += 12
    return at
