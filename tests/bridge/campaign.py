"""Kills a bridge at random moments under load, and holds the accounts: `make bridge`.

Real processes and sockets: nodes on loopback that contribute, mosquitto, and a bridge that shows
them and takes contributions with keys, said again until it answers, as a meter would that hears no
answer. The bridge is killed, stopped like a machine that is suspended, and loses its broker. At
the end retained values, SQLite and Prometheus are the sum of all that was contributed, each key
once, and at no time did anybody see a value fall.
"""

import argparse
import asyncio
import itertools
import json
import logging
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import aiomqtt
from prometheus_client.parser import text_string_to_metric_families

from lvs import Node, decimal
from lvs.transport_layer import UdpTransport
from lvs_tools.bridge.history import FILE
from lvs_tools.mesh.plan import BROADCAST
from lvs_tools.mesh.plan import free_port as free_udp_port
from lvs_tools.places import HOST, LIB, ROOT
from tests.bridge import fast
from tests.support.broker import Broker, free_port

CHANNELS = ["water", {"name": "energy", "unit": "kWh", "class": "energy", "step": "0.0001"}]
NAMES = ["water", "energy"]
STEPS = {"water": (1, -3), "energy": (1, -4)}
TEXTS = {"water": 3, "energy": 4}  # decimals
MESH = "street"
BASE = f"lvs/{MESH}"
PATIENCE_S = 180


class Wrong(Exception):
    """A promise was broken; the text says which."""


def raw_of(name, text):
    """A value's text as raw steps."""
    n, x = decimal.number(text)
    return n * 10 ** (x + TEXTS[name])


class Watch:
    """What anybody sees of the values, wherever: none may fall."""

    def __init__(self):
        self.seen = {}
        self.count = 0

    def saw(self, where, name, raw):
        """A value was seen somewhere."""
        self.count += 1
        before = self.seen.get((where, name), 0)
        if raw < before:
            raise Wrong(f"{name} fell in {where}: {before} to {raw}")
        self.seen[where, name] = raw


class Mesh:
    """Nodes of this process, on loopback, that contribute at random until told otherwise."""

    def __init__(self, port, count, rng):
        self._port = port
        self._rng = rng
        self.given = dict.fromkeys(NAMES, 0)
        self.busy = True
        self._nodes = [self._node(i) for i in range(count)]
        self._tasks = [asyncio.create_task(n.run()) for n in self._nodes]
        self._tasks.append(asyncio.create_task(self._contribute()))

    def config(self, address):
        """The configuration of a node."""
        return {
            "mesh": MESH,
            "channels": CHANNELS,
            "port": self._port,
            "address": address,
            "broadcast": BROADCAST,
            "rows": 2000,
        }

    def _node(self, i):
        address = f"127.0.0.{i + 2}"
        transport = UdpTransport(address, BROADCAST, self._port, fast.clock)
        assert not transport.error, transport.error
        bits = random.Random(self._rng.getrandbits(30))
        return Node(self.config(address), transport, fast.clock, lambda: bits.getrandbits(30))

    async def _contribute(self):
        while True:
            await asyncio.sleep(self._rng.uniform(0.05, 0.3))
            if self.busy:
                name = self._rng.choice(NAMES)
                raw = self._rng.randint(1, 300)
                self._rng.choice(self._nodes).contribute(name, decimal.text(raw, STEPS[name]))
                self.given[name] += raw

    def values(self):
        """What each node shows, raw by name."""
        return [{name: n.value(name, raw=True) for name in NAMES} for n in self._nodes]

    async def stop(self):
        """End them."""
        for node in self._nodes:
            node.stop(0)
        self._tasks[-1].cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Meter:
    """Contributes by MQTT with keys, and says each again until it is answered; watches values."""

    def __init__(self, port, rng, watch):
        self._port = port
        self._rng = rng
        self._watch = watch
        self._keys = itertools.count(1)
        self.open = {}  # key: (channel, text)
        self.given = dict.fromkeys(NAMES, 0)
        self.retained = {}
        self.busy = True
        self.said = 0
        self.failure = None

    async def run(self):
        """Until cancelled, whatever becomes of the broker."""
        while True:
            try:
                async with aiomqtt.Client("127.0.0.1", self._port, timeout=5) as client:
                    await client.subscribe(f"{BASE}/#", qos=1)
                    tasks = [
                        asyncio.create_task(job)
                        for job in (self._talk(client), self._hear(client))
                    ]
                    try:
                        await asyncio.gather(*tasks)
                    finally:
                        for task in tasks:
                            task.cancel()
            except aiomqtt.MqttError:
                await asyncio.sleep(0.2)
            except Exception as wrong:
                self.failure = wrong
                return

    async def _talk(self, client):
        while True:
            if self.busy and len(self.open) < 50:
                name = self._rng.choice(NAMES)
                raw = self._rng.randint(1, 300)
                key = f"meter-{next(self._keys)}"
                self.open[key] = (name, decimal.text(raw, STEPS[name]))
                self.given[name] += raw
            for key in self._rng.sample(sorted(self.open), min(5, len(self.open))):
                if key not in self.open:
                    continue  # answered meanwhile
                name, text = self.open[key]
                payload = json.dumps({"amount": text, "key": key})
                await client.publish(f"{BASE}/contribute/{name}", payload, qos=1)
                self.said += 1
            await asyncio.sleep(self._rng.uniform(0.02, 0.2))

    async def _hear(self, client):
        async for message in client.messages:
            topic = message.topic.value
            if topic == f"{BASE}/contributed":
                said = json.loads(message.payload)
                if said["result"] == "refused":
                    raise Wrong(f"refused: {said}")
                self.open.pop(said["key"], None)
            elif topic.startswith(f"{BASE}/value/"):
                name = topic.rpartition("/")[2]
                raw = raw_of(name, message.payload.decode())
                self._watch.saw("MQTT", name, raw)
                self.retained[name] = raw


class Process:
    """The bridge, as a process that is killed and started again."""

    def __init__(self, config, folder, broker):
        self.metrics_port = free_port()
        self._words = [
            *(sys.executable, fast.__file__, str(config)),
            *("--mqtt", f"127.0.0.1:{broker.port}", "--prometheus", str(self.metrics_port)),
            *("--history", str(folder / "history"), "--every", "0.5"),
            *("--state", str(folder / "state")),
        ]
        self._log = folder / "bridge.log"
        self.process = None

    async def start(self):
        """Start it."""
        path = os.pathsep.join(map(str, (LIB, HOST, ROOT)))
        with open(self._log, "a") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._words, stdout=log, stderr=log, env=dict(os.environ, PYTHONPATH=path)
            )

    async def end(self, number):
        """End it by a signal; returns its exit code."""
        assert self.process
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 90)

    def scrape(self):
        """{channel: raw} of /metrics, {} if it does not answer."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            return {}
        return {
            s.labels["channel"]: round(s.value * 10 ** TEXTS[s.labels["channel"]])
            for family in text_string_to_metric_families(text)
            for s in family.samples
            if s.name == "lvs_value_total"
        }

    def log(self):
        """What it said."""
        return self._log.read_text()


def recorded(folder, watch):
    """The newest raw values in SQLite, by channel; nobody may find a fall in it."""
    with sqlite3.connect(folder / "history" / FILE) as db:
        rows = db.execute(
            "SELECT name, raw FROM value JOIN channel ON channel.id = value.channel ORDER BY at"
        ).fetchall()
    last = {}
    for name, raw in rows:
        if raw < last.get(name, 0):
            raise Wrong(f"{name} fell in SQLite: {last[name]} to {raw}")
        last[name] = raw
        watch.count += 1
    return last


async def _until(what, true):
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > end:
            raise Wrong(f"not within {PATIENCE_S} s: {what()}")
        await asyncio.sleep(0.05)


async def _trouble(rng, bridge, broker, kind, within_s):
    """One thing that goes wrong, and is over when this returns."""
    await asyncio.sleep(rng.uniform(0.05, within_s))
    if kind == "kill":
        await bridge.end(signal.SIGKILL)
        await asyncio.sleep(rng.choice((0, 0.5, 2.0)))
        await bridge.start()
    elif kind == "suspend":
        bridge.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(rng.uniform(1.0, 4.0))
        bridge.process.send_signal(signal.SIGCONT)
    elif kind == "broker":
        broker.stop(rng.random() < 0.5)
        await asyncio.sleep(rng.uniform(0.2, 2.0))
        broker.start()
    else:
        broker.stop(rng.random() < 0.5)
        await bridge.end(signal.SIGKILL)
        broker.start()
        await bridge.start()


async def run(seed, kills, others, folder, say=print, within_s=4.0):
    """One campaign; returns its figures. within_s: most between two troubles. Raises
    Wrong."""
    rng = random.Random(seed)
    kinds = ["kill"] * kills + [rng.choice(("suspend", "broker", "both")) for _ in range(others)]
    rng.shuffle(kinds)
    watch = Watch()
    broker = Broker(folder)
    broker.start()
    mesh = Mesh(free_udp_port(), 3, rng)
    config = folder / "config.json"
    config.write_text(json.dumps(mesh.config("127.0.0.200")))
    bridge = Process(config, folder, broker)
    meter = Meter(broker.port, rng, watch)
    tasks = [asyncio.create_task(meter.run())]
    began = time.monotonic()
    try:
        await bridge.start()
        await _until(lambda: "values at first", lambda: meter.retained or meter.failure)
        for number, kind in enumerate(kinds, 1):
            await _trouble(rng, bridge, broker, kind, within_s)
            for name, raw in (await asyncio.to_thread(bridge.scrape)).items():
                watch.saw("Prometheus", name, raw)
            say(f"{time.monotonic() - began:5.0f} s  {number}/{len(kinds)} {kind}")
            if meter.failure:
                raise meter.failure
        mesh.busy = meter.busy = False

        def expected():
            return {name: mesh.given[name] + meter.given[name] for name in NAMES}

        await _until(
            lambda: (len(meter.open), expected(), meter.retained, mesh.values(), bridge.log()),
            lambda: (
                meter.failure
                or (not meter.open and meter.retained == expected() == mesh.values()[0])
            ),
        )
        if meter.failure:
            raise meter.failure
        await _until(bridge.scrape, lambda: bridge.scrape() == expected())
        code = await bridge.end(signal.SIGTERM)
        if code:
            raise Wrong(f"exit code {code}: {bridge.log()}")
        if recorded(folder, watch) != expected():
            raise Wrong(f"SQLite has {recorded(folder, watch)}, not {expected()}")
        if not all(values == expected() for values in mesh.values()):
            raise Wrong(f"nodes have {mesh.values()}, not {expected()}")
        return {
            "seed": seed,
            "troubles": len(kinds),
            "kills": kills,
            "keys": sum(meter.given.values()) and next(meter._keys) - 1,
            "said": meter.said,
            "values_seen": watch.count,
            "exact_raw": expected(),
            "seconds": round(time.monotonic() - began, 1),
        }
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if bridge.process and bridge.process.returncode is None:
            await bridge.end(signal.SIGKILL)
        await mesh.stop()
        broker.stop()


def main(argv=None):
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Kill a bridge at random moments under load.")
    parser.add_argument("--seeds", default="1", help="such as 1 or 1..5")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--others", type=int, default=5, help="suspensions and broker failures")
    options = parser.parse_args(argv)
    logging.getLogger("mqtt").setLevel(logging.CRITICAL)  # the meter's: its broker goes again
    first, _, last = options.seeds.partition("..")
    failed = 0
    for seed in range(int(first), int(last or first) + 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                figures = asyncio.run(run(seed, options.kills, options.others, Path(folder)))
                print(json.dumps(figures))
            except Wrong as wrong:
                failed += 1
                print(f"seed {seed}: {wrong}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
