"""Makes honest nodes begin session after session, until their own rows fill the rings."""

from lvs_tools.adversaries.persona import Persona


class RowBreeder(Persona):
    """Overstates every session that it hears of by one unit, at once, and each only once."""

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self._done = set()

    def step(self, now_ms, heard):
        """Listen, and overstate what is new."""
        self.listen(now_ms, heard)
        if self.cycle is None:
            return []
        said = []
        for start, nonce, slot, total, shard in self.rows:
            if (start, nonce, slot, shard) not in self._done:
                self._done.add((start, nonce, slot, shard))
                row = (start, nonce, slot, total + 1)
                said.append((None, self.sdm(shard, relays=[row]), None))
        return said
