"""A broadcast cell in a few lines, for tests of whole nodes: virtual time, seeded loss.

The simulator (lvs_tools/world) has many more faults; this has what a test of one behaviour needs,
and shows every frame. It runs to the same bits on every interpreter.
"""

from collections import OrderedDict

from lvs import Node, wide, wire
from lvs_tools.world.prng import Prng
from tests.support import parts
from tests.support.transport import Transport

STEP_MS = 50
# A session folds within an hour and a half; nobody waits for days.
SHORT = {"channels": ["water"], "session_epochs": 48, "horizon_epochs": 32}
_CERTAIN = 1 << 30  # a probability of 1, for Prng.chance


class Cell:
    """Nodes that all hear each other, but for a share of loss and cut links.

    config: what all nodes have in common; start: the clock's ticks at the beginning.
    """

    def __init__(self, count=0, loss=0.0, seed=1, start=0, **config):
        self.config = dict(SHORT, **config)
        self.rng = Prng(seed)
        self.loss = loss
        self.now = start
        self.nodes = OrderedDict()  # address: node
        names = [c if isinstance(c, str) else c["name"] for c in self.config["channels"]]
        self.contributed: dict = OrderedDict([(name, 0) for name in names])  # raw
        for _ in range(count):
            self.add()

    def add(self, address=None, journal=None, **config):
        """A new node, or a new start of the one at an address."""
        address = address or len(self.nodes) + 1
        self.nodes[address] = node = Node(
            dict(self.config, **config),
            Transport(lambda frame, addr: self.carry(address, frame, addr)),
            lambda: self.now & 0x3FFFFFFF,
            Prng(self.rng.bits(), address).bits,
            journal,
        )
        return node

    def links(self, a, b) -> bool:
        """Whether b hears a; tests replace it."""
        return True

    def carry(self, source, frame, addr):
        """Bring a frame from an address to whom it reaches; addr None: to all."""
        for address, node in self.nodes.items():
            if address == source or addr not in (None, address):
                continue
            if self.links(source, address) and not self.rng.chance(int(self.loss * _CERTAIN)):
                node.transport.inbox.append((frame, source))

    def step(self):
        """Let STEP_MS pass."""
        self.now += STEP_MS
        for node in list(self.nodes.values()):
            node.receive(50)
            node.tick()

    def run(self, seconds, until=None, each=None):
        """Let time pass; until: stop as soon as that is true. Returns the seconds that passed.

        each: called once a second.
        """
        for step in range(int(seconds * 1000 / STEP_MS)):
            if until and until():
                return step * STEP_MS / 1000
            self.step()
            if each and step % (1000 // STEP_MS) == 0:
                each()
        return seconds

    def contribute(self, address, raw, channel="water"):
        """Let a node contribute raw units, and keep the books."""
        self.nodes[address].contribute(channel, f"{raw // 1000}.{raw % 1000:03d}")
        self.contributed[channel] += raw

    def settle(self, seconds=60):
        """Until every node is ACTIVE and has all that was contributed; fails otherwise."""
        took = self.run(seconds, self.settled)
        assert self.settled(), (
            self.contributed,
            [(self.values(n), n.status()) for n in self.nodes.values()],
        )
        return took

    def settled(self):
        expected = list(self.contributed.values())
        return all(
            n.state in ("ACTIVE", "LOW_POWER") and self.values(n) == expected
            for n in self.nodes.values()
        )

    def values(self, node):
        return [node.value(c, raw=True) for c in node.config.channels]

    def active(self, seconds=40):
        """Until every node is ACTIVE; fails otherwise."""
        took = self.run(seconds, lambda: all(n.state == "ACTIVE" for n in self.nodes.values()))
        assert {n.state for n in self.nodes.values()} == {"ACTIVE"}
        return took

    def prime(self, value):
        """Give every node the same settled value and full confidence."""
        self.active()
        for node in self.nodes.values():
            for r in node.replicas:
                for slot in range(r.shard.slots):
                    parts.settle(r.shard, slot, value)
                parts.establish(r, node.clock.cycle)
        self.contributed = {c: value + raw for c, raw in self.contributed.items()}


class Speaker:
    """Says frames as a session of its own, to one node: the tests' hand on the wire."""

    def __init__(self, node, address: object = 99, nonce=424242, start=None):
        self.node = node
        self.address = address
        self.nonce = nonce
        self.start = node.clock.grain() if start is None else start
        self.noise = 1

    def head(self, **changes):
        return dict(
            {
                "tag": self.node.config.tag,
                "start": self.start,
                "nonce": self.nonce,
                "cycle": self.node.clock.cycle,
                "shard": 0,
            },
            **changes,
        )

    def ep(self, vector=None, **changes):
        """Say an EP; by default one that agrees with the node in everything."""
        f = self.head(**changes)
        r = self.node.placement.find(f["shard"])
        shard = r.shard
        self.noise += 1
        said = {
            "noise": self.noise,
            "horizon": shard.horizon & 0xFFFF,
            "flags": 0,
            "load": 0,
            "held": 1 << f["shard"],
            "channels": 0,
            "prints": 0,
            "digests": list(shard.digests),
            "vector": list(shard.settled if vector is None else vector)[: shard.slots],
        }
        said.update(f)
        return self.say(encode_ep(said))

    def sdm(self, own=(), relayed=(), weight=0, buckets=0, **changes):
        """Say an SDM: own [(slot, total)], relayed [(start, nonce, slot, total)]."""
        f = self.head(**changes)
        w = wire.SdmWriter()
        w.begin(
            f["tag"],
            f["start"],
            f["nonce"],
            f["cycle"],
            f["shard"],
            weight,
            self.node.config.grain,
        )
        w.answers(buckets)
        assert all(w.own(*o) for o in own)
        assert all(w.relay(n, s, slot, total) for s, n, slot, total in relayed)
        n = w.end()
        return self.say(bytes(w.buf[:n]))

    def say(self, frame):
        self.node.handle(frame, self.address)
        return frame


def encode_ep(f):
    """The bytes of an EP from a dict, as tests/support/reference.py has it, by the library."""
    buf = bytearray(wire.MAX_FRAME)
    n = wire.encode_ep(
        buf,
        f["tag"],
        f["start"],
        f["nonce"],
        f["cycle"],
        f["shard"],
        f["noise"],
        f["horizon"],
        f["flags"],
        f["load"],
        f["held"],
        f.get("channels", len(f["vector"])),
        f.get("prints", 0),
        f["digests"],
        wide.of(f["vector"]),
    )
    return bytes(buf[:n])


def decoded(node, frames):
    """The fields of each frame as tests.vectors.run.decode gives them; none may be dropped."""
    from tests.vectors import run

    found = []
    for frame in frames:
        fields = run.decode(wire.Frame(), frame, node.config.tag)
        assert isinstance(fields, dict), fields
        found.append(fields)
    return found
