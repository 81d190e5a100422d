"""The inside of `lvs measure`: runs in MicroPython with 32-bit objects, prints JSON.

    measure_inside.py SETTINGS.json CYCLES

SETTINGS.json is a node's configuration. The node gets 64 peers at 64 addresses, every ring full,
in virtual time. WebAssembly collects garbage between calls from JavaScript only, so the run is a
generator: each ``yield`` is a collection, and what is measured after it is what lives.
"""

import gc
import json
import os
import sys

import micropython
from inside import Transport

PEERS = 64
UNIT = 1000  # raw units in a unit
now = 0
seed = 12345
test_bytes = 0  # what the test itself holds


def clock():
    """Virtual milliseconds."""
    return now & 0x3FFFFFFF


def entropy():
    """30 bits, the same in every run."""
    global seed
    seed = (seed * 20021 + 12345) & 0x3FFFFFFF
    return seed


class Peers:
    """Writes the frames of 64 peers into buffers of its own."""

    def __init__(self, node, wire):
        self.node = node
        self.wire = wire
        self.tag = node.config.tag
        self.buffer = bytearray(wire.MAX_FRAME)
        self.view = memoryview(self.buffer)
        self.writer = wire.SdmWriter()
        self.writer_view = memoryview(self.writer.buf)
        self.digests = [0] * wire.BUCKETS
        self.totals = [0] * PEERS
        self.start = node.clock.grain()

    def nonce(self, i):
        """Session of peer i."""
        return (i * 7919 + 104729) & 0x3FFFFFFF

    def ep(self, i, k):
        """An EP of peer i about replica k, which agrees in everything but the rows."""
        r = self.node.replicas[k]
        n = self.wire.encode_ep(
            self.buffer,
            self.tag,
            self.start,
            self.nonce(i),
            self.node.clock.cycle,
            r.index,
            entropy(),
            r.shard.horizon,
            0,
            0,
            self.node.placement.held_map(),
            0,
            0,
            self.digests,
            r.shard.settled,
            r.shard.slots,
        )
        return self.view[:n]

    def sdm(self, i, k, slots, relays):
        """An SDM of peer i about replica k: its own rows in ``slots``, and others' rows."""
        w = self.writer
        w.begin(
            self.tag,
            self.start,
            self.nonce(i),
            self.node.clock.cycle,
            self.node.replicas[k].index,
            64,
            self.node.config.grain,
        )
        for slot in slots:
            w.own(slot, self.totals[i])
        for j in range(relays):
            other = (i + 1 + j) % PEERS
            w.relay(self.nonce(other), self.start, slots[0], self.totals[other])
        return self.writer_view[: w.end()]


def pass_time(node, ms, step=100):
    """Let time pass for the node, as its task on the board does."""
    global now
    end = now + ms
    while now < end:
        now += step
        node.tick()


def cost(node, peers, kind):
    """Bytes allocated by one packet, by one cycle's ticks, or by one contribution."""
    frame = b""
    if kind == "ep":
        frame = bytes(peers.ep(3, 0))
    elif kind == "sdm":
        frame = bytes(peers.sdm(5, 0, [5], 8))
    before = gc.mem_alloc()
    if kind == "cycle":
        pass_time(node, 1000, 20)
    elif kind == "contribution":
        node.contribute(node.config.channels[0], "0.5")
    else:
        node.handle(frame, 1003)
    return gc.mem_alloc() - before


def fill(node, peers, settings):
    """Ten epochs: until every table is full and the peers have trust."""
    each = min((settings["rows"] + PEERS - 1) // PEERS + 1, peers.wire.SLOTS)
    for _ in range(40):
        for i in range(PEERS):
            peers.totals[i] += UNIT
            for k in range(len(node.replicas)):
                slots = [(i + j) % peers.wire.SLOTS for j in range(each)]
                node.handle(peers.ep(i, k), 1000 + i)
                node.handle(peers.sdm(i, k, slots, 0), 1000 + i)
            if i & 7 == 7:
                pass_time(node, 2000)
        for i in range(PEERS, settings["routes"]):  # more who are heard, and contribute nothing
            node.handle(peers.ep(i, 0), 1000 + i)
        for i in range(1, node.routes.n):  # the trust that they would earn within hours
            node.routes.agreed[i] = 255
        yield
    for name in settings["channels"]:
        node.contribute(name, "1.5")
    pass_time(node, 2000)
    yield


def tables_full(node):
    """Whether it has all it can hold; a node keeps some rows back for itself."""
    return all(r.shard.crowded() for r in node.replicas) and node.routes.n == node.routes.size


def busy(node, peers, cycles):
    """A busy mesh: 64 peers, four packets a cycle, a contribution every ten cycles.

    Returns the most bytes that were in use.
    """
    high = 0
    channels = node.config.channels
    held = len(node.replicas)
    for c in range(cycles):
        for j in range(4):
            i = (c * 4 + j) % PEERS
            peers.totals[i] += 64
            if j & 1:
                node.handle(peers.sdm(i, c % held, [i % peers.wire.SLOTS], 8), 1000 + i)
            else:
                node.handle(peers.ep(i, c % held), 1000 + i)
            pass_time(node, 250)
        if c % 10 == 0:
            node.contribute(channels[c // 10 % len(channels)], "0.5")
        high = max(high, gc.mem_alloc())
        yield
    return high


def mean_cost(node, peers, kinds):
    """The mean of what things of these kinds allocate, in bytes."""
    used = 0
    for kind in kinds:
        for _ in range(32):
            used += cost(node, peers, kind)
            pass_time(node, 250)
            yield
    return used // (32 * len(kinds))


def scenario(settings, cycles):
    """The whole measurement; every yield is a collection."""
    result = {}
    yield
    base = gc.mem_alloc()

    from lvs import Node, wire

    yield
    result["heap_import_lvs"] = gc.mem_alloc() - base
    import app
    import keeper
    import wifi  # noqa: F401

    import lvs.transport_layer  # noqa: F401

    yield
    result["heap_import"] = gc.mem_alloc() - base
    os.mkdir("/journal")  # a journal makes it by an error's number, which is another one here
    journal = app.once("parts").journal(settings.get("board", {}))
    node = Node(settings, Transport(), clock, entropy, journal)
    dog = app.watchdog.Watchdog(0)
    tasks = [
        node.run(lambda: dog.check_in("node")),
        app.sources.run([], [], node, dog.check_in),
        app.Led(None).run(lambda: app.led_code(None, node), dog.check_in),
        dog.run(),
        keeper.run(dog.check_in, 60, None, node, app.once),
    ]
    yield
    result["heap_start"] = gc.mem_alloc() - base

    before = gc.mem_alloc()
    pass_time(node, 12000)  # alone for 8 cycles: it becomes active
    yield
    grown = gc.mem_alloc() - before
    before = gc.mem_alloc()
    peers = Peers(node, wire)
    filling, rush = fill(node, peers, settings), busy(node, peers, cycles)
    yield
    base += gc.mem_alloc() - before  # the test's own memory
    result["heap_active"] = result["heap_start"] + grown

    yield from filling
    result["heap_full_tables"] = gc.mem_alloc() - base
    status = node.status()
    result["tables_full"] = tables_full(node)
    for key in ("peers", "rows", "state", "dropped"):
        result[key] = status[key]
    yield
    high = yield from rush
    result["heap_high_water"] = high - base
    result["alloc_per_cycle"] = yield from mean_cost(node, peers, ("cycle",))
    result["alloc_per_packet"] = yield from mean_cost(node, peers, ("ep", "sdm"))
    result["alloc_per_contribution"] = yield from mean_cost(node, peers, ("contribution",))
    yield
    print("RESULT", json.dumps(result))
    micropython.mem_info()
    del tasks


with open(sys.argv[1]) as _file:
    steps = scenario(json.load(_file), int(sys.argv[2]))
