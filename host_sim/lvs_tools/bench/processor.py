"""What a node costs a processor: instructions that MicroPython for Linux executes, call by call.

Valgrind's callgrind counts them, so the figures are the same on a busy machine and an idle one. A
board's processor needs others, but what costs twice as many here costs about twice as much there.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lvs_tools import interpreters
from lvs_tools.bench import played, tape
from lvs_tools.bench.table import Goal, Table, number
from lvs_tools.board import profiles
from lvs_tools.places import LIB, PROTOCOL

TITLE = "Processor"
SOURCES = (*played.SOURCES, __file__)
ALONE = False
PICTURES = ()
_HEAP = 256 << 20  # bytes: no collection while it is counted
_CONTROL_S = 120  # until a process that waits begins to count
_PARTS = ("CRC of 250 bytes", "EP decoded", "SDM decoded", "drift of 15 x 16 samples")
_TOTALS = re.compile(r"^totals: (\d+)", re.MULTILINE)


def fast():
    """The modules of the protocol that are native or viper code, each with a plain twin."""
    return sorted(path for path in PROTOCOL.glob("*.py") if profiles.native(path))


def missing():
    """Why it cannot be measured here, in one line, or ""."""
    if shutil.which("valgrind") is None:
        return "no Valgrind here: install it (Debian: apt install valgrind)"
    return "" if interpreters.micropython() else interpreters.mend("micropython")


def cases(size):
    """The cases of a size: as it is, and where there is native code without it, too."""
    codes = ["native", "bytecode"] if fast() else ["bytecode"]
    return [{"world": world, "code": code} for world in played.worlds(size) for code in codes]


def _count(script, arguments, lib):
    """(what a script prints, instructions between each two calls of `unsetenv`).

    Nothing is counted until the script says that it is ready: that takes a sixth of the time.
    """
    start = interpreters.command("micropython", _HEAP)
    assert start
    if Path(start[0]).read_bytes()[:2] == b"#!":  # a console script of Python runs in its process
        start = [sys.executable, *start]
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        counting = ("--tool=callgrind", "--instr-atstart=no", "--dump-before=unsetenv")
        with subprocess.Popen(
            ["valgrind", *counting, f"--callgrind-out-file={counts}", *start, script, *arguments],
            env={
                **interpreters.environment(played.path(lib)),
                "PYTHONHASHSEED": "0",
                "PYTHONPATH": "",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            try:
                said, errors = _talk(process)
            except BaseException:
                process.kill()
                raise
        if process.returncode or not said:
            raise interpreters.ScriptFailed(
                "micropython", script, process.returncode, said, errors
            )
        dumps = sorted(counts.parent.glob("counts.*"), key=lambda path: int(path.suffix[1:]))
        found = [_TOTALS.search(path.read_text(errors="replace")) for path in dumps]
    return said, [int(total.group(1)) for total in found if total]


def _talk(process):
    """Count from when a process is ready; returns what it says after that, and its errors."""
    if process.stdout.readline():
        subprocess.run(
            ["callgrind_control", "--instr=on", str(process.pid)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_CONTROL_S,
        )
    return process.communicate("\n")


def run(case, folder):
    """The figures of one case."""
    path = tape.kept(folder, case["world"])
    with tempfile.TemporaryDirectory() as copy:
        lib = LIB
        if case["code"] == "bytecode" and fast():
            lib = Path(copy)
            left_out = shutil.ignore_patterns("__pycache__", *(p.name for p in fast()))
            shutil.copytree(PROTOCOL, lib / "lvs", ignore=left_out)
        said, counts = _count(played.REPLAY, [str(path.resolve()), "count"], lib)
    found = json.loads(said)
    labels = found["labels"]
    counts = counts[-len(labels) :]  # what is before the first mark does not count
    playing = min(c for c, label in zip(counts, labels, strict=True) if label == "nothing")
    counts = [c - playing for c in counts]
    calm, end = found["calm"], labels.index("checked")
    return {
        **case,
        "instructions": played.figures(labels, counts),
        "busy_minute": played.a_minute(counts[:calm], found["cycles"]),
        "calm_minute": played.a_minute(counts[calm:end], found["cycles"]),
    }


def tables(rows):
    """What is shown of them."""
    head = ["thousand instructions"]
    for row in rows:
        head += ["N=%d, %s, mean" % (row["world"]["nodes"], row["code"]), "most"]
    shown = []
    for label in (*played.ORDER, *_PARTS):
        costs = [row["instructions"].get(label) for row in rows]
        if any(costs):
            cells = [c for f in costs for c in ((f["mean"], f["most"]) if f else (None, None))]
            shown.append([label, *(number(c and c / 1000, 1) for c in cells)])
    for key, text in (("busy_minute", "a minute of traffic"), ("calm_minute", "a calm minute")):
        shown.append([text, *(c for r in rows for c in (number(r[key] / 1000), "-"))])
    return [
        Table(
            "Instructions of MicroPython for Linux, by callgrind",
            "lvs bench --only processor",
            head,
            shown,
            [
                "No garbage is collected meanwhile. Shares of a board's processor need a board or"
                " its image: `lvs emulate`.",
            ],
        )
    ]


def goals(rows):
    """What was to be reached: an idle tick at all, and no epoch above five packets."""
    for row in rows[-1:]:
        costs = row["instructions"]
        heard, epoch = costs.get("SDM heard"), costs.get("epoch")
        if heard and epoch:
            parts = epoch["most"] / heard["mean"]
            yield Goal(
                "an epoch, in packets heard (N=%d)" % row["world"]["nodes"],
                number(parts, 1),
                "at most 4 (20 ms of an RP2040, of 5 ms a packet)",
                parts <= 4,
                "every row's checksum and digest, every route's trust and vote in one turn: slices"
                " of them would change when damage is seen and what is said meanwhile",
            )


def draw(rows, folder):
    """No picture: tables say it."""
