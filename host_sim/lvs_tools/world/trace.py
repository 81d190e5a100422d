"""A running hash of everything that happens: two runs that agree on it did the same."""

from binascii import crc32

_MASK = (1 << 30) - 1


class Trace:
    """Two lanes: a chained CRC-32 of the frames, and a multiplicative hash of the events."""

    def __init__(self):
        self.frames = 0
        self._events = 0x1505

    def add(self, number):
        """Take in an integer of up to 62 bits."""
        number ^= number >> 30
        self._events = ((self._events ^ (number & _MASK)) * 16777619 + 1) & _MASK

    def frame(self, frame, now, sender):
        """Take in a frame that the machine numbered `sender` sends at `now` ms."""
        self.frames = crc32(frame, self.frames)
        self._events = (
            (self._events ^ (self.frames >> 2) ^ (now & _MASK)) * 16777619 + sender
        ) & _MASK

    def hex(self):
        """The hash as 16 hexadecimal digits."""
        return "%08x%08x" % (self._events, self.frames)
