"""Lies that stay just inside what still counts as near."""

from lvs_tools.adversaries.persona import Persona


class BelowThreshold(Persona):
    """EPs lower by nearly an epoch's budget, ``max(1, v >> 10)``; a seventh is left as a margin
    for what the victims drift meanwhile."""

    def step(self, now_ms, heard):
        """Listen, and lie when it is time."""
        self.listen(now_ms, heard)
        if not self.due(now_ms):
            return []
        return self.say(lambda v: v - max(2, (v >> 10) * 6 // 7))
