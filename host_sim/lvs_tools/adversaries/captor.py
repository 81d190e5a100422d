"""Tells the mesh the truth so often that nobody answers, and whoever asks something else."""

from lvs.wire import EP, WANT
from lvs_tools.adversaries.persona import Persona

_EACH_MS = 200  # pause between two rounds
_HELD_MS = 120000  # for so long whoever asked is told nothing else


class Captor(Persona):
    """Who asks for state hears of half of the values. Honest answers are spared by the truth that
    the others hear (docs/protocol.md, section 8)."""

    JUMP = 0  # cycles by which the clock is ahead that captives are told

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self._captives = {}

    def believes(self, source):
        """Not its own kind."""
        return source not in self.allies

    def _catch(self, now_ms, heard):
        frame = self._frame
        for data, source in heard:
            if source in self.allies or self._decode(data):
                continue
            if frame.kind == EP and frame.flags & WANT and source not in self._captives:
                self._captives[source] = now_ms
        for source in [s for s, at in self._captives.items() if now_ms - at > _HELD_MS]:
            del self._captives[source]

    def step(self, now_ms, heard):
        """Listen; the truth to all, and a lie to those who asked."""
        self.listen(now_ms, heard)
        self._catch(now_ms, heard)
        if self.cycle is None or not self.due(now_ms, _EACH_MS, _EACH_MS):
            return []
        cycle = self.cycle + self.JUMP
        said = []
        for shard in range(self.shards):
            truth = self.truth(shard)
            honest = self.ep(truth, shard)
            lie = self.ep(
                [v // 2 for v in truth], shard, cycle=cycle, horizon=self.horizon_at(cycle)
            )
            for victim in self.mesh.addresses:
                if victim not in self.allies:
                    said.append((victim, lie if victim in self._captives else honest, None))
        return said


class FarCaptor(Captor):
    """Who asks is told of a clock a million cycles ahead, too."""

    JUMP = 10**6
