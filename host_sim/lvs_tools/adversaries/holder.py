"""Says that it holds every shard, so that those who do let go of them."""

from lvs_tools.adversaries.persona import Persona


class HoldsAll(Persona):
    """The truth about every shard, as a holder of all, every time under a session of its own."""

    free = True

    def believes(self, source):
        """Only those who hold something."""
        return source not in self.allies

    def step(self, now_ms, heard):
        """Listen, and announce."""
        self.listen(now_ms, heard)
        if not self.due(now_ms, 1000, 3000):
            return []
        said = []
        for shard in sorted(self.vectors):
            session = (self.session[0], self.rng.getrandbits(30)) if self.free else None
            said.append((None, self.ep(self.truth(shard), shard, session=session), None))
        return said


class HoldsTruly(HoldsAll):
    """As one session, which agrees with everybody to the bit, digests and all."""

    free = False
