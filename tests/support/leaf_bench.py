"""A cell of holders with leaves in it, and stores of their state that are cut while written."""

from lvs.leaf import Leaf
from lvs_tools.world.prng import Prng
from tests.support.cell import Cell
from tests.support.transport import Transport


class PowerCut(Exception):
    """The power goes while a store is written."""


class Store:
    """Two copies in memory. ``cut``: after so many bytes from now the power goes; None: never."""

    def __init__(self, like=None):
        self.copies = list(like.copies) if like else [b"", b""]
        self.cut: int | None = None
        self.writes = 0

    def read(self, i):
        return self.copies[i]

    def write(self, i, data):
        data = bytes(data)
        self.writes += 1
        if self.cut is not None and self.cut < len(data):
            self.copies[i] = data[: self.cut]
            raise PowerCut()
        if self.cut is not None:
            self.cut -= len(data)
        self.copies[i] = data


class LeafCell(Cell):
    """A Cell with leaves, which sleep until ``wake``."""

    def __init__(self, *given, **config):
        self.leaves = {}
        super().__init__(*given, **config)

    def leaf(self, address, store=None, board=0, **config):
        """A new leaf, or a new start of the one at an address."""
        self.leaves[address] = leaf = Leaf(
            dict(self.config, held=0, **config),
            Transport(lambda frame, addr: self.carry(address, frame, addr)),
            lambda: self.now & 0x3FFFFFFF,
            Prng(self.rng.bits(), address).bits,
            store,
            board,
        )
        return leaf

    def carry(self, source, frame, addr):
        super().carry(source, frame, addr)
        for address, leaf in self.leaves.items():
            if leaf.awake and address != source and addr in (None, address):
                if self.links(source, address) and not self.rng.chance(int(self.loss * (1 << 30))):
                    leaf.transport.inbox.append((frame, source))

    def step(self):
        super().step()
        for leaf in list(self.leaves.values()):
            if leaf.awake:
                leaf.receive(50)
                leaf.tick()

    def give(self, leaf, raw, channel="water"):
        """Let a leaf contribute raw units, and keep the books."""
        leaf.contribute(channel, f"{raw // 1000}.{raw % 1000:03d}")
        self.contributed[channel] += raw

    def waking(self, leaf, most_ms=3000):
        """Let a leaf wake and sleep again; returns the seconds that it was awake."""
        leaf.wake(most_ms)
        return self.run(most_ms / 1000 + 1, lambda: not leaf.awake)
