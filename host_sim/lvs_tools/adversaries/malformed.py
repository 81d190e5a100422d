"""Sends what no node would: cut, changed, random and empty datagrams."""

_KEPT = 32


class Malformed:
    """Random bytes, other people's frames with bits flipped, cut short or grown, and nothing."""

    def __init__(self, rng, mesh):
        self.rng = rng
        self.mesh = mesh
        self._kept = []

    def _broken(self):
        rng = self.rng
        if not self._kept or rng.randrange(4) == 0:
            return bytes([rng.getrandbits(8) for _ in range(rng.randrange(0, 300))])
        frame = bytearray(rng.choice(self._kept))
        what = rng.randrange(3)
        if what == 0:
            for _ in range(rng.randint(1, 8)):
                frame[rng.randrange(len(frame))] ^= 1 << rng.randrange(8)
            return bytes(frame)
        if what == 1:
            return bytes(frame[: rng.randrange(len(frame))])
        return bytes(frame) + bytes([rng.getrandbits(8) for _ in range(rng.randint(1, 64))])

    def step(self, now_ms, heard):
        """Keep some frames to break, and send one that is broken."""
        for frame, _ in heard:
            if len(frame) and len(self._kept) < _KEPT:
                self._kept.append(frame)
        return [(None, self._broken(), None)]
