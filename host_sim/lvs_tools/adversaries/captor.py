"""Tells the mesh the truth so often that nobody answers, and whoever asks something else."""

from lvs.wire import EP, WANT
from lvs_tools.adversaries.persona import Persona


class Captor(Persona):
    """Who asks for state hears of half of the values. Honest answers are spared by the truth that
    the others hear (docs/protocol.md, section 8)."""

    EACH_MS = 200  # pause between two rounds
    HELD_MS = 120000  # for so long whoever asked is told nothing else
    JUMP = 0  # cycles by which the clock is ahead that captives are told
    TOLD = 1, 2  # part of the values that they are told

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
        for source in [s for s, at in self._captives.items() if now_ms - at > self.HELD_MS]:
            del self._captives[source]

    def step(self, now_ms, heard):
        """Listen; the truth to all, and a lie to those who asked."""
        self.listen(now_ms, heard)
        self._catch(now_ms, heard)
        if self.cycle is None or not self.due(now_ms, self.EACH_MS, self.EACH_MS):
            return []
        cycle = self.cycle + self.JUMP
        part, of = self.TOLD
        said = []
        for shard in range(self.shards):
            truth = self.truth(shard)
            honest = self.ep(truth, shard)
            lie = self.ep(
                [v * part // of for v in truth], shard, cycle=cycle, horizon=self.horizon_at(cycle)
            )
            for victim in self.mesh.addresses:
                if victim not in self.allies:
                    said.append((victim, lie if victim in self._captives else honest, None))
        return said


class FarCaptor(Captor):
    """Who asks is told of a clock a million cycles ahead, too."""

    JUMP = 10**6


class HushedStart(Captor):
    """Who restarts hears for ever of an eighth less, at the mesh's own time, and of most others
    nothing, since the truth keeps them silent: most of what a new life hears would be liars."""

    EACH_MS = 1000
    HELD_MS = 10**9
    TOLD = 7, 8
