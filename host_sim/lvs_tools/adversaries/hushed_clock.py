"""Hushes the honest by the truth, so that the clocks that are heard are its own."""

from lvs_tools.adversaries.persona import Persona

_HUSHERS = 5  # of all liars; the others push
_EACH_MS = (400, 1600)  # pause between two EPs of a husher, of a pusher


class HushedClock(Persona):
    """Samples that agree to the bit: a few liars tell everybody his own time, so often that nobody
    speaks; the others tell odd addresses of a clock that runs nearly twice as fast."""

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self._pushes = sorted(mesh.allies).index(mesh.address) >= _HUSHERS
        self._began = None

    def believes(self, source):
        """Not its own kind."""
        return source not in self.allies

    def step(self, now_ms, heard):
        """Listen, and tell each half of the mesh its time."""
        self.listen(now_ms, heard)
        least = _EACH_MS[self._pushes]
        if not self.due(now_ms, least, least + 200):
            return []
        if self._began is None:
            self._began = now_ms, self.cycle
        passed = (now_ms - self._began[0]) // 1000
        said = []
        for victim in self.mesh.addresses:
            cycle = self._began[1] + passed
            if victim % 2:
                cycle += passed * 4 // 5 + (3 if self._pushes else 0)
            for shard in range(self.shards if victim not in self.allies else 0):
                lie = self.ep(
                    self.truth(shard), shard, cycle=cycle, horizon=self.horizon_at(cycle)
                )
                said.append((victim, lie, None))
        return said
