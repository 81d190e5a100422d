"""Wire format: the entropy packet (EP), the state diff message (SDM), and names of channels.

Little-endian, at most 250 bytes (docs/protocol.md, section 4, has the byte layouts). Encoders
write into a buffer that the caller owns; the decoder reads into one preallocated Frame. A frame is
hostile until ``Frame.decode`` has returned "".
"""

from array import array

from .fixed import const, crc16
from .wide import Wide

MAX_FRAME = 250
EP = 1
SDM = 2
NAMES = 3
AUDIT = 4
VERSION = 2

# EP flags
LOW_POWER = 1  # long intervals: answer late, expect little
RECOVERING = 2  # the sender's state is not to be used
JOINING = 4  # the sender has no state yet
WANT = 8  # please send this shard: its settled vector and its rows
VALUE = 16  # the vector holds values, for a reader; it is not a sample
DIRECT = 32  # said to one address alone: answer there
DOUBT = 64  # the sender is answered contradictory things: answer it alone
ALL_FLAGS = 127

SLOTS = 16  # channels in a shard
SHARDS = 30  # at most: an EP has a bit for each that is held
BUCKETS = 8  # digests in an EP
MAX_RELAYS = 25  # (250 - 24) // 9

_MAGIC = const(0x4C)  # "L"
_HEAD = const(17)
_EP_FIX = const(43)
_LONGEST = const(7)  # bytes of 48 bits
_SDM_FIX = const(21)
_CRC = const(2)


def put16(buf, i, v):
    """Store 16 bits at offset i."""
    buf[i] = v & 0xFF
    buf[i + 1] = (v >> 8) & 0xFF


def put30(buf, i, v, top=0):
    """Store 30 bits at offset i, with two more bits on top."""
    buf[i] = v & 0xFF
    buf[i + 1] = (v >> 8) & 0xFF
    buf[i + 2] = (v >> 16) & 0xFF
    buf[i + 3] = (v >> 24) | (top << 6)


def get16(buf, i):
    """The 16 bits at offset i."""
    return buf[i] | (buf[i + 1] << 8)


def get30(buf, i):
    """The low 30 bits of the four bytes at offset i."""
    return buf[i] | (buf[i + 1] << 8) | (buf[i + 2] << 16) | ((buf[i + 3] & 0x3F) << 24)


def put_wide(buf, i, lo, hi=0):
    """Store 48 bits (the lower 30, the upper 18) at offset i, seven a byte, the lowest first, with
    a mark in each but the last; returns the offset behind them."""
    while hi or lo > 0x7F:
        buf[i] = lo & 0x7F | 0x80
        lo = lo >> 7 | (hi & 0x7F) << 23
        hi >>= 7
        i += 1
    buf[i] = lo
    return i + 1


def get_wide(data, i, end, vector, at):
    """Read what ``put_wide`` stored at offset i into an entry of a Wide; returns the offset behind
    it, or -1 if there is nothing well-formed before ``end``."""
    last = i
    while last < end and data[last] > 0x7F:
        last += 1
    if last >= end or last >= i + _LONGEST or last > i and not data[last]:
        return -1
    lo = hi = 0
    for j in range(last, i - 1, -1):
        hi = hi << 7 | lo >> 23
        lo = (lo & 0x7FFFFF) << 7 | data[j] & 0x7F
    if hi > 0x3FFFF:
        return -1
    vector.lo[at] = lo
    vector.hi[at] = hi
    return last + 1


def put_head(buf, kind, tag, start, nonce, cycle, shard):
    """Begin a frame; returns where its body goes."""
    buf[0] = _MAGIC
    buf[1] = (VERSION << 4) | kind
    put30(buf, 2, tag)
    put16(buf, 6, start)
    put30(buf, 8, nonce)
    put30(buf, 12, cycle)
    buf[16] = shard
    return _HEAD


def seal(buf, n):
    """Put the checksum behind the first n bytes; returns the frame's length."""
    put16(buf, n, crc16(buf, n))
    return n + _CRC


def encode_ep(
    buf,
    tag,
    start,
    nonce,
    cycle,
    shard,
    noise,
    horizon,
    flags,
    load,
    held,
    channels,
    prints,
    digests,
    vector,
    count=None,
):
    """Write an entropy packet into buf; returns its length.

    tag, nonce, cycle, noise, held: 30 bits; start, horizon, prints: 16; flags, load, shard: 8;
    channels: how many the sender's list has, prints: the fingerprint of those in this shard;
    digests: 8 x 16 bits; vector: the first ``count`` of a Wide, or all.
    """
    put_head(buf, EP, tag, start, nonce, cycle, shard)
    put30(buf, 17, noise)
    put16(buf, 21, horizon)
    buf[23] = flags
    buf[24] = load
    put16(buf, 25, prints)
    for i in range(BUCKETS):
        put16(buf, 27 + 2 * i, digests[i])
    n = put_wide(buf, put_wide(buf, _EP_FIX, held), channels)
    for i in range(len(vector) if count is None else count):
        n = put_wide(buf, n, vector.lo[i], vector.hi[i])
    return seal(buf, n)


class SdmWriter:
    """Builds a state diff message in place: begin, own rows, relayed rows, end.

    Each adder returns False, and writes nothing, when the frame has no room for the record.
    """

    def __init__(self, buf=None):
        self.buf = buf or bytearray(MAX_FRAME)
        self.n = 0
        self._grain = 0
        self._most = MAX_FRAME

    def begin(self, tag, start, nonce, cycle, shard, weight, grain=1):
        """Start a frame; weight is the sender's Q8 drift coefficient for the shard; grain: epochs
        in one."""
        buf = self.buf
        put_head(buf, SDM, tag, start, nonce, cycle, shard)
        buf[17] = weight
        buf[18] = buf[19] = buf[20] = 0
        self.n = _SDM_FIX
        self._grain = (cycle >> 6) // grain
        self._most = MAX_FRAME

    def limit(self, size):
        """Let the frame become ``size`` bytes at most."""
        self._most = min(size, MAX_FRAME)

    def answers(self, buckets):
        """Name the digest buckets that this frame answers."""
        self.buf[20] = buckets

    def _room(self, size):
        return self.n + size <= self._most - _CRC

    def own(self, slot, total):
        """The sender's own running total (raw) in a slot."""
        if not self._room(5):
            return False
        buf = self.buf
        buf[self.n] = slot
        put30(buf, self.n + 1, total)
        self.n += 5
        buf[18] += 1
        return True

    def relay(self, nonce, start, slot, total):
        """Another session's running total. False also when its age does not fit a byte."""
        age = (self._grain + 1 - start) & 0xFFFF
        if age > 255 or not self._room(9):
            return False
        buf = self.buf
        put30(buf, self.n, nonce, slot & 3)
        put30(buf, self.n + 4, total, slot >> 2)
        buf[self.n + 8] = age
        self.n += 9
        buf[19] += 1
        return True

    def empty(self):
        """True when the frame carries no record yet."""
        return self.n == _SDM_FIX

    def end(self):
        """Seal the frame; returns its length."""
        return seal(self.buf, self.n)


class Frame:
    """One decoded datagram. The fields are valid only after decode returned ""."""

    def __init__(self):
        self.kind = self.start = self.nonce = self.cycle = self.shard = 0
        # EP
        self.noise = self.horizon = self.flags = self.load = self.held = self.count = 0
        self.channels = self.prints = 0
        self.digests = array("H", bytes(2 * BUCKETS))
        self.vector = Wide(SLOTS)
        # SDM
        self.weight = self.buckets = self.owns = self.relays = 0
        self.own_slot = bytearray(SLOTS)
        self.own_total = array("i", bytes(4 * SLOTS))
        self.relay_nonce = array("i", bytes(4 * MAX_RELAYS))
        self.relay_total = array("i", bytes(4 * MAX_RELAYS))
        self.relay_start = array("H", bytes(2 * MAX_RELAYS))
        self.relay_slot = bytearray(MAX_RELAYS)
        self.body = b""  # of names, of an audit: their modules read it

    def decode(self, data, tag, grain=1):
        """Check a datagram and read it; returns "" or the reason why it was dropped.

        data: bytes-like; tag: my mesh tag; grain: epochs in one. Reasons: short, magic, version,
        tag, checksum, malformed. Never raises on any bytes.
        """
        n = len(data)
        if n < _SDM_FIX + _CRC:
            return "short"
        if data[0] != _MAGIC:
            return "magic"
        kind = data[1] & 15
        if data[1] >> 4 != VERSION:
            return "version"
        if get30(data, 2) != tag or data[5] > 0x3F:
            return "tag"
        if n > MAX_FRAME:
            return "malformed"
        if crc16(data, n - _CRC) != get16(data, n - _CRC):
            return "checksum"
        if data[16] >= SHARDS or data[11] > 0x3F or data[15] > 0x3F:
            return "malformed"
        self.kind = kind
        self.start = get16(data, 6)
        self.nonce = get30(data, 8)
        self.cycle = get30(data, 12)
        self.shard = data[16]
        if kind == EP:
            return self._decode_ep(data, n - _CRC)
        if kind == SDM:
            return self._decode_sdm(data, n, (self.cycle >> 6) // grain)
        if kind == NAMES or kind == AUDIT:
            self.body = bytes(memoryview(data)[_HEAD : n - _CRC])
            return ""
        return "malformed"

    def _decode_ep(self, data, n):
        if n < _EP_FIX or data[20] > 0x3F or data[23] > ALL_FLAGS:
            return "malformed"
        self.noise = get30(data, 17)
        self.horizon = get16(data, 21)
        self.flags = data[23]
        self.load = data[24]
        self.prints = get16(data, 25)
        for i in range(BUCKETS):
            self.digests[i] = get16(data, 27 + 2 * i)
        vector = self.vector
        j = get_wide(data, _EP_FIX, n, vector, 0)
        self.held = vector.lo[0]
        if j < 0 or vector.hi[0]:
            return "malformed"
        j = get_wide(data, j, n, vector, 0)
        self.channels = vector.lo[0]
        if j < 0 or vector.hi[0] or self.channels > SLOTS * SHARDS:
            return "malformed"
        count = 0
        while 0 < j < n and count < SLOTS:
            j = get_wide(data, j, n, vector, count)
            count += 1
        self.count = count
        for i in range(count, SLOTS):
            vector.lo[i] = vector.hi[i] = 0
        return "" if j == n else "malformed"

    def _decode_sdm(self, data, n, grain):
        owns = data[18]
        relays = data[19]
        if n != _SDM_FIX + 5 * owns + 9 * relays + _CRC:
            return "malformed"
        if owns > SLOTS or relays > MAX_RELAYS:
            return "malformed"
        self.weight = data[17]
        self.buckets = data[20]
        self.owns = owns
        self.relays = relays
        j = _SDM_FIX
        for i in range(owns):
            if data[j] >= SLOTS or data[j + 4] > 0x3F:
                return "malformed"
            self.own_slot[i] = data[j]
            self.own_total[i] = get30(data, j + 1)
            j += 5
        for i in range(relays):
            self.relay_slot[i] = (data[j + 3] >> 6) | ((data[j + 7] >> 6) << 2)
            self.relay_nonce[i] = get30(data, j)
            self.relay_total[i] = get30(data, j + 4)
            self.relay_start[i] = (grain + 1 - data[j + 8]) & 0xFFFF
            j += 9
        return ""
