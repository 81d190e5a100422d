"""A unit at a time, all in step, and in agreement to the bit between two steps."""

from lvs.wire import DIRECT, WANT
from lvs_tools.adversaries.persona import Persona


class Walker(Persona):
    """Says a unit less than the honest hold until they have followed; then it agrees with them to
    the bit, for the rest of a slice of cycles, and they are hushed; then the next unit. All
    walkers have one plan. Whom nobody follows agrees for a slice and tries again.

    pause_ms: between two EPs; slice: cycles of a step; stubborn: slices without success; alone:
    slices without any answer, after which all are taken to have followed.
    """

    pause_ms = 2500
    slice = 4
    stubborn = 8
    alone = 4

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self.asked = [a for a in mesh.addresses if a not in self.allies]
        self._plans = mesh.shared.setdefault("plans", {})  # shard: [slice, target, tries]
        self._views = mesh.shared.setdefault("views", {})  # shard: {source: vector}

    def believes(self, source):
        """Not my own kind: it says what it wants to come true."""
        return source not in self.allies

    def heard_from(self, source, shard):
        """Where one of the honest is now."""
        self._views.setdefault(shard, {})[source] = self.vectors[shard]

    def target(self, shard):
        """What all walkers say of a shard now."""
        now = (self.cycle or 0) // self.slice
        plan = self._plans.setdefault(shard, [now, self.truth(shard), 0])
        if now != plan[0]:
            plan[0] = now
            views = self._views.pop(shard, {})
            votes = [views[k] for k in sorted(views)]
            # Two units at once would cost trust: not before those who were asked have followed.
            # Where nobody can answer any more, all are taken to have.
            plan[2] += 1
            if votes.count(plan[1]) == len(votes) and (votes or plan[2] > self.alone):
                plan[1:] = [self.next_step(plan[1]), 0]
            elif votes and plan[2] > self.stubborn:
                plan[1:] = [max(votes, key=votes.count), 0]
        return plan[1]

    def next_step(self, vector):
        """Where to go from where everybody is."""
        return [max(0, v - 1) for v in vector]

    def step(self, now_ms, heard):
        """Listen, walk, and say so."""
        self.listen(now_ms, heard)
        if not self.due(now_ms, self.pause_ms, self.pause_ms + 200):
            return []
        said = [what for shard in sorted(self.vectors) for what in self.walked(shard)]
        if said and self.rng.randrange(4) == 0:
            said.append(self.question(self.rng.choice(sorted(self.vectors))))
        return said

    def question(self, shard):
        """Whoever is asked for a shard says where it is, however hushed."""
        asked = self.rng.choice(self.asked)
        return (asked, self.ep(self.target(shard), shard, WANT | DIRECT), None)

    def walked(self, shard):
        """What is sent of a shard: to everybody the same."""
        return [(None, self.ep(self.target(shard), shard), None)]


class LoudWalker(Walker):
    """So often that nobody has tokens left to contradict, and a step in three cycles."""

    pause_ms = 800
    slice = 3
    alone = 1


class SlowWalker(Walker):
    """A step in sixteen cycles, for those who need longer to follow."""

    pause_ms = 3000
    slice = 16
    stubborn = 4


class CampWalker(Walker):
    """Two camps, by address: in each slice one of them walks and the other agrees with those who
    are there, so that nobody lies for long."""

    def walked(self, shard):
        """The plan, or the truth."""
        said = self.target(shard)
        if ((self.cycle or 0) // self.slice + self.mesh.address) % 2:
            said = self.truth(shard)
        return [(None, self.ep(said, shard), None)]


class PartWalker(Walker):
    """Walks with every third address only, by unicast, and tells all others the truth."""

    def __init__(self, rng, mesh):
        super().__init__(rng, mesh)
        self.asked = [a for a in self.asked if a % 3 == 0]
        self._rest = {}

    def heard_from(self, source, shard):
        """The victims are elsewhere than the rest after a while."""
        if source in self.asked:
            super().heard_from(source, shard)
        else:
            self._rest[shard] = self.vectors[shard]

    def walked(self, shard):
        """A few of the victims at a time; the truth to everybody now and then."""
        lie = self.ep(self.target(shard), shard)
        said = [(self.rng.choice(self.asked), lie, None) for _ in range(8)]
        if self.rng.randrange(8) == 0:
            said.append((None, self.ep(self._rest.get(shard, self.truth(shard)), shard), None))
        return said


class EdgeVoter(Walker):
    """Agrees to the bit all the epoch long, and says half as much as its last word in it, when
    votes are about to be counted."""

    def walked(self, shard):
        """The truth, or the half of it in the last four cycles of an epoch."""
        off = (self.cycle or 0) & 63 >= 60
        return [(None, self.ep([v >> off for v in self.truth(shard)], shard), None)]
