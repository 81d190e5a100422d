"""Lives in the future, to make everybody's epochs pass and their sessions expire."""

from lvs_tools.adversaries.persona import Persona


class ClockPusher(Persona):
    """Honest values under a cycle that is a little ahead, far ahead, or far behind."""

    def step(self, now_ms, heard):
        """Listen, and push when it is time."""
        self.listen(now_ms, heard)
        if not self.due(now_ms, 500, 2000):
            return []
        ahead = self.rng.choice((2, 3, 60, 64, 700, 100000, -70))
        cycle = min(max(0, self.cycle + ahead), (1 << 30) - 1)
        return [(None, self.ep(self.truth(0), cycle=cycle), None)]
