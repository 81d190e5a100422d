"""Silent, except to those who ask for state: eclipses newcomers and the recovering."""

from lvs.wire import EP, WANT, Frame
from lvs_tools.adversaries.persona import Persona


class SnapshotLiar(Persona):
    """Answers every EP that wants a shard, at once and with a tenth of the values."""

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self._ear = Frame()

    def step(self, now_ms, heard):
        """Listen for those who want something."""
        self.listen(now_ms, heard)
        said = []
        for data, source in heard:
            f = self._ear
            if f.decode(data, self.mesh.tag, self.mesh.grain):
                continue
            if f.kind == EP and f.flags & WANT and self.cycle is not None:
                lie = [v // 10 for v in self.truth(f.shard)]
                said.append((source, self.ep(lie, f.shard), None))
        return said
