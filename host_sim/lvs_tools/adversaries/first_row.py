"""Tells newcomers of a contribution that nobody ever made, while they still believe everything."""

from lvs.fixed import MAX_RAW
from lvs_tools.adversaries.persona import Persona

_GRACE_MS = 90000


class FirstRow(Persona):
    """One row, as large as a row can be, to each newcomer; all such liars tell the same one."""

    total = MAX_RAW

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self._victims = {}  # address: until when

    def step(self, now_ms, heard):
        """Listen for newcomers; be honest otherwise."""
        self.listen(now_ms, heard)
        if self.cycle is None:
            return []
        for source, _ in self.seekers(heard):
            self._victims.setdefault(source, now_ms + _GRACE_MS)
        said = self.honest() if self.due(now_ms, 15000, 30000) else []
        for victim in sorted(self._victims):
            if now_ms < self._victims[victim]:
                for shard in range(self.shards):
                    row = (self.grain_at(self.cycle), 1000 + victim, 0, self.total)
                    said.append((victim, self.sdm(shard, relays=[row]), None))
        return said


class PlausibleRow(FirstRow):
    """As much as an honest session could have by now."""

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self.total = mesh.config.route_budget
