"""Power cuts and failing blocks under MicroPython's own VfsLfs2, for the real interpreter.

Prints one line of JSON: how many cut points and failures there were, and what was wrong.
"""

import json
import os
import sys

import vfs

from lvs import NotDurable
from lvs.journal_files import Files
from tests.durability import vfs_chip
from tests.support.node_bench import Bench, Books, judge, judge_late

BLOCKS = 20


class Chip(vfs_chip.Chip):
    """Knows besides what was promised at each operation; the ``fail``-th from now raises EIO."""

    def __init__(self):
        super().__init__(BLOCKS)
        self.history = []
        self.books = Books()
        self.fail = 0

    def note(self, start, data):
        """One operation."""
        if self.fail:
            self.fail -= 1
            if not self.fail:
                raise OSError(5)
        super().note(start, data)
        self.history.append(self.books.copy())


chip = Chip()


def mount(image):
    """Put an image into the chip and mount it."""
    chip.data[:] = image
    os.mount(vfs.VfsLfs2(chip), "/flash")  # pyright: ignore[reportArgumentType] no base class at run time


def work(bench, failures):
    """Appends, rotates and checkpoints."""
    for k in range(9):
        try:
            bench.contribute(k % 2, k % 3 == 0)
        except NotDurable:
            failures.append(k)
        bench.run(3)
    bench.run(10)


def blank():
    """An empty file system."""
    vfs.VfsLfs2.mkfs(chip)  # pyright: ignore[reportArgumentType] no base class at run time
    return bytes(chip.data)


def cut_everywhere(start):
    """Returns (cut points, what is wrong)."""
    mount(start)
    chip.trace, chip.history, chip.books = [], [], Books()
    work(Bench(Files("/flash/journal"), chip.books), [])
    os.umount("/flash")
    trace, history = chip.trace, chip.history
    history.append(chip.books)
    n = 0
    wrong = []
    for k, image in vfs_chip.images(start, trace):
        mount(image)
        chip.trace, chip.history = [], []
        node = Bench(Files("/flash/journal"), history[k].copy(), 5000000, 7).node
        for why in judge(node, history[k]) + judge_late(node, history[k]):
            wrong.append("operation %d: %s" % (k, why))
        os.umount("/flash")
        n += 1
    return n, len(trace), wrong


def fail_everywhere(start, operations):
    """The k-th operation fails, for every k: the node works on, and what it called durable is."""
    wrong = []
    told = 0
    for k in range(1, operations + 1):
        mount(start)
        chip.trace, chip.history, chip.books = [], [], Books()
        books = chip.books
        failures = []
        chip.fail = k
        bench = Bench(Files("/flash/journal"), books)
        work(bench, failures)
        chip.fail = 0
        told += bool(failures) or bool(bench.journal.error)
        if sum(books.told.values()) != sum(books.accepted):
            wrong.append("failure %d: not all was told" % k)
        os.umount("/flash")
        os.mount(vfs.VfsLfs2(chip), "/flash")  # pyright: ignore[reportArgumentType] no base class at run time
        node = Bench(Files("/flash/journal"), books.copy(), 5000000, 7).node
        for why in judge(node, books):
            wrong.append("failure %d: %s" % (k, why))
        os.umount("/flash")
    return told, wrong


def main():
    start = blank()
    cuts, operations, wrong = cut_everywhere(start)
    told, failed = fail_everywhere(start, operations)
    print(
        json.dumps(
            {"cuts": cuts, "failures": operations, "noticed": told, "wrong": (wrong + failed)[:10]}
        )
    )


if __name__ == "__main__":
    sys.exit(main())
