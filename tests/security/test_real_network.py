"""Real MicroPython nodes, one a machine, on a real network that is unkind; one host is hostile."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lvs_tools import interpreters, places
from lvs_tools.mesh.process import Instance
from tests.security import netns
from tests.support.interpreters import require

NODES = 5
PORT = 4785
HOSTILE = Path(__file__).with_name("hostile_host.py")
LIMIT_S = 60.0  # after the last fault, until all hold the same
LIARS = ("Drain", "Malformed", "RandomValues", "NewsFlooder", "ClockPusher")


class InNamespace(Instance):
    """A node process in a machine's namespace."""

    def __init__(self, node, hub, folder):
        super().__init__(node, True, time.monotonic)
        self.hub = hub
        self.config = folder / f"{node}.json"
        self.config.write_text(
            json.dumps(
                {
                    "mesh": "real",
                    "channels": ["a", "b"],
                    "port": PORT,
                    "rows": 256,
                    "broadcast": "10.77.0.255",
                }
            )
        )
        self.wrapper = folder / f"run-{node}.sh"
        words = " ".join(hub.command(node, [interpreters.micropython()]))
        self.wrapper.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        self.wrapper.chmod(0o755)

    async def begin(self):
        await self.start(str(self.wrapper), self.config, 0, 1, 0)


async def values(nodes):
    return [(await node.ask("values"))["raw"] for node in nodes]


async def story(hub, folder):
    nodes = [InNamespace(i, hub, folder) for i in range(NODES)]
    expected = {"a": 0, "b": 0}

    def give(node, channel, raw):
        nodes[node].contribute(channel, raw)
        expected[channel] += raw

    hostile = None
    try:
        await asyncio.gather(*(node.begin() for node in nodes))
        for i in range(NODES):
            give(i, "a", 100 + i)
        await asyncio.sleep(14)
        hostile = subprocess.Popen(
            hub.command(
                NODES,
                [sys.executable, str(HOSTILE), str(nodes[0].config), "10.77.0.255", "12", *LIARS],
            ),
            stdout=subprocess.PIPE,
            env=interpreters.environment((places.ROOT, places.HOST, places.LIB)),
            text=True,
        )
        hub.cut = {1, 2}
        for i in range(NODES):
            give(i, "b", 50 * i + 7)
            give(i, "a", 11)
            await asyncio.sleep(1)
        await asyncio.sleep(7)
        hub.cut = set()
        give(2, "a", 300)
        said = int(hostile.communicate(timeout=20)[0] or 0)
        ended = time.monotonic()
        found = await values(nodes)
        while any(v != expected for v in found) and time.monotonic() < ended + LIMIT_S:
            await asyncio.sleep(0.5)
            found = await values(nodes)
        states = [(await node.ask("status"))["status"] for node in nodes]
        return expected, found, states, said, time.monotonic() - ended
    finally:
        if hostile and hostile.poll() is None:
            hostile.kill()
        for node in nodes:
            await node.stop()


def test_real_nodes_on_an_unkind_network(tmp_path, capsys):
    require("micropython")
    reason = netns.missing()
    if reason:
        pytest.skip(reason)
    hub = netns.Hub(NODES + 1, seed=4, loss=0.2, double=0.1, late=0.1)
    try:
        hub.start()
        expected, found, states, said, took = asyncio.run(story(hub, tmp_path))
    finally:
        hub.close()
    with capsys.disabled():
        print(
            f"\n  real network: {hub.carried} frames carried, {hub.lost} lost, {said} hostile; "
            f"exact {took:.1f} s after the last fault"
        )
    assert said > 20, "the hostile host said nothing: this tests nothing"
    assert hub.lost > 50
    assert found == [expected] * NODES, states
    assert all(s["state"] == "ACTIVE" for s in states)
