"""serf and mosquitto under the workload of a mesh, in a network of their own; prints JSON.

    unshare --net python -m lvs_tools.bench.rivals {"system": "serf lan", "nodes": 10, ...}

The network is that of a new namespace: its loopback device carries nothing else, so that every
byte of it is theirs. What starts and asks them (serf's RPC) does not count.
"""

import asyncio
import contextlib
import json
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from lvs_tools.bench.workload import Arrivals, play

_SERF_PORT, _RPC_PORT, _MQTT_PORT = 20000, 30000, 1883
_EVENT = re.compile(r"user-event: c(\d+)")
_OUTGOING = 4  # PACKET_OUTGOING: on the loopback device each packet is seen twice
_IPV4 = 0x0800
_ETHERNET = 14


class Counter(threading.Thread):
    """Counts the bytes of IP packets on the loopback device, those of some TCP ports left out."""

    def __init__(self, left_out=range(0)):
        super().__init__(daemon=True)
        self.bytes = 0
        self._left_out = left_out
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self._socket.bind(("lo", 0))

    def run(self):
        """Count for ever."""
        while True:
            data, (_, protocol, kind, *_) = self._socket.recvfrom(128)
            if protocol != _IPV4 or kind == _OUTGOING:
                continue
            head = _ETHERNET + 4 * (data[_ETHERNET] & 15)
            ports = struct.unpack_from("!HH", data, head)
            if not any(port in self._left_out for port in ports):
                self.bytes += int.from_bytes(data[_ETHERNET + 2 : _ETHERNET + 4], "big")


async def _serf(case, folder):
    """A cluster of serf agents. The system's second word is their profile."""
    profile, nodes = case["system"].split()[1], case["nodes"]
    counter = Counter(range(_RPC_PORT, _RPC_PORT + nodes))
    counter.start()
    arrivals = Arrivals(nodes)
    agents, readers = [], []

    async def listen(node, stream):
        async for line in stream:
            if found := _EVENT.search(line.decode(errors="replace")):
                arrivals.heard(node, int(found.group(1)), time.monotonic())

    async def contribute(node, number):
        words = ("-coalesce=false", f"-rpc-addr=127.0.0.1:{_RPC_PORT + node}", f"c{number}")
        quiet = asyncio.subprocess.DEVNULL
        event = await asyncio.create_subprocess_exec(
            "serf", "event", *words, "1234", stdout=quiet, stderr=quiet
        )
        await event.wait()

    try:
        for node in range(nodes):
            join = ("-join", f"127.0.0.1:{_SERF_PORT}") if node else ()
            agents.append(
                await asyncio.create_subprocess_exec(
                    *("serf", "agent", f"-node=n{node}", f"-profile={profile}"),
                    f"-bind=127.0.0.1:{_SERF_PORT + node}",
                    f"-rpc-addr=127.0.0.1:{_RPC_PORT + node}",
                    *join,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                )
            )
            readers.append(asyncio.create_task(listen(node, agents[-1].stdout)))
            await asyncio.sleep(0.1)
        used = await play(case, arrivals, contribute, lambda: counter.bytes)
    finally:
        for agent in agents:
            with contextlib.suppress(ProcessLookupError):
                agent.kill()
        await asyncio.gather(*readers, *(agent.wait() for agent in agents))
    return {"bytes": round(2 * used / nodes), **arrivals.result()}  # of both ends


async def _mosquitto(case, folder):
    """A broker, and clients that publish a retained counter each and hear those of all."""
    import aiomqtt

    nodes = case["nodes"]
    settings = Path(folder) / "mosquitto.conf"
    settings.write_text(f"listener {_MQTT_PORT} 127.0.0.1\nallow_anonymous true\n")
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    broker = await asyncio.create_subprocess_exec(
        program, "-c", str(settings), stderr=asyncio.subprocess.DEVNULL
    )
    counter = Counter()
    counter.start()
    arrivals = Arrivals(nodes)
    clients = {}

    async def client(node):
        for _ in range(50):
            with contextlib.suppress(aiomqtt.MqttError):
                async with aiomqtt.Client("127.0.0.1", _MQTT_PORT, identifier=f"n{node}") as mqtt:
                    await mqtt.subscribe("m/#", qos=1)
                    clients[node] = mqtt
                    async for message in mqtt.messages:
                        number = int(bytes(message.payload).decode())
                        arrivals.heard(node, number, time.monotonic())
            await asyncio.sleep(0.1)  # until the broker listens

    async def contribute(node, number):
        await clients[node].publish(f"m/{node}", str(number), qos=1, retain=True)

    tasks = [asyncio.create_task(client(node)) for node in range(nodes)]
    try:
        while len(clients) < nodes:
            await asyncio.sleep(0.1)
        used = await play(case, arrivals, contribute, lambda: counter.bytes)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        broker.kill()
        await broker.wait()
    return {"bytes": round(used / nodes), **arrivals.result()}  # a client is one of two ends


def main(text):
    """Run one case and print what came of it."""
    case = json.loads(text)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    system = _serf if case["system"].startswith("serf") else _mosquitto
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(system(case, folder))))


if __name__ == "__main__":
    main(sys.argv[1])
