"""What is measured while a world runs: agreement, reach, bytes, and a history for the picture."""

from lvs.wire import SLOTS
from lvs_tools.world.network import POLL_MS

_SETTLING = ("INIT", "RECOVERING")  # states in which a node has nothing to show
_ACTIVE = ("ACTIVE", "LOW_POWER")
_SAMPLES = 16  # contributions followed at a time
_GIVE_UP = 512  # cycles after which one counts as never having arrived
_POINTS = 240  # of the history
_CURVES = 300  # nodes in the history


class Tally:
    """Extremes that the watches of all honest nodes have seen."""

    def __init__(self):
        self.negative = 0
        self.max_step = 0
        self.budget_violations = 0


def rank(ordered, per_cent):
    """The value at a percentile of an ascending list (nearest rank); None of an empty one."""
    if not ordered:
        return None
    k = (len(ordered) * per_cent + 99) // 100
    return ordered[max(0, k - 1)]


class Reach:
    """Follows some contributions until 99 % of the honest nodes count them."""

    def __init__(self):
        self.cycles = []  # of those that arrived
        self._open = []  # [start, nonce, channel, total, at ms, machines that lack it]

    def follow(self, machine, channel, now, machines):
        """Follow what a machine has just contributed, if there is room. Not before it is active:
        what waits until then goes out under another session, which nobody is asked for."""
        ledger = machine.node.ledger
        active = machine.node.state in _ACTIVE
        if active and len(self._open) < _SAMPLES and ledger.sessions:
            session = ledger.session
            total = session.total[channel] + ledger.waiting[channel]
            lacking = [m for m in machines if m is not machine]
            self._open.append([session.start, session.nonce, channel, total, now, lacking])

    def look(self, now, alive):
        """At the end of a cycle: who lacks what still? alive: number of honest nodes."""
        enough = alive - (alive * 99 + 99) // 100
        still = []
        for sample in self._open:
            start, nonce, channel, total, at, lacking = sample
            lacking = [m for m in lacking if _lacks(m, start, nonce, channel, total)]
            sample[5] = lacking
            age = (now - at + 999) // 1000
            if len(lacking) <= enough or age >= _GIVE_UP:
                self.cycles.append(age)
            else:
                still.append(sample)
        self._open = still

    def result(self):
        """The p50, p99 and max of the cycles; None without samples."""
        ordered = sorted(self.cycles)
        return {
            "p50": rank(ordered, 50),
            "p99": rank(ordered, 99),
            "max": ordered[-1] if ordered else None,
        }


def _lacks(machine, start, nonce, channel, total):
    """True while a machine does not count a session's total; one that is off lacks nothing."""
    node = None if machine.away else machine.node
    replica = node and node.placement.find(channel // SLOTS)
    if not replica:
        return False
    shard = replica.shard
    p = shard.find(start, nonce, channel % SLOTS)
    return p < 0 or shard.credited[p] < total


class Agreement:
    """How far apart the settled values are that honest nodes of the same horizon hold."""

    def __init__(self):
        self.spread = None  # raw, the widest channel; None while no node has anything to show
        self._within_2 = None  # first cycle of the present stretch
        self._exact = None

    def look(self, cycle, machines):
        """At the end of a cycle in which something moved."""
        columns = {}
        votes = {}
        for machine in machines:
            node = machine.node
            if node is None or node.state in _SETTLING:
                continue
            for replica in node.replicas:
                shard = replica.shard
                key = (replica.index, shard.horizon)
                column = columns.get(key)
                if column is None:
                    columns[key] = column = [[], []]
                    column[0] = list(shard.settled)
                    column[1] = list(shard.settled)
                    votes[key] = 1
                    continue
                votes[key] += 1
                least, most = column
                for s in range(shard.slots):
                    v = shard.settled[s]
                    if v < least[s]:
                        least[s] = v
                    elif v > most[s]:
                        most[s] = v
        self._judge(cycle, columns, votes)

    def _judge(self, cycle, columns, votes):
        best = {}  # shard -> its commonest horizon, the later one of two
        for key in votes:
            index, horizon = key
            other = best.get(index)
            if other is None or (votes[key], horizon) > (votes[(index, other)], other):
                best[index] = horizon
        spread = None
        for index in best:
            least, most = columns[(index, best[index])]
            for s in range(len(least)):
                if spread is None or most[s] - least[s] > spread:
                    spread = most[s] - least[s]
        self.spread = spread
        self._within_2 = _stretch(self._within_2, cycle, spread, 2)
        self._exact = _stretch(self._exact, cycle, spread, 0)

    def result(self):
        """(cycles to within 2 raw, cycles to exact): from when on it stayed so; None if not."""
        return self._within_2, self._exact


def _stretch(since, cycle, spread, bound):
    if spread is None or spread > bound:
        return None
    return cycle if since is None else since


class History:
    """Points for the picture: values of the first channel, spread, bytes; thinned to fit."""

    def __init__(self, cycles, machines):
        self._every = max(1, (cycles + _POINTS - 1) // _POINTS)
        step = max(1, (len(machines) + _CURVES - 1) // _CURVES)
        self._shown = machines[::step]
        self._bytes = 0
        self.cycles = []
        self.values = []
        self.spread = []
        self.bytes_per_min = []

    def look(self, cycle, machines, spread):
        """At the end of each cycle."""
        if cycle % self._every:
            return
        self.cycles.append(cycle)
        self.spread.append(spread)
        self.values.append([_first_value(m) for m in self._shown])
        total = sum([m.sent_bytes + m.received_bytes for m in machines])
        gone = total - self._bytes
        self._bytes = total
        self.bytes_per_min.append(gone * 60 // (self._every * max(1, len(machines))))

    def result(self):
        """The points as JSON-able lists; `nodes` are the numbers of the curves in `values`."""
        return {
            "nodes": [m.index for m in self._shown],
            "cycles": self.cycles,
            "values_raw": self.values,
            "spread_raw": self.spread,
            "bytes_per_min": self.bytes_per_min,
        }


def _first_value(machine):
    node = machine.node
    if node is None or machine.away or node.state in _SETTLING:
        return None
    replica = node.placement.find(0)
    return replica.shard.value(0) if replica else None


def bytes_per_minute(machines, ms):
    """Sent + received of each machine, with headers, per minute that it could have run."""
    rates = sorted(
        [(m.sent_bytes + m.received_bytes) * 60000 // max(POLL_MS, ms) for m in machines]
    )
    return {
        "mean": sum(rates) // max(1, len(rates)),
        "p99": rank(rates, 99),
        "max": rates[-1] if rates else 0,
    }
