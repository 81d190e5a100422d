"""The bridge at a real broker: killed under load, beside another, with nothing to say yet."""

import asyncio
import contextlib
import json
import random

import aiomqtt
import pytest

from lvs.config import Config
from lvs_tools.bridge import bridge as bridge_module
from lvs_tools.bridge import mqtt
from lvs_tools.bridge.bridge import Bridge, Busy
from lvs_tools.mesh.plan import free_port as free_udp_port
from tests.bridge import campaign, fast
from tests.support import broker


@pytest.fixture
def mosquitto(tmp_path):
    broker.require()
    server = broker.Broker(tmp_path)
    server.start()
    yield server
    server.stop()


def test_killed_and_cut_off_it_ends_exact_and_nothing_ever_falls(tmp_path):
    """The campaign's first moments; `make bridge` has the rest."""
    broker.require()
    figures = asyncio.run(campaign.run(1, 2, 1, tmp_path, lambda _: None, 2.0))
    assert figures["troubles"] == 3
    assert figures["values_seen"] > 6


def bridge_at(server, folder, config, told):
    made = Bridge(Config(config), folder, told.append)
    teller = mqtt.Mqtt(
        mqtt.broker(f"127.0.0.1:{server.port}"), campaign.BASE, "homeassistant", True, made
    )
    made.tellers.append(teller)
    return made, teller


@contextlib.asynccontextmanager
async def running(*jobs):
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until(true):
    while not true():
        await asyncio.sleep(0.02)


async def _retained(server, seconds=0.5):
    found = {}
    async with aiomqtt.Client("127.0.0.1", server.port) as client:
        await client.subscribe("#", qos=1)

        async def read():
            async for message in client.messages:
                found[message.topic.value] = message.payload.decode()

        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(read(), seconds)
    return found


def test_alone_it_takes_contributions_and_says_no_value(mosquitto, tmp_path, monkeypatch):
    monkeypatch.setattr(bridge_module, "clock", fast.clock)
    config = {"mesh": campaign.MESH, "channels": campaign.CHANNELS, "port": free_udp_port()}
    config |= {"address": "127.0.0.201", "broadcast": campaign.BROADCAST, "rows": 100}
    told = []

    async def run():
        one, teller = bridge_at(mosquitto, tmp_path / "one", config, told)
        with pytest.raises(Busy, match="another bridge uses it"):
            Bridge(Config(dict(config, address="127.0.0.202")), tmp_path / "one", told.append)
        replies = []
        async with running(one.run(), teller.run()):
            await _until(lambda: teller.connected and one.node.state == "ACTIVE")
            async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
                await client.subscribe(f"{campaign.BASE}/contributed", qos=1)
                for channel, payload in (
                    ("water", '{"amount": "1.5", "key": "a"}'),
                    ("water", '{"amount": 1.50, "key": "a"}'),
                    ("water", '{"amount": "1e15", "key": "b"}'),
                    ("wine", '{"amount": "1", "key": "c"}'),
                    ("water", "nonsense"),
                ):
                    topic = f"{campaign.BASE}/contribute/{channel}"
                    await client.publish(topic, payload, qos=1)
                async for message in client.messages:
                    replies.append(json.loads(message.payload))
                    if len(replies) == 5:
                        break
            await _until(lambda: one.node.ledger.given(0) == 1500)
            found = await _retained(mosquitto)
            # Another one at the same topics would count each contribution a second time.
            other, second = bridge_at(
                mosquitto, tmp_path / "two", dict(config, address="127.0.0.202"), told
            )
            async with running(other.run(), second.run()):
                await _until(
                    lambda: second.error.startswith("broker") and "--topic" in second.error
                )
                assert not second.connected
        return replies, found

    replies, found = asyncio.run(asyncio.wait_for(run(), 60))
    assert [r["result"] for r in replies] == ["counted", "known", "refused", "refused", "refused"]
    assert "pass its end" in replies[2]["error"]
    assert "wine" in replies[3]["error"] and replies[3]["key"] == "c"
    assert not [topic for topic in found if "/value/" in topic]
    state = json.loads(found[f"{campaign.BASE}/bridge"])
    assert (state["connected"], state["state"], state["met"]) == (True, "offline", False)
    sensors = [json.loads(v) for t, v in found.items() if t.startswith("homeassistant/sensor/")]
    assert {s["state_class"] for s in sensors} == {"total_increasing"}
    assert any("--topic" in text for text in told)


def test_a_bridge_that_is_gone_is_offline_and_its_values_stay(mosquitto, tmp_path, monkeypatch):
    monkeypatch.setattr(bridge_module, "clock", fast.clock)
    said = []

    async def run():
        mesh = campaign.Mesh(free_udp_port(), 2, random.Random(3))
        one, teller = bridge_at(mosquitto, tmp_path / "one", mesh.config("127.0.0.201"), [])
        one.say = said.append
        try:
            work = [asyncio.create_task(job) for job in (one.run(), teller.run())]
            await _until(lambda: teller.sent > 2)
            mesh.busy = False
            online = await _retained(mosquitto)
            one.stop()
            await work[0]
            teller.end()
            await work[1]
            return online, await _retained(mosquitto)
        finally:
            await mesh.stop()

    online, offline = asyncio.run(asyncio.wait_for(run(), 60))
    assert json.loads(online[f"{campaign.BASE}/bridge"])["state"] == "online"
    state = json.loads(offline[f"{campaign.BASE}/bridge"])
    assert (state["connected"], state["state"]) == (False, "offline")
    assert sorted(text.partition(": ")[2] for text in said) == [
        "connected",
        "met it, values are told",
    ]
    assert f"{campaign.BASE}/value/water" in offline


def test_a_full_disk_says_so_once_acknowledges_nothing_and_goes_on(
    mosquitto, tmp_path, monkeypatch
):
    monkeypatch.setattr(bridge_module, "clock", fast.clock)
    told = []

    async def run():
        mesh = campaign.Mesh(free_udp_port(), 2, random.Random(3))
        one, teller = bridge_at(mosquitto, tmp_path / "one", mesh.config("127.0.0.201"), told)
        payload = '{"amount": "0.5", "key": "k"}'
        replies = []
        try:
            async with running(one.run(), teller.run()):
                await _until(lambda: teller.sent > 2)
                one.store._db.execute("PRAGMA query_only = 1")
                said = dict(one.values.said)
                async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
                    await client.subscribe(f"{campaign.BASE}/contributed", qos=1)
                    await client.publish(f"{campaign.BASE}/contribute/water", payload, qos=1)
                    await _until(lambda: len(told) > 1)
                    await _until(lambda: one.state()["state"] == "offline")
                    assert one.values.said == said and teller.connected
                    one.store._db.execute("PRAGMA query_only = 0")
                    async for message in client.messages:  # it came again by itself
                        replies.append(json.loads(message.payload)["result"])
                        break
                await _until(lambda: one.node.ledger.given(0) == 500)
                await _until(lambda: one.values.said != said)
        finally:
            await mesh.stop()
        return replies

    assert asyncio.run(asyncio.wait_for(run(), 60)) == ["counted"]
    assert any("nothing new is said" in text for text in told)
    assert len(told) < 6
