"""Repeats what others said, late and again and again."""

_KEPT = 256  # frames, the first ones for ever, so that some are very old
_EACH_STEP = 2


class Replay:
    """Records frames with their sources and sends them again, half of them under those sources."""

    def __init__(self, rng, mesh):
        self.rng = rng
        self.mesh = mesh
        self._kept = []

    def step(self, now_ms, heard):
        """Record and repeat."""
        for item in heard:
            if len(self._kept) < _KEPT:
                self._kept.append(item)
            elif self.rng.randrange(16) == 0:
                self._kept[self.rng.randrange(_KEPT // 2, _KEPT)] = item
        if len(self._kept) < 8:
            return []
        said = []
        for _ in range(_EACH_STEP):
            frame, source = self.rng.choice(self._kept)
            said.append((None, frame, source if self.rng.getrandbits(1) else None))
        return said
