"""Makes everybody talk: forces Trickle resets and begs for repairs."""

from lvs_tools.adversaries.persona import Persona


class NewsFlooder(Persona):
    """Twice a second an EP with true values and false digests that wants everything sent."""

    def step(self, now_ms, heard):
        """Listen, and ask when it is time."""
        self.listen(now_ms, heard)
        if not self.due(now_ms, 200, 800):
            return []
        return [(None, self.want(self.rng.randrange(self.shards)), None)]
