"""Honest until it is trusted, then lower by what still counts as near, resting when it must."""

from lvs_tools.adversaries.persona import Persona

_ASLEEP_MS = 300000  # earns trust first
_LIES = 2  # in a row; each costs an eighth of the trust,
_RESTS = 5  # and as many honest words earn it back


class Patient(Persona):
    """Adapts to the rules of trust: two lies just inside every threshold, five true words."""

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self._wakes = None
        self._turn = 0

    def step(self, now_ms, heard):
        """Listen, and lie as often as trust allows."""
        self.listen(now_ms, heard)
        if self._wakes is None:
            self._wakes = now_ms + _ASLEEP_MS
        if not self.due(now_ms, 8000, 10000):
            return []
        self._turn += 1
        if now_ms < self._wakes or self._turn % (_LIES + _RESTS) >= _LIES:
            return self.honest()
        return self.say(lambda v: v - max(2, (v >> 10) * 6 // 7))
