"""What a node takes of a board's heap: by file and frozen, by module and by table."""

import ast
import json
import os
import tempfile
from pathlib import Path

from lvs_tools import interpreters, shims
from lvs_tools.bench.table import Goal, Table, number
from lvs_tools.board import frozen_build, measure, profiles
from lvs_tools.places import FIRMWARE, PACKAGE, PROTOCOL

TITLE = "Memory"
SOURCES = (
    *(PROTOCOL, FIRMWARE, __file__, PACKAGE / "bench" / "memory_inside.py"),
    *(PACKAGE / "board" / "measure.py", PACKAGE / "board" / "measure_inside.py"),
)
ALONE = False
PICTURES = ()
_BOARD = "RPI_PICO_W"
_INSIDE = PACKAGE / "bench" / "memory_inside.py"
_CYCLES = {"quick": 50, "usual": 300, "large": 1000}
_FREE = 245 * 1024  # bytes of heap on a plain Pico
_WHOLE = 100 * 1024  # goal: a node with full tables, its journal included (G7)
_BASE = {"mesh": "m", "channels": ["a"], "nodes": 32, "rows": 128, "routes": 32}
_MORE = {  # one thing more: what it is, how many of it, the configuration, whether with a journal
    "a node": (0, {}, False),
    "a row": (128, {"rows": 256}, False),
    "a route": (32, {"routes": 64}, False),
    "a channel of the same shard": (15, {"channels": ["c%d" % c for c in range(16)]}, False),
    "a second shard, of 16 channels": (1, {"channels": ["c%d" % c for c in range(32)]}, False),
    "a journal": (1, {}, True),
}


def _sources():
    return os.environ.get("MICROPYTHON_DIR", "")


def missing():
    """What cannot be measured here, in one line, or ""."""
    if interpreters.wasm() is None:
        return interpreters.mend("wasm")
    return "" if _sources() else f"frozen builds: {frozen_build.SOURCES}"


def cases(size):
    """The cases of a size."""
    if interpreters.wasm() is None:
        return []
    found = [{"what": "parts"}, {"what": "heap", "frozen": False, "cycles": _CYCLES[size]}]
    if _sources() and size != "quick":
        found.append({"what": "heap", "frozen": True, "cycles": _CYCLES[size]})
    return found


def run(case, folder):
    """The figures of one case."""
    profile = profiles.load(_BOARD)
    if case["what"] == "parts":
        return {**case, **_parts(profile)}
    program = None
    if case["frozen"]:
        program = frozen_build.interpreter(profile, _sources(), folder)
    found = measure.measure(profile, case["cycles"], timeout=3600, program=program)
    return {**case, **{key: found[key] for key in ("board", *measure.KEYS[:5])}}


def imported(name, late=False):
    """The modules of lib/lvs that one imports. late: those inside of functions, too."""
    tree = ast.parse((PROTOCOL / f"{name}.py").read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree) if late else tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module} if node.module else {alias.name for alias in node.names}
    return {n for n in found if n and (PROTOCOL / f"{n}.py").is_file()}


def ordered(names):
    """Modules so that each follows those that it imports."""
    found = []

    def visit(name):
        if name not in found:
            for other in sorted(imported(name)):
                visit(other)
            found.append(name)

    for name in sorted(names):
        visit(name)
    return found


def _parts(profile):
    flash, said = {}, {}
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        (root / "lib" / "lvs").mkdir(parents=True)
        for target, data in profiles.files(profile, None, True, False).items():
            path = Path(target)
            # Without its __init__, which imports a node, modules come one by one.
            if path.parent.name == "lvs" and path.stem != "__init__":
                (root / "lib" / "lvs" / path.name).write_bytes(data)
                flash[path.stem] = len(data)
        for what, (_, more, durable) in {"": (1, {}, False), **_MORE}.items():
            asked = root / "asked.json"
            modules = [] if what else ordered(flash)
            config = {**_BASE, **more}
            asked.write_text(
                json.dumps({"modules": modules, "config": config, "journal": durable})
            )
            path = [root / "lib", Path(shims.PATH)]
            said[what] = json.loads(
                interpreters.run("wasm", _INSIDE, [asked], path=path, timeout=600)
            )
    base = said["a node"]["node"]
    sizes = {what: (said[what]["node"] - base) / n for what, (n, _, _) in _MORE.items() if n}
    there = said["a node"]["there"]
    return {"modules": said[""]["modules"], "flash": flash, "there": there, "tables": sizes}


def tables(rows):
    """What is shown of them."""
    heaps = [row for row in rows if row["what"] == "heap"]
    shown = []
    if heaps:
        head = [f"bytes ({heaps[0]['board']})", *(_how(row) for row in heaps)]
        if len(heaps) > 1:
            head.append("saved")
        lines = []
        for key in measure.KEYS[:5]:
            figures = [row[key] for row in heaps]
            saved = [number(figures[0] - figures[1])] if len(heaps) > 1 and all(figures) else []
            lines.append([_WORDS[key], *map(number, figures), *saved])
        shown.append(Table("A node on its board", "lvs bench --only memory", head, lines))
    for row in rows:
        if row["what"] == "parts":
            shown += [_modules(row), _tables(row)]
    return shown


_WORDS = {
    "heap_import": "imported",
    "heap_start": "started",
    "heap_full_tables": "tables full",
    "heap_high_water": "most in use",
    "largest_free": "largest free block then",
}


def _how(row):
    return "frozen" if row["frozen"] else "from files"


def _modules(row):
    there = row["there"]
    names = sorted(row["modules"], key=lambda name: -row["modules"][name])
    lines = [
        [
            f"`{name}`",
            number(row["modules"][name]),
            number(row["flash"][name]),
            "always" if name in there else "when used",
        ]
        for name in names
    ]
    kept = sum(row["modules"][name] for name in names if name in there)
    lines.append(["all that are always there", number(kept), "", ""])
    head = ["module", "heap", "flash", "loaded"]
    return Table("Modules of the protocol, from files", "lvs bench --only memory", head, lines)


def _tables(row):
    lines = [[what, number(size, 1)] for what, size in row["tables"].items()]
    return Table("Tables", "lvs bench --only memory", ["what", "bytes of heap"], lines)


def goals(rows):
    """What was to be reached: guarantee G7."""
    for row in rows:
        if row["what"] == "heap":
            full = row["heap_full_tables"]
            yield Goal(
                f"heap of a node with full tables and its journal, {_how(row)}",
                f"{number(full)} B",
                f"at most {number(_WHOLE)} B (of {number(_FREE)} on a plain Pico)",
                full <= _WHOLE,
                "the code is in the heap: build it frozen"
                if not row["frozen"]
                else "rows and routes of its profile",
            )


def draw(rows, folder):
    """No picture: tables say it."""
