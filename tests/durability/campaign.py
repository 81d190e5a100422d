"""Cuts the power at every operation of a workload, and again while it recovers, and judges.

    python -m tests.durability.campaign            all of it, some minutes on two cores
    python -m tests.durability.campaign --stride 9 a ninth of the pairs

Then it breaks the journal on purpose and looks whether that is noticed. Exit code 1 if anything
acknowledged was lost, anything counted twice or a broken journal passed; 2 if it cannot run.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lvs.config import Config
from lvs_tools import interpreters, shims
from lvs_tools.places import FIRMWARE
from tests.durability import flash, mutants, plain
from tests.support.interpreters import PATH
from tests.support.node_bench import CONFIG, OTHERS, Bench, Books, judge, judge_late

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
        bench.run(2)
        bench.hear_row(500 + k, k % 2, 1000 + k, True)  # who is heard has heard what was told
        bench.run(68)


CONFIGS = {sessions: {"session_epochs": 2, "horizon_epochs": 2}}  # of workloads that need one


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
    bench = Bench(files, books, now, seed, **CONFIGS.get(work, {}), **kind)
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
    kind.update(CONFIGS.get(work, {}))
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


# --- a node that moves to another mesh (`lvs migrate`) ---

OLD: dict[str, Any] = {"session_epochs": 48, "horizon_epochs": 32}
CHANGES: dict[str, dict[str, Any]] = {
    "name": {**OLD, "mesh": "other"},
    "spans": {"session_epochs": 400, "horizon_epochs": 400},  # grains of six epochs
}


def moving(bench):
    """The first life in the new mesh: it tells at once, waits, and goes on past a checkpoint."""
    bench.run(3)
    bench.contribute(0, True)
    bench.contribute(1, False)
    bench.run(9)
    bench.hear_row(700, 0, 90)
    bench.run(12)
    bench.contribute(1, True)
    bench.run(30)


def _before(medium):
    """(image, books, what others contributed) of a node of the old mesh that loses its power."""
    image = medium.blank()
    files, recorder = medium.open(image)
    recorder.trace = []
    bench = Bench(files, Books(), 1000, 1, **OLD)
    large(bench)
    for n in range(3):
        bench.hear_row(500 + n, n % 2, 4000 + n, True)
        bench.run(40)
    bench.node.replicas[0].shard.shift(0, 123456)  # as if folded long ago
    bench.run(30)
    for _ in range(3):
        bench.contribute(0, False)
    bench.contribute(1, True)
    for _, after in medium.cuts(image, recorder.trace):
        image = after
    return copied(image), bench.books, _theirs(bench.node)


def copied(image):
    """An image that outlives the next cut."""
    return bytes(image) if isinstance(image, bytearray) else dict(image)


def _theirs(node):
    """What a node holds of others, raw by channel: settled, and in rows."""
    shard = node.replicas[0].shard
    found = list(shard.settled)[: len(node.config.channels)]
    for p in map(shard.position, range(shard.count)):
        if shard.nonce[p] < OTHERS:
            found[shard.slot[p]] += shard.credited[p]
    return found


def migration(medium, change, stride=1, again=0):
    """Cut at every operation of a node's first life in the mesh that it moves to, and once in
    ``again`` once more while it recovers from that. (cut points, wrong)."""
    image, books, theirs = _before(medium)
    old = Config(dict(CONFIG, **OLD))
    kind = {**CHANGES[change], "before": {"tag": "%08x" % old.tag, **OLD}}
    new = Config(dict(CONFIG, **kind))
    books.told = {
        (new.started(start, 0, old.grain), nonce, c): total
        for (start, nonce, c), total in books.told.items()
    }
    trace, history = live(medium, image, books, moving, AWAY, 3, **kind)
    n = 0
    found = []
    for i, (k, after) in enumerate(medium.cuts(image, trace)):
        if i % stride:
            continue
        n += 1
        wrong = check(medium, after, history[k], **kind)
        files, _ = medium.open(after)
        held = _theirs(Bench(files, history[k].copy(), AWAY, 7, **kind).node)
        if any(a < b for a, b in zip(held, theirs, strict=True)):
            wrong.append("others had %s, it has %s" % (theirs, held))
        if again and not i % again:
            made, more = pair(medium, copied(after), history[k], **kind)
            n += made
            wrong += more
        found += [(k, why) for why in wrong]
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
            made, wrong = pair(medium, copied(image), history[k])
            n += made
            found += [(k, why) for why in wrong]
        cut += 1
    return n, found


def pairs(medium, stride=1):
    """Cut at every pair of operations; stride: only so many of the first cuts. (pairs, wrong)."""
    return _part((medium, 0, stride))


WORKLOADS = (busy, large, sessions)


def caught(mutate):
    """The first finding that a small campaign has against a mutant, or None."""
    with pytest.MonkeyPatch.context() as patch:
        mutate(patch)
        for medium in (Lfs(), Plain()):
            for work in (busy, large):
                _, wrong = single(medium, work, first_only=True)
                if wrong:
                    return wrong[0]
        _, wrong = pairs(Lfs(), 10)
        return wrong[0] if wrong else None


def vfs():
    """Cuts and failures under MicroPython's own littlefs: (cut points and failures, wrong)."""
    said = interpreters.run(
        "micropython", Path(__file__).parent / "vfs_cuts.py", path=PATH, heap=16 << 20
    )
    result = json.loads(said.splitlines()[-1])
    return result["cuts"] + result["failures"], [("", why) for why in result["wrong"]]


def update(stride=1, boot=FIRMWARE / "boot.py", first=False):
    """An update over the air under power cuts, see update_cuts.py: what it printed."""
    said = interpreters.run(
        "micropython",
        Path(__file__).parent / "update_cuts.py",
        [boot, str(stride), *(["first"] if first else [])],
        path=[*PATH, FIRMWARE, Path(shims.PATH)],
        heap=32 << 20,
        timeout=1200,
    )
    return json.loads(said.splitlines()[-1])


def over_the_air(stride):
    """The same as a part of the campaign: (cut points, wrong)."""
    result = update(stride)
    points = sum(sum(result[end][:2]) for end in ("kept", "back"))
    return points, [("", why) for why in result["wrong"]]


def _mutant(k):
    """A mutant as a part of the campaign: it is wrong if nothing is found."""
    mutate = mutants.ALL[k]
    return 1, [] if caught(mutate) else [(mutate.__name__, "was not caught")]


_PARTS = 40  # of the pairs of cuts on one medium, so that progress shows


def plan(stride):
    """The parts of the campaign: [(what, function, arguments), ...]."""
    parts = [
        ("MicroPython's VfsLfs2", vfs, ()),
        ("updates over the air", over_the_air, (stride,)),
    ]
    for medium in (Lfs(), Lfs(flash.RP2), Plain()):
        name = medium.name
        if isinstance(medium, Lfs):
            name += ", programs of %d bytes" % medium.how["prog_size"]
        few = (7, 700) if isinstance(medium, Plain) else (1, 40)
        parts += [("%s: %s" % (name, work.__name__), single, (medium, work)) for work in WORKLOADS]
        parts += [
            ("%s: migrate, %s" % (name, change), migration, (medium, change, *few))
            for change in CHANGES
        ]
        parts += [
            (name + ": pairs", _part, ((medium, stride * k, stride * _PARTS),))
            for k in range(_PARTS)
        ]
    return parts + [("mutants", _mutant, (k,)) for k in range(len(mutants.ALL))]


def run(parts, jobs, advance):
    """Do all parts in so many processes; returns {what: [cut points, findings]}."""
    results = {}
    with ProcessPoolExecutor(jobs) as pool:
        waiting = {pool.submit(function, *args): name for name, function, args in parts}
        try:
            for done in as_completed(waiting):
                n, found = done.result()
                sums = results.setdefault(waiting[done], [0, []])
                sums[0] += n
                sums[1] += found
                advance(waiting[done], sums)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return results


def main(argv=None):
    """The whole campaign; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "\n").splitlines()[0])
    parser.add_argument("--stride", type=int, default=1, help="of the first cuts of pairs")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    options = parser.parse_args(argv)
    console = Console(stderr=True)
    parts = plan(options.stride)
    began = time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("power cuts", total=len(parts))

            def advance(name, sums):
                bar.update(task, advance=1, description=name)

            results = run(parts, options.jobs, advance)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (interpreters.InterpreterMissing, interpreters.ScriptFailed) as error:
        print("powercut: %s" % error, file=sys.stderr)
        return 2
    return tell(results, time.monotonic() - began, options.json)


def tell(results, seconds, as_json):
    """Print the counts; returns the exit code."""
    names = list(dict.fromkeys(name for name, _, _ in plan(1)))
    mutant = results.pop("mutants")
    names.remove("mutants")
    cuts = sum(n for n, _ in results.values())
    wrong = sum(len(found) for _, found in results.values())
    if as_json:
        print(
            json.dumps(
                {
                    "cuts": {
                        name: {"cuts": results[name][0], "wrong": len(results[name][1])}
                        for name in names
                    },
                    "mutants": mutant[0],
                    "missed": [name for name, _ in mutant[1]],
                },
                indent=1,
            )
        )
    else:
        for name in names:
            n, found = results[name]
            print("%-38s %9d cut points, %d wrong" % (name, n, len(found)))
            for at, why in found[:5]:
                print("    at operation %s: %s" % (at, why))
        print(
            "%d of %d broken journals are caught%s"
            % (mutant[0] - len(mutant[1]), mutant[0], "".join(", not " + n for n, _ in mutant[1]))
        )
        print(
            "%d cut points: %s (%.0f s)"
            % (cuts, "%d wrong" % wrong if wrong else "nothing lost, nothing doubled", seconds)
        )
    return 1 if wrong or mutant[1] else 0


if __name__ == "__main__":
    sys.exit(main())
