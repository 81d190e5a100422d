"""Says anything."""

from lvs_tools.adversaries.persona import Persona


class RandomValues(Persona):
    """EPs whose values are drawn anew each time: near, far, or anywhere."""

    def _any(self, value):
        spread = self.rng.choice((8, 256, 4096, 1 << 30))
        return value + self.rng.randrange(-spread, spread)

    def step(self, now_ms, heard):
        """Listen, and lie when it is time."""
        self.listen(now_ms, heard)
        return self.say(self._any) if self.due(now_ms) else []
