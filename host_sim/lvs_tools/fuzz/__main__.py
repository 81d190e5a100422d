"""Fuzz the node: python -m lvs_tools.fuzz [--minutes N] [--target admin|decode|node] [--seed N]

With Atheris (`pip install .[fuzz]`, Python 3.11 or newer) coverage guides it; without, chance
alone does. What breaks a guarantee is kept in build/fuzz and named; exit code 1 then.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import click

from lvs_tools.fuzz.targets import TARGETS

CORPUS = Path(__file__).with_name("corpus")
OUT = Path("build/fuzz")
_INSIDE = """
import sys
import atheris
with atheris.instrument_imports(include=["lvs", "admin", "admin_work"]):
    import lvs
    if sys.argv[1] == "admin":
        from lvs_tools.fuzz import admin_talk
from lvs_tools.fuzz.targets import TARGETS
atheris.Setup(sys.argv, TARGETS[sys.argv.pop(1)])
atheris.Fuzz()
"""


def atheris_here():
    """Whether Atheris can be imported by this Python."""
    import importlib.util

    return importlib.util.find_spec("atheris") is not None


def _guided(target, seconds, seed):
    folder = OUT / target
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _INSIDE,
            target,
            str(folder),
            str(CORPUS / target),
            "-max_total_time=%d" % seconds,
            "-max_len=4096",
            "-timeout=60",
            "-verbosity=0",
            "-artifact_prefix=%s/crash-%s-" % (OUT, target),
            "-print_final_stats=1",
            "-seed=%d" % seed,
        ],
        stdin=subprocess.DEVNULL,
        env=dict(os.environ),
    )
    return done.returncode == 0


def _by_chance(target, seconds, first):
    end = time.monotonic() + seconds
    seed = first << 32  # a stretch of seeds of its own
    runs = 0
    kept = [path.read_bytes() for path in sorted((CORPUS / target).glob("*"))]
    while time.monotonic() < end:
        seed += 1
        chance = random.Random(seed)
        data = bytearray(chance.choice(kept) if kept and seed % 4 == 0 else b"")
        data += chance.randbytes(chance.randrange(8, 3000))
        runs += 1
        try:
            TARGETS[target](bytes(data))
        except Exception:
            OUT.mkdir(parents=True, exist_ok=True)
            path = OUT / ("crash-%s-%d" % (target, seed))
            path.write_bytes(data)
            print("%s: kept as %s" % (target, path), file=sys.stderr)
            raise
    print("%s: %d runs by chance, nothing found" % (target, runs))


@click.command("fuzz")
@click.option(
    "--minutes",
    type=click.FloatRange(0.01),
    default=2,
    show_default=True,
    help="In all, shared by the targets.",
)
@click.option("--target", type=click.Choice(sorted(TARGETS)), help="Only this one.")
@click.option(
    "--seed",
    type=click.IntRange(1, 1 << 31),
    default=1,
    show_default=True,
    help="Another seed tries other things.",
)
def command(minutes, target, seed):
    """Fuzz frame decoding and a whole node, guided by coverage where Atheris is installed."""
    targets = [target] if target else sorted(TARGETS)
    seconds = int(minutes * 60 / len(targets)) or 1
    guided = atheris_here()
    if not guided:
        print("no Atheris here (pip install .[fuzz]): by chance alone, not guided by coverage")
    try:
        for name in targets:
            if not guided:
                _by_chance(name, seconds, seed)
            elif not _guided(name, seconds, seed):
                sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        print("%s: %s" % (type(error).__name__, error), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    command()
