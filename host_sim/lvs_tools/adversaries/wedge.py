"""Parts the honest by rows that only half of them fold in time, then outvotes the pieces."""

from lvs_tools.adversaries.splitter import Splitter


class Wedge(Splitter):
    """A splitter whose EPs, between two splits, all say the same tenth less."""

    def step(self, now_ms, heard):
        """Split, and pull."""
        said = super().step(now_ms, heard)
        if self.due(now_ms, 1500, 3000):
            said += self.say(lambda v: v - v // 10)
        return said
