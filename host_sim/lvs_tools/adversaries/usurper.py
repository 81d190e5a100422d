"""Waits for a power cut, and offers those who come back another state than theirs."""

from lvs_tools.adversaries.persona import Persona

STATE = 7  # raw, in every channel
_AFTER_MS = 60000  # it goes on for so long after it last heard somebody without state


class Usurper(Persona):
    """Honest while nobody lacks state; then loud, to all and to each, with a later horizon."""

    later = 1  # epochs by which the horizon differs from that of the honest

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self._until = 0

    def step(self, now_ms, heard):
        """Listen for those who come back."""
        self.listen(now_ms, heard)
        seekers = self.seekers(heard)
        if seekers:
            self._until = now_ms + _AFTER_MS
        if self.cycle is None or now_ms >= self._until:
            return self.honest() if self.due(now_ms, 15000, 30000) else []
        said = []
        for shard in range(self.shards):
            lie = self.ep(
                [STATE] * len(self.truth(shard)),
                shard,
                horizon=self.horizon + self.later & 0xFFFF,
            )
            said.append((None, lie, None))
            said += [(source, lie, None) for source, wanted in seekers if wanted == shard]
        return said


class SameUsurper(Usurper):
    """Offers another state under the horizon that everybody has."""

    later = 0
