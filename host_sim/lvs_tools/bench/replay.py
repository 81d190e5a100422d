"""Plays a tape (tape.py) to a node and says what each call cost; runs in MicroPython.

    replay.py TAPE.json count    calls `unsetenv` before each call, as a mark for callgrind; says
                                 ``ready`` before the first, and waits for a line
    replay.py TAPE.json heap     bytes that each call allocates

It prints one JSON object: the ``labels`` of the calls in order, of which those from ``calm`` on
are of a time in which nobody contributes, and with heap what they ``spent``; ``cycles``: of each
of the two times.
"""

import binascii
import gc
import json
import os
import sys
from array import array

from lvs import Node, fixed, wire
from lvs.drift_core import Drift, Window
from lvs.wide import Wide
from lvs_tools.world import prime

NOTHING = 8  # calls that do nothing: what playing costs by itself
TIMES = 4  # that each part is run
TURN = 64  # calls between two collections
SENT = {1 << wire.EP: "EP sent", 1 << wire.SDM: "SDM sent", 0: "idle tick"}
now = 0


def clock():
    """The time of the call that is played."""
    return now


class Bits:
    """The random bits of the tape."""

    def __init__(self, bits):
        self.bits = array("i", bits)
        self.at = 0

    def next(self):
        """The next 30 of them."""
        self.at += 1
        return self.bits[self.at - 1]


class Played:
    """Takes every frame and remembers their kinds; its addresses are a simulated machine's."""

    error = ""

    def __init__(self):
        self.sent = 0  # a bit for each kind

    def send(self, frame, addr):
        """Take a frame."""
        self.sent |= 1 << (frame[1] & 15)
        return True

    def recv(self):
        """Nothing: what is heard comes by node.handle."""
        return None

    def key(self, addr):
        """The route of an address."""
        return addr

    def resolve(self, text):
        """The address of a peer such as 'node7'."""
        return int(text[4:]) + 1

    def name(self, addr):
        """An address as text for ``resolve``."""
        return "node" + str(addr - 1)

    def close(self):
        """Nothing to close."""


class Player:
    """A new node, brought to where the tape begins."""

    def __init__(self, tape):
        global now
        now = tape["start"]
        self.transport = Played()
        self.node = Node(tape["config"], self.transport, clock, Bits(tape["bits"]).next)
        prime.settle(
            self.node, [[tape["value"]] * r.shard.slots for r in self.node.replicas], True
        )
        prime.trust(self.node, tape["known"], True)

    def play(self, call):
        """Make a call of the tape."""
        kind = call[1]
        if kind == "tick":
            self.node.tick()
        elif kind == "contribution":
            self.node.contribute(call[2], call[3])
        elif kind != "nothing":
            self.node.handle(call[2], call[3])

    def label(self, kind, cycle):
        """What a call was. cycle: the node's before it."""
        if kind != "tick":
            return kind
        here = self.node.clock.cycle
        if here == cycle:
            return SENT.get(self.transport.sent, "more sent")
        if self.transport.sent:
            return "cycle and sent"
        return "epoch" if here >> 6 != cycle >> 6 else "cycle"


def read(path):
    """A tape, its frames as bytes."""
    with open(path) as f:
        tape = json.load(f)
    for call in tape["calls"]:
        if len(call) > 3 and call[1] != "contribution":
            call[2] = binascii.unhexlify(call[2])
    return tape


def parts(tape, config):
    """[(name, function)] of what hot loops do, on frames of the tape. config: the node's."""
    newest = {call[1]: call[2] for call in tape["calls"] if len(call) > 3}
    frame = wire.Frame()
    full = bytes(range(wire.MAX_FRAME))
    window, drift, mine = Window(wire.SLOTS), Drift(), Wide(wire.SLOTS)
    theirs = Wide(wire.SLOTS)
    for i in range(15):  # samples of a full window, all different
        for s in range(wire.SLOTS):
            theirs.lo[s] = (i * 7919 + s * 104729) % 2003
        window.put(i + 1, 1, i, 100, mine, theirs)

    def step():
        drift.select(window, 0)
        drift.run(window, 64, 50)

    def decode(data):
        assert frame.decode(data, config.tag, config.grain) == ""

    return [
        ("CRC of 250 bytes", lambda: fixed.crc16(full, wire.MAX_FRAME)),
        ("EP decoded", lambda: decode(newest["EP heard"])),
        ("SDM decoded", lambda: decode(newest["SDM heard"])),
        ("drift of 15 x 16 samples", step),
    ]


def count(tape):
    """Play it all with marks; returns the labels of what lies between them."""
    player = Player(tape)
    calls = tape["calls"]
    gc.collect()
    gc.disable()
    for call in calls[: tape["warm"]]:
        one(player, call)
    labels = []
    mark = os.unsetenv
    print("ready")
    sys.stdin.readline()  # until it is counted
    for call in [[now, "nothing"]] * NOTHING + calls[tape["warm"] :]:
        mark("lvs")
        labels.append(one(player, call))
    mark("lvs")
    check(player.node, tape)
    labels.append("checked")
    for name, part in parts(tape, player.node.config):
        for _ in range(TIMES):
            mark("lvs")
            part()
            labels.append(name)
    mark("lvs")
    return {
        "labels": labels,
        "cycles": tape["cycles"],
        "calm": NOTHING + tape["busy"] - tape["warm"],
    }


def one(player, call):
    """Play a call; returns its label."""
    global now
    now = call[0]
    player.transport.sent = 0
    cycle = player.node.clock.cycle
    player.play(call)
    return player.label(call[1], cycle)


def check(node, tape):
    """The tape is no tape of this node if it ends elsewhere."""
    end = [node.raw(c) for c in range(len(tape["end"]))]
    assert end == tape["end"], "the tape ended with %r, the node with %r" % (tape["end"], end)


def heap(tape):
    """Play it all; every ``yield`` is a collection (see run.mjs)."""
    global now
    player = Player(tape)
    labels, spent = [], []
    allocated = gc.mem_alloc  # pyright: ignore - MicroPython has it
    transport, play, node = player.transport, player.play, player.node
    yield
    for i, call in enumerate(tape["calls"]):
        cycle = node.clock.cycle
        now = call[0]
        transport.sent = 0
        before = allocated()
        play(call)
        after = allocated()
        if i >= tape["warm"]:
            labels.append(player.label(call[1], cycle))
            spent.append(after - before)
        if i % TURN == 0:
            yield
    before = allocated()
    play((0, "nothing"))
    labels.append("nothing")
    spent.append(allocated() - before)
    check(node, tape)
    calm = tape["busy"] - tape["warm"]
    print(json.dumps({"labels": labels, "spent": spent, "cycles": tape["cycles"], "calm": calm}))


if sys.argv[2] == "count":
    print(json.dumps(count(read(sys.argv[1]))))
else:
    steps = heap(read(sys.argv[1]))
