"""Goes through a file of the journal, record by record: what of it is sound.

A record: kind (1 byte), length of the payload (3), mark of the segment (2), index in the segment
(2), payload, CRC-16. Torn and damaged records fail the CRC, left-overs of older files have another
mark, a random number, or an index that was there already. docs/durability.md has the payloads.
"""

from .fixed import crc16
from .wire import get16

FORMAT = 5
CHECK = 0xC1  # a checkpoint begins: format, mesh tag, channels, cycle, number of the segment
LEDGER = 0xC2  # all of the ledger
LATEST = 0xC3  # of the ledger what changes with a contribution
SETTLED = 0xC4  # a shard's settled vector and standing
ROWS = 0xC5  # rows of a shard
ROUTES = 0xC6  # addresses to try
END = 0xC7  # the checkpoint is complete

HEAD = 8  # bytes before a payload
CRC = 2  # and behind it
BUFFER = 1024  # bytes read or written at once


class Reader:
    """Goes through a file record by record, over whatever is damaged.

    After ``next``: kind, index; the payload is ``buf[at:end]``. ``mark`` is that of the first
    record, and all others need the same. ``damaged`` counts the places between sound records that
    are none; ``torn`` is True when the file ends in one. tail: the file is one.
    """

    def __init__(self, files, name, tail=False):
        self._tail = tail
        self.mark = None
        self._left = files.size(name)
        self._file = files.open(name)
        self.buf = bytearray(BUFFER)
        self._have = 0  # bytes in buf
        self._pos = 0
        self.kind = self.index = self.at = self.end = 0
        self._next = 0  # the index that must come
        self.damaged = 0
        self.torn = False

    def _fill(self, size):
        """Have ``size`` bytes from _pos on in the buffer; False at the end of the file."""
        if self._have - self._pos >= size:
            return True
        if self._have - self._pos + self._left < size:
            return False
        rest = self.buf[self._pos : self._have]
        if size > len(self.buf):
            self.buf = bytearray(size)
        self.buf[: len(rest)] = rest
        self._pos = 0
        self._have = len(rest)
        while self._have < len(self.buf) and self._left:
            room = memoryview(self.buf)[self._have :]
            n = self._file.readinto(room)
            if not n:
                self._left = 0
                break
            self._have += n
            self._left -= n
        return self._have >= size

    def _sound(self):
        """Is there a record at _pos? Sets its fields if so."""
        if not self._fill(HEAD + CRC):
            return False
        b = self.buf
        i = self._pos
        if not CHECK <= b[i] <= END or (b[i] == LATEST) != self._tail:
            return False
        mark = get16(b, i + 4)
        if self.mark is not None and mark != self.mark:
            return False
        size = b[i + 1] | b[i + 2] << 8 | b[i + 3] << 16
        index = get16(b, i + 6)
        if index < self._next or not self._fill(HEAD + size + CRC):
            return False
        b = self.buf
        i = self._pos
        end = i + HEAD + size
        if crc16(memoryview(b)[i:end], end - i) != get16(b, end):
            return False
        self.kind = b[i]
        self.index = index
        self.mark = mark
        self.at = i + HEAD
        self.end = end
        return True

    def next(self):
        """Go to the next sound record; False when there is none."""
        bad = False
        while self._fill(1):
            if self._sound():
                if bad or self.index != self._next:
                    self.damaged += 1
                self._next = self.index + 1
                self._pos = self.end + CRC
                return True
            bad = True
            self._pos += 1
        self.torn = bad
        return False

    def close(self):
        """Close the file."""
        self._file.close()
