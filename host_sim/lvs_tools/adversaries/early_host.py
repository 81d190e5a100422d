"""Answers newcomers before anybody else does, with a time that is not the mesh's."""

from lvs_tools.adversaries.persona import Persona

_LAST_CYCLE = 0x3FEFFFFF  # the largest that a frame may name
_DAY = 86400  # cycles
_NEW_MS = 40000  # after its first word somebody is new for so long


class FutureHost(Persona):
    """The truth, but twelve days ahead, under a horizon that fits; at addresses that it has not
    heard yet it does not wait for a question."""

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self._old = {*mesh.allies}  # addresses that were heard long ago
        self._young = {}  # address: until when it is new

    def when(self):
        """(cycle, horizon) that newcomers are told."""
        cycle = (self.cycle or 0) + 12 * _DAY
        return cycle, self.horizon_at(cycle)

    def step(self, now_ms, heard):
        """Listen, be honest to the mesh, and answer who asks."""
        self.listen(now_ms, heard)
        if self.cycle is None:
            return []
        for _, source in heard:
            if source not in self._old:
                until = self._young.setdefault(source, now_ms + _NEW_MS)
                if now_ms >= until:
                    self._old.add(source)
        said = self.honest() if self.due(now_ms, 15000, 30000) else []
        cycle, horizon = self.when()
        for shard in range(self.shards):
            lie = self.ep(self.truth(shard), shard, cycle=cycle, horizon=horizon)
            for victim in self.mesh.addresses:
                if victim not in self._old:
                    said.append((victim, lie, None))
        return said


class LockHost(FutureHost):
    """The right time, but a horizon at which all that lives has been folded already."""

    def when(self):
        """(cycle, horizon) that newcomers are told."""
        return self.cycle, self.horizon + 300 & 0xFFFF


class EndHost(FutureHost):
    """A time close to the end of all time."""

    def when(self):
        """(cycle, horizon) that newcomers are told."""
        cycle = _LAST_CYCLE - 640
        return cycle, self.horizon_at(cycle)


class PastHost(FutureHost):
    """A time that was a few epochs ago: what is said now is of the future there."""

    def when(self):
        """(cycle, horizon) that newcomers are told."""
        cycle = max(0, (self.cycle or 0) - 640)
        return cycle, self.horizon_at(cycle)
