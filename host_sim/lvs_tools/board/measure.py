"""`lvs measure`: what a node costs in memory on a board, measured on 32-bit objects.

MicroPython for WebAssembly has the boards' object sizes: the figures are those of a board, less
what its own network stack takes, which is outside the heap.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from lvs_tools import interpreters, options, shims
from lvs_tools.board import profiles
from lvs_tools.board.profiles import BoardError
from lvs_tools.places import ROOT, wasm_home

_INSIDE = Path(__file__).with_name("measure_inside.py")
_INSIDE_LEAF = Path(__file__).with_name("measure_leaf.py")
LEAF_BUDGET = 45 * 1024
LEAF_KEYS = {
    "heap_import": "heap after import of a leaf's program",
    "heap_start": "heap after start",
    "heap_high_water": "most heap in use in a waking, without garbage",
    "state_bytes": "bytes that it keeps while it sleeps",
}
KEYS = (
    "heap_import",
    "heap_start",
    "heap_full_tables",
    "heap_high_water",
    "largest_free",
    "alloc_per_cycle",
    "alloc_per_packet",
    "alloc_per_contribution",
    "mpy_bytes",
)
# What was accepted last, in a checkout; a test fails when a figure is more than 2 % above it.
ACCEPTED = ROOT / "tests" / "board" / "memory.json"
GUARDED = tuple(key for key in KEYS if key not in ("largest_free", "mpy_bytes"))
TEST_BOARD, TEST_CYCLES = "RPI_PICO_W", 100
_MEANING = {
    "heap_import": "heap after import of node and firmware",
    "heap_start": "heap after start: node and tasks made",
    "heap_full_tables": "heap with 64 peers and every ring full",
    "heap_high_water": "most heap in use over all cycles, garbage of a cycle included",
    "largest_free": "largest free block then, on a heap of the board's size",
    "alloc_per_cycle": "allocated per cycle (garbage)",
    "alloc_per_packet": "allocated per received packet (recvfrom: about 160 more)",
    "alloc_per_contribution": "allocated per contribution",
}


def settings(profile):
    """A node's configuration that fills everything the profile allows."""
    channels = 16 * profile["config"]["held"]
    return {
        **profile["config"],
        "mesh": "measure",
        "channels": [f"c{i}" for i in range(channels)],
        "board": {"journal": profile["board"].get("journal", True)},
    }


def _said(pattern, output):
    """The group of a pattern in what the measurement printed."""
    found = re.search(pattern, output, re.MULTILINE)
    if found is None:
        raise BoardError(f"the measurement ended early; it printed: {output[-300:].strip()}")
    return found.group(1)


# Names of files are as long as on a board, wherever this machine keeps them.
_DRIVE = """
import gc, os, sys, vfs, asyncio  # inside.py hides what asyncio needs
os.chdir(sys.argv[1])
vfs.umount("/")
vfs.mount(vfs.VfsPosix(sys.argv[1]), "/")
sys.path[:] = ["/shims", "", ".frozen", "/lib"]
sys.argv[:] = ["/inside.py", "/settings.json"] + sys.argv[2:]
exec(open("/inside.py").read(), globals())
if sys.platform != "webassembly":  # there, run.mjs does it
    for _ in steps:
        gc.collect()
"""


def _run(profile, inside, given, arguments, timeout, program=None):
    """What a script prints on the board's heap, beside a board's files or in an interpreter that
    has them frozen in; and the files' sizes."""
    sizes = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copytree(shims.PATH, root / "shims")
        shutil.copy(inside, root / "inside.py")
        drive = root / "drive.py"
        drive.write_text(_DRIVE)
        (root / "settings.json").write_text(json.dumps(given))
        if program:
            heap = f"heapsize={profile['heap_kb']}k"
            done = subprocess.run(
                [str(program), "-X", heap, str(drive), folder, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
            )
            return done.stdout + done.stderr, sizes
        for target, data in profiles.files(profile, None, True, False).items():
            path = root / target.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            if target.endswith(".mpy"):
                sizes[target] = len(data)
        heap = profile["heap_kb"] * 1024
        output = interpreters.run(
            "wasm", drive, [root, *arguments], path=[], heap=heap, timeout=timeout
        )
    return output, sizes


def measure_leaf(profile, channels=4, timeout=600):
    """Measure a leaf on a board; returns a dict with LEAF_KEYS. Raises as ``measure`` does."""
    given = {
        **profile["config"],
        "held": 0,
        "mesh": "measure",
        "channels": [f"c{i}" for i in range(channels)],
        "board": {"wifi": False, "leaf": {}},
    }
    output, _ = _run(profile, _INSIDE_LEAF, given, [], timeout)
    return json.loads(_said(r"^RESULT (.*)$", output))


def measure(profile, cycles=1000, timeout=600, program=None):
    """Measure a profile; returns a dict with KEYS and what the run looked like.

    program: an interpreter that has the node frozen in (``frozen_build.interpreter``).
    Raises BoardError, InterpreterMissing or ScriptFailed.
    """
    output, sizes = _run(profile, _INSIDE, settings(profile), [str(cycles)], timeout, program)
    result = json.loads(_said(r"^RESULT (.*)$", output))
    # MicroPython counts blocks of four words. A heap that grew says nothing of the board's.
    grown = int(_said(r"GC: total: (\d+)", output)) > profile["heap_kb"] * 1024
    result["largest_free"] = None if grown else int(_said(r"max free sz: (\d+)", output)) * 16
    result["mpy_bytes"] = sizes
    result["board"] = profile["name"]
    result["cycles"] = cycles
    result["budget"] = profile["budget_kb"] * 1024
    return result


def regressions(result, accepted):
    """Lines about the figures that are more than 2 % (and 16 bytes) above the accepted ones."""
    return [
        f"{key}: {result[key]} is more than 2 % above {accepted[key]}"
        for key in GUARDED
        if result[key] > accepted[key] * 1.02 + 16
    ]


def accept():
    """Measure as the test does and write what it compares with; returns the figures."""
    result = measure(profiles.load(TEST_BOARD), TEST_CYCLES)
    kept = {key: result[key] for key in GUARDED}
    ACCEPTED.write_text(json.dumps(kept, indent=1) + "\n")
    return kept


def _show_leaf(profile, console, path):
    """Measure and show a leaf; exits with 1 above its budget."""
    result = measure_leaf(profile)
    table = Table(title=f"{profile['name']}: a leaf of four channels", show_header=False)
    for key, text in LEAF_KEYS.items():
        table.add_row(text, f"{result[key]:,}")
    if path != "-":
        console.print(table)
    options.write_json(path, result)
    if result["heap_high_water"] > LEAF_BUDGET:
        click.echo(f"measure: above the budget of {LEAF_BUDGET}", err=True)
        sys.exit(1)


def _built(profile, micropython):
    """An interpreter of 32 bits for this machine with the node frozen in. Raises BoardError."""
    from lvs_tools.board import frozen_build

    if not micropython:
        raise BoardError(frozen_build.SOURCES)
    with Console(stderr=True).status("building MicroPython for this machine"):
        return frozen_build.interpreter(profile, micropython, "build/firmware")


@click.command()
@click.option(
    "--accept",
    "accepting",
    is_flag=True,
    help="Make the present figures those that the test compares with.",
)
@click.option(
    "--board",
    "name",
    default=TEST_BOARD,
    show_default=True,
    metavar="NAME",
    help="The board's profile.",
)
@click.option("--cycles", default=1000, show_default=True, help="Cycles of the busy phase.")
@options.JSON
@click.option("--leaf", is_flag=True, help="Measure a leaf of four channels instead.")
@click.option(
    "--frozen", is_flag=True, help="With the node frozen in, in an interpreter built for it."
)
@click.option(
    "--micropython",
    envvar="MICROPYTHON_DIR",
    metavar="FOLDER",
    help="MicroPython's sources, for --frozen. [$MICROPYTHON_DIR]",
)
def command(accepting, name, cycles, json_path, leaf, frozen, micropython):
    """Measure what a node with a board's profile costs in memory, in bytes.

    The heap at full tables is to be below the profile's budget.

    \b
    Examples:
      lvs measure --board RPI_PICO_W
      lvs measure --board RPI_PICO_W --leaf    # a leaf of four channels
    """
    console = Console()
    errors = (BoardError, OSError, interpreters.InterpreterMissing, interpreters.ScriptFailed)
    with options.ending("measure", *errors):
        if not frozen and interpreters.wasm() is None:
            click.echo(f"measure: fetching MicroPython for WebAssembly to {wasm_home()}", err=True)
            interpreters.fetch_wasm()
        if accepting:
            for key, value in accept().items():
                click.echo(f"{key:24} {value:8,}")
            return
        profile = profiles.load(name)
        if leaf:
            _show_leaf(profile, console, json_path)
            return
        program = _built(profile, micropython) if frozen else None
        with Console(stderr=True).status(f"{name}: {cycles} cycles with 64 peers"):
            result = measure(profile, cycles, program=program)
    table = Table(title=f"{name}: {profile['title']}", show_header=False)
    for key, text in _MEANING.items():
        table.add_row(text, f"{result[key]:,}" if result[key] is not None else "it grew")
    if not frozen:
        table.add_row("compiled modules in flash", f"{sum(result['mpy_bytes'].values()):,}")
    if json_path != "-":
        console.print(table)
    if not result["tables_full"]:
        click.echo(f"measure: the tables were not full: {result['rows']} rows", err=True)
        sys.exit(1)
    options.write_json(json_path, result)
    over = result["heap_full_tables"] - result["budget"]
    if over > 0:
        click.echo(f"measure: {over} bytes above the budget of {result['budget']}", err=True)
        sys.exit(1)
