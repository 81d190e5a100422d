"""All lie to one node, and are honest to the rest."""

from lvs_tools.adversaries.persona import Persona, clamp


class OneVictim(Persona):
    """Unicast EPs, far too low, to the node with the first address; true broadcasts otherwise."""

    def step(self, now_ms, heard):
        """Listen, keep everybody's trust, and lie to one."""
        self.listen(now_ms, heard)
        if not self.due(now_ms):
            return []
        victim = self.mesh.addresses[0]
        lies = [
            (victim, self.ep([clamp(v - (v >> 3)) for v in self.truth(shard)], shard), None)
            for shard in range(self.shards)
        ]
        return lies + (self.honest() if self.rng.randrange(4) == 0 else [])
