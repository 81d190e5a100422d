"""Honest until it is trusted, then it drains."""

from lvs_tools.adversaries.persona import Persona

_ASLEEP_MS = 300000  # about five epochs: full trust takes 28 agreeing samples


class Sleeper(Persona):
    """Says what everybody says for 300 s, and then that everything is gone."""

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self._wakes = None

    def step(self, now_ms, heard):
        """Listen, and speak when it is time."""
        self.listen(now_ms, heard)
        if self._wakes is None:
            self._wakes = now_ms + _ASLEEP_MS
        if not self.due(now_ms):
            return []
        return self.honest() if now_ms < self._wakes else self.say(lambda v: 0)
