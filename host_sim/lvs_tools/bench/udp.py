"""A mesh of real processes on real UDP, beside what people would use instead."""

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lvs_tools import interpreters
from lvs_tools.bench.table import Table, number
from lvs_tools.bench.workload import Arrivals, play
from lvs_tools.mesh.plan import Plan, free_port
from lvs_tools.mesh.process import Instance
from lvs_tools.places import HOST, LIB, PACKAGE, PROTOCOL

TITLE = "Real UDP on one machine"
SOURCES = (
    *(PROTOCOL, PACKAGE / "mesh" / "node_main.py", PACKAGE / "mesh" / "process.py", __file__),
    *(PACKAGE / "bench" / "workload.py", PACKAGE / "bench" / "rivals.py"),
)
ALONE = True
PICTURES = ()
_CHANNEL = "c"
_BITS = 12  # so many contributions can be under way and be told apart: amounts 1 to 2048 raw
_START_S = 45.0  # until nodes are active, and have told each other so
_EXTRA_S = 300.0  # for a start, beyond what is measured


def _absent(program, package):
    if shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin"):
        return ""
    return f"no {program} here: install it (Debian: apt install {package})"


def _no_mqtt():
    """Why there is no broker and client here, or ""."""
    if importlib.util.find_spec("aiomqtt") is None:
        return "no MQTT client here: pip install 'lvs[bridge]'"
    return _absent("mosquitto", "mosquitto")


def _no_namespace():
    """Why rivals have no network of their own here, or ""."""
    if not hasattr(os, "geteuid") or os.geteuid() or not shutil.which("unshare"):
        return "serf and mosquitto are measured in a network namespace, which needs root"
    if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode:
        return "serf and mosquitto need a network namespace, which this machine does not allow"
    return ""


def missing():
    """What of it cannot be measured here, in one line, or ""."""
    why = [_absent("serf", "serf"), _no_mqtt(), _no_namespace()]
    if interpreters.micropython() is None:
        why = [interpreters.mend("micropython")]
    return "; ".join(text for text in why if text)


def cases(size):
    """The cases of a size: system, nodes, contributions a node and minute, loss, seconds."""
    if interpreters.micropython() is None:
        return []
    quick = size == "quick"
    sizes, rates, seconds = ((4,), (6,), 20) if quick else ((10, 60), (0, 1), 60)
    systems = ["LVS"]
    if not _no_namespace():
        systems += ["serf lan"] * (not _absent("serf", "serf"))
        systems += ["mosquitto"] * (not _no_mqtt())
    found = [_case(s, n, rate, 0, seconds) for n in sizes for rate in rates for s in systems]
    if not quick:
        found += [_case("LVS", 60, rate, 0.3, seconds) for rate in rates]
        found += [_case("serf wan", n, 0, 0, seconds) for n in sizes if "serf lan" in systems]
    return found


def _case(system, nodes, rate, loss, seconds):
    warm = _START_S if seconds >= 60 else 10
    case = {"system": system, "nodes": nodes, "rate": rate, "loss": loss}
    return {**case, "seconds": seconds, "warm_s": warm}


class _Listener(Instance):
    """A node process whose every change is noted."""

    def __init__(self, node, changed):
        super().__init__(node, True, time.monotonic)
        self._changed = changed

    def _hear(self, said):
        if "change" in said:
            self._changed(self.node, said["text"].split()[0])
        else:
            super()._hear(said)


class _Sums:
    """Tells from a node's value which contributions it has: amounts are powers of two."""

    def __init__(self, arrivals):
        self._arrivals = arrivals
        self.raw = []  # of each contribution
        self._sum = 0

    def amount(self, contribution):
        """The raw amount of the next one."""
        self.raw.append(1 << contribution % _BITS)
        self._sum += self.raw[-1]
        return self.raw[-1]

    def changed(self, node, text):
        """A node shows a value (units, text)."""
        lacking = self._sum - round(float(text) * 1000)
        if not 0 <= lacking < 1 << _BITS:
            return  # it lacks too many to tell which; a later change will
        first = max(0, len(self.raw) - _BITS)
        now = time.monotonic()
        for contribution in range(len(self.raw)):
            if contribution < first or not lacking & self.raw[contribution]:
                self._arrivals.heard(node, contribution, now)


async def _mesh(case, folder):
    """A mesh of nodes on MicroPython."""
    nodes = case["nodes"]
    plan = Plan(
        nodes=nodes,
        micropython=(True,) * nodes,
        seconds=case["seconds"],
        kill=0,
        loss=case["loss"],
        seed=1,
        channels=(_CHANNEL,),
        port=free_port(),
        journal=False,
        actions=(),
    )
    arrivals = Arrivals(nodes)
    sums = _Sums(arrivals)
    instances = [_Listener(node, sums.changed) for node in range(nodes)]
    program = interpreters.micropython()

    async def start(instance):
        config = Path(folder) / f"node-{instance.node}.json"
        # Broadcasts reach all: a peer beside them would hear everything twice.
        config.write_text(json.dumps({**plan.config(instance.node), "peers": []}))
        await instance.start(program, config, case["loss"], 1 + instance.node, 1000)
        instance.tell("watch")

    async def contribute(node, contribution):
        instances[node].contribute(_CHANNEL, sums.amount(contribution))

    def used():
        reports = [i.report for i in instances if i.report]
        return sum(r["sent_bytes"] + r["received_bytes"] for r in reports)

    try:
        await asyncio.gather(*map(start, instances))
        total = await play(case, arrivals, contribute, used)
    finally:
        await asyncio.gather(*(i.stop() for i in instances), return_exceptions=True)
    return {"bytes": round(total / nodes), **arrivals.result()}


def run(case, folder):
    """The figures of one case."""
    if case["system"] == "LVS":
        with tempfile.TemporaryDirectory(prefix="lvs-bench-") as place:
            return {**case, **asyncio.run(_mesh(case, place))}
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "lvs_tools.bench.rivals", json.dumps(case)],
        env=interpreters.environment((LIB, HOST)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=case["seconds"] + _EXTRA_S,
    )
    if done.returncode:
        raise interpreters.ScriptFailed(
            case["system"], "rivals", done.returncode, done.stdout, done.stderr
        )
    return {**case, **json.loads(done.stdout)}


def _seconds(row, key):
    value = row["reach_s"][key]
    return "-" if value is None else f"{value:.2f}"


def tables(rows):
    """What is shown of them."""
    head = ["system", "nodes", "a minute", "loss", "bytes a node and minute"]
    head += ["p50 s", "p99 s", "most s", "unheard"]
    shown = [
        [
            row["system"],
            str(row["nodes"]),
            "%g" % row["rate"] if row["rate"] else "idle",
            "%.0f %%" % (100 * row["loss"]),
            number(row["bytes"]),
            *(_seconds(row, key) for key in ("p50", "p99", "max")),
            number(row["unheard"]),
        ]
        for row in rows
    ]
    return [
        Table(
            "Bytes, and seconds until a node has what another contributed",
            "lvs bench --only udp",
            head,
            shown,
            [
                "Bytes with the headers of IP; nodes are processes of MicroPython, which see a"
                " contribution up to 0.04 s late. serf: gossip of user events, which count"
                " nothing and are forgotten. mosquitto: a retained counter a client, QoS 1; the"
                " bytes are a client's, and there is a server. All of them share this machine's"
                " processors: on a busy one, many processes are late. Nobody's 30 % loss but LVS's"
                " is measured: their packets would have to be lost in the network.",
            ],
        )
    ]


def goals(rows):
    """The goals stand at the simulated radio, which repeats."""
    return ()


def draw(rows, folder):
    """No picture: tables say it."""
