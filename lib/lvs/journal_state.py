"""What the journal's records say: a node's state in bytes. journal_replay reads them back.

Little-endian, fields of 8, 16 or 30 bits, or wide (wire.put_wide): docs/durability.md has the
table. Each function writes one record through a Log; new: into the segment that is being written.
"""

from . import journal_reader as kinds
from .fixed import MAX_RAW, const
from .ledger import LATE
from .wide import Wide
from .wire import put16, put30, put_wide

ROW = 14  # bytes of a row
MOVED = 124  # bytes of a settled vector, at most
_CARRY = const(12)  # bytes of a channel and what is carried
PART = 0x8000  # in an entry's channel: what of it is not known follows; below 0
DOUBT = 0x4000  # in an account's channel: what of it may be lost
HEARD = 0x8000  # in the number of entries: somebody was heard who may know more of them


def put_check(log, tag, channels, cycle):
    """A checkpoint begins. channels: how many the mesh has."""
    i = log.record(16)
    b = log.buf
    b[i] = kinds.FORMAT
    put30(b, i + 1, tag)
    put16(b, i + 5, channels)
    put30(b, i + 7, cycle)
    put30(b, i + 11, log.highest)  # or a new file whose blocks were an old one's would be believed
    log.seal(kinds.CHECK, i + 15, True)


def put_end(log):
    """The checkpoint is complete."""
    log.seal(kinds.END, log.record(), True)


def _room(ledger):
    """Bytes that what waits and what is carried may take."""
    return 9 * ledger.channels + _CARRY * len(ledger.carried)


def _waiting(b, i, ledger, lead):
    """What waits, but for ``lead`` raw that are told next: (channel, amount), if not zero. Then
    what is carried, in the same way."""
    n = 0
    at = i + 2
    rest = Wide(ledger.channels)
    rest.copy(ledger.waiting)
    for c in range(ledger.channels):
        rest.grow(c, -ledger.lead(c, lead))
        if rest.lo[c] or rest.hi[c]:
            put16(b, at, c)
            at = put_wide(b, at + 2, rest.lo[c], rest.hi[c])
            n += 1
    put16(b, i, n)
    i = at
    n = 0
    at = i + 2
    for c, carry in ledger.carried.items():
        if carry:
            put16(b, at, c)
            b[at + 2 : at + _CARRY] = carry.to_bytes(_CARRY - 2, "little")
            at += _CARRY
            n += 1
    put16(b, i, n)
    return at


def _session(b, i, ledger, s, lead):
    """A session with its totals, as if ``lead`` raw more were told of the present one, and
    whether somebody is there who may know all of it."""
    put16(b, i, s.start)
    put30(b, i + 2, s.nonce, s.fate)
    n = 0
    at = i + 8
    for c in range(ledger.channels):
        total = s.total[c]
        if s is ledger.session:
            total += ledger.lead(c, lead)
        if not total:
            continue
        left = total - s.known[c] + s.doubts.get(c, 0)
        put16(b, at, c | PART if left else c)
        put30(b, at + 2, total)
        at += 6
        if left:
            at = put_wide(b, at, left)
        n += 1
    heard = s.doubts or s.unsure is None and not ledger.silent and s.fate != LATE
    put16(b, i + 6, n | HEARD if heard else n)
    return at


def _gone(b, i, ledger):
    """Since when there is an account, and what of it is in no session any more."""
    put30(b, i, ledger.since)
    put16(b, i + 4, len(ledger.spent))
    at = i + 6
    for c, amount in ledger.spent.items():
        put16(b, at, ~c | DOUBT if c < 0 else c if amount >= 0 else c | PART)
        amount = abs(amount)
        at = put_wide(b, at + 2, amount & MAX_RAW, amount >> 30)
    return at


def put_ledger(log, ledger, cycle, near, lead, new=False):
    """All of the ledger. near: neighbours; lead: raw that may be told before the next record."""
    sessions = ledger.sessions
    size = len(sessions) * (8 + 10 * ledger.channels) + 9 * len(ledger.spent)
    i = log.record(36 + size + _room(ledger))
    b = log.buf
    put30(b, i, cycle)
    put16(b, i + 4, near)
    b[i + 6 : i + 18] = ledger.lineage
    at = _gone(b, i + 18, ledger)
    put16(b, at, len(sessions))
    at += 2
    for s in sessions:
        at = _session(b, at, ledger, s, lead)
    log.seal(kinds.LEDGER, _waiting(b, at, ledger, lead), new)


def put_latest(log, ledger, cycle, near, lead):
    """The present session and what waits, for a tail; returns the bytes that the record takes."""
    i = log.record(28 + 10 * ledger.channels + _room(ledger))
    b = log.buf
    put16(b, i, log.serial + 1)
    put30(b, i + 2, cycle)
    put16(b, i + 6, near)
    at = _session(b, i + 8, ledger, ledger.session, lead)
    end = _waiting(b, at, ledger, lead)
    log.seal(kinds.LATEST, end)
    return end - i + kinds.HEAD + kinds.CRC


def put_settled(log, r, cycle, new=False):
    """A shard's settled vector, horizon and standing: MOVED bytes at most."""
    shard = r.shard
    i = log.record(MOVED)
    b = log.buf
    b[i] = r.index
    b[i + 1] = 1 if r.established else 0
    b[i + 2] = r.confidence
    put30(b, i + 3, cycle)
    put30(b, i + 7, shard.horizon & MAX_RAW)
    b[i + 11] = shard.slots
    at = i + 12
    for s in range(shard.slots):
        at = put_wide(b, at, shard.settled.lo[s], shard.settled.hi[s])
    log.seal(kinds.SETTLED, at, new)


def put_rows(log, r, k):
    """Rows of a shard from the k-th oldest on, as many as there is room for; the next k."""
    shard = r.shard
    i = log.record()
    b = log.buf
    most = min(255, (log.room() - 2) // ROW)
    n = 0
    at = i + 2
    b[i] = r.index
    while k < shard.count and n < most:
        p = shard.position(k)
        k += 1
        if not shard.sound(p):
            continue
        put30(b, at, shard.nonce[p], shard.slot[p] & 3)
        put30(b, at + 4, shard.claimed[p], shard.slot[p] >> 2)
        put16(b, at + 8, shard.start[p])
        put30(b, at + 10, shard.credited[p])
        at += ROW
        n += 1
    b[i + 1] = n
    log.seal(kinds.ROWS, at, True)
    return k


def put_routes(log, texts):
    """Addresses, each as text that the transport resolves, of at most 64 bytes."""
    i = log.record()
    b = log.buf
    at = i
    for text in texts:
        text = text.encode()
        if 0 < len(text) < 65:
            b[at] = len(text)
            b[at + 1 : at + 1 + len(text)] = text
            at += 1 + len(text)
    log.seal(kinds.ROUTES, at, True)
