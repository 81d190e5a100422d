"""Cuts the power at every operation of a workload, and again while it recovers, and judges.

    python -m tests.durability.campaign            all of it, some minutes on two cores
    python -m tests.durability.campaign --stride 9 a ninth of the pairs

Exit code 1 if anything acknowledged was lost or anything counted twice.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.durability import flash, plain
from tests.durability.bench import Bench, Books, judge, judge_late

BLOCKS = 24
AWAY = 77_000_000  # ms between the two lives


class Lfs:
    """The medium is a flash chip with littlefs; an image is its bytes."""

    name = "littlefs"

    def __init__(self, how=None, blocks=BLOCKS):
        self.how = how or flash.ESP32
        self.blocks = blocks

    def blank(self):
        chip = flash.Flash(b"\xff" * self.how["block_size"] * self.blocks, self.how["block_size"])
        flash.LfsFiles(chip, self.how, make=True)
        return bytes(chip.buffer)

    def open(self, image):
        """(files, the list to which every operation is appended)."""
        chip = flash.Flash(image, self.how["block_size"])
        files = flash.LfsFiles(chip, self.how)
        chip.trace = []
        return files, chip

    def cuts(self, image, trace):
        return flash.cuts(image, trace, self.how["block_size"])


class Plain:
    """The medium is a file system without atomic writes; an image is a dict of files."""

    name = "plain files"

    def blank(self):
        return {}

    def open(self, image):
        files = plain.PlainFiles(image)
        return files, files

    def cuts(self, image, trace):
        return plain.cuts(image, trace)


class _Watched(list):
    """A trace that takes a copy of the books before every operation."""

    def __init__(self, books):
        super().__init__()
        self.books = books
        self.history = []

    def append(self, operation):
        self.history.append(self.books.copy())
        super().append(operation)


# --- workloads: what a node does in one life -----------------------------------------------------


def busy(bench):
    """Appends, rotates and checkpoints: small contributions, durable ones among them."""
    for k in range(14):
        bench.contribute(k % 2, k % 3 == 0)
        bench.run(3)
    bench.run(16)


def large(bench):
    """Contributions that take many cycles to be told, from the first second on."""
    for k in range(8):
        bench.contribute(k % 2, k % 2 == 0)
    bench.run(11)
    for _ in range(4):
        bench.contribute(0, True)
        bench.run(5)
    bench.run(20)


def sessions(bench):
    """Sessions that change, end and are folded, with rows of others and settled values."""
    for k in range(10):
        bench.contribute(k % 2, k % 4 == 0)
        bench.hear_row(500 + k, k % 2, 1000 + k)
        bench.run(70)


sessions.config = {"session_epochs": 2, "horizon_epochs": 2}


def brief(bench):
    """For pairs: a few of everything."""
    bench.contribute(0, True)
    bench.contribute(1, False)
    bench.run(9)
    bench.contribute(0, False)
    bench.contribute(1, True)
    bench.run(14)


def recovery(bench):
    """The second life: a durable contribution at once, then up to the next checkpoint."""
    bench.contribute(0, True)
    bench.run(9)
    bench.contribute(1, True)
    bench.run(12)


# --- the campaign --------------------------------------------------------------------------------


def live(medium, image, books, work, now, seed, **kind):
    """Run a workload; returns (trace, books at every operation)."""
    files, recorder = medium.open(image)
    recorder.trace = trace = _Watched(books)
    bench = Bench(files, books, now, seed, **getattr(work, "config", {}), **kind)
    work(bench)
    trace.history.append(books.copy())
    return list(trace), trace.history


def check(medium, image, books, **kind):
    """Switch on after a cut: what is wrong, a list."""
    try:
        files, _ = medium.open(image)
    except Exception as e:  # littlefs has no other name for it
        return ["does not mount: %s" % e]
    try:
        node = Bench(files, books.copy(), AWAY, 7, **kind).node
    except Exception as e:
        return ["does not start: %s: %s" % (type(e).__name__, e)]
    return judge(node, books) + judge_late(node, books)


def single(medium, work, stride=1, first_only=False, **kind):
    """Cut at every operation of a workload; returns (cut points, [(operation, what), ...]).

    stride: judge only so many of the images; first_only: stop at the first that is wrong.
    """
    start = medium.blank()
    trace, history = live(medium, start, Books(), work, 1000, 1, **kind)
    kind.update(getattr(work, "config", {}))
    found = []
    n = 0
    for i, (k, image) in enumerate(medium.cuts(start, trace)):
        if i % stride:
            continue
        n += 1
        found += [(k, why) for why in check(medium, image, history[k], **kind)]
        if found and first_only:
            break
    return n, found


def pair(medium, image, books, **kind):
    """Cut at every operation of the recovery from an image; returns (pairs, what is wrong)."""
    books = books.copy()
    try:
        trace, history = live(medium, image, books, recovery, AWAY, 7, **kind)
    except Exception as e:
        return 1, ["the second life fails: %s: %s" % (type(e).__name__, e)]
    n = 0
    found = []
    for k, second in medium.cuts(image, trace):
        n += 1
        found += ["then %d: %s" % (k, why) for why in check(medium, second, history[k], **kind)]
    return n, found


def _part(job):
    """Every ``stride``-th first cut, from ``first`` on, with all second cuts."""
    medium, first, stride = job
    start = medium.blank()
    trace, history = live(medium, start, Books(), brief, 1000, 1)
    cut = n = 0
    found = []
    for k, image in medium.cuts(start, trace):
        if cut % stride == first:
            copy = bytes(image) if isinstance(image, bytearray) else dict(image)
            made, wrong = pair(medium, copy, history[k])
            n += made
            found += [(k, why) for why in wrong]
        cut += 1
    return n, found


def pairs(medium, stride=1, first=0, jobs=1):
    """Cut at every pair of operations; stride: only so many of the first cuts. (pairs, wrong)."""
    parts = [(medium, first + stride * i, stride * jobs) for i in range(jobs)]
    if jobs == 1:
        results = [_part(parts[0])]
    else:
        with ProcessPoolExecutor(jobs) as pool:
            results = list(pool.map(_part, parts))
    return sum(r[0] for r in results), [why for r in results for why in r[1]]


WORKLOADS = (busy, large, sessions)


def main(argv=None):
    """The whole campaign; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stride", type=int, default=1, help="of the first cuts of pairs")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    options = parser.parse_args(argv)
    counts = {}
    failed = 0
    began = time.monotonic()

    def tell(name, n, found):
        nonlocal failed
        counts[name] = {"cuts": n, "wrong": len(found)}
        failed += len(found)
        if not options.json:
            print("%-34s %8d cuts, %d wrong  %6.0f s" % (
                name, n, len(found), time.monotonic() - began), flush=True)
            for k, why in found[:5]:
                print("    at operation %d: %s" % (k, why), flush=True)

    try:
        for medium in (Lfs(), Lfs(flash.RP2), Plain()):
            name = medium.name
            if isinstance(medium, Lfs):
                name += ", programs of %d bytes" % medium.how["prog_size"]
            for work in WORKLOADS:
                tell("%s: %s" % (name, work.__name__), *single(medium, work))
            tell(name + ": pairs", *pairs(medium, options.stride, 0, options.jobs))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps(counts, indent=1))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
