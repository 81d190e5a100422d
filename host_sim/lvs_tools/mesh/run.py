"""Drives a mesh of real processes along its plan and gives the account of it."""

import asyncio
import json
import tempfile
import time
from pathlib import Path

from lvs_tools.mesh import verdict
from lvs_tools.mesh.faults import Faults
from lvs_tools.mesh.plan import RESTART_S
from lvs_tools.mesh.process import Instance, NodeError

_FEW = 16  # nodes up to which each reports twice a second
_VIEW_S = 0.5
CALM_S = 40.0  # at the end nothing is lost and nobody is off, so that there can be a verdict


def report_ms(nodes):
    """How often a node reports: twice a second in a small mesh, less often in a large one."""
    return 500 if nodes <= _FEW else 1000


class Mesh:
    """A running mesh. ``instances``: the newest life of each node; ``past``: ended ones.

    plan: a mesh_plan.Plan; interpreters: (CPython, MicroPython) as paths.
    """

    def __init__(self, plan, interpreters):
        self.plan = plan
        self.interpreters = interpreters
        self.instances = [None] * plan.nodes
        self.past = []
        self.restarted = 0
        self.failures = []
        self.histories = [[] for _ in range(plan.nodes)]
        self.ready = 0  # nodes that came up at the start
        self._begun = None
        self.folder = Path()  # of configurations and journals, while it runs
        self.faults: Faults | None = None  # where somebody may play with it
        self._work = []  # tasks: starts, and kills with their restarts

    def elapsed(self):
        """Seconds since all nodes were ready; 0 before that."""
        return time.monotonic() - self._begun if self._begun else 0.0

    def everyone(self):
        """Every instance that ever was, the ended ones first."""
        return self.past + [i for i in self.instances if i]

    def contributed(self):
        """Raw by channel: all contributions that were acknowledged so far."""
        return verdict.add_up([i.contributed for i in self.everyone()], self.plan.channels)

    def _remember(self, instance, values):
        """A new entry in a node's history, when its values changed."""
        history = self.histories[instance.node]
        if not history or history[-1][1] != values:
            history.append((time.monotonic(), values))

    async def start(self, node):
        """Start a node, or start it anew. Raises NodeError."""
        plan = self.plan
        instance = Instance(node, plan.micropython[node], time.monotonic, self._remember)
        lives = sum(1 for i in self.past if i.node == node)
        if self.instances[node]:
            lives += 1
            self.past.append(self.instances[node])
        self.histories[node] = []
        self.instances[node] = instance
        config = self.folder / f"node-{node}.json"
        config.write_text(json.dumps(plan.config(node)))
        await instance.start(
            self.interpreters[plan.micropython[node]],
            config,
            plan.loss,
            plan.seed + node + lives * plan.nodes,  # another stream of losses in each life
            report_ms(plan.nodes),
            self.folder / f"journal-{node}" if plan.journal else None,
            *(("--faults",) if self.faults else ()),
        )
        if self.faults:
            self.faults.tell(instance)

    async def _start_first(self, node):
        await self.start(node)
        self.ready += 1

    async def _kill_and_restart(self, node):
        """Kill a node the moment its last contribution is acknowledged; start it anew."""
        instance = self.instances[node]
        if not await instance.acknowledged():
            self.failures.append(f"node {node} did not acknowledge a contribution in time")
        await instance.kill()
        await asyncio.sleep(RESTART_S)
        try:
            await self.start(node)
            self.restarted += 1
        except NodeError as error:
            self.failures.append(f"node {node} did not start again: {error}")

    async def _act(self):
        """Carry out the plan's actions, each at its time."""
        for action in self.plan.actions:
            await asyncio.sleep(self._begun + action.at - time.monotonic())
            instance = self.instances[action.node]
            if action.channel:
                instance.contribute(action.channel, action.raw)
            else:
                self._work.append(asyncio.create_task(self._kill_and_restart(action.node)))

    async def _ask(self, instance):
        """Final values, status and rows of a node, or None with a failure noted."""
        try:
            raw = (await instance.ask("values"))["raw"]
            status = (await instance.ask("status"))["status"]
            rows = (await instance.ask("rows"))["rows"]
        except NodeError as error:
            self.failures.append(f"node {instance.node} is gone: {error}")
            return None
        self._remember(instance, raw)
        return raw, status, rows

    async def _stop(self):
        await asyncio.gather(*(i.stop() for i in self.everyone()), return_exceptions=True)

    async def _watch(self, view):
        while True:
            view(self)
            await asyncio.sleep(_VIEW_S)

    async def run(self, view):
        """The whole run; returns the account as a dict (the JSON of ``lvs mesh --json``).

        view: called with this mesh twice a second. Raises NodeError when a node cannot start.
        However it ends, no process is left behind.
        """
        with tempfile.TemporaryDirectory(prefix="lvs-mesh-") as folder:
            self.folder = Path(folder)
            watching = asyncio.create_task(self._watch(view))
            try:
                nodes = range(self.plan.nodes)
                self._work = [asyncio.create_task(self._start_first(n)) for n in nodes]
                await asyncio.gather(*self._work)
                self._begun = time.monotonic()
                await self._act()
                if self.faults:
                    calm = self._begun + self.plan.seconds - CALM_S
                    await asyncio.sleep(calm - time.monotonic())
                    await self.faults.end()
                await asyncio.sleep(self._begun + self.plan.seconds - time.monotonic())
                for task in self._work:
                    if task.done():
                        task.result()
                    else:
                        self.failures.append("a node was not started again before the time was up")
                finals = await asyncio.gather(*(self._ask(i) for i in self.instances))
                view(self)
                return self._account(finals)
            finally:
                for task in (watching, *self._work):
                    task.cancel()
                await asyncio.gather(watching, *self._work, return_exceptions=True)
                await self._stop()
                if self.faults:
                    await self.faults.stop()

    def _account_of_killed(self, instance, known):
        """What a killed life contributed, and what of it is lost. With a journal, sessions and
        what waited for one live on: then it is the account of all lives of that node."""
        lives = [instance]
        if self.plan.journal:
            lives = [i for i in self.everyone() if i.node == instance.node]
        channels = self.plan.channels
        sessions = set().union(*(i.sessions for i in lives))
        contributed = verdict.add_up([i.contributed for i in lives], channels)
        return {
            "node": instance.node,
            "sessions": sorted(sessions),
            **verdict.account_of_killed(contributed, sessions, known, channels),
        }

    def _account(self, finals):
        plan = self.plan
        finals = [f for f in finals if f]
        values = [f[0] for f in finals]
        rows = [row for f in finals for row in f[2]]
        known = verdict.known_claims(rows)
        killed = [self._account_of_killed(i, known) for i in self.past]
        contributed = self.contributed()
        lost = verdict.add_up([k["lost_raw"] for k in killed], plan.channels)
        expected = {name: contributed[name] - lost[name] for name in plan.channels}
        pending = sum(f[1]["pending_raw"] for f in finals)
        announced = set().union(*(i.sessions for i in self.everyone()))
        unknown = verdict.shared_sessions([f[2] for f in finals]) - announced
        reasons = verdict.reasons_against(values, expected, killed, unknown, self.failures)
        if plan.journal:
            reasons += verdict.lost_in_spite_of_journals(lost, pending)
            reasons += sorted({why for i in self.everyone() for why in i.not_durable})
        lives = [[] for _ in range(plan.nodes)]
        for i in self.everyone():
            if i.report:
                size = i.report["sent_bytes"] + i.report["received_bytes"]
                lives[i.node].append((size, i.heard - i.started))
        last = max((i.last_contribution or 0 for i in self.everyone()), default=0) or None
        return {
            "nodes": plan.nodes,
            "micropython_nodes": sum(plan.micropython),
            "seconds": plan.seconds,
            "verdict": verdict.word(reasons, values, self.histories, time.monotonic()),
            "exact": not reasons,
            "reasons": reasons,
            "contributed_raw": contributed,
            "lost_raw": lost,
            "values_raw": verdict.spread(values, plan.channels),
            "pending_raw": pending,
            "restarted": self.restarted,
            "killed": killed,
            "bytes_per_node_per_min": verdict.traffic(lives),
            "convergence_ms": verdict.convergence_ms(self.histories, expected, last),
            "journal": plan.journal,
            "loss": plan.loss,
            "seed": plan.seed,
            "port": plan.port,
            "dropped": verdict.totals(
                [f[1]["dropped"] for f in finals]
                + [i.report["dropped"] for i in self.past if i.report]
            ),
            "warnings": sorted({w for f in finals for w in f[1]["warnings"]}),
            "differ": sorted({d["text"] for f in finals for d in f[1]["differ"]}),
            "lost_or_may_be": sorted({text for f in finals for text in f[1]["lost"]}),
        }
