"""Manners on real sockets: no amplification, and a flood is survived (loopback)."""

import asyncio
import json
import random
import socket
import threading
import time

from lvs import Config, Node, wire
from lvs_tools import interpreters
from lvs_tools.fuzz.victim import establish
from lvs_tools.mesh import plan
from lvs_tools.mesh.process import Instance
from tests.security.duration import LONG
from tests.support.cell import Speaker, encode_ep
from tests.support.interpreters import require

FLOOD_S = 60.0 if LONG else 3.0
RATE = 10000  # packets a second
SOURCES = 4
ASKING = (
    wire.WANT | wire.DIRECT,
    wire.WANT | wire.DIRECT | wire.JOINING,
    wire.DIRECT,
    wire.WANT | wire.DIRECT | wire.RECOVERING,
)
READY_S = 60.0  # until three nodes are active and agree, at most
ANSWER_S = 2.0  # an answer on standard input may take so long, on a busy machine
JITTER_CYCLES = 2.0  # by which the drift cycle may be off against real time
RECOVER_S = 20.0  # after the flood: until a contribution made elsewhere is counted


def udp(address, port=0):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, port))
    s.setblocking(False)
    return s


def drain(s):
    """Bytes that wait in a socket."""
    size = 0
    while True:
        try:
            size += len(s.recv(2048))
        except BlockingIOError:
            return size


class Fast:
    """A clock that runs many times as fast, so that minutes of manners take seconds."""

    def __init__(self, times):
        self.times = times

    def __call__(self):
        return int(time.monotonic() * 1000 * self.times) & 0x3FFFFFFF


def question(node, nonce, flags, digests):
    return encode_ep(
        {
            "tag": node.config.tag,
            "start": node.clock.grain(),
            "nonce": nonce,
            "cycle": node.clock.cycle,
            "shard": 0,
            "noise": nonce,
            "horizon": node.replicas[0].shard.horizon & 0xFFFF,
            "flags": flags,
            "load": 0,
            "held": 1,
            "digests": digests,
            "vector": list(node.replicas[0].shard.settled)[:1],
        }
    )


def test_no_address_gets_more_than_it_sent():
    """A reply to a question is never larger than the question's sender has paid for in bytes."""
    port = plan.free_port()
    node = Node(
        {
            "channels": ["a"],
            "port": port,
            "address": "127.0.0.2",
            "kb_per_min": 60000,
            "broadcast": plan.BROADCAST,
        },
        clock=Fast(20),
    )
    establish(node, 100000, [])
    liar = Speaker(node, ("127.0.0.40", port))
    for i in range(12):  # rows to be asked for
        liar.sdm(relayed=[(liar.start, 5000 + 25 * i + k, 0, 9) for k in range(25)])
    assert node.status()["rows"] > 100
    rng = random.Random(1)
    askers = [udp("127.0.0.%d" % (50 + i), port) for i in range(4)]
    sent = [0] * 4
    heard = [0] * 4
    try:
        end = time.monotonic() + 2
        # Who is answered is chance: longer, if somebody was not.
        while time.monotonic() < end or min(heard) == 0 and time.monotonic() < end + 20:
            for i, s in enumerate(askers):
                if rng.random() < 0.2:
                    frame = question(node, 100 + i, ASKING[i], [rng.getrandbits(16)] * 8)
                    sent[i] += s.sendto(frame, ("127.0.0.2", port))
            node.receive()
            node.tick()
            time.sleep(0.002)
            for i, s in enumerate(askers):
                heard[i] += drain(s)
    finally:
        node.transport.close()
        for s in askers:
            s.close()
    assert min(heard) > 0, "somebody was never answered: this tests nothing"
    factors = [h / s for h, s in zip(heard, sent, strict=True)]
    assert max(factors) <= 1, factors


def flood_frames(config, cycle):
    """What an attacker says in a cycle: invented rows, drains, questions, forgeries, noise.

    Not about the clock: four addresses are most of those that are heard here, and may slow it to
    half its speed (guarantee G3). This is about load.
    """
    rng = random.Random(cycle)
    writer = wire.SdmWriter()
    frames = []
    for i in range(400):
        nonce = rng.getrandbits(30)
        kind = i % 4
        if kind == 0:
            frames.append(bytes(rng.getrandbits(8) for _ in range(rng.randrange(250))))
        elif kind == 1:
            writer.begin(config.tag, 82, nonce, cycle, 0, 1)
            writer.own(0, rng.randrange(1, 1000))
            frames.append(bytes(writer.buf[: writer.end()]))
        else:
            frames.append(
                encode_ep(
                    {
                        "tag": config.tag,
                        "start": 82,
                        "nonce": nonce,
                        "cycle": cycle,
                        "shard": 0,
                        "noise": nonce,
                        "horizon": 1,
                        "flags": rng.choice((0, 8, 40)),
                        "load": 0,
                        "held": 1,
                        "digests": [rng.getrandbits(16)] * 8,
                        "vector": [0],
                    }
                )
            )
    return frames


class Flood(threading.Thread):
    """Sends RATE packets a second to an address until it is told to stop.

    frames: a list of them for each second.
    """

    def __init__(self, frames, target):
        super().__init__(daemon=True)
        self.frames = frames
        self.target = target
        self.sent = 0
        self.over = threading.Event()

    def run(self):
        sockets = [udp("127.0.0.%d" % (60 + i)) for i in range(SOURCES)]
        begin = time.monotonic()
        while not self.over.is_set():
            passed = time.monotonic() - begin
            due = int(passed * RATE)
            frames = self.frames[min(int(passed), len(self.frames) - 1)]
            while self.sent < due:
                frame = frames[self.sent % len(frames)]
                try:
                    sockets[self.sent % SOURCES].sendto(frame, self.target)
                except OSError:
                    pass  # its own buffer is full: it has tried
                self.sent += 1
            time.sleep(0.002)
        self.seconds = time.monotonic() - begin
        for s in sockets:
            s.close()


async def watch(node, seconds):
    """Ask a node for its status until the time is over: [(real time, cycle, answer time)]."""
    seen = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        asked = time.monotonic()
        status = (await node.ask("status"))["status"]
        now = time.monotonic()
        seen.append((now, status["cycle"], now - asked, status))
        await asyncio.sleep(0.25)
    return seen


async def raw(node, channel="a"):
    return (await node.ask("value " + channel))["raw"]


async def siege(tmp_path, engine):
    """Three nodes; one is flooded; a fourth address contributes through another node."""
    port = plan.free_port()
    configs = [
        {
            "mesh": f"flood-{port}",
            "channels": ["a"],
            "port": port,
            "address": f"127.0.0.{2 + i}",
            "broadcast": plan.BROADCAST,
        }
        for i in range(3)
    ]
    nodes = []
    for i, config in enumerate(configs):
        path = tmp_path / f"{i}.json"
        path.write_text(json.dumps(config))
        nodes.append(Instance(i, True, time.monotonic))
        await nodes[-1].start(engine, path, 0, i + 1, 0)
    victim, other, _ = nodes
    flood = Flood([], ("127.0.0.2", port))
    try:
        other.contribute("a", 256)
        ready = time.monotonic() + READY_S
        while await raw(victim) != 256:
            assert time.monotonic() < ready, (await victim.ask("status"))["status"]
            await asyncio.sleep(0.2)
        cycle = (await victim.ask("status"))["status"]["cycle"]
        mesh = Config(configs[-1])
        # A cycle ahead: in the victim's full queue frames wait for about as long.
        flood.frames = [flood_frames(mesh, cycle + 1 + s) for s in range(int(FLOOD_S) + 12)]
        gone = (await victim.ask("status"))["status"]["cycle"] - cycle
        del flood.frames[:gone]  # the mesh went on meanwhile
        flood.start()
        seen = await watch(victim, FLOOD_S)
        flood.over.set()
        flood.join()
        before = await raw(victim)
        other.contribute("a", 512)
        ended = time.monotonic()
        while await raw(victim) - before < 512 and time.monotonic() < ended + RECOVER_S:
            await asyncio.sleep(0.1)
        took = time.monotonic() - ended
        calm = (await victim.ask("status"))["status"]
        victim.contribute("a", 256)
        assert await victim.acknowledged()
        return seen, flood, took, calm
    finally:
        flood.over.set()
        for node in nodes:
            await node.stop()


def test_a_flood_of_ten_thousand_packets_a_second(tmp_path, capsys):
    """The node lives, keeps its cycle, answers its input, and recovers within seconds."""
    require("micropython")
    engine = interpreters.micropython()
    seen, flood, took, calm = asyncio.run(siege(tmp_path, engine))
    rate = flood.sent / flood.seconds
    begin, cycle0 = seen[0][:2]
    jitter = [abs((cycle - cycle0) - (now - begin)) for now, cycle, _, _ in seen]
    slowest = max(answer for _, _, answer, _ in seen)
    handled = seen[-1][3]["received"] - seen[0][3]["received"]
    dropped = sum(seen[-1][3]["dropped"].values()) - sum(seen[0][3]["dropped"].values())
    with capsys.disabled():
        print(
            f"\n  flood: {rate:.0f} packets/s for {flood.seconds:.0f} s, {handled} heard, "
            f"{dropped} dropped; cycle jitter {max(jitter):.2f}, slowest answer "
            f"{slowest * 1000:.0f} ms, recovered in {took:.1f} s"
        )
    assert rate > RATE / 2, "this machine could not even send that much: no flood, no test"
    assert max(jitter) <= JITTER_CYCLES
    assert slowest <= ANSWER_S
    assert took < RECOVER_S
    assert calm["state"] == "ACTIVE"
    assert handled + dropped > 1000
