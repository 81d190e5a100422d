"""A bridge's connection to a broker: values out, contributions in.

Nothing waits for the broker: while it is gone the values go on, and when it is back all of them
are said again. A contribution is acknowledged to the broker when it is durable here, so that one
whose acknowledgement was lost comes again, and is known by its key.
"""

import asyncio
import json
import logging
import os
import re
import sqlite3
import ssl
import time
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import aiomqtt

from lvs import LvsError
from lvs_tools.bridge import topics

PASSWORD = "LVS_MQTT_PASSWORD"  # noqa: S105 - the name of the variable
_LONGEST_S = 30.0  # between attempts to connect
_KEEPALIVE_S = 30
_BATCH = 64  # contributions that are made durable together
_STATE_EVERY_S = 60.0
_GONE_S = 180.0  # a bridge that said nothing for so long is gone
_OTHER_S = 1.0  # after subscribing: what is retained has come by then
# What is wrong with the connection is said by the bridge, in a line.
_QUIET = logging.getLogger("lvs.bridge.mqtt")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


@dataclass(frozen=True)
class Broker:
    """Where a broker is. tls: encrypted; user: or None, with a password from the environment."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None


def broker(text):
    """The Broker of "HOST[:PORT]" or "mqtt[s]://[USER@]HOST[:PORT]". Raises ValueError."""
    parts = urlsplit(text if "://" in text else f"mqtt://{text}")
    try:
        port = parts.port
    except ValueError:  # no number, or none of a port
        port = None
        parts = parts._replace(netloc="")
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise ValueError(f"'{text}' is neither HOST[:PORT] nor mqtt[s]://[USER@]HOST[:PORT]")
    tls = parts.scheme == "mqtts"
    user = unquote(parts.username) if parts.username else None
    return Broker(parts.hostname, port or (8883 if tls else 1883), tls, user)


# What a connection's error says, in lower case, and what to look at then.
_HINTS = (
    ("refused", "does a broker run there, and listen to this machine?"),
    ("not known", "is the name right?"),
    ("not authorized", f"is it mqtt://USER@HOST, and the password in {PASSWORD}?"),
    ("user name or password", f"is it mqtt://USER@HOST, and the password in {PASSWORD}?"),
    ("certificate", "does this machine trust its certificate, and is that for this name?"),
)


def reason(error):
    """Why there is no connection, without the numbers of a library, and what to look at."""
    text = re.sub(r"^\[[^\]]+\] ", "", str(error))
    hint = next((hint for found, hint in _HINTS if found in text.lower()), "")
    return f"{text} ({hint})" if hint else text


class Client(aiomqtt.Client):
    """A connection that acknowledges a message when told to: what is not durable here yet must
    come again. aiomqtt has no way of its own to say so; its client of paho has, a public one."""

    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self._client.manual_ack_set(True)

    def acknowledge(self, message):
        """Let the broker forget a message."""
        self._client.ack(message.mid, message.qos)


class Mqtt:
    """One bridge at one broker. where: base of its topics; prefix: Home Assistant's, or ""; take:
    are contributions taken? bridge: has config, store, values, text(name), state(), warn(text)
    and say(text)."""

    def __init__(self, broker_, where, prefix, take, bridge):
        self._broker = broker_
        self._where = where
        self._prefix = prefix
        self._take = take
        self._bridge = bridge
        self._news = asyncio.Event()
        self._other = ""  # the id of another bridge that serves these topics
        self._again = False  # is the bridge's state to be said again?
        self._ending = False
        self.connected = False
        self.error = "not connected yet"
        self.sent = self.taken = 0

    def changed(self):
        """There is something new to be said."""
        self._news.set()

    def end(self):
        """Say what is left to be said, and that the bridge is gone; then ``run`` returns."""
        self._ending = True
        self._news.set()

    # --- the connection -------------------------------------------------------------------------

    async def run(self):
        """Stay connected, until ``end``."""
        pause = 1.0
        while not self._ending:
            began = time.monotonic()
            try:
                async with self._connection() as client:
                    await self._serve(client)
            except (aiomqtt.MqttError, OSError) as error:
                # What is not durable was not acknowledged: it comes again.
                self._lost(f"broker {self._broker.host}:{self._broker.port}: {reason(error)}")
            finally:
                self.connected = False
            if self._ending:
                return
            if time.monotonic() - began > _LONGEST_S:
                pause = 1.0
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_S)

    def _lost(self, why):
        if self.error != why:
            self._bridge.warn(f"{why}; values wait, and are said when it is back")
        self.error = why

    def _connection(self):
        b = self._broker
        will = aiomqtt.Will(self._topic("bridge"), self._state(False), qos=1, retain=True)
        return Client(
            b.host,
            b.port,
            username=b.user,
            password=os.environ.get(PASSWORD),
            logger=_QUIET,
            identifier=f"lvs-bridge-{self._bridge.store.id}",
            clean_session=False,  # the broker keeps contributions while this one is away
            will=will,
            keepalive=_KEEPALIVE_S,
            tls_context=ssl.create_default_context() if b.tls else None,
        )

    def _topic(self, rest):
        return f"{self._where}/{rest}"

    def _state(self, connected):
        said = self._bridge.state() if connected else {"state": "offline"}
        return json.dumps({"id": self._bridge.store.id, "connected": connected, **said})

    async def _serve(self, client):
        self._other = ""
        inbox = asyncio.Queue()
        jobs = [asyncio.create_task(self._listen(client, inbox))]
        try:
            await client.subscribe(self._topic("bridge"), qos=1)
            await asyncio.sleep(_OTHER_S)
            self._refuse_another()
            self.connected, self.error = True, ""
            self._bridge.say(f"broker {self._broker.host}:{self._broker.port}: connected")
            if not self._take:
                await client.unsubscribe(self._topic("contribute/+"))
            else:
                await client.subscribe(self._topic("contribute/+"), qos=1)
                jobs.append(asyncio.create_task(self._take_in(client, inbox)))
            jobs.append(asyncio.create_task(self._tell(client)))
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                job.result()
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _listen(self, client, inbox):
        async for message in client.messages:
            if message.topic.value == self._topic("bridge"):
                client.acknowledge(message)
                self._hear_bridge(message.payload)
            else:
                inbox.put_nowait(message)

    def _hear_bridge(self, payload):
        """Another bridge at these topics would count contributions twice: one of two gives way."""
        try:
            said = json.loads(payload)
            # One that was killed together with its broker left no will.
            late = time.time() - said["time"] > _GONE_S if said["connected"] else True
            other = "" if late else str(said["id"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        mine = self._bridge.store.id
        if other and other != mine:
            if self.connected and mine < other:
                self._again = True
                self._news.set()
                return
            self._other = other
            if self.connected:
                self._refuse_another()

    def _refuse_another(self):
        if self._other:
            raise OSError(f"bridge {self._other} serves {self._where} already; give one --topic")

    # --- out ------------------------------------------------------------------------------------

    async def _tell(self, client):
        """Say everything once, then what is new; the bridge's state now and then."""
        for topic, payload in self._discovery():
            await client.publish(topic, payload, qos=1, retain=True)
        said, state, at = {}, "", 0.0
        while True:
            ending = self._ending
            self._news.clear()
            for name, raw in list(self._bridge.values.said.items()):
                if said.get(name) != raw:
                    topic = self._topic(f"value/{topics.quoted(name)}")
                    await client.publish(topic, self._bridge.text(name, raw), qos=1, retain=True)
                    said[name] = raw
                    self.sent += 1
            word = self._bridge.state()["state"]
            late = time.monotonic() - at > _STATE_EVERY_S
            if word != state or late or ending or self._again:
                self._again = False
                payload = self._state(not ending)
                await client.publish(self._topic("bridge"), payload, qos=1, retain=True)
                state, at = word, time.monotonic()
            if ending:
                return
            try:
                await asyncio.wait_for(self._news.wait(), _STATE_EVERY_S / 4)
            except asyncio.TimeoutError:
                pass

    def _discovery(self):
        if not self._prefix:
            return ()
        return topics.discovery(self._bridge.config, self._prefix, self._where)

    # --- in -------------------------------------------------------------------------------------

    async def _take_in(self, client, inbox):
        while True:
            messages = [await inbox.get()]
            while len(messages) < _BATCH and not inbox.empty():
                messages.append(inbox.get_nowait())
            said = await self._accepted(messages)
            for message, reply in zip(messages, said, strict=True):
                client.acknowledge(message)
                await client.publish(self._topic("contributed"), json.dumps(reply), qos=1)

    async def _accepted(self, messages):
        """What is said of contributions, once they are durable; the broker keeps them."""
        pause, warned = 1.0, False
        while True:
            try:
                return self._accept(messages)
            except sqlite3.Error as error:
                if not warned:
                    self._bridge.warn(f"{self._bridge.store.path}: {error}; contributions wait")
                warned = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_S)

    def _accept(self, messages):
        """Make contributions durable; returns what is said of each."""
        config = self._bridge.config
        listed = [
            name for c, name in enumerate(config.channels) if not config.about(c, "retired", False)
        ]
        replies, good = [], []
        for message in messages:
            try:
                c = topics.contribution(message.topic.value, message.payload, listed)
            except LvsError as error:
                about = topics.named(message.payload)
                replies.append({**about, "result": "refused", "error": str(error)})
                continue
            replies.append({"key": c.key, "channel": c.channel, "amount": c.amount})
            good.append((replies[-1], c))
        results = self._bridge.accept([c for _, c in good]) if good else ()
        for (reply, _), result in zip(good, results, strict=True):
            if result in ("counted", "known"):
                reply["result"] = result
            else:
                reply |= {"result": "refused", "error": result}
        self.taken += len(messages)
        return replies
