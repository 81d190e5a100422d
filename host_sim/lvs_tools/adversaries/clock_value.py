"""Pulls the clocks of the honest apart by EPs that are no samples."""

from lvs.wire import ALL_FLAGS, DIRECT, LOW_POWER, VALUE
from lvs_tools.adversaries.persona import Persona

_EACH_STEP = 4


class ClockValue(Persona):
    """EPs with VALUE whose cycle is ahead for even addresses and behind for odd ones."""

    least, most = 2, 900  # cycles

    def believes(self, source):
        """Not my own kind: its cycles are lies."""
        return source not in self.allies

    def flags(self):
        """Flags of the next EP."""
        return VALUE

    def step(self, now_ms, heard):
        """Listen, and pull at some."""
        self.listen(now_ms, heard)
        if not self.due(now_ms, 0, 800):
            return []
        said = []
        off = self.rng.randint(self.least, self.most)
        for _ in range(_EACH_STEP):
            victim = self.rng.choice(self.mesh.addresses)
            shard = self.rng.randrange(self.shards)
            cycle = max(0, self.cycle + (-off if victim % 2 else off))
            frame = self.ep(self.truth(shard), shard, self.flags(), cycle=cycle)
            said.append((victim, frame, None))
        return said


class ClockFlags(ClockValue):
    """The same with every combination of flags."""

    def flags(self):
        """Any."""
        return self.rng.randrange(ALL_FLAGS + 1)


class ClockAgree(ClockValue):
    """Samples that agree to the bit, three cycles ahead or behind: these do steer the clock."""

    least = most = 3

    def flags(self):
        """None, or such as do no harm to a sample."""
        return self.rng.choice((0, LOW_POWER, DIRECT))
