"""Thousands of sessions, from its own address and from addresses that it makes up."""

from lvs_tools.adversaries.persona import Persona, clamp

_EACH_STEP = 2  # frames; five steps a second, every one under a new session


class Sybil(Persona):
    """Each frame a new session that drains and invents a row; every other a spoofed source."""

    def step(self, now_ms, heard):
        """Listen, and be many."""
        self.listen(now_ms, heard)
        if self.cycle is None:
            return []
        said = []
        for i in range(_EACH_STEP):
            source = None
            if self.rng.getrandbits(1):
                source = (1 << 20) + self.rng.randrange(4096)
            session = (self.session[0], self.rng.getrandbits(30))
            if i % 2:
                frame = self.sdm(own=[(0, self.rng.randint(1, 100000))], session=session)
            else:
                low = [clamp(v - (v >> 3)) for v in self.truth(0)]
                frame = self.ep(low, session=session)
            said.append((None, frame, source))
        return said
