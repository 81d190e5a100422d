"""Invents rows in the last moment before they are folded, for half of the nodes."""

from lvs_tools.adversaries.persona import Persona

_ROWS = 20  # in a frame
_EACH = 100000  # raw claimed by each
_LATE = 63  # the cycle of an epoch in which it speaks


class Splitter(Persona):
    """Unicast rows of a session that ends in this epoch: half of the mesh hears of them."""

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self._epoch = None

    def step(self, now_ms, heard):
        """Listen, wait for the end of an epoch, and be too late for the others."""
        self.listen(now_ms, heard)
        if self.cycle is None or self.cycle & 63 != _LATE or self.cycle >> 6 == self._epoch:
            return []
        self._epoch = self.cycle >> 6
        said = []
        for victim in self.mesh.addresses:
            if self.rng.getrandbits(1):
                rows = [
                    (self.horizon + 1, self.rng.getrandbits(30), 0, _EACH) for _ in range(_ROWS)
                ]
                said.append((victim, self.sdm(relays=rows), None))
        return said
