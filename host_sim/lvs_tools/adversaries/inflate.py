"""Says that there is twice as much, and a little more."""

from lvs_tools.adversaries.persona import Persona


class Inflate(Persona):
    """Every few seconds an EP with doubled settled values, and an own row that grows fast."""

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self._total = 0

    def step(self, now_ms, heard):
        """Listen, and lie when it is time."""
        self.listen(now_ms, heard)
        if not self.due(now_ms):
            return []
        # Nobody can know what it contributed: the route's credit budget is what bounds this.
        self._total += 4 * self.mesh.config.max_allowed_shift
        return self.say(lambda v: 2 * v + 1000) + [
            (None, self.sdm(own=[(0, min(self._total, (1 << 30) - 1))]), None)
        ]
