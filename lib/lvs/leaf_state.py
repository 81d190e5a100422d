"""What a leaf keeps while it sleeps: some dozen bytes, in two copies that are written in turn.

A store is any object with ``read(i)`` (the bytes of copy 0 or 1, b"" if there are none) and
``write(i, data)`` (which may raise OSError). A cut, or an error, while one is written leaves the
other. Nothing is told before it is written.
"""

from .fixed import MAX_RAW, const, crc16
from .ledger import TAKEN
from .wire import put16, put30, put_wide

SESSIONS = 6  # at most: others may force new ones on it
ASKED = 4  # epochs in which one is only asked for, until what nobody has of it waits again
VERSION = const(1)
LINEAGE = const(17)  # where it stands in a copy ...
HEAD = const(29)  # ... and its end
CARRY = const(10)  # bytes of what is carried: less than a step, in 10**-18 of its last digit
MARK = const(0x80)  # of a session: never spoken in again; below it, what ``asked`` says


class Kept:
    """A leaf's state, as bytes. ``cycle``: the last one heard; ``far``: a single voice said that
    it is another by far; ``asked``: nonce -> epochs in which a session was only asked for;
    ``turn``: of the newest copy."""

    def __init__(self, tag, board, ledger, store):
        self._tag = tag
        self._board = board
        self._ledger = ledger
        self._store = store
        self.turn = 0
        self.cycle = 0
        self.far = False
        self.asked = {}
        self.error = ""  # why it cannot be written
        self.notice = ""  # what was wrong with it

    # --- to bytes -------------------------------------------------------------------------------

    def _encode(self, turn):
        ledger = self._ledger
        n = ledger.channels
        sessions = [s for s in ledger.sessions if max(s.total)]
        carried = [(c, x) for c, x in ledger.carried.items() if x]
        size = len(sessions) * (7 + 10 * n) + 7 * n + 12 * len(carried) + 9 * len(ledger.spent)
        b = bytearray(HEAD + size + 14)
        b[0] = VERSION
        b[1] = turn
        put30(b, 2, self._tag)
        put30(b, 6, self._board)
        put30(b, 10, self.cycle, int(self.far))
        put16(b, 14, n)
        b[16] = len(sessions)
        b[LINEAGE:HEAD] = ledger.lineage
        i = HEAD
        for s in sessions:
            put16(b, i, s.start)
            put30(b, i + 2, s.nonce)
            b[i + 6] = self.asked.get(s.nonce, 0) | (MARK if s.fate == TAKEN else 0)
            i += 7
            for c in range(n):
                i = put_wide(b, put_wide(b, i, s.total[c]), s.total[c] - s.known[c])
        for c in range(n):
            i = put_wide(b, i, ledger.waiting.lo[c], ledger.waiting.hi[c])
        i = put_wide(b, i, len(carried))
        for c, amount in carried:
            i = put_wide(b, i, c)
            b[i : i + CARRY] = amount.to_bytes(CARRY, "little")
            i += CARRY
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
        turn = (self.turn + 1) & 0xFF
        try:
            if self._store:
                self._store.write(turn & 1, self._encode(turn))
            self.turn = turn  # else the next one goes to the same place: the other is sound
            self.error = ""
        except OSError as e:
            self.error = "leaf: its state cannot be written (%s)" % e
        return not self.error
