"""Fills the rings with rows of sessions that never were, which live as long as any."""

from lvs_tools.adversaries.persona import Persona

_ROWS = 25  # in a frame


class RingFiller(Persona):
    """Frames full of relayed rows, each a new session's, begun just now, of one raw unit."""

    def relays(self):
        """Rows for a frame."""
        start = self.grain_at(self.cycle)
        return [(start, self.rng.getrandbits(30), 0, 1) for _ in range(_ROWS)]

    def step(self, now_ms, heard):
        """Listen, and fill."""
        self.listen(now_ms, heard)
        if not self.due(now_ms, 0, 1000):
            return []
        said = []
        for shard in range(self.shards):
            said.append((None, self.sdm(shard, relays=self.relays()), None))
            session = (self.grain_at(self.cycle), self.rng.getrandbits(30))
            said.append((None, self.sdm(shard, own=[(0, 1)], session=session), None))
        return said
