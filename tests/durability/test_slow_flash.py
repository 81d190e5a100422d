"""The journal on a slow flash: what a node's cycle waits for it, at worst."""

import pytest

from tests.durability import flash
from tests.support.node_bench import CHANNELS, Bench

# At worst, of the W25Q chips on these boards, in ms: a page of 256 bytes, and a sector of 4 KB.
PROGRAM = 3
ERASE = 400
BLOCKS = 64


class Slow(flash.Flash):
    """A chip that takes its time: ``spent`` ms so far; time passes for the node, too."""

    def __init__(self, how):
        super().__init__(b"\xff" * how["block_size"] * BLOCKS, how["block_size"])
        self.spent = 0
        self.most = 0
        self.bench: Bench | None = None

    def wait(self, ms):
        self.spent += ms
        if self.bench:
            self.bench.now += ms

    def prog(self, cfg, block, off, data):
        self.wait(PROGRAM * ((len(data) + 255) // 256))
        return super().prog(cfg, block, off, data)

    def erase(self, cfg, block):
        self.wait(ERASE)
        return super().erase(cfg, block)


def live(how, seconds):
    """A node with full rings that contributes often; ms of every tick spent on the flash."""
    chip = Slow(how)
    bench = Bench(flash.LfsFiles(chip, how, make=True), rows=512, checkpoint_s=100, flush_s=10)
    chip.bench = bench
    chip.trace = []
    tick = bench.node.tick
    waits = []

    def timed():
        before = chip.spent
        again = tick()
        waits.append(chip.spent - before)
        return again

    bench.node.tick = timed
    began = bench.now
    heard = 0
    while bench.now - began < seconds * 1000:
        bench.hear_row(1 + heard % 480, heard % 2, 1000 + heard)
        heard += 1
        bench.run(1)
        if heard % 10 == 0:
            bench.node.contribute(CHANNELS[0], 1)
    return bench, chip, waits


@pytest.mark.parametrize("how", [flash.ESP32, flash.RP2], ids=["esp32", "rp2"])
def test_a_slow_flash_holds_nothing_up(how):
    """One or two erases a cycle at most, also while checkpoints of 384 rows are written, and
    hardly any of the time."""
    bench, chip, waits = live(how, 1500)
    print(max(waits), chip.spent)
    assert bench.node.status()["rows"] > 300 and bench.journal.log.segment.number > 8
    assert max(waits) < 2 * ERASE + 100
    assert sum(w > ERASE for w in waits) < len(waits) / 20
    assert chip.spent < 0.02 * 1500_000


def test_after_a_failure_all_is_written_at_once():
    """The one exception: what lies there cannot be relied on, and a caller waits for it."""
    bench, chip, _ = live(flash.RP2, 300)
    bench.journal.log.segment.clean = False
    before = chip.spent
    bench.node.contribute(CHANNELS[0], 1, durable=True)
    print(chip.spent - before)
    assert bench.journal.log.segment.clean and 0 < chip.spent - before < 8 * ERASE
