"""Tells one half of the mesh more and the other half less, to pull it apart."""

from lvs_tools.adversaries.persona import Persona, clamp

_EACH_TIME = 8  # unicast EPs at a time


class SplitView(Persona):
    """Unicast EPs: too high to even addresses, too low to odd ones, just inside the near band."""

    def step(self, now_ms, heard):
        """Listen, and lie when it is time."""
        self.listen(now_ms, heard)
        if not self.due(now_ms):
            return []
        said = []
        for shard in range(self.shards):
            truth = self.truth(shard)
            for _ in range(_EACH_TIME):
                victim = self.rng.choice(self.mesh.addresses)
                sign = 1 if victim % 2 == 0 else -1
                vector = [clamp(v + sign * max(2, (v >> 10) * 6 // 7)) for v in truth]
                said.append((victim, self.ep(vector, shard), None))
        return said
