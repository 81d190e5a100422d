"""Gives everybody back what it said, so that nobody sees a difference."""

from lvs_tools.adversaries.persona import Persona


class Mirror(Persona):
    """Tells each node what that node said itself, digests and all: everybody seems to agree."""

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self._said = {}  # (address, shard): (vector, digests)

    def believes(self, source):
        """Not its own kind."""
        return source not in self.allies

    def heard_from(self, source, shard):
        """Remember who said what."""
        self._said[(source, shard)] = (self.vectors[shard], self.digests[shard])

    def step(self, now_ms, heard):
        """Listen, and give it back."""
        self.listen(now_ms, heard)
        if not self.due(now_ms, 0, 1000):
            return []
        said = []
        for source, shard in sorted(self._said):
            if self.rng.randrange(8) == 0:
                vector, digests = self._said[(source, shard)]
                said.append((source, self.ep(vector, shard, digests=digests), None))
        return said
