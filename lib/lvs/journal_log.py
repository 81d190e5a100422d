"""The journal's segments and tails as they are written: how they grow, and which are deleted.

A *segment* is a file of records that begins with a checkpoint (CHECK .. END) and is then only
appended to. A newer segment replaces it once its own checkpoint was read back. The two *tails* are
small files rewritten in turn: the newest state of what changes most, at a fraction of the wear of
appending (file systems for flash keep small files with the directory). Each mesh has files of its
own, which end in its tag: a board that was carried to another and back finds its own again.
"""

from .fixed import const, crc16
from .journal_reader import BUFFER, CRC, END, FORMAT, HEAD, LATEST, Reader
from .wire import put16

_MOST = const(60000)  # records in a segment
_SEGMENT = "seg-"


def _ending(tag):
    # A journal of another format stays beside: who goes back to its firmware finds it again.
    return ".%08x" % (tag | (FORMAT & 3) << 30)


def segment_name(number, tag):
    """File name of a segment. tag: the mesh's."""
    return "%s%06d%s" % (_SEGMENT, number, _ending(tag))


def tail_name(serial, tag):
    """File name of a tail."""
    return "tail-%d%s" % (serial & 1, _ending(tag))


def segments(files, tag):
    """Numbers of a mesh's segments that are there, the newest first."""
    numbers = []
    end = _ending(tag)
    for name in files.names():
        if name.startswith(_SEGMENT) and name.endswith(end):
            try:
                numbers.append(int(name[len(_SEGMENT) : -len(end)]))
            except ValueError:
                pass  # not the journal's
    return sorted([n for n in numbers if n > 0], reverse=True)


class Segment:
    """What is known of a segment. number: 0 if there is none; mark: 16 random bits in each of its
    records. ``count``: records; ``size``: bytes; ``clean``: nothing at its end may be torn."""

    def __init__(self, number=0, mark=0):
        self.number = number
        self.mark = mark
        self.count = self.size = 0
        self.clean = False


class Log:
    """Writes a mesh's segments and tails to a folder. files: see journal_files; ``tag``: the
    mesh's, set before anything else is asked. All methods raise OSError.

    ``segment`` is the one in use; ``highest`` the number of the newest that is there, finished or
    not; ``serial`` that of the newest tail, modulo 2**16.
    """

    def __init__(self, files):
        self.files = files
        self.tag = 0
        self.buf = bytearray(BUFFER)
        self.resume(Segment(), None, 0)

    def resume(self, segment, highest, serial):
        """Go on where another life ended. highest: None if nobody could look."""
        self.segment = segment
        self.highest = self._found = highest  # what is newer than _found was begun in this life
        self.serial = serial
        self._sealed = 0  # bytes in buf: records that are complete and not written
        self._new = None  # the segment that is being written ...
        self._file = None  # ... and its file
        self._check = None  # reads it back

    # --- records ------------------------------------------------------------------------------

    def record(self, room=0):
        """Begin a record; returns where its payload goes in ``buf``. room: its size if large."""
        need = self._sealed + HEAD + room + CRC
        if need > len(self.buf):
            bigger = bytearray(need)
            bigger[: self._sealed] = self.buf[: self._sealed]
            self.buf = bigger
        return self._sealed + HEAD

    def room(self):
        """Bytes that the payload of a next record may have without growing the buffer."""
        return len(self.buf) - self._sealed - HEAD - CRC

    def seal(self, kind, end, new=False):
        """Complete the record whose payload ends at ``end``; what follows writes it. new: it
        belongs to the segment that is being written."""
        segment = self._new if new else self.segment
        assert segment is not None and segment.count <= 0xFFFF  # an index has 16 bits
        b = self.buf
        i = self._sealed
        size = end - i - HEAD
        assert 0 <= size < 1 << 24 and end + CRC <= len(b)
        b[i] = kind
        b[i + 1] = size & 0xFF
        b[i + 2] = size >> 8 & 0xFF
        b[i + 3] = size >> 16
        put16(b, i + 4, segment.mark)
        put16(b, i + 6, segment.count)
        put16(b, end, crc16(memoryview(b)[i:end], end - i))
        self._sealed = end + CRC
        if kind != LATEST:  # which has the index that comes next
            segment.count += 1

    def drop(self):
        """Forget the records that were not written."""
        self._sealed = 0
        if len(self.buf) > BUFFER:
            self.buf = bytearray(BUFFER)

    def _drain(self):
        """The sealed records, as a view that is valid until the next one."""
        data = memoryview(self.buf)[: self._sealed]
        self.drop()
        return data

    def append(self):
        """Write the sealed records behind the segment."""
        segment = self.segment
        data = self._drain()
        segment.clean = False  # until it is known to have gone well
        self.files.append(segment_name(segment.number, self.tag), data)
        segment.clean = True
        segment.size += len(data)

    def write_tail(self):
        """Write the one sealed record in place of the older tail."""
        self.serial = (self.serial + 1) & 0xFFFF
        self.files.replace(tail_name(self.serial, self.tag), self._drain())

    def appendable(self):
        """True if there is a segment that takes further records."""
        segment = self.segment
        return segment.number > 0 and segment.clean and segment.count <= _MOST

    def fail(self):
        """Something was not written. Nobody knows how the segment ends: begin another one."""
        self.abandon()
        self.segment.clean = False

    # --- checkpoints --------------------------------------------------------------------------

    def tidy(self):
        """Give up what is being written, and delete the segments that were never finished."""
        self.abandon()
        if self._check is not None:
            self._check.close()
            self._check = None
        numbers = segments(self.files, self.tag)
        if self.highest is None:
            self.highest = self._found = numbers[0] if numbers else 0
        for n in numbers:
            if n > (self.segment.number or self._found):
                self.files.remove(segment_name(n, self.tag))

    def begin(self, mark):
        """Begin a segment for records sealed as ``new``, until ``finish`` or ``abandon``; tidy()
        comes first. mark: 16 random bits."""
        assert self.highest is not None and self._file is None
        self.highest += 1
        self._new = Segment(self.highest, mark if mark != self.segment.mark else mark ^ 1)
        self._file = self.files.create(segment_name(self.highest, self.tag))

    def write(self):
        """Write the sealed records to the new segment; they need not be durable yet."""
        assert self._file is not None and self._new is not None  # begin() came first
        data = self._drain()
        self._file.write(data)
        self._new.size += len(data)

    def abandon(self):
        """Give up the records and the segment that were not written."""
        self.drop()
        file = self._file
        self._new = self._file = None
        if file is not None:
            try:
                file.close()
            except OSError:
                pass  # it is not used, and deleted before the next one

    def finish(self):
        """Make the new segment durable: from now on it is the one in use."""
        self.write()
        new, file = self._new, self._file
        assert new is not None and new.number > self.segment.number
        self._new = self._file = None
        self.files.finish(file)
        new.clean = True
        self.segment = new
        self._check = Reader(self.files, segment_name(new.number, self.tag))

    def verify(self):
        """Read a record of the new segment back. Returns None as long as there are more, then
        True or False: are they as they were written? If not, it takes no further records."""
        check = self._check
        assert check is not None  # finish() came first
        if check.next() and check.kind != END:
            return None
        check.close()
        self._check = None
        if check.kind == END and not check.damaged:
            return True
        self.segment.clean = False
        return False

    def forget(self, keep):
        """Delete one of the segments older than the one in use, but for the ``keep`` newest of
        them. Returns True when there was one."""
        for n in segments(self.files, self.tag):
            if n < self.segment.number:
                keep -= 1
                if keep < 0:
                    self.files.remove(segment_name(n, self.tag))
                    return True
        return False
