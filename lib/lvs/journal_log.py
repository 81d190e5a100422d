"""The journal's segments and tails: which files there are, which of them count, how they grow.

A *segment* is a file of records that begins with a checkpoint (CHECK .. END) and is then only
appended to. A newer segment replaces it once its own checkpoint was read back. The two *tails* are
small files rewritten in turn: the newest state of what changes most, at a fraction of the wear of
appending (file systems for flash keep small files with the directory).
"""

from .fixed import serial_diff
from .journal_reader import BUFFER, CHECK, CRC, END, HEAD, LATEST, Reader
from .wire import crc16, get16, get30, put16

_MOST = 60000  # records in a segment
_TAILS = ("tail-0", "tail-1")
_SEGMENT = "seg-"


def segment_name(number):
    """File name of a segment."""
    return "%s%06d" % (_SEGMENT, number)


def _number(name):
    """Number of the segment with this file name, or -1."""
    if not name.startswith(_SEGMENT):
        return -1
    try:
        return int(name[len(_SEGMENT) :])
    except ValueError:
        return -1


class Log:
    """Segments and tails in a folder. files: see journal_files. All methods raise OSError.

    ``number`` is the segment in use, 0 if there is none; ``size`` its bytes; ``clean`` False when
    nothing may be appended to it, since it ends in something torn.
    """

    def __init__(self, files):
        self.files = files
        self.number = self.mark = self.size = self.count = 0
        self.turn = 0  # of the newest tail
        self._tail = None  # a reader at it
        self.clean = False
        self.damaged = 0  # places that are damaged, and segments that cannot be used
        self.fallback = False  # a newer segment than this one was sound once
        self.highest = None  # number of the newest segment that is there, sound or not
        self._given_up = []  # numbers of segments that were begun here and not finished
        self.buf = bytearray(BUFFER)
        self._at = 0  # where the record under construction begins
        self._new = None  # the file of the checkpoint being written
        self._new_number = self._new_mark = self._new_count = self._new_size = 0
        self._check = None  # reads the new segment back

    # --- reading ------------------------------------------------------------------------------

    def segments(self):
        """Numbers of the segments that are there, the newest first."""
        numbers = [_number(name) for name in self.files.names()]
        return sorted([n for n in numbers if n > 0], reverse=True)

    def _complete(self, number):
        """Mark of a segment with a whole, undamaged checkpoint, or None."""
        reader = Reader(self.files, segment_name(number))
        try:
            if not reader.next() or reader.kind != CHECK:
                return None
            if get30(reader.buf, reader.end - 4) != number:
                return None  # blocks of an older file
            while reader.next() and not reader.damaged:
                if reader.kind == END:
                    return reader.mark
        finally:
            reader.close()
        return None

    def find(self):
        """Choose the segment to restore from, the newest that is complete; returns its number.

        Incomplete ones are what a power cut leaves, unless the tails show that one was in use.
        """
        self._new = self._check = self.highest = None
        self._at = self.number = self.damaged = 0
        self.fallback = self.clean = False
        self._tail = tail = self._newest_tail()
        numbers = self.segments()
        self.highest = numbers[0] if numbers else 0
        known = False  # is the tail's segment among those that are complete?
        for n in numbers:
            try:
                mark = self._complete(n)
            except OSError:
                mark = None  # as good as not there
            if mark is not None:
                known = known or tail is not None and tail.mark == mark
                if not self.number:
                    self.number = n
                    self.mark = mark
        if tail and not known:
            self.damaged = 1
            self.fallback = True
        return self.number

    def replay(self, take):
        """Hand every sound record of the chosen segment, and the newest tail in its place, to
        ``take(kind, buffer, at, end)``."""
        tail = self._tail
        if tail and tail.mark != self.mark:
            tail = None
        reader = Reader(self.files, segment_name(self.number))
        self.count = 0
        try:
            while reader.next():
                if tail and tail.index <= reader.index:
                    take(tail.kind, tail.buf, tail.at, tail.end)
                    tail = None
                take(reader.kind, reader.buf, reader.at, reader.end)
                self.count = reader.index + 1
        finally:
            reader.close()
        if tail:
            take(tail.kind, tail.buf, tail.at, tail.end)
        self.damaged += reader.damaged
        self.clean = not reader.torn
        self.size = self.files.size(segment_name(self.number))

    def _newest_tail(self):
        """Reader at the newest tail, or None; sets ``turn``."""
        best = None
        self.turn = 0
        for name in _TAILS:
            try:
                reader = Reader(self.files, name, True)
            except OSError:
                continue
            try:
                found = reader.next()
            except OSError:
                found = False
            reader.close()
            if found:
                turn = get16(reader.buf, reader.at)
                if best is None or serial_diff(turn, self.turn) > 0:
                    best = reader
                    self.turn = turn
        return best

    # --- writing ------------------------------------------------------------------------------

    def open(self, room=0):
        """Begin a record; returns where its payload goes in ``buf``. room: its size if large."""
        need = self._at + HEAD + room + CRC
        if need > len(self.buf):
            bigger = bytearray(need)
            bigger[: self._at] = self.buf[: self._at]
            self.buf = bigger
        return self._at + HEAD

    def room(self):
        """Bytes that the payload of a next record may have without growing the buffer."""
        return len(self.buf) - self._at - HEAD - CRC

    def close(self, kind, end, new=False):
        """Seal the record whose payload ends at ``end``; what follows writes it. new: it belongs
        to the segment that is being written."""
        if kind == LATEST:
            self.seal(kind, end, self.mark, self.count)
        elif new:
            self.seal(kind, end, self._new_mark, self._new_count)
            self._new_count += 1
        else:
            self.seal(kind, end, self.mark, self.count)
            self.count += 1

    def seal(self, kind, end, mark, index):
        """Complete the record that begins where ``open`` said."""
        b = self.buf
        i = self._at
        size = end - i - HEAD
        b[i] = kind
        b[i + 1] = size & 0xFF
        b[i + 2] = size >> 8 & 0xFF
        b[i + 3] = size >> 16
        put16(b, i + 4, mark)
        put16(b, i + 6, index)
        put16(b, end, crc16(memoryview(b)[i:end], end - i))
        self._at = end + CRC

    def _take(self):
        """The sealed records, as a view."""
        data = memoryview(self.buf)[: self._at]
        self.drop()
        return data

    def drop(self):
        """Forget the records that were not written."""
        self._at = 0
        if len(self.buf) > BUFFER:
            self.buf = bytearray(BUFFER)

    def append(self):
        """Write the sealed records behind the segment."""
        data = self._take()
        self.clean = False  # until it is known to have gone well
        self.files.append(segment_name(self.number), data)
        self.clean = True
        self.size += len(data)

    def write_tail(self):
        """Write the one sealed record in place of the older tail."""
        data = self._take()
        self.files.replace(_TAILS[self.turn & 1], data)

    def full(self):
        """True when the segment takes no further records."""
        return self.count > _MOST

    # --- checkpoints --------------------------------------------------------------------------

    def begin(self, mark):
        """Begin a segment for records sealed as ``new``, until ``finish`` or ``abandon``. mark: 16
        random bits."""
        if self.highest is None:
            self.highest = max(self.segments() or [0])
        self.highest += 1
        self._new_number = self.highest
        self._new_mark = mark if mark != self.mark else mark ^ 1
        self._new_count = self._new_size = 0
        self._new = self.files.create(segment_name(self.highest))

    def write(self):
        """Write the sealed records to the new segment; they need not be durable yet."""
        data = self._take()
        new = self._new
        assert new is not None  # begin() came first
        new.write(data)
        self._new_size += len(data)

    def abandon(self):
        """Give the new segment up."""
        new = self._new
        self._new = None
        self._at = 0
        if new is not None:
            self._given_up.append(self._new_number)
            try:
                new.close()
            except OSError:
                pass  # it is not used, and deleted before the next one

    def finish(self):
        """Make the new segment durable: from now on it is the one in use."""
        self.write()
        new = self._new
        self._new = None
        self.files.finish(new)
        self.number = self._new_number
        self.mark = self._new_mark
        self.count = self._new_count
        self.size = self._new_size
        self.clean = True
        self._check = Reader(self.files, segment_name(self.number))

    def verify(self):
        """Read a record of the new segment back. Returns None as long as there are more, then
        True or False: are they as they were written?"""
        check = self._check
        if check is None:
            return True
        if check.next() and check.kind != END:
            return None
        check.close()
        self._check = None
        return check.kind == END and not check.damaged

    def tidy(self):
        """Delete the segments that were never finished."""
        for n in self.segments():
            if n in self._given_up or 0 < self.number < n:
                self.files.remove(segment_name(n))
        self._given_up = []

    def forget(self, keep):
        """Delete one of the segments older than the one in use, but for the ``keep`` newest of
        them. Returns True when there was one."""
        for n in self.segments():
            if n < self.number:
                keep -= 1
                if keep < 0:
                    self.files.remove(segment_name(n))
                    return True
        return False
