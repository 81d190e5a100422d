"""What somebody who watches `lvs mesh` may do to it: lose packets, cut, kill, restart, lie."""

import asyncio
import contextlib
import json
import sys

from lvs_tools.mesh.plan import MAX_NODES
from lvs_tools.mesh.process import NodeError
from lvs_tools.places import PACKAGE
from lvs_tools.watch.page import Refused

LIARS = {"Inflate": "inflate", "Drain": "drain", "RandomValues": "random_values"}
LIARS |= {"TwoFaces": "two_faces", "Sybil": "sybil", "Malformed": "malformed"}
_ADVERSARIES = PACKAGE / "adversaries"
_FIRST = 2  # the last number of the first node's address


class Faults:
    """Faults of one Mesh. loss: 0 to 1; groups: the number of a node's group, by node."""

    def __init__(self, mesh):
        self.mesh = mesh
        self.loss = mesh.plan.loss
        self.group = [0] * mesh.plan.nodes
        self.off = set()  # numbers of the nodes that were killed by a button
        self.liars = []  # (address, class, process)
        self.over = False

    # --- what nodes are told --------------------------------------------------------------------

    def tell(self, instance):
        """Tell a node what it loses, and whom it does not hear."""
        own = self.group[instance.node]
        cut = [n for n, group in enumerate(self.group) if group != own]
        deaf = sum(1 << (n + _FIRST) for n in cut)
        instance.tell(f"faults {self.loss} {deaf:x}")

    def _tell_all(self):
        for instance in self.mesh.instances:
            if instance:
                self.tell(instance)

    def _living(self):
        return [i for i in self.mesh.instances if i and i.alive]

    # --- the buttons ----------------------------------------------------------------------------

    async def do(self, action):
        """What a button says, a dict; returns what was done. Raises Refused."""
        name = action.get("action")
        act = {
            "loss": self._lose,
            "cut": self._cut,
            "heal": self._heal,
            "kill": self._kill,
            "restart": self._restart,
            "liar": self._lie,
        }.get(name if isinstance(name, str) else "")
        if act is None:
            raise Refused("there is no such button")
        if self.over or not self.mesh.elapsed():
            raise Refused("the mesh is starting" if not self.over else "the run ends: all is calm")
        return await act(action)

    async def _lose(self, action):
        percent = action.get("percent")
        if not isinstance(percent, int) or not 0 <= percent <= 90:
            raise Refused("percent: 0 to 90")
        self.loss = percent / 100
        self._tell_all()
        return f"Each node loses {percent} % of what it hears"

    async def _cut(self, _):
        nodes = len(self.group)
        first = nodes // 2
        self.group = [int(n >= first) for n in range(nodes)]
        self._tell_all()
        return f"Two groups, of {first} and {nodes - first} nodes, hear nothing of each other"

    async def _heal(self, _):
        self.group = [0] * len(self.group)
        self._tell_all()
        return "All hear each other again"

    async def _kill(self, _):
        living = self._living()
        if len(living) < 2:
            raise Refused("one node must be left")
        victim = living[-1]
        self.off.add(victim.node)
        await victim.acknowledged()  # whatever it took is in its journal
        await victim.kill()
        return f"{self.mesh.plan.address(victim.node)} was killed without warning"

    async def _restart(self, _):
        off, self.off = sorted(self.off), set()
        if not off:
            raise Refused("all nodes run")
        started = await asyncio.gather(*map(self.mesh.start, off), return_exceptions=True)
        for node, error in zip(off, started, strict=True):
            if isinstance(error, NodeError):
                raise Refused(f"node {node} does not start: {error}")
        return f"{len(off)} started again from their journals"

    async def _lie(self, action):
        kind = action.get("choice")
        if not isinstance(kind, str) or kind not in LIARS:
            raise Refused(f"choice: one of {', '.join(LIARS)}")
        plan = self.mesh.plan
        number = plan.nodes + len(self.liars)
        if number >= MAX_NODES:
            raise Refused("there is no address left")
        config = self.mesh.folder / f"liar-{number}.json"
        config.write_text(json.dumps(dict(plan.config(0), address=plan.address(number), peers=[])))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "lvs_tools.mesh.liar_main", str(config)),
            *(str(_ADVERSARIES / f"{LIARS[kind]}.py"), kind),
            *(str(number + 1), str(plan.seed + number)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self.liars.append((plan.address(number), kind, process))
        return f"{plan.address(number)} joins, and lies: {kind}"

    # --- the end --------------------------------------------------------------------------------

    async def stop(self):
        """End the liars."""
        for _, _, process in self.liars:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def end(self):
        """All faults end: nobody is off, cut or lying; what was lost is mended."""
        self.over = True
        self.loss = self.mesh.plan.loss
        await self._heal({})
        await self.stop()
        with contextlib.suppress(Refused):
            await self._restart({})
