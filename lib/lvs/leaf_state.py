"""What a leaf keeps while it sleeps: some dozen bytes, in two copies that are written in turn.

A store is any object with ``read(i)`` (the bytes of copy 0 or 1, b"" if there are none) and
``write(i, data)`` (which may raise OSError). A cut, or an error, while one is written leaves the
other. Nothing is told before it is written.
"""

from .config import EPOCH_CYCLES
from .fixed import MAX_RAW, const
from .ledger import TAKEN, Ledger, Session
from .wide import Wide
from .wire import crc16, get16, get30, get_wide, put16, put30, put_wide

_VERSION = const(1)
_HEAD = const(21)
_CARRY = const(10)  # bytes of what is carried: less than a step, in 10**-18 of its last digit
_TAKEN = const(0x80)  # of a session's mark: never spoken in again; below it, what ``asked`` says


def _sound(b):
    n = len(b) - 2
    return n > _HEAD and b[0] == _VERSION and crc16(b, n) == get16(b, n)


class Kept:
    """A leaf's state, as bytes. ``cycle``: the last one heard; ``far``: a single voice said that
    it is another by far; ``asked``: nonce -> epochs in which a session was only asked for."""

    def __init__(self, config, board, ledger, store):
        self._config = config
        self._tag = config.tag
        self._board = board
        self._ledger = ledger
        self._store = store
        self._turn = 0
        self.cycle = 0
        self.far = False
        self.asked = {}
        self.foreign = False  # another board wrote it, and may go on with it
        self.error = ""  # why it cannot be written
        self.notice = ""  # what was wrong with it

    # --- to bytes -------------------------------------------------------------------------------

    def _encode(self, turn):
        ledger = self._ledger
        n = ledger.channels
        sessions = [s for s in ledger.sessions if max(s.total)]
        carried = [(c, x) for c, x in ledger.carried.items() if x]
        size = len(sessions) * (7 + 10 * n) + 7 * n + 12 * len(carried) + 9 * len(ledger.spent)
        b = bytearray(_HEAD + size + 14)
        b[0] = _VERSION
        b[1] = turn
        put30(b, 2, self._tag)
        put30(b, 6, self._board)
        put30(b, 10, ledger.lineage)
        put30(b, 14, self.cycle, int(self.far))
        put16(b, 18, n)
        b[20] = len(sessions)
        i = _HEAD
        for s in sessions:
            put16(b, i, s.start)
            put30(b, i + 2, s.nonce)
            b[i + 6] = self.asked.get(s.nonce, 0) | (_TAKEN if s.fate == TAKEN else 0)
            i += 7
            for c in range(n):
                i = put_wide(b, put_wide(b, i, s.total[c]), s.total[c] - s.known[c])
        for c in range(n):
            i = put_wide(b, i, ledger.waiting.lo[c], ledger.waiting.hi[c])
        i = put_wide(b, i, len(carried))
        for c, amount in carried:
            i = put_wide(b, i, c)
            b[i : i + _CARRY] = amount.to_bytes(_CARRY, "little")
            i += _CARRY
        i = self._account(b, i)
        put16(b, i, crc16(b, i))
        return memoryview(b)[: i + 2]

    def _account(self, b, i):
        """Since when there is an account, and what it has in sessions that are gone."""
        put30(b, i, self._ledger.since)
        i = put_wide(b, i + 4, len(self._ledger.spent))
        for c, amount in self._ledger.spent.items():
            i = put_wide(b, i, c << 1 | (amount < 0))
            amount = abs(amount)
            i = put_wide(b, i, amount & MAX_RAW, amount >> 30)
        return i

    def write(self):
        """Write all of it; False, and ``error`` says why, if that cannot be done."""
        turn = (self._turn + 1) & 0xFF
        try:
            if self._store:
                self._store.write(turn & 1, self._encode(turn))
            self._turn = turn  # else the next one goes to the same place: the other is sound
            self.error = ""
        except OSError as e:
            self.error = "leaf: its state cannot be written (%s)" % e
        return not self.error

    # --- from bytes -----------------------------------------------------------------------------

    def read(self):
        """Take over the newer of the two copies; False if there is none."""
        best = b""
        for i in range(2):
            b = bytes(self._store.read(i)) if self._store else b""
            if not _sound(b):
                if b:
                    self.notice = "leaf: a copy of its state was damaged; the other one is used"
            elif not best or (b[1] - best[1]) & 0xFF < 128:
                best = b
        if not best:
            if self.notice:
                self.notice = "leaf: its state was damaged, and begins anew; what waited is lost"
            return False
        self._turn = best[1]
        tag = get30(best, 2)
        moved = tag != self._tag
        before = self._config.data.get("before")
        if moved and not (before and int(before["tag"], 16) == tag):
            other = Kept(self._config, self._board, Ledger(self._ledger.channels), None)
            other._decode(best)
            self.notice = "leaf: its state is of another mesh, and begins anew"
            if other._ledger.left():
                self.notice += "; %d raw that nobody there has are lost" % other._ledger.left()
            return False
        self._decode(best)
        if moved:
            grain, later = self._config.moved()
            for s in self._ledger.sessions:
                s.start = self._config.started(s.start, self.cycle, grain)
            self.cycle += later * EPOCH_CYCLES
            if self._ledger.since:
                self._ledger.since += later * EPOCH_CYCLES
        return True

    def _decode(self, b):
        number = Wide(1)
        n = get16(b, 18)
        i = _HEAD
        sessions = []
        for _ in range(b[20]):
            s = Session(get16(b, i), get30(b, i + 2), max(n, self._ledger.channels))
            self.asked[s.nonce] = b[i + 6] & 0x7F
            s.fate = TAKEN if b[i + 6] & _TAKEN else s.fate
            i += 7
            for c in range(n):
                i = get_wide(b, i, len(b), number, 0)
                s.total[c] = number.lo[0]
                i = get_wide(b, i, len(b), number, 0)
                s.known[c] = s.total[c] - number.lo[0]
            sessions.append(s)
        waiting = Wide(max(n, self._ledger.channels))
        for c in range(n):
            i = get_wide(b, i, len(b), waiting, c)
        i = get_wide(b, i, len(b), number, 0)
        carried = []
        for _ in range(number[0]):
            i = get_wide(b, i, len(b), number, 0)
            carried.append((number[0], int.from_bytes(b[i : i + _CARRY], "little")))
            i += _CARRY
        ledger = self._ledger
        if n > ledger.channels:
            ledger.make(n)  # it has channels that my list lacks
        ledger.sessions = sessions
        ledger.lineage = get30(b, 10)
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
        self.cycle = get30(b, 14)
        self.far = bool(b[17] >> 6)
        self.foreign = self._board != get30(b, 6)
