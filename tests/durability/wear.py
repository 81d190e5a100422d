"""Measures what a journal costs the flash: erases a day, and years until a block is worn out.

    python -m tests.durability.wear [--hours 24] [--days 60] [--per-minute 6]

A node contributes, hears others contribute, folds their rows and keeps its journal on littlefs as
MicroPython sets it up, on a chip of the board's size that already holds the firmware's files.

littlefs moves its directory to other blocks after every hundred erases: within a day one block
looks worn, and another one the next day. So what the node asked of its files on one day is
repeated for as many days as are named, until most blocks have had their turn.
"""

import argparse
import json

from tests.durability import flash
from tests.support.node_bench import Bench

LIFE = 100_000  # erases that a block of NOR flash survives
BOARDS = {  # file system's size in bytes, and how littlefs is set up
    "ESP32 (4 MB, file system of 2 MB)": (2 << 20, flash.ESP32),
    "Pico W (file system of 848 KB)": (848 << 10, flash.RP2),
}
_FILES = 160 << 10  # bytes of programs and settings that lie there and never change
_OTHERS = 20  # nodes that are heard


def _fill(files, size):
    """Programs on the chip, so that not every block is free for the journal."""
    for k in range(size // 8000):
        with files.volume.open("program%d" % k, "wb") as f:
            f.write(bytes(8000))


def measure(size, how, hours, per_minute, days=0, seed=1):
    """Run for so many hours of virtual time, then repeat that until ``days`` have passed; returns
    a dict of figures."""
    chip = flash.Flash(b"\xff" * size, how["block_size"])
    files = Recorder(chip, how, make=True)
    _fill(files, _FILES)
    chip.erases.clear()
    chip.programmed = 0
    chip.trace = _Nothing()
    worst = _live(chip, files, hours, per_minute, seed)
    kept = {name: files.size(name) for name in files.names()}
    calls = list(files.calls)
    rounds = max(1, round(days * 24 / hours))
    for day in range(1, rounds):
        files.calls.clear()
        repeat(files, calls, day)
    return _figures(chip, kept, hours * rounds / 24, per_minute, worst)


def _live(chip, files, hours, per_minute, seed):
    """Let a node live on the chip; the most bytes programmed within a second."""
    bench = Bench(files, seed=seed, flush_s=10, checkpoint_s=1024, rows=512)
    total = [0] * _OTHERS
    every = 60 / per_minute if per_minute else 0
    due = every
    worst = 0
    for second in range(int(hours * 3600)):
        if every and second >= due:
            due += every
            bench.node.contribute("a", "0.25")
        if second % 30 == 0:
            i = second // 30 % _OTHERS
            # Others' sessions change, too: every hour a new one.
            nonce = 1 + i + _OTHERS * ((second + 173 * i) // 3600)
            total[i] += 64
            bench.hear_row(nonce, 1, total[i], True)
        before = chip.programmed
        bench.run(1)
        worst = max(worst, chip.programmed - before)
    bench.journal.close()
    return worst


def _figures(chip, kept, days, per_minute, worst):
    """What a chip says after so many days. kept: sizes of the journal's files."""
    erases = sum(chip.erases.values())
    most = max(chip.erases.values())
    return {
        "contributions_per_minute": per_minute,
        "days": days,
        "erases_per_day": round(erases / days),
        "programmed_kb_per_day": round(chip.programmed / days / 1000),
        "blocks": len(chip.buffer) // chip.block_size,
        "blocks_used": len(chip.erases),
        "most_erases_of_a_block": most,
        "years_if_spread_evenly": round(LIFE * len(chip.erases) / (erases / days) / 365.25, 1),
        "years_of_the_most_worn_block": round(LIFE / (most / days) / 365.25, 1),
        "most_programmed_in_a_second": worst,
        "journal_bytes": sum(kept.values()),
        "files": sorted(kept),
    }


class _Nothing(list):
    """A trace that is not kept."""

    def append(self, operation):
        pass


class Recorder(flash.LfsFiles):
    """littlefs, and a list of what was written to it: (what, file name, bytes)."""

    def __init__(self, *args, **kind):
        super().__init__(*args, **kind)
        self.calls = []
        self._created = {}  # file: its name, the sizes of what was written to it
        self._quiet = False  # one method uses another

    def create(self, name):
        f = super().create(name)
        if not self._quiet:
            write, pieces = f.write, []
            self._created[f] = name, pieces

            def noted(data):
                pieces.append(len(data))
                write(data)

            f.write = noted
        return f

    def finish(self, f):
        name, pieces = self._created.pop(f)
        self.calls.append(("create", name, tuple(pieces)))
        super().finish(f)

    def append(self, name, data):
        self.calls.append(("append", name, len(data)))
        super().append(name, data)

    def replace(self, name, data):
        self.calls.append(("replace", name, len(data)))
        self._quiet = True
        super().replace(name, data)
        self._quiet = False

    def remove(self, name):
        self.calls.append(("remove", name, 0))
        super().remove(name)


def repeat(files, calls, day):
    """Do a day's calls once more, with the names that its segments would have by then."""

    def later(name):
        if not name.startswith("seg-"):
            return name
        return "seg-%06d%s" % (int(name[4:10]) + 2000 * day, name[10:])

    for name in files.names():
        if name.startswith("seg-"):
            files.remove(name)
    for what, name, size in calls:
        name = later(name)
        if what == "create":
            f = files.create(name)
            for piece in size:
                f.write(bytes(piece))
            files.finish(f)
        elif what == "append":
            files.append(name, bytes(size))
        elif what == "replace":
            files.replace(name, bytes(size))
        else:
            files.remove(name)


def main(argv=None):
    """Measure on each board, at each rate."""
    parser = argparse.ArgumentParser(description=(__doc__ or "\n").splitlines()[0])
    parser.add_argument("--hours", type=float, default=24, help="a node's life that is simulated")
    parser.add_argument("--days", type=float, default=60, help="for which that is repeated")
    parser.add_argument("--per-minute", type=float, action="append", help="contributions")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    result = {}
    for name, (size, how) in BOARDS.items():
        for rate in options.per_minute or [0, 1, 6, 60]:
            figures = measure(size, how, options.hours, rate, options.days)
            result["%s, %g a minute" % (name, rate)] = figures
            if not options.json:
                print(
                    "%-36s %4g/min: %6d erases a day, %6.1f years (spread evenly %6.1f), "
                    "%d KB programmed a day, %d B of journal"
                    % (
                        name,
                        rate,
                        figures["erases_per_day"],
                        figures["years_of_the_most_worn_block"],
                        figures["years_if_spread_evenly"],
                        figures["programmed_kb_per_day"],
                        figures["journal_bytes"],
                    ),
                    flush=True,
                )
    if options.json:
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
