"""The inside of `lvs measure --leaf`: runs in MicroPython with 32-bit objects, prints JSON.

    measure_leaf.py SETTINGS.json

SETTINGS.json is a leaf's configuration. The program of a leaf is started and wakes, five holders
answer it. As in measure_inside, each ``yield`` is a collection.
"""

import gc
import json
import sys

import micropython
from inside import Transport

_HOLDERS = 5
now = 0


def answer(leaf, wire, wide, cycle):
    """What five holders say: values, and what is known of the leaf's rows."""
    config = leaf.config
    buf = bytearray(wire.MAX_FRAME)
    writer = wire.SdmWriter()
    s = leaf.ledger.session
    slots = min(16, len(config.channels))
    for i in range(_HOLDERS):
        n = wire.encode_ep(
            buf,
            config.tag,
            s.start,
            1000 + i,
            cycle,
            0,
            5,
            config.horizon(cycle >> 6) & 0xFFFF,
            wire.VALUE,
            0,
            1,
            len(config.channels),
            config.fingerprint(0, slots),
            bytes(8),
            wide.of([1 << 40] * slots),
        )
        leaf.handle(bytes(buf[:n]), i)
        writer.begin(config.tag, s.start, 1000 + i, cycle, 0, 0, config.grain)
        for c in range(slots):
            if s.total[c]:
                writer.relay(s.nonce, s.start, c, s.total[c])
        n = writer.end()
        leaf.handle(bytes(writer.buf[:n]), i)


def scenario(settings):
    """The whole measurement; every yield is a collection."""
    global now
    result = {}
    yield
    base = gc.mem_alloc()
    import sleeper

    import lvs.leaf
    import lvs.machine
    import lvs.transport_layer

    lvs.machine.clock = lambda: now
    lvs.machine.entropy = lambda: (now * 7919 + 12345) & 0x3FFFFFFF
    from lvs import wide, wire

    yield
    result["heap_import"] = gc.mem_alloc() - base
    sleeper.once("settings").check_board(settings["board"])
    board = sleeper.Sleeper(settings)
    leaf = board.leaf
    leaf.transport = Transport()
    leaf.now = lambda: now
    yield
    result["heap_start"] = gc.mem_alloc() - base
    high = 0
    for waking in range(3):
        for name in settings["channels"]:
            leaf.contribute(name, "1.5")
        leaf.wake(3000)
        while leaf.awake:
            now += 50
            leaf.tick()
            if now % 200 == 0:
                answer(leaf, wire, wide, 400000 + now // 1000 + 300 * waking)
            yield
            high = max(high, gc.mem_alloc() - base)
    result["heap_high_water"] = high
    result["heap_awake"] = gc.mem_alloc() - base
    result["left"] = leaf.left()
    result["state_bytes"] = len(board.leaf._kept._encode(0))
    print("RESULT", json.dumps(result))
    micropython.mem_info()


with open(sys.argv[1]) as _file:
    steps = scenario(json.load(_file))
