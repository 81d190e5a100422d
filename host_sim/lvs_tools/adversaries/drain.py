"""Says that everything is gone."""

from lvs_tools.adversaries.persona import Persona


class Drain(Persona):
    """Every few seconds an otherwise honest EP whose settled values are all zero."""

    def step(self, now_ms, heard):
        """Listen, and lie when it is time."""
        self.listen(now_ms, heard)
        return self.say(lambda v: 0) if self.due(now_ms) else []
