"""What a leaf kept, when it starts: the newer of the two copies of its state (leaf_state).

Boards unload it.
"""

from .config import EPOCH_CYCLES
from .fixed import crc16
from .leaf_state import CARRY, HEAD, LINEAGE, MARK, VERSION, Kept
from .ledger import TAKEN, Ledger, Session
from .wide import Wide
from .wire import get16, get30, get_wide


def _sound(b):
    n = len(b) - 2
    return n > HEAD and b[0] == VERSION and crc16(b, n) == get16(b, n)


def _newest(kept, store):
    best = b""
    for i in range(2):
        b = bytes(store.read(i)) if store else b""
        if not _sound(b):
            if b:
                kept.notice = "leaf: a copy of its state was damaged; the other one is used"
        elif not best or (b[1] - best[1]) & 0xFF < 128:
            best = b
    return best


def restore(kept, config, board, ledger, store, entropy, notice):
    """Fill a Kept and a Ledger from a store, if it has something of this leaf.

    entropy: () -> 30 random bits; notice: (text, raw) -> None, tells people.
    """
    best = _newest(kept, store)
    if not best:
        if kept.notice:
            kept.notice = "leaf: its state was damaged, and begins anew; what waited is lost"
        return
    kept.turn = best[1]
    tag = get30(best, 2)
    before = config.data.get("before")
    if tag != config.tag and not (before and int(before["tag"], 16) == tag):
        other = Ledger(ledger.channels)
        _decode(best, Kept(tag, 0, other, None), other)
        kept.notice = "leaf: its state is of another mesh, and begins anew"
        if other.left():
            kept.notice += "; %d raw that nobody there has are lost" % other.left()
        return
    _decode(best, kept, ledger)
    if tag != config.tag:
        grain, later = config.moved()
        for s in ledger.sessions:
            s.start = config.started(s.start, kept.cycle, grain)
        kept.cycle += later * EPOCH_CYCLES
        if ledger.since:
            ledger.since += later * EPOCH_CYCLES
    if board != get30(best, 6):
        _disown(ledger, entropy, notice)


def _disown(ledger, entropy, notice):
    """Another board may go on with this state: what waits there is told there, and its rows are
    told, but nothing is added to them."""
    ledger.lineage = bytes([entropy() & 255 for _ in range(12)])
    ledger.carried = {}
    left = 0
    for c in range(ledger.channels):
        left += ledger.waiting[c]
        ledger.waiting[c] = 0
        ledger.spent[c] = ledger.spent.get(c, 0) - ledger.given(c)  # its account has it
    ledger.since = 0
    for s in ledger.sessions:
        s.fate = TAKEN
    notice("leaf: its state is another board's; %d raw that waited there are its", left)


def _decode(b, kept, ledger):
    number = Wide(1)
    n = get16(b, 14)
    i = HEAD
    sessions = []
    for _ in range(b[16]):
        s = Session(get16(b, i), get30(b, i + 2), max(n, ledger.channels))
        kept.asked[s.nonce] = b[i + 6] & 0x7F
        s.fate = TAKEN if b[i + 6] & MARK else s.fate
        i += 7
        for c in range(n):
            i = get_wide(b, i, len(b), number, 0)
            s.total[c] = number.lo[0]
            i = get_wide(b, i, len(b), number, 0)
            s.known[c] = s.total[c] - number.lo[0]
        sessions.append(s)
    waiting = Wide(max(n, ledger.channels))
    for c in range(n):
        i = get_wide(b, i, len(b), waiting, c)
    i = get_wide(b, i, len(b), number, 0)
    carried = []
    for _ in range(number[0]):
        i = get_wide(b, i, len(b), number, 0)
        carried.append((number[0], int.from_bytes(b[i : i + CARRY], "little")))
        i += CARRY
    if n > ledger.channels:
        ledger.make(n)  # it has channels that my list lacks
    ledger.sessions = sessions
    ledger.lineage = b[LINEAGE:HEAD]
    ledger.carried = dict(carried)
    ledger.waiting.copy(waiting)
    if i < len(b) - 2:  # else it is older than accounts are
        ledger.since = get30(b, i)
        i = get_wide(b, i + 4, len(b), number, 0)
        for _ in range(number[0]):
            i = get_wide(b, i, len(b), number, 0)
            c = number[0]
            i = get_wide(b, i, len(b), number, 0)
            ledger.spent[c >> 1] = -number[0] if c & 1 else number[0]
    kept.cycle = get30(b, 10)
    kept.far = bool(b[13] >> 6)
