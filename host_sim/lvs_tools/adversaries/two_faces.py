"""Parts the mesh by its votes: to the bit here, something else, the same for all, there."""

from lvs_tools.adversaries.persona import Persona

_EACH_STEP = 4  # unicast EPs a step and shard


class TwoFaces(Persona):
    """Agrees with even addresses and says a tenth less to odd ones."""

    def believes(self, source):
        """Only the honest, and those of them who are agreed with."""
        return source not in self.allies and source % 2 == 0

    def lie(self, value):
        """What the other half is told in place of `value`."""
        return value - value // 10

    def step(self, now_ms, heard):
        """Listen, and speak to some, each with the face that is for it."""
        self.listen(now_ms, heard)
        if not self.due(now_ms, 0, 800):
            return []
        said = []
        for shard in range(self.shards):
            truth = self.truth(shard)
            lie = [self.lie(v) for v in truth]
            for _ in range(_EACH_STEP):
                victim = self.rng.choice(self.mesh.addresses)
                said.append((victim, self.ep(lie if victim % 2 else truth, shard), None))
        return said


class NearFaces(TwoFaces):
    """Differs by one unit, which is a dispute like any other."""

    def lie(self, value):
        """One less."""
        return max(0, value - 1)
