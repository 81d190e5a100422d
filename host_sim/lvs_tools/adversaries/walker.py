"""A unit at a time, all in step, and in agreement to the bit between two steps."""

from lvs_tools.adversaries.persona import Persona, clamp


class Walker(Persona):
    """Says a unit less than the honest hold; once they may have followed it agrees to the bit, so
    that they are hushed, and then it begins anew. The mesh's own clock keeps all walkers in step.

    pause_ms: between two EPs; slice: cycles of a step; lying: cycles of it in which it lies.
    """

    pause_ms = 1000
    slice = 4
    lying = 2

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self._slice = None
        self._steps = {}  # shard: units that the honest may have moved since they were heard

    def believes(self, source):
        """Not my own kind: it says what it wants to come true."""
        return source not in self.allies

    def heard_from(self, source, shard):
        """Where the honest are now."""
        self._steps[shard] = 0

    def lies(self):
        """Is this a moment to lie?"""
        return self.cycle % self.slice < self.lying

    def _walk(self):
        now = self.cycle // self.slice
        if self._slice is not None and now != self._slice:
            for shard in self._steps:
                self._steps[shard] += 1
        self._slice = now

    def view(self, shard, off):
        """What to say of a shard: where the honest should be by now, `off` units lower."""
        below = self._steps.get(shard, 0) + off
        return [clamp(v - below) for v in self.truth(shard)]

    def step(self, now_ms, heard):
        """Listen, walk, and say so."""
        self.listen(now_ms, heard)
        if not self.due(now_ms, self.pause_ms, self.pause_ms + 200):
            return []
        self._walk()
        return self.walked(1 if self.lies() else 0)

    def walked(self, off):
        """What is sent: to everybody the same."""
        return [(None, self.ep(self.view(k, off), k), None) for k in range(self.shards)]


class LoudWalker(Walker):
    """Five times a second, a step in two cycles."""

    pause_ms = 0
    slice = 2
    lying = 1


class SlowWalker(Walker):
    """A step in sixteen cycles, for those who need longer to follow."""

    pause_ms = 3000
    slice = 16
    lying = 8


class CampWalker(Walker):
    """Two camps: in turns one lies and the other agrees, so that nobody lies for long."""

    def lies(self):
        """In each slice one half of the addresses."""
        return super().lies() and (self.cycle // self.slice + self.mesh.address) % 2 == 0


class PartWalker(Walker):
    """Walks with every third address only, by unicast, and tells all others the truth."""

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self._victims = [a for a in mesh.addresses if a % 3 == 0 and a not in self.allies]

    def heard_from(self, source, shard):
        """The victims are elsewhere than the rest after a while."""
        if source in self._victims:
            super().heard_from(source, shard)

    def walked(self, off):
        """A few of the victims at a time; the truth to everybody now and then."""
        said = []
        for k in range(self.shards):
            for _ in range(8):
                victim = self.rng.choice(self._victims)
                said.append((victim, self.ep(self.view(k, off), k), None))
            if self.rng.randrange(8) == 0:
                said.append((None, self.ep(self.truth(k), k), None))
        return said


class EdgeVoter(Walker):
    """Agrees to the bit all the epoch long and says half as much as its last word before the end
    of it, when votes are counted."""

    slice = 64
    lying = 0

    def lies(self):
        """In the last four cycles of an epoch."""
        return self.cycle & 63 >= 60

    def walked(self, off):
        """The truth, or the half of it."""
        return self.say(lambda v: v >> off)
