"""What was done to the honest: values that are off, clocks apart, shards without holders."""

from lvs.fixed import serial_diff
from lvs.wire import SLOTS

_EVERY = 4  # cycles between two looks
_SETTLING = ("INIT", "RECOVERING")


class Harm:
    """Looks at the honest nodes of a world now and then; `result` is what `lvs attack` shows."""

    def __init__(self, channels):
        self._channels = channels
        self._first = None  # the mesh's clock at cycle 0 of the world
        self._equal = None  # first cycle of the present stretch in which all values were equal

    def look(self, cycle, machines):
        """At the end of a cycle."""
        if cycle % _EVERY:
            return
        nodes = [m.node for m in machines if m.node]
        if self._first is None and nodes:
            self._first = min([n.clock.cycle for n in nodes]) - cycle
        if not self._agree(nodes):
            self._equal = None
        elif self._equal is None:
            self._equal = cycle

    def _agree(self, nodes):
        values = {}
        for node in nodes:
            if node.state in _SETTLING:
                return False
            for r in node.replicas:
                for s in range(r.shard.slots):
                    v = r.shard.value(s)
                    if values.setdefault((r.index, s), v) != v:
                        return False
        return True

    def result(self, cycle, nodes, account, value):
        """The figures: error_low, error_high (raw that values are off, of the node where it is
        most), missing_raw (of what honest nodes told, that the worst node lacks), clock_spread,
        clock_off (cycles), holders (of the shard with fewest), equal_since (a cycle or None)."""
        errors = [0]
        holders = [0] * ((self._channels + SLOTS - 1) // SLOTS)
        for node in nodes:
            for r in node.replicas:
                holders[r.index] += bool(r.live)
                for s in range(r.shard.slots):
                    c = r.first_channel() + s
                    grown = account.given[c] - account.lost(c)
                    errors.append(r.shard.value(s) - value - grown)
        clocks = [n.clock.cycle for n in nodes] or [0]
        start = 0 if self._first is None else self._first
        return {
            "error_low": min(errors),
            "error_high": max(errors),
            "missing_raw": self._missing(nodes),
            "clock_spread": max(clocks) - min(clocks),
            "clock_off": max([abs(c - start - cycle) for c in clocks]),
            "holders": min(holders),
            "equal_since": self._equal,
        }

    def _missing(self, nodes):
        worst = 0
        sessions = [s for n in nodes for s in n.ledger.sessions]
        for node in nodes:
            lacks = 0
            for r in node.replicas:
                shard = r.shard
                for session in sessions:
                    if serial_diff(session.start, shard.horizon & 0xFFFF) <= 0:
                        continue
                    first = r.first_channel()
                    for s in range(min(shard.slots, len(session.total) - first)):
                        total = session.total[first + s]
                        if total:
                            p = shard.find(session.start, session.nonce, s)
                            lacks += max(0, total - (shard.credited[p] if p >= 0 else 0))
            worst = max(worst, lacks)
        return worst
