"""What is fuzzed: functions of some bytes that return if all is well, and raise otherwise."""

from lvs import names
from lvs.fixed import MAX_RAW, crc16
from lvs.wide import MOST
from lvs.wire import MAX_RELAYS, SHARDS, SLOTS, Frame, put16, put30
from lvs_tools.fuzz.scribe import Scribe
from lvs_tools.fuzz.victim import Broken, Outnumbered, Victim

_REASONS = ("", "short", "magic", "version", "tag", "checksum", "malformed")
_TAG = 0x1234567
_MOST = 400  # events of one sequence


class Chance:
    """Decisions read from bytes: the same bytes, the same attack. Zeros when they have run out."""

    def __init__(self, data):
        self._data = data
        self._at = 0

    def over(self):
        """True when all bytes are used up."""
        return self._at >= len(self._data)

    def getrandbits(self, bits):
        """A number of that many bits."""
        size = (bits + 7) // 8
        part = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(part, "little") & ((1 << bits) - 1)

    def randrange(self, start, stop=None):
        """A number from start to stop - 1, or from 0 to start - 1."""
        if stop is None:
            start, stop = 0, start
        return start + self.getrandbits((stop - start).bit_length() + 8) % (stop - start)

    def choice(self, items):
        """One of several."""
        return items[self.randrange(len(items))]


def decode(data):
    """Frame.decode on any bytes, and on the same bytes behind a head and checksum that fit."""
    frame = Frame()
    _check(frame, frame.decode(bytes(data), _TAG))
    good = bytearray(data[:250])
    if len(good) >= 24:
        good[0] = 0x4C
        good[1] = 0x21 + good[1] % 3
        put30(good, 2, _TAG)
        good[16] %= SHARDS
        put16(good, len(good) - 2, crc16(good, len(good) - 2))
        _check(frame, frame.decode(bytes(good), _TAG))


def _check(frame, reason):
    if reason not in _REASONS:
        raise Broken("an unknown reason: %r" % reason)
    if reason:
        return
    numbers = [frame.nonce, frame.cycle]
    slots = []
    if frame.kind == 1:
        numbers += [frame.noise, frame.held]
        if not all(0 <= n <= MOST for n in frame.vector):
            raise Broken("a wide value is outside its range: %s" % list(frame.vector))
    elif frame.kind == 3:
        said = names.decode(frame.body) or ()
        slots = [slot for slot, _, _ in said]
        numbers += [m for _, (m, _), _ in said]
    else:
        if frame.relays > MAX_RELAYS:
            raise Broken("%d relayed rows" % frame.relays)
        numbers += [
            *frame.own_total[: frame.owns],
            *frame.relay_total[: frame.relays],
            *frame.relay_nonce[: frame.relays],
        ]
        slots = [
            *frame.own_slot[: frame.owns],
            *frame.relay_slot[: frame.relays],
        ]
    if not all(0 <= n <= MAX_RAW for n in numbers) or not all(s < SLOTS for s in slots):
        raise Broken("a field is outside its range: %s, slots %s" % (numbers, slots))


def node(data):
    """A sequence of frames, waits, stalls and contributions against an established node."""
    chance = Chance(data)
    seed = chance.getrandbits(8)
    victim = Victim(
        seed,
        chance.choice((100000, 0, 1, MAX_RAW, 1 << 40, MOST)),
        chance.choice((8, 0, 3)),
        chance.choice((0, MAX_RAW - 60000)),
        hasty=seed % 2 == 1,
        rows=chance.choice((512, 16)),
        routes=16,
    )
    scribe = Scribe(victim, chance.choice((1, 4, 40)))
    try:
        _besiege(victim, scribe, chance)
    except Outnumbered:
        return
    victim.referee.weigh()


def _besiege(victim, scribe, chance):
    """What befalls a victim, until chance is used up."""
    for _ in range(_MOST):
        if chance.over():
            return
        what = chance.randrange(16)
        if what < 11:
            scribe.attack(chance)
        elif what < 13:
            victim.wait(chance.choice((100, 1000, 20000)))
        elif what == 13:
            victim.stall(chance.choice((1, 5000, 300000)))
        elif what == 14 and victim.sessions:
            victim.agree(chance.randrange(len(victim.sessions)))
        elif victim.referee.value(0) < MOST - (1 << 46):
            victim.contribute(0, chance.randrange(1, 3000))


def admin(data):
    """A board's administration service, and who talks to it has the key or not."""
    from lvs_tools.fuzz import admin_talk

    admin_talk.talk(Chance(data))


TARGETS = {"admin": admin, "decode": decode, "node": node}
