"""What the journal's records say: a node's state in bytes, and back.

Little-endian, fields of 8, 16 or 30 bits. The ``put_`` functions write records through a Log;
``read`` hands what a record says to whoever wants to know: to a starting node, or to
`lvs journal`.
"""

from . import journal_reader as kinds
from .fixed import MAX_RAW
from .wire import get16, get30, put16, put30

FORMAT = 1
ROW = 14  # bytes of a row

_BOUND = 0x8000  # in an entry's channel: a bound follows
_ADDRESSES = 8  # kept


# --- writing ----------------------------------------------------------------------------------


def put_check(log, node):
    """A checkpoint begins."""
    i = log.open(16)
    b = log.buf
    b[i] = FORMAT
    put30(b, i + 1, node.config.tag)
    put16(b, i + 5, len(node.config.channels))
    put30(b, i + 7, node.clock.cycle)
    put30(b, i + 11, log.highest)  # or a new file whose blocks were an old one's would be believed
    log.close(kinds.CHECK, i + 15, True)


def put_end(log):
    """The checkpoint is complete."""
    log.close(kinds.END, log.open(), True)


def _amounts(b, i, amounts):
    """A list of (channel, amount), of those that are not zero."""
    n = 0
    at = i + 2
    for c in range(len(amounts)):
        if amounts[c]:
            put16(b, at, c)
            put30(b, at + 2, amounts[c])
            at += 6
            n += 1
    put16(b, i, n)
    return at


def _session(b, i, s, lead):
    """A session with its targets, and how far its totals may have been told."""
    put16(b, i, s.start)
    put30(b, i + 2, s.nonce, 1 if s.alone else 0)
    n = 0
    at = i + 8
    for c in range(len(s.target)):
        target = s.target[c]
        if not target:
            continue
        bound = s.bound(c, lead)
        put16(b, at, c if bound == target else c | _BOUND)
        put30(b, at + 2, target)
        at += 6
        if bound != target:
            put30(b, at, bound)
            at += 4
        n += 1
    put16(b, i + 6, n)
    return at


def put_ledger(log, node, lead, new=False):
    """All of the ledger. lead: raw that may be told before the next record."""
    ledger = node.ledger
    sessions = [s for s in ledger.sessions if max(s.target)]
    i = log.open(16 + len(sessions) * (8 + 10 * ledger.channels) + 12 * ledger.channels)
    b = log.buf
    put30(b, i, node.clock.cycle)
    put16(b, i + 4, len(sessions))
    at = i + 6
    for s in sessions:
        at = _session(b, at, s, lead)
    at = _amounts(b, at, ledger.waiting)
    log.close(kinds.LEDGER, _amounts(b, at, ledger.exile), new)


def put_latest(log, node, lead, turn):
    """The present session and what waits; returns the bytes that the record takes."""
    ledger = node.ledger
    i = log.open(24 + 16 * ledger.channels)
    b = log.buf
    put16(b, i, turn)
    put30(b, i + 2, node.clock.cycle)
    at = _session(b, i + 6, ledger.session, lead)
    end = _amounts(b, at, ledger.waiting)
    log.close(kinds.LATEST, end)
    return end - i + kinds.HEAD + 2


def put_settled(log, r, cycle, new=False):
    """A shard's settled vector, horizon and standing."""
    shard = r.shard
    i = log.open(80)
    b = log.buf
    b[i] = r.index
    b[i + 1] = 1 if r.established else 0
    b[i + 2] = r.confidence
    put30(b, i + 3, cycle)
    put30(b, i + 7, shard.horizon & MAX_RAW)
    b[i + 11] = shard.slots
    for s in range(shard.slots):
        put30(b, i + 12 + 4 * s, shard.settled[s])
    log.close(kinds.SETTLED, i + 12 + 4 * shard.slots, new)


def put_rows(log, r, k):
    """Rows of a shard from the k-th oldest on, as many as there is room for; the next k."""
    shard = r.shard
    i = log.open()
    b = log.buf
    n = min(255, (log.room() - 2) // ROW)
    at = i + 2
    b[i] = r.index
    said = 0
    while k < shard.count and said < n:
        p = shard.position(k)
        k += 1
        if not shard.sound(p):
            continue
        put30(b, at, shard.nonce[p], shard.slot[p] & 3)
        put30(b, at + 4, shard.claimed[p], shard.slot[p] >> 2)
        put16(b, at + 8, shard.start[p])
        put30(b, at + 10, shard.credited[p])
        at += ROW
        said += 1
    b[i + 1] = said
    log.close(kinds.ROWS, at, True)
    return k


def put_routes(log, node):
    """Some addresses that were heard, as text that ``transport.resolve`` takes."""
    name = getattr(node.transport, "name", None)
    routes = node.routes
    texts = []
    if name:
        recent = sorted([(-routes.last[i], i) for i in range(1, routes.n)])[:_ADDRESSES]
        texts = [name(routes.addr[i]).encode() for _, i in recent]
    i = log.open()
    b = log.buf
    at = i
    for text in texts:
        if 0 < len(text) < 65:
            b[at] = len(text)
            b[at + 1 : at + 1 + len(text)] = text
            at += 1 + len(text)
    log.close(kinds.ROUTES, at, True)


# --- reading ----------------------------------------------------------------------------------


def read(kind, b, at, end, into):
    """Tell ``into`` what a record says, by its methods:

    check(format, tag, channels, cycle), ledger(cycle, whole), session(start, nonce, alone),
    entry(channel, target, bound), waits(channel, amount), owed(channel, amount),
    settled(shard, cycle, horizon, confidence, established, vector), row(shard, start, nonce, slot,
    claimed, credited), route(text).
    """
    if kind == kinds.CHECK:
        into.check(b[at], get30(b, at + 1), get16(b, at + 5), get30(b, at + 7))
    elif kind == kinds.LEDGER:
        into.ledger(get30(b, at), True)
        i = at + 6
        for _ in range(get16(b, at + 4)):
            i = _read_session(b, i, into)
        _read_amounts(b, _read_amounts(b, i, into.waits), into.owed)
    elif kind == kinds.LATEST:
        into.ledger(get30(b, at + 2), False)
        _read_amounts(b, _read_session(b, at + 6, into), into.waits)
    elif kind == kinds.SETTLED:
        vector = [get30(b, at + 12 + 4 * s) for s in range(b[at + 11])]
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


def _read_session(b, i, into):
    into.session(get16(b, i), get30(b, i + 2), bool(b[i + 5] >> 6))
    at = i + 8
    for _ in range(get16(b, i + 6)):
        c = get16(b, at)
        target = bound = get30(b, at + 2)
        at += 6
        if c & _BOUND:
            bound = get30(b, at)
            at += 4
        into.entry(c & ~_BOUND, target, bound)
    return at


def _read_amounts(b, i, take):
    at = i + 2
    for _ in range(get16(b, i)):
        take(get16(b, at), get30(b, at + 2))
        at += 6
    return at
