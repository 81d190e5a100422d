"""A node on a bench: its time, its power switch, and the books on what it accepted and told.

The n-th contribution to a channel is 4**n raw, so that a sum in base 4 shows which contributions
it holds: a digit of 1 is one that counts once, 2 or 3 one that counts twice or more.
"""

from lvs import LvsError, Node
from lvs.journal import Journal
from lvs.wire import SDM, Frame, SdmWriter
from tests.support.transport import Transport

CHANNELS = ["a", "b"]
STEP = 1024
OTHERS = 1000  # nonces below this are other nodes' sessions
CONFIG = {
    "mesh": "bench",
    "channels": CHANNELS,
    "rows": 16,
    "routes": 8,
    "max_allowed_shift": STEP,
    "session_epochs": 48,
    "horizon_epochs": 32,
}


class Books:
    """What happened before the power was cut: per channel the digits accepted and durable, and
    per row the total that was told. Copied at every flash operation by ``at``."""

    def __init__(self):
        self.accepted = [0] * len(CHANNELS)
        self.durable = [0] * len(CHANNELS)
        self.open = [0] * len(CHANNELS)  # accepted in this life and not known to be durable
        self.told = {}
        self.given = [0] * len(CHANNELS)  # contributions

    def copy(self):
        other = Books()
        other.accepted = list(self.accepted)
        other.durable = list(self.durable)
        other.open = list(self.open)
        other.told = dict(self.told)
        other.given = list(self.given)
        return other


class Bench:
    """One life of a node, from switching on. flash may be None: files decides what is kept."""

    def __init__(
        self,
        files,
        books=None,
        now=0,
        seed=1,
        journal=Journal,
        flush_s=3,
        checkpoint_s=12,
        **config,
    ):
        self.now = now
        self.books = books or Books()
        self.books.open = [0] * len(CHANNELS)
        self._seed = seed
        self._frame = Frame()
        self._writer = SdmWriter()
        self.journal = journal("bench", flush_s=flush_s, checkpoint_s=checkpoint_s, files=files)
        self.node = Node(
            dict(CONFIG, **config),
            Transport(self._told, keep=False),
            lambda: self.now & 0x3FFFFFFF,
            self._bits,
            self.journal,
            self._frame,
        )

    def _bits(self):
        self._seed = (self._seed * 1103515245 + 12345) & 0x7FFFFFFF
        return self._seed >> 1 & 0x3FFFFFFF

    def _told(self, frame, addr):
        """Note the rows that a frame tells, to whomever."""
        f = Frame()
        assert f.decode(frame, self.node.config.tag, self.node.config.grain) == ""
        told = self.books.told
        if f.kind == SDM:
            for i in range(f.owns):
                key = (f.start, f.nonce, f.own_slot[i])
                told[key] = max(told.get(key, 0), f.own_total[i])
            for i in range(f.relays):
                key = (f.relay_start[i], f.relay_nonce[i], f.relay_slot[i])
                if f.relay_nonce[i] >= OTHERS:
                    told[key] = max(told.get(key, 0), f.relay_total[i])

    # --- what happens -------------------------------------------------------------------------

    def run(self, seconds):
        """Let time pass."""
        end = self.now + int(seconds * 1000)
        while self.now < end:
            self.now += min(self.node.tick(), end - self.now)

    def hear_row(self, nonce, c, total, echo=False):
        """Another node says what it contributed. nonce: below OTHERS; echo: and what it knows of
        this one."""
        self._writer.begin(
            self.node.config.tag,
            self.node.clock.grain() & 0xFFFF,
            nonce,
            self.node.clock.cycle,
            0,
            0,
            self.node.config.grain,
        )
        self._writer.own(c, total)
        for s in self.node.ledger.sessions[-2:]:  # and what he heard of this one
            for slot in range(len(CHANNELS)):
                if echo and s.total[slot]:
                    self._writer.relay(s.nonce, s.start, slot, s.total[slot])
        n = self._writer.end()
        self.node.handle(bytes(self._writer.buf[:n]), 9)

    def contribute(self, c, durable):
        """The next contribution to a channel."""
        books = self.books
        amount = 4 ** books.given[c]
        books.given[c] += 1
        books.accepted[c] += amount
        books.open[c] += amount
        self.node.contribute(CHANNELS[c], "%d.%03d" % (amount // 1000, amount % 1000), durable)
        if durable:  # acknowledged: with it all that was accepted before
            for i in range(len(CHANNELS)):
                books.durable[i] += books.open[i]
                books.open[i] = 0


def digits_wrong(total, durable, accepted):
    """Why a total is not a set of accepted contributions with all durable ones; "" if it is."""
    n = 0
    while total or accepted:
        digit = total & 3
        if digit > (accepted & 3):
            return "contribution %d counts %d times" % (n, digit)
        if (durable & 3) > digit:
            return "contribution %d is missing" % n
        total >>= 2
        durable >>= 2
        accepted >>= 2
        n += 1
    return ""


def judge(node, books):
    """What is wrong with a node that has just started anew, once it is in its mesh again: a list.

    The mesh may have heard all that was told, or nothing of it; rows are merged by the larger.
    """
    wrong = []
    # What was told and folded long ago is in the values of all, heard or not.
    folded = node.config.horizon(node.clock.epoch())
    old = {key: total for key, total in books.told.items() if key[0] <= folded}
    for c in range(len(CHANNELS)):
        for told in (books.told, old):
            known = {key: total for key, total in told.items() if key[2] == c}
            for s in node.ledger.sessions:
                key = (s.start, s.nonce, c)
                if s.total[c]:
                    known[key] = max(known.get(key, 0), s.total[c])
            total = sum(known.values()) + node.ledger.waiting[c]
            why = digits_wrong(total, books.durable[c], books.accepted[c])
            if why:
                wrong.append(
                    "%s: %s (%s)"
                    % (CHANNELS[c], why, "nothing told" if told is old else "all told")
                )
    return wrong


def judge_late(node, books):
    """The same for a node that stays away until all of its sessions are folded elsewhere.

    What the journal let go and nobody was told by then may be lost, one step at most a channel
    and session; nothing counts twice.
    """
    ledger = node.ledger
    wrong = []
    unsure = [0] * len(CHANNELS)
    told = [0] * len(CHANNELS)
    for key, total in books.told.items():
        told[key[2]] += total
    for s in ledger.sessions:
        for c in range(len(CHANNELS)):
            heard = books.told.get((s.start, s.nonce, c), 0)
            unsure[c] += max(0, s.total[c] - heard)
    for s in ledger.sessions:
        s.known = s.total  # others heard what was told
    ledger.open(node.clock.grain() + 1000, 1)
    ledger.fold(node.clock.grain() + 900)
    for c in range(len(CHANNELS)):
        total = told[c] + ledger.waiting[c]
        if total > books.accepted[c]:
            wrong.append(
                "%s: counts %d raw too much when it was away for long"
                % (CHANNELS[c], total - books.accepted[c])
            )
        if total + unsure[c] < books.durable[c]:
            wrong.append(
                "%s: %d raw are missing when it was away for long"
                % (CHANNELS[c], books.durable[c] - total - unsure[c])
            )
        if unsure[c] >= 2 * STEP:
            wrong.append("%s: %d raw may be lost" % (CHANNELS[c], unsure[c]))
    return wrong


__all__ = ("Bench", "Books", "LvsError", "judge", "judge_late", "digits_wrong")
