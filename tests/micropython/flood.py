"""Guarantee G7: thousands of invented sessions change neither the heap nor honest rows.

Prints what a node takes, how it grew, and what is left of the honest rows.
"""

import gc
import sys

from lvs import Node, wire
from lvs.fixed import mix
from tests.support.transport import Transport

HONEST = 10
INVENTED = 2000

now = 0


def ticks():
    """The clock."""
    return now


def noise():
    """Entropy enough."""
    return mix(now, 12345)


def heap():
    """Bytes in use; 0 where that cannot be told."""
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0


def pass_time(node, seconds):
    """Let time pass."""
    global now
    for _ in range(seconds * 4):
        now += 250
        node.tick()


def frames(node, writer, buf, session, address):
    """An EP and an SDM of a session, handed to a node."""
    cycle = node.clock.cycle
    grain = node.clock.grain()
    shard = node.replicas[0].shard
    n = wire.encode_ep(
        buf,
        node.config.tag,
        grain,
        session,
        cycle,
        0,
        mix(session, 1),
        shard.horizon,
        0,
        0,
        1,
        0,
        0,
        shard.digests,
        shard.settled,
        shard.slots,
    )
    node.handle(bytes(buf[:n]), address)
    writer.begin(node.config.tag, grain, session, cycle, 0, 0, node.config.grain)
    writer.own(session & 1, 100)
    n = writer.end()
    node.handle(bytes(writer.buf[:n]), address)


def flood():
    """Honest sessions first, then the flood. Yields wherever garbage is to be collected."""
    writer = wire.SdmWriter()
    buf = bytearray(wire.MAX_FRAME)
    config = {
        "channels": ["water", "power"],
        "rows": 128,
        "session_epochs": 48,
        "horizon_epochs": 32,
    }
    Node(config, Transport(keep=False), ticks, noise)  # the first one brings its modules
    yield
    before = heap()
    node = Node(config, Transport(keep=False), ticks, noise)
    yield
    print("node", heap() - before)
    pass_time(node, 80)
    for _ in range(6):
        for k in range(HONEST):
            frames(node, writer, buf, 1000 + k, 1 + k)
        pass_time(node, 64)
        yield
    honest = sorted(node.rows())
    value = node.value("water", raw=True)
    # The tables fill up once; after that nothing grows.
    for k in range(200):
        frames(node, writer, buf, 50000 + k, 5000 + k)
        if k % 20 == 0:
            pass_time(node, 1)
    yield
    full = heap()
    for k in range(INVENTED):
        frames(node, writer, buf, 100000 + k, 100 + k % 500)
        if k % 20 == 0:
            pass_time(node, 1)
            yield
    yield
    grown = heap() - full
    print("grown", grown)
    rows = sorted(node.rows())
    print("honest_rows_left", sum([r in rows for r in honest]), "of", len(honest))
    print("rows", len(rows))
    print("credited", node.value("water", raw=True) - value)
    print("routes", node.routes.n, "of", node.config.routes)
    print("refused", node.status()["refused"])


steps = flood()
if sys.platform != "webassembly":  # there whoever runs the script takes them, see wasm/run.mjs
    for _ in steps:
        gc.collect()
