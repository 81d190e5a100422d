"""The world: machines, their nodes, the network between them, and what befalls them.

The nodes are those of lib/lvs, unchanged: this calls ``handle`` for each datagram and ``tick`` as
``Node.run`` does.  One seed decides everything; `Trace` is the proof.
"""

from lvs import Node, decimal
from lvs.config import CYCLE_MS, Config
from lvs.fixed import LvsError, NotDurable
from lvs_tools.world import prime
from lvs_tools.world.account import Account
from lvs_tools.world.clock import Clock, Timeline
from lvs_tools.world.faults import Faults
from lvs_tools.world.harm import Harm
from lvs_tools.world.leaves import Leaves
from lvs_tools.world.liars import Liar, MeshView, load_class
from lvs_tools.world.machine import DOWN, GONE, UP, WAITING, Machine, name_of
from lvs_tools.world.memory_files import make_journal as in_memory
from lvs_tools.world.metrics import Agreement, History, Reach, Tally, bytes_per_minute
from lvs_tools.world.network import HEADERS, Network
from lvs_tools.world.prng import Prng
from lvs_tools.world.shared_frame import SharedFrame
from lvs_tools.world.topology import layout
from lvs_tools.world.trace import Trace
from lvs_tools.world.verdict import Progress, verdict
from lvs_tools.world.watch import Watch

_TICK_MS = 100  # Node.run lets a frame wait so long, at most, for the tick that answers it
_TICKS = 1 << 30
_WARNINGS = 5  # texts of nodes that are shown
_SURVEY = 64  # cycles between looks at what the living know of the dead


class World:
    """A world made from a plan (see `lvs_tools.sim.scenario.plan`); raises what Config raises.

    make_journal: called with a machine's number when its node first starts or has lost its
    flash, and with another machine's journal, too, to copy it; what it returns outlives crashes
    and is handed to every later node of the machine; by default a journal on files in memory.
    """

    def __init__(self, plan, make_journal=None):
        self.plan = plan
        self.cycle = 0
        self.trace = Trace()
        self.timeline = Timeline()
        self._make_journal = make_journal or in_memory
        self._frame = SharedFrame()
        seed, count = plan["seed"], plan["nodes"]
        liars = sum([a["count"] for a in plan["adversaries"]])
        leaves = plan["leaves"]["count"]
        places = layout(plan["topology"], count + leaves, Prng(seed, 1))
        self.network = Network(plan["link"], places, self.timeline, seed, self._poll)
        self.channels = ["c%d" % c for c in range(plan["workload"]["channels"])]
        self.configs = _configs(plan, self.channels[: plan["workload"]["listed"]], places)
        start = Prng(seed, 2)
        self.machines = []
        for i in range(count + leaves):
            clock = Clock(self.timeline, _first_tick(start))
            machine = Machine(
                i, clock, seed, self.network, self.trace, self.timeline, plan["link"]["queue"]
            )
            self.machines.append(machine)
            self.network.add(machine)
        self.honest = self.machines[: count - liars]
        self.account = Account(len(self.channels))
        self.tally = Tally()
        self.reach = Reach()
        self.agreement = Agreement()
        self.progress = Progress(plan)
        self.harm = Harm(len(self.channels))
        self.history = History(plan["cycles"], self.honest)
        self.totals = {"recoveries": 0, "refused": 0, "expired": 0}
        self.rejected = 0  # contributions that a node would not take
        self._moved = True
        self._amount = plan["workload"]["amount"]
        self._work = Prng(seed, 4)
        self._liars_share = {}  # what all liars know, for they know each other
        self._make_liars(count - liars)
        self.leaves = leaves and Leaves(
            plan, self.configs[count], self.machines[count:], self.timeline, self.account
        )
        self.faults = Faults(self, Prng(seed, 5))
        self._begin(start)

    # --- beginning ------------------------------------------------------------------------------

    def _make_liars(self, index):
        allies = [m.addr for m in self.machines[len(self.honest) : self.plan["nodes"]]]
        for kind in self.plan["adversaries"]:
            made_by = load_class(kind["path"], kind["class"])
            for _ in range(kind["count"]):
                self._liar(self.machines[index], made_by, kind["from_ms"], allies)
                index += 1

    def _liar(self, machine, made_by, from_ms, allies):
        addresses = [m.addr for m in self.machines[: self.plan["nodes"]]]
        config = self.configs[machine.index]
        Liar(
            machine,
            made_by,
            from_ms,
            MeshView(config, machine.addr, addresses, allies, self._liars_share),
            self.plan["seed"],
            self.timeline,
            self.network,
            self.trace,
        )

    def turn(self, machine, path, name):
        """Let an honest node's machine be a liar from now on: the class `name` of a file."""
        made_by = load_class(path, name)
        self.leave(machine)
        self.honest.remove(machine)
        allies = [m.addr for m in self.machines if m.liar or m is machine]
        self._liar(machine, made_by, self.timeline.now, allies)
        machine.state = UP

    def _begin(self, prng):
        """Start the machines, spread over the first cycle; those primed are there at once."""
        start = self.plan["start"]
        primed = start["value"] or start["spread"] or start["established"]
        first = []
        for machine in self.machines:
            if machine.late or machine.sleeper:
                continue
            if primed or machine.liar:
                self.boot(machine)
                if machine.node:
                    first.append(machine)
            else:
                self.timeline.at(prng.below(CYCLE_MS), self.boot, machine)
        for machine in first:
            self._prime(machine, start, prng)
        if start["established"]:
            for machine in first:
                self._trust(machine, first, prng)

    def _prime(self, machine, start, prng):
        """Give a node the settled values of the plan's [start], as if it had always had them."""
        spread = start["spread"]
        vectors = [
            [
                start["value"] + prng.below(2 * spread + 1) - spread
                for _ in range(replica.shard.slots)
            ]
            for replica in machine.node.replicas
        ]
        prime.settle(machine.node, vectors, bool(start["established"]))
        for watch in machine.watches:
            watch.begin()

    def _trust(self, machine, first, prng):
        """Let a node have heard everybody agree, liars with a session included."""
        known = [(m.node.ledger.session.nonce, m.addr) for m in first if m is not machine]
        for m in self.machines:
            session = m.liar and getattr(m.liar.adversary, "session", None)
            if session:
                known.append((session[1], m.addr))
        prng.shuffle(known)
        prime.trust(machine.node, known, True)

    # --- what befalls machines ------------------------------------------------------------------

    def boot(self, machine):
        """Switch a machine on: a new node with what its journal holds; nothing if it runs."""
        if machine.state in (UP, GONE):
            return
        first = machine.state == WAITING
        machine.state = UP
        if machine.liar:
            return
        if not machine.journal:
            machine.journal = self._make_journal(machine.index)
        config = self.configs[machine.index]
        machine.node = node = Node(
            Config(dict(config.data, mesh=machine.away)) if machine.away else config,
            machine,
            machine.clock.ticks,
            machine.prng.bits,
            machine.journal,
            self._frame,
        )
        self._observe(machine)
        if not first and not machine.away:
            self.account.rebirth(machine.index, node)
            self._survey()  # it may fold soon what it knows of the dead
        if machine.low_power:
            node.low_power(True)
        self.trace.add(machine.index << 8 | UP)
        machine.due = -1
        self.wake(machine)
        if first and self.plan["workload"]["gap_ms"]:
            gap = self._work.below(2 * self.plan["workload"]["gap_ms"])
            self.timeline.at(self.timeline.now + gap, self._work_on, machine)

    def _observe(self, machine):
        replicas = machine.node.replicas
        kept = [watch for watch in machine.watches if watch.replica in replicas]
        watched = [watch.replica for watch in kept]
        machine.watches = kept + [
            Watch(replica, self.tally) for replica in replicas if replica not in watched
        ]
        machine.seen_cycle = -1
        self._moved = True

    def crash(self, machine):
        """Switch a machine off without warning; what its node alone knew is gone."""
        if machine.state != UP:
            return
        machine.state = DOWN
        self.trace.add(machine.index << 8 | DOWN)
        node = machine.node
        if node is None:
            return
        self._look(machine)
        status = node.status()
        for key in self.totals:
            self.totals[key] += status[key]
        if not machine.away:
            self.account.death(machine.index, node, self.timeline.now)
        machine.node = None
        machine.stopping = False
        machine.inbox = []
        machine.due = -1
        machine.watches = []
        self._moved = True
        self._survey()

    def leave(self, machine):
        """A silent exit for ever."""
        self.crash(machine)
        machine.state = GONE

    def stop(self, machine):
        """Tell a machine's node to stop; it is switched off when the node is done."""
        if machine.node:
            machine.node.stop()
            machine.stopping = True
            self._stopped(machine)

    def _stopped(self, machine):
        """Switch a machine off whose node is done, as `Node.run` ends; True if it is."""
        if machine.node.running:
            return False
        machine.journal.close()
        self.crash(machine)
        return True

    def wipe(self, machine):
        """A machine loses its power, and all that its flash holds."""
        self.crash(machine)
        machine.journal = None

    def clone(self, source, machine):
        """Give a machine that is off a copy of another's flash, as it is now."""
        machine.journal = source.journal and self._make_journal(machine.index, source.journal)

    def carry(self, machine, mesh):
        """Switch a machine off and on again as a member of another mesh; None: of its own."""
        self.crash(machine)
        machine.away = mesh
        self.boot(machine)

    def enlist(self, machine, count):
        """Give a machine's list the first so many channels and a new label each, and restart it;
        what its list has already stays, too."""
        listed = self.configs[machine.index].data["channels"]
        names = self.channels[: max(count, len(listed))]
        again = [{"name": name, "label": "%s at %d" % (name, self.cycle)} for name in names]
        for c, entry in enumerate(listed):
            if isinstance(entry, dict) and "retired" in entry:
                again[c] = entry
        self._configure(machine, again)

    def retire(self, machine, c):
        """Retire the channel numbered `c` in a machine's list, and restart it."""
        again = list(self.configs[machine.index].data["channels"])
        if c < len(again):
            again[c] = {"name": self.channels[c], "retired": True}
        self._configure(machine, again)

    def _configure(self, machine, channels):
        self.crash(machine)
        data = self.configs[machine.index].data
        self.configs[machine.index] = Config(dict(data, channels=channels))
        self.boot(machine)

    def _members(self):
        """The honest machines that are on, and not in another mesh."""
        return [m for m in self.honest if m.node and not m.away]

    def _survey(self):
        self.account.survey([m.node for m in self._members()])

    def corrupt(self, machine, bits, prng):
        """Flip random bits of what a machine's shards hold: settled values and rows."""
        if machine.node is None:
            return
        for _ in range(bits):
            shard = prng.choice(machine.node.replicas).shard
            bit = prng.below(48)
            which = prng.below(shard.slots + shard.count)
            if which < shard.slots:
                shard.settled[which] ^= 1 << bit
            else:
                p = shard.position(which - shard.slots)
                column = shard.claimed if prng.below(2) else shard.credited
                column[p] ^= 1 << bit % 30
        for watch in machine.watches:
            watch.rebase()

    def set_low_power(self, machine):
        """Tell a machine's node to save power, or to stop doing so."""
        if machine.node:
            machine.node.low_power(machine.low_power)
            self.wake(machine)

    def wake(self, machine):
        """Let a machine's node tick now."""
        if machine.node:
            self._due(machine, self.timeline.now)

    # --- running --------------------------------------------------------------------------------

    def _due(self, machine, ms):
        """Have a node tick at `ms`, unless it does so earlier anyway."""
        if machine.due < 0 or ms < machine.due:
            machine.due = ms
            self.timeline.at(ms, self._tick, machine)

    def _tick(self, machine):
        now = self.timeline.now
        if machine.due != now:
            return  # put off, brought forward, or switched off meanwhile
        machine.due = -1
        node = machine.node
        self._due(machine, now + machine.clock.true_ms(node.tick()))
        if machine.stopping and self._stopped(machine):
            return
        if node.clock.cycle != machine.seen_cycle:
            self._look(machine)

    def _look(self, machine):
        """Once a cycle of a node: let the watches see what it did."""
        node = machine.node
        machine.seen_cycle = node.clock.cycle
        if len(machine.watches) != len(node.replicas):
            self._observe(machine)
        for watch in machine.watches:
            if watch.look(node.state):
                self._moved = True

    def _poll(self, machine):
        """A machine reads its receive queue."""
        datagrams, machine.inbox = machine.inbox, []
        now = self.timeline.now
        self.trace.add((now << 20) ^ (machine.index << 4) ^ len(datagrams))
        if machine.sleeper:
            machine.sleeper.hear(datagrams)
            return
        for frame, _ in datagrams:
            machine.received_bytes += len(frame) + HEADERS
        node = machine.node
        if node is not None:
            handle = node.handle
            for frame, source in datagrams:
                handle(frame, source)
            self._due(machine, now + _TICK_MS)
        elif machine.liar and machine.state == UP:
            machine.liar.hear(datagrams)

    def _work_on(self, machine):
        """The workload: contribute, and come again later."""
        work = self.plan["workload"]
        now = self.timeline.now
        if now >= work["until_ms"] or machine.state == GONE:
            return
        durable = work["durable"]
        if work["steady"]:
            self.timeline.at(now + work["gap_ms"], self._work_on, machine)
            for c in range(len(self.channels)):
                self.contribute(machine, c, self._amount, durable)
            return
        prng = self._work
        self.timeline.at(now + 1 + prng.below(2 * work["gap_ms"]), self._work_on, machine)
        listed = len(self.configs[machine.index].channels)
        self.contribute(machine, prng.below(listed), self._amount, durable)

    def contribute(self, machine, c, amount, durable=False):
        """Let a machine contribute an amount (VU, text) to the channel numbered `c`; nothing where
        its list has no such channel, or a retired one."""
        node = machine.node
        if node is None or machine.stopping:
            return  # a sensor that is switched off counts nothing
        if c >= len(node.config.channels) or node.config.about(c, "retired"):
            return
        raw, _ = decimal.steps(amount, decimal.STEP, node.ledger.carried.get(c, 0))
        try:
            node.contribute(self.channels[c], amount, durable)
        except NotDurable:
            pass  # it counts all the same
        except LvsError:  # the counter is at its end, for instance after liars were at it
            self.rejected += 1
            return
        now = self.timeline.now
        self.trace.add(machine.index << 10 | c)
        self._due(machine, now + _TICK_MS)
        if not machine.away:
            self.account.contribute(machine.index, c, raw, now)
            self.reach.follow(machine, c, now, self.honest)

    def run_cycle(self):
        """Run one cycle (1 s of virtual time) and measure."""
        self.cycle += 1
        self.timeline.run_until(self.cycle * CYCLE_MS)
        alive = len(self._members())
        self.reach.look(self.timeline.now, alive)
        if self._moved:
            self._moved = False
            self.agreement.look(self.cycle, self._members())
        self.history.look(self.cycle, self.honest, self.agreement.spread)
        self.harm.look(self.cycle, self.honest)
        if self.leaves:
            self.leaves.look(self._members())
        self.progress.look(self.cycle, self._members(), self.account)
        if self.cycle % _SURVEY == 0:
            self._survey()

    # --- the end --------------------------------------------------------------------------------

    def result(self):
        """Everything measured, under the keys that `lvs sim --json` documents."""
        living = self._members()
        for machine in living:
            self._look(machine)
            self._final_trace(machine.node)
        self._survey()
        totals = dict(self.totals)
        warned = {}
        differ, lost = [], []
        for machine in living:
            status = machine.node.status()
            for key in totals:
                totals[key] += status[key]
            for text in status["warnings"]:
                warned[text] = warned.get(text, 0) + 1
            differ += [dict(d, node=machine.index) for d in status["differ"]]
            lost += [(machine.index, text) for text in status["lost"]]
        within_2, exact_at = self.agreement.result()
        shifts = []
        for machine in living:
            for watch in machine.watches:
                shifts.extend(watch.shift())
        result = {
            "scenario": self.plan["name"],
            "seed": self.plan["seed"],
            "nodes": self.plan["nodes"],
            "liars": self.plan["nodes"] - len(self.honest),
            "cycles": self.cycle,
            "trace_hash": self.trace.hex(),
            "cycles_to_within_2": within_2,
            "cycles_to_exact": exact_at,
            "reach_cycles": self.reach.result(),
            "settled_shift_mean": round(sum(shifts) / len(shifts), 3) if shifts else 0,
            "settled_shift_max": max([abs(s) for s in shifts]) if shifts else 0,
            "negative_values": self.tally.negative,
            "max_step": self.tally.max_step,
            "budget_violations": self.tally.budget_violations,
            "bytes_per_node_per_min": bytes_per_minute(self.honest, self.timeline.now),
            "simulated_s": self.timeline.now // 1000,
            "alive": len(living),
            "contributed_raw": sum(self.account.given),
            "lost_old_raw": self.account.lost_old(),
            "losers": self.account.losers(),
            "rows_of_one": self.account.rows(living),
            "faults": self._faults(),
            "warnings": sorted(warned.items(), key=lambda said: (-said[1], said[0]))[:_WARNINGS],
            "differ": differ,
            "lost_or_may_be": lost,
            "history": self.history.result(),
            "leaves": self.leaves.result() if self.leaves else None,
        }
        result.update(totals)
        nodes = [m.node for m in living]
        result["harm"] = self.harm.result(
            self.cycle, nodes, self.account, self.plan["start"]["value"]
        )
        result.update(verdict(living, self.channels, self.account, self.plan, self.progress))
        return result

    def _final_trace(self, node):
        trace = self.trace
        trace.add(node.clock.cycle)
        for replica in node.replicas:
            shard = replica.shard
            for s in range(shard.slots):
                trace.add(shard.settled[s])
                trace.add(shard.value(s))
            for k in range(shard.count):
                p = shard.position(k)
                trace.add(shard.nonce[p])
                trace.add(shard.claimed[p] ^ (shard.credited[p] << 30))

    def _faults(self):
        faults = dict(self.network.faults, rejected=self.rejected)
        faults.update(self.faults.count)
        faults["overflowed"] = sum([m.overflow for m in self.honest])
        return faults


def _first_tick(prng):
    """Where a machine's clock starts: anywhere, for one in four just before the wrap."""
    if prng.below(4) == 0:
        return _TICKS - 1 - prng.below(100000)
    return prng.below(_TICKS)


def _configs(plan, channels, places):
    """The configuration of each machine; machines without peers of their own share one."""
    base = dict(plan["config"])
    base.setdefault("nodes", min(10000, plan["nodes"] + plan["leaves"]["count"]))
    base["mesh"] = "sim"
    base["channels"] = channels
    shared = Config(base)
    configs = []
    for peers in places.peers:
        configs.append(Config(dict(base, peers=[name_of(i) for i in peers])) if peers else shared)
    return configs
