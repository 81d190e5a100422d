"""What a bridge may say of its mesh: nothing before it met it, and never less than it said before
unless the mesh itself fell.

A node that has just started knows what its journal held; what others contributed meanwhile comes
within seconds. Those who watch a counter would take the dip for a new meter.
"""

import time

from lvs.replica import LIVE

QUIET_S = 300  # nobody heard for so long: the values may be old
FALLEN_S = 600  # values lower than said before for so long, and all agree: the mesh fell

_now = time.monotonic
if hasattr(time, "CLOCK_BOOTTIME"):  # which counts while the machine is suspended, too

    def _now():
        return time.clock_gettime(time.CLOCK_BOOTTIME)


class Values:
    """The values to be said. node, store: the bridge's; warn: (text) -> None; clock: seconds.

    ``said``: raw by channel name, empty before the mesh was met in this life; ``heard_at``: when
    anybody was heard last, None before that.
    """

    def __init__(self, node, store, warn, clock=_now):
        self._node = node
        self._store = store
        self._warn = warn
        self._clock = clock
        self._received = node.reception.received
        self._low_since = {}
        self._floors = store.floors()
        self.said = {}
        self.heard_at = None
        self.met = False

    def quiet_s(self):
        """Seconds since anybody was heard, None if never."""
        return None if self.heard_at is None else self._clock() - self.heard_at

    def online(self):
        """Are the values those of the mesh at present?"""
        quiet = self.quiet_s()
        return bool(self.said) and quiet is not None and quiet < QUIET_S

    def _whole(self):
        """Does the node have all that its mesh has, as far as a node can know?"""
        node = self._node
        return (
            node.clock.heard_at is not None
            and node.state in ("ACTIVE", "LOW_POWER")
            and all(r.phase == LIVE for r in node.placement.replicas)
        )

    def look(self):
        """Look at the node; returns the channels of which something new is to be said."""
        node = self._node
        now = self._clock()
        if node.reception.received != self._received:
            self._received = node.reception.received
            self.heard_at = now
        self.met = self._whole()
        if not self.met:
            self._low_since = {}
            return []
        new = {}
        for c, name in enumerate(node.config.channels):
            raw = node.raw(c, False)
            floor = self._floors.get(name, 0)
            if raw >= floor:
                self._low_since.pop(name, None)
            elif not self._fell(name, floor, raw, now):
                raw = floor
            if self.said.get(name) != raw:
                new[name] = raw
        changed = {name: raw for name, raw in new.items() if self._floors.get(name) != raw}
        if changed:
            self._store.set_floors(changed)
            self._floors.update(changed)
        self.said.update(new)
        return list(new)

    def _fell(self, name, floor, raw, now):
        """Is a value below what was said before the mesh's own?"""
        since = self._low_since.get(name)
        if since is None or not all(map(_sure, self._node.placement.replicas)):
            self._low_since[name] = now
            return False
        if now - since < FALLEN_S:
            return False
        del self._low_since[name]
        self._warn(f"{name}: the mesh fell by {floor - raw} raw; what is said follows it")
        return True


def _sure(replica):
    """Does a shard agree with its mesh, and has all that is claimed been credited?"""
    shard = replica.shard
    places = map(shard.position, range(shard.count))
    return (
        replica.established
        and not replica.votes.diverged
        and all(shard.credited[p] == shard.claimed[p] for p in places)
    )
