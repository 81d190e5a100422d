"""Leaves: machines that sleep, and wake now and then for a few seconds (lvs.leaf).

Each waking is a new `lvs.leaf.Leaf`, as after a deep sleep: only its store outlives it. What its
sensor counts while it sleeps is handed over when it wakes.
"""

from lvs import decimal
from lvs.config import Config
from lvs.leaf import Leaf
from lvs.wire import SLOTS
from lvs_tools.world.machine import DOWN, GONE, UP, WAITING
from lvs_tools.world.metrics import rank
from lvs_tools.world.network import HEADERS
from lvs_tools.world.prng import Prng

_DAY_MS = 86400000


class Store:
    """The two copies of a leaf's state, in memory."""

    def __init__(self):
        self.copies = [b"", b""]

    def read(self, i):
        """A copy, as it was written."""
        return self.copies[i]

    def write(self, i, data):
        """Write a copy."""
        self.copies[i] = bytes(data)


class Sleeper:
    """One machine with a leaf. awake_ms: the longest waking; every_ms: from one to the next."""

    def __init__(self, leaves, machine, config):
        self.machine = machine
        machine.sleeper = self
        self.store = Store()
        self.leaf = None
        self.life = 0  # rises when the power goes: what was planned before is off
        self.wakings = 0
        self.awake_ms = 0
        self.longest = 0  # bytes of its state
        self._leaves = leaves
        self._config = config
        self._counted = [0] * len(config.channels)  # raw, by its sensor, not handed over yet
        self._began = 0
        self._due = -1
        self.open = []  # [channel, first waking, cycles, target]: what is followed

    # --- sleeping and waking --------------------------------------------------------------------

    def plan(self, ms):
        """Wake at a time, unless the power goes before."""
        self._leaves.timeline.at(ms, self._wake, self.life)

    def _wake(self, life):
        machine = self.machine
        if life != self.life or machine.state in (UP, GONE):
            return
        machine.state = UP
        machine.inbox = []
        leaves = self._leaves
        self._began = leaves.timeline.now
        self.wakings += 1
        self.leaf = leaf = self._make()
        for c in range(len(self._counted)):
            if self._counted[c]:
                self._give(leaf, c)
        leaf.wake(leaves.awake_ms)
        self._tick(life)

    def _make(self):
        m = self.machine
        return Leaf(self._config, m, m.clock.ticks, m.prng.bits, self.store, m.addr)

    def _give(self, leaf, c):
        """Hand over what the sensor counted."""
        raw, self._counted[c] = self._counted[c], 0
        leaf.contribute(self._config.channels[c], decimal.text(raw, self._config.steps[c]))
        self._leaves.account.contribute(self.machine.index, c, raw, self._leaves.timeline.now)
        self.open.append([c, self.wakings, None])

    def _tick(self, life):
        leaf = self.leaf
        now = self._leaves.timeline.now
        if life != self.life or leaf is None or self._due > now:
            return
        wait = leaf.tick()
        if leaf.awake:
            self._due = now + self.machine.clock.true_ms(wait)
            self._leaves.timeline.at(self._due, self._tick, life)
        else:
            self._sleep()

    def _sleep(self):
        leaves = self._leaves
        self._follow()
        self.longest = max(self.longest, max([len(copy) for copy in self.store.copies]))
        self.leaf = None
        self._due = -1
        self.machine.state = DOWN
        self.awake_ms += leaves.timeline.now - self._began
        # Its clock is no better than others'.
        drift = leaves.every_ms // 100
        every = leaves.every_ms - drift + self.machine.prng.below(2 * drift + 1)
        self.plan(self._began + every)

    def hear(self, datagrams):
        """Take what reached the machine while it is awake."""
        leaf = self.leaf
        if leaf is None:
            return
        for frame, source in datagrams:
            self.machine.received_bytes += len(frame) + HEADERS
            leaf.handle(frame, source)
        self._due = -1
        self._tick(self.life)

    def count(self, c, raw):
        """Its sensor counts, whether it sleeps or not; one that is switched off does not."""
        if self.machine.state in (UP, DOWN):
            self._counted[c] += raw

    # --- what befalls it ------------------------------------------------------------------------

    def strike(self, action, source):
        """An event: crash, restart, leave, wipe, or clone (of source, a Sleeper)."""
        self.life += 1
        if self.leaf:
            self.awake_ms += self._leaves.timeline.now - self._began
            kept = self._make().ledger  # what waited, and was not written
            for c in range(len(self._counted)):
                lost = self.leaf.ledger.given(c) - kept.given(c)
                self._leaves.account.wait(self.machine.index, c, lost)
        self.leaf = None
        self._due = -1
        self.open = []
        self._counted = [0] * len(self._counted)
        self.machine.state = GONE if action == "leave" else WAITING
        if action == "wipe":
            self.store = Store()
        elif action == "clone":
            self.store = Store()
            self.store.copies = list(source.store.copies)
        elif action == "restart":
            self.machine.state = DOWN
            self.plan(self._leaves.timeline.now)

    # --- what is measured -----------------------------------------------------------------------

    def _follow(self):
        """Name the row that shows what was handed over, once all of it is told."""
        assert self.leaf
        ledger = self.leaf.ledger
        s = ledger.session
        for sample in self.open:
            c = sample[0]
            if sample[2] is None and not ledger.waiting[c] and s.total[c]:
                sample[2] = (s.start, s.nonce, s.total[c])

    def look(self, holders):
        """Once a cycle: which of the contributions is with everybody by now?"""
        if self.leaf and self.open:
            self._follow()
        still = []
        for sample in self.open:
            if sample[2] is None or not self._everywhere(holders, sample[0], sample[2]):
                still.append(sample)
            else:
                self._leaves.arrived.append(self.wakings - sample[1] + 1)
        self.open = still

    def _everywhere(self, holders, c, target):
        start, nonce, total = target
        for m in holders:
            replica = m.node.placement.find(c // SLOTS)
            if replica:
                p = replica.shard.find(start, nonce, c % SLOTS)
                if p < 0 or replica.shard.credited[p] < total:
                    return False
        return True


class Leaves:
    """All leaves of a world. machines: theirs; plan: the world's; account: the world's books."""

    def __init__(self, plan, config, machines, timeline, account):
        mine = plan["leaves"]
        self.awake_ms = mine["awake_ms"]
        self.every_ms = mine["every_ms"]
        self.timeline = timeline
        self.account = account
        self.arrived = []  # wakings until a contribution was with everybody
        self._work = Prng(plan["seed"], 6)
        self._workload = plan["workload"]
        self.machines = machines
        self.sleepers = []
        leaf = Config(dict(config.data, held=0))
        for machine in machines:
            sleeper = Sleeper(self, machine, leaf)
            self.sleepers.append(sleeper)
            machine.state = DOWN
            sleeper.plan(mine["from_ms"] + self._work.below(self.every_ms))
            if self._workload["gap_ms"]:
                gap = self._work.below(2 * self._workload["gap_ms"])
                timeline.at(mine["from_ms"] + gap, self._work_on, sleeper)

    def _work_on(self, sleeper):
        work = self._workload
        now = self.timeline.now
        if now >= work["until_ms"] or sleeper.machine.state == GONE:
            return
        self.timeline.at(now + 1 + self._work.below(2 * work["gap_ms"]), self._work_on, sleeper)
        raw, _ = decimal.steps(work["amount"], decimal.STEP)
        sleeper.count(self._work.below(work["channels"]), raw)

    def look(self, holders):
        """At the end of a cycle. holders: the honest machines that are on."""
        for sleeper in self.sleepers:
            if sleeper.open:
                sleeper.look(holders)

    def result(self):
        """What `lvs sim --json` shows of leaves; rates are the mean of a leaf."""
        ms = max(1, self.timeline.now) * len(self.sleepers)
        traffic = sum([m.sent_bytes + m.received_bytes for m in self.machines])
        arrived = sorted(self.arrived)
        pending = sum([len(s.open) for s in self.sleepers])
        within = sum([n <= 2 for n in arrived])
        return {
            "count": len(self.sleepers),
            "wakings": sum([s.wakings for s in self.sleepers]),
            "awake_s_per_day": sum([s.awake_ms for s in self.sleepers]) * (_DAY_MS // 1000) // ms,
            "kb_per_day": traffic * (_DAY_MS // 1000) // ms,
            "state_bytes": max([s.longest for s in self.sleepers]),
            "contributions": len(arrived) + pending,
            "within_two_wakings": round(within / max(1, len(arrived) + pending), 4),
            "wakings_p99": rank(arrived, 99),
            "wakings_max": arrived[-1] if arrived else None,
            "not_arrived": pending,
        }
