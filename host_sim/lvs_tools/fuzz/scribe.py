"""Writes hostile frames: every field likely to be honest, nearly honest, extreme or random.

Chance is handed in: anything with the methods of random.Random that make integers, choices and
bits. So the same scribe serves seeds, Hypothesis (which shrinks) and Atheris (which explores).
"""

from lvs.fixed import MAX_RAW, crc16
from lvs.wide import MOST
from lvs.wire import ALL_FLAGS

_CROWD = 200  # addresses that an attacker makes up
_STRANGER = 1000  # the first of them
_AWAY = (1, -1, 2, 40, -60, 96, -97, 98, -99, 500, -1023, 1024, -1025, 50000, -99999, 1 << 40)
_TOTALS = (0, 1, 2, 255, 256, 4096, 1048575, 1048576, 1048577, 1 << 22, 1 << 29, MAX_RAW)
_CYCLES = (0, 0, 0, 0, 1, -1, 2, 3, 64, -64, 65, 700, -4000, 100000)


class Scribe:
    """Makes (frame, source) pairs against a victim. addresses: how many strangers there are."""

    def __init__(self, victim, addresses=_CROWD):
        self.victim = victim
        self._addresses = addresses
        self._kept = []  # frames said before, for replays
        self._shards = [r.index for r in victim.node.replicas]

    def source(self, chance):
        """A stranger's address, or a spoofed one: of fewer than half of the peers, since who
        speaks for most of them is their majority (docs/security.md)."""
        spoofed = (len(self.victim.sessions) - 1) // 2
        if spoofed > 0 and chance.randrange(4) == 0:
            return self.victim.address(chance.randrange(spoofed))
        return _STRANGER + chance.randrange(self._addresses)

    def session(self, chance):
        """One's own, the victim's, a peer's, or one that was never heard."""
        what = chance.randrange(8)
        epoch = int(self.victim.node.clock.epoch())
        if what == 0:
            s = chance.choice(self.victim.node.ledger.sessions)
            return int(s.start), int(s.nonce)
        if what < 3 and self.victim.sessions:
            return chance.choice(self.victim.sessions)
        if what < 6:
            return epoch, 50000 + chance.randrange(40)
        return epoch - chance.randrange(-2, 90), chance.getrandbits(30)

    def _cycle(self, chance):
        now = int(self.victim.node.clock.cycle)
        if chance.randrange(16) == 0:
            return chance.getrandbits(30)
        return min(max(0, now + chance.choice(_CYCLES)), MAX_RAW)

    def _vector(self, chance, shard):
        settled = self.victim.settled(shard)
        what = chance.randrange(8)
        if what == 0:
            return settled
        if what == 1:
            return [chance.getrandbits(chance.choice((30, 48))) for _ in settled]
        away = chance.choice(_AWAY)
        both = chance.randrange(4)
        return [
            min(max(0, v + (away if both or not k else -away)), MOST)
            for k, v in enumerate(settled)
        ]

    def ep(self, chance):
        """An entropy packet."""
        shard = chance.choice(self._shards)
        own = self.victim.node.placement.find(shard).shard
        digests = [int(d) for d in own.digests]
        if chance.randrange(3) == 0:
            digests = [chance.getrandbits(16) for _ in range(8)]
        horizon = int(own.horizon) + chance.choice((0, 0, 0, 0, 1, -1, 300))
        flags = chance.choice((0, 0, 0, 8, 40, 32, 2, 4, 16, chance.randrange(ALL_FLAGS + 1)))
        return self.victim.ep(
            self.session(chance),
            self._vector(chance, shard),
            self._cycle(chance),
            horizon,
            flags,
            digests,
            shard,
            chance.getrandbits(30),
        )

    def sdm(self, chance):
        """A state diff message."""
        shard = chance.choice(self._shards)
        slots = self.victim.node.placement.find(shard).shard.slots
        own = [(s, self._total(chance)) for s in range(slots) if chance.randrange(2)]
        relays = []
        for _ in range(chance.choice((0, 1, 2, 20))):
            start, nonce = self.session(chance)
            relays.append((start, nonce, chance.randrange(slots), self._total(chance)))
        return self.victim.sdm(
            self.session(chance),
            own,
            relays,
            self._cycle(chance),
            chance.randrange(256),
            shard,
            chance.randrange(256),
        )

    def _total(self, chance):
        return chance.choice(_TOTALS) if chance.randrange(2) else chance.randrange(100000)

    def _broken(self, chance):
        """Noise, or a frame that was good once; half of the latter with a checksum that fits."""
        if not self._kept or chance.randrange(4) == 0:
            return bytes([chance.getrandbits(8) for _ in range(chance.randrange(300))])
        frame = bytearray(chance.choice(self._kept))
        for _ in range(chance.randrange(1, 6)):
            frame[chance.randrange(len(frame))] = chance.getrandbits(8)
        if chance.randrange(4) == 0:
            frame = frame[: chance.randrange(len(frame))] + bytes(chance.randrange(9))
        if len(frame) > 2 and chance.randrange(2):
            crc = crc16(frame, len(frame) - 2)
            frame[-2:] = bytes([crc & 255, crc >> 8])
        return bytes(frame)

    def frame(self, chance):
        """Any frame."""
        what = chance.randrange(10)
        if what == 0:
            return self._broken(chance)
        if what == 1 and self._kept:
            return chance.choice(self._kept)
        frame = self.ep(chance) if what < 6 else self.sdm(chance)
        if len(self._kept) < 64:
            self._kept.append(frame)
        else:
            self._kept[chance.randrange(64)] = frame
        return frame

    def attack(self, chance):
        """Say a frame to the victim."""
        self.victim.say(self.frame(chance), self.source(chance))
