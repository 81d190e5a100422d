"""Audit: what this node contributed itself, told to whoever asks (docs/protocol.md, section 4).

Needed while somebody asks: lvs.ep_sender, or a leaf, loads it then. Encoder and decoder serve both
sides.
"""

from hashlib import sha256

from .fixed import MAX_RAW, const, ticks_diff
from .wide import MOST, Wide
from .wire import AUDIT, MAX_FRAME, SLOTS, get30, get_wide, put30, put_head, put_wide, seal

QUESTION = 0
ANSWER = 1
HOLDER = 2  # an answer, and the values are those of a shard that is held
LATEST_S = 60  # seconds over which answers are spread, at most
_RECORDS = const(27)
_SLOT = const(21)  # bytes of a slot's numbers, at most
_ASKERS = const(4)  # who wait for an answer
_PAUSE_MS = const(4000)  # between two answers


def question(buf, tag, nonce, shard, first, spread_s):
    """Write into buf (MAX_FRAME bytes) a question for a shard's slots from the ``first`` on;
    returns its length: no answer is longer. spread_s: seconds in which answers may come."""
    for i in range(len(buf)):
        buf[i] = 0
    n = put_head(buf, AUDIT, tag, 0, nonce, 0, shard)
    buf[n] = QUESTION
    buf[n + 1] = first
    put30(buf, n + 2, spread_s)
    return seal(buf, MAX_FRAME - 2)


def decode(body):
    """What an answer's body says: (what, since, account, first slot, [(given, waiting, value)] in
    raw); None: malformed, or none."""
    if len(body) < 10 or body[0] not in (ANSWER, HOLDER) or body[1] >= SLOTS:
        return None
    numbers = Wide(3 * SLOTS)
    i = 10
    n = 0
    while 0 < i < len(body) and n < 3 * (SLOTS - body[1]):
        i = get_wide(body, i, len(body), numbers, n)
        n += 1
    if i != len(body) or n % 3:
        return None
    found = [(numbers[k], numbers[k + 1], numbers[k + 2]) for k in range(0, n, 3)]
    return body[0], get30(body, 2), get30(body, 6), body[1], found


def account(lineage):
    """The number of an account: a copied journal has the same until one of both notices."""
    return get30(sha256(lineage + b"account").digest(), 0)


def asked(body):
    """What a question's body asks for: (shard's first slot, seconds for answers, bytes that were
    asked); None: malformed, or none."""
    if len(body) < 10 or body[0] != QUESTION or body[1] >= SLOTS:  # no room for any answer
        return None
    return body[1], min(get30(body, 2), LATEST_S), len(body) + 19


def answer(buf, tag, cycle, ledger, index, first, what, value):
    """Write into buf, as far as it has room, what a ledger has of a shard's slots from the
    ``first`` on; returns the length. what: ANSWER or HOLDER; value: (channel) -> raw."""
    s = ledger.session
    n = put_head(buf, AUDIT, tag, s.start, s.nonce, cycle, index)
    buf[n] = what
    buf[n + 1] = first
    put30(buf, n + 2, ledger.since)
    put30(buf, n + 6, account(ledger.lineage))
    n = _RECORDS
    for slot in range(first, SLOTS):
        c = index * SLOTS + slot
        if c >= ledger.channels or n + _SLOT > len(buf) - 2:
            break
        for raw in (max(0, min(ledger.given(c), MOST)), ledger.waiting[c], value(c)):
            n = put_wide(buf, n, raw & MAX_RAW, raw >> 30)
    return seal(buf, n)


def tell(asked, transport, tag, cycle, ledger, value):
    """A leaf's answers to (address, shard, first slot, bytes that were asked) of a list, which is
    emptied: to who asked alone, in no more bytes, since an address may be a victim's."""
    while asked:
        addr, shard, first, size = asked.pop(0)
        buf = bytearray(size)
        n = answer(buf, tag, cycle, ledger, shard, first, ANSWER, value)
        transport.send(memoryview(buf)[:n], addr)


class Audit:
    """Answers. config, outbox, noise, governor, clock, ledger, placement, elsewhere: the node's;
    now: ticks."""

    def __init__(self, now, config, outbox, noise, governor, clock, ledger, placement, elsewhere):
        self._config = config
        self._outbox = outbox
        self._noise = noise
        self._governor = governor
        self._clock = clock
        self._ledger = ledger
        self._placement = placement
        self._elsewhere = elsewhere
        self._asked = {}  # address: [when it is due, shard, first slot, bytes that were asked]
        self._next = now  # when the next answer may be given

    def hear(self, f, addr, now):
        """Somebody's question, of how many bytes; or an answer, which is not for me."""
        what = asked(f.body)
        if what and (addr in self._asked or len(self._asked) < _ASKERS):
            first, spread, size = what
            due = (now + 1000 * self._noise.below(spread + 1)) & MAX_RAW
            self._asked[addr] = [due, f.shard, first, size]

    def poll(self, now):
        """Give one answer that is due; True once there is nobody to answer."""
        if ticks_diff(self._next, now) > 0:
            return False
        for addr in list(self._asked):
            due, shard, first, size = self._asked[addr]
            if ticks_diff(due, now) > 0 or not self._governor.ready(size):
                continue
            del self._asked[addr]
            self._next = (now + _PAUSE_MS) & MAX_RAW
            buf = bytearray(size)
            # To who asks alone, and no more than he said: an address may be a victim's.
            self._outbox.send(buf, self.answer(buf, shard, first), addr)
            return False
        return not self._asked

    def answer(self, buf, index, first):
        """Write into buf, as far as it has room, what a shard's slots have; returns the length."""
        r = self._placement.find(index)
        return answer(
            buf,
            self._config.tag,
            self._clock.cycle,
            self._ledger,
            index,
            first,
            HOLDER if r and r.live else ANSWER,
            lambda c: r.shard.value(c % SLOTS) if r else self._elsewhere.read(c, None) or 0,
        )
