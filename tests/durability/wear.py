"""Measures what a journal costs the flash: erases a day, and years until a block is worn out.

    python -m tests.durability.wear [--hours 24] [--per-minute 6]

A node contributes, hears others contribute, folds their rows and keeps its journal on littlefs as
MicroPython sets it up, on a chip of the board's size that already holds the firmware's files.
"""

import argparse
import json

from tests.durability import flash
from tests.durability.bench import Bench

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


def measure(size, how, hours, per_minute, seed=1):
    """Run for so many hours of virtual time; returns a dict of figures."""
    chip = flash.Flash(b"\xff" * size, how["block_size"])
    files = flash.LfsFiles(chip, how, make=True)
    _fill(files, _FILES)
    chip.erases.clear()
    chip.programmed = 0
    chip.trace = _Nothing()
    bench = Bench(files, seed=seed, flush_s=10, checkpoint_s=1024, rows=512)
    total = [0] * _OTHERS
    every = 60 / per_minute if per_minute else 0
    due = every
    seconds = int(hours * 3600)
    worst = 0
    for second in range(seconds):
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
    days = hours / 24
    erases = sum(chip.erases.values())
    most = max(chip.erases.values())
    blocks = size // how["block_size"]
    return {
        "contributions_per_minute": per_minute,
        "erases_per_day": round(erases / days),
        "programmed_kb_per_day": round(chip.programmed / days / 1000),
        "blocks": blocks,
        "blocks_used": len(chip.erases),
        "most_erases_of_a_block_per_day": round(most / days, 1),
        "years_if_spread_evenly": round(LIFE * len(chip.erases) / (erases / days) / 365.25, 1),
        "years_of_the_most_worn_block": round(LIFE / (most / days) / 365.25, 1),
        "most_programmed_in_a_second": worst,
        "journal_bytes": sum(files.size(name) for name in files.names()),
        "files": sorted(files.names()),
    }


class _Nothing(list):
    """A trace that is not kept."""

    def append(self, operation):
        pass


def main(argv=None):
    """Measure on each board, at each rate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--per-minute", type=float, action="append", help="contributions")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    result = {}
    for name, (size, how) in BOARDS.items():
        for rate in options.per_minute or [0, 1, 6, 60]:
            figures = measure(size, how, options.hours, rate)
            result["%s, %g a minute" % (name, rate)] = figures
            if not options.json:
                print("%-36s %4g/min: %6d erases a day, %6.1f years (spread evenly %6.1f), "
                      "%d KB programmed a day, %d B of journal" % (
                          name, rate, figures["erases_per_day"],
                          figures["years_of_the_most_worn_block"],
                          figures["years_if_spread_evenly"], figures["programmed_kb_per_day"],
                          figures["journal_bytes"]), flush=True)
    if options.json:
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
