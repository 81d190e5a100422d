"""`lvs firmware`: MicroPython with the node frozen into it, from MicroPython's own sources.

The code then stays in flash, and the heap is left to the tables. A board's manifest names what is
frozen; a module ``frozen`` goes with it, which says what that was: the profile, and the hash of
every file, so that deployments bring what differs alone.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import click
from rich.console import Console

from lvs_tools import options
from lvs_tools.board import firmware_image, profiles
from lvs_tools.board.profiles import BoardError
from lvs_tools.board.result import sha256
from lvs_tools.board.serial_board import OLDEST
from lvs_tools.places import BOARDS

SOURCES = (
    "MicroPython's sources are needed: MICROPYTHON_DIR=folder, or --micropython; "
    "docs/boards/frozen.md tells how to get them"
)
# port: (program that must be there, what to say, what its build leaves)
_NEEDS = {
    "rp2": (
        ("arm-none-eabi-gcc", "cmake"),
        "a compiler for Arm and CMake (Debian: gcc-arm-none-eabi, libnewlib-arm-none-eabi, "
        "libstdc++-arm-none-eabi-newlib, cmake)",
        "firmware.uf2",
    ),
    "esp32": (
        ("idf.py",),
        "Espressif's ESP-IDF: run `. ESP-IDF/export.sh` in this shell before",
        "firmware.bin",
    ),
}


def frozen_module(profile):
    """The source of the module ``frozen`` of a board: the profile, what is frozen, and a name of
    that set."""
    files = profiles.files(profile, profile["arch"], status_page=True)
    files.pop("/lib/microdot.mpy")
    lines = [f"{path} {sha256(data)}" for path, data in sorted(files.items())]
    text = files["/profile.json"].decode()
    # Constants of text stay in flash, a dict would not.
    return (
        f"PROFILE = {text!r}\n"
        f"FILES = {chr(10).join(lines)!r}\n"
        f"ID = {sha256(chr(10).join(lines).encode())[:16]!r}\n"
        "def read(): return ID, FILES\n"  # few names: each costs a board that asks
    )


def _check_version(root):
    header = root / "py" / "mpconfig.h"
    if not header.is_file():
        raise BoardError(f"{root}: these are not MicroPython's sources: no py/mpconfig.h")
    found = re.findall(r"define MICROPY_VERSION_M\w+ +\(?(\d+)", header.read_text())
    if tuple(map(int, found)) < OLDEST:
        raise BoardError(
            f"{root}: MicroPython {'.'.join(found)} is too old; 1.26 or newer is needed"
        )


def check_sources(root, profile):
    """Raise BoardError unless a folder has MicroPython's sources, all that this board's port
    takes, and the compiler is here."""
    _check_version(root)
    port = root / "ports" / profile["port"]
    if not (port / "boards" / profile["name"]).is_dir():
        raise BoardError(f"{port}/boards: MicroPython has no board {profile['name']}")
    programs, what, _ = _NEEDS[profile["port"]]
    gone = [program for program in programs if shutil.which(program) is None]
    if gone:
        raise BoardError(f"{gone[0]} is not here: {what}")
    parts = ("lib/pico-sdk", "lib/micropython-lib")
    if profile["port"] == "rp2" and not all(any((root / part).glob("*")) for part in parts):
        raise BoardError(
            f"{root}: parts of the sources are missing: "
            f"make -C {port} BOARD={profile['name']} submodules"
        )


def write_manifest(profile, folder):
    """Write ``frozen.py`` and the manifest of a build into a folder; its path."""
    (folder / "frozen.py").write_text(frozen_module(profile))
    manifest = folder / "manifest.py"
    manifest.write_text(
        f"include({str(BOARDS.resolve() / profile['name'] / 'manifest.py')!r})\n"
        f"module('frozen.py', base_path={str(folder)!r}, opt=3)\n"
    )
    return manifest


def make(command, log):
    """Run a build; what it prints goes to a log. Raises BoardError."""
    with open(log, "w") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if status:
        lines = log.read_text(errors="replace").splitlines()
        text = [line.strip() for line in lines if line.strip()] or ["it printed nothing"]
        wrong = [i for i, line in enumerate(text) if re.search(r"\berror\b", line, re.IGNORECASE)]
        at = (wrong or [0])[0]
        # CMake names the place in one line and what is wrong in those after it.
        why = " ".join(text[at : at + 3] if text[at].startswith("CMake Error") else [text[at]])
        raise BoardError(f"the build failed: {why[:200]}; all of it is in {log}")


def _check_32_bit():
    """Raise BoardError unless this machine's compiler makes programs of 32 bits."""
    done = subprocess.run(
        ["gcc", "-m32", "-x", "c", "-", "-o", os.devnull],
        input=b"#include <stdint.h>\nint main(void) { return 0; }\n",
        capture_output=True,
    )
    if done.returncode:
        raise BoardError("gcc makes no programs of 32 bits here: Debian's gcc-multilib is needed")


def interpreter(profile, micropython, out):
    """Build MicroPython for this machine, with the 32-bit objects and the frozen node of a board;
    its path. Raises BoardError."""
    root = Path(micropython).resolve()
    _check_version(root)
    folder = (Path(out) / "measure").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    manifest = write_manifest(profile, folder)
    manifest.write_text(
        "include('$(MPY_DIR)/extmod/asyncio')\n"
        + manifest.read_text().replace(f"/{profile['name']}/", "/common/")
    )
    log = folder / "build.log"
    jobs = f"-j{os.cpu_count() or 1}"
    _check_32_bit()
    make(["make", "-C", str(root / "mpy-cross"), jobs], log)
    make(
        [
            "make",
            "-C",
            str(root / "ports" / "unix"),
            jobs,
            f"BUILD={folder / 'build'}",
            f"FROZEN_MANIFEST={manifest}",
            "CC=gcc -m32",  # MICROPY_FORCE_32BIT is gone after 1.28
            "MPY_CROSS_FLAGS=-march=x86",
            *(f"MICROPY_PY_{name}=0" for name in ("SSL", "BTREE", "FFI", "THREAD")),
        ],
        log,
    )
    return folder / "build" / "micropython"


def build(profile, micropython, out):
    """Build the image of a board; returns its path. Raises BoardError.

    micropython: the folder with the sources. out: a folder. A used build folder would keep what
    was frozen before, so there is a new one each time.
    """
    micropython = Path(micropython).resolve()
    check_sources(micropython, profile)
    folder = (Path(out) / profile["name"]).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [
        "make",
        "-C",
        str(micropython / "ports" / profile["port"]),
        f"-j{os.cpu_count() or 1}",
        f"BOARD={profile['name']}",
        f"BUILD={folder / 'build'}",
        f"FROZEN_MANIFEST={write_manifest(profile, folder)}",
    ]
    make(command, folder / "build.log")
    left = folder / "build" / _NEEDS[profile["port"]][2]
    image = folder.with_suffix(left.suffix)
    firmware_image.check(left.read_bytes(), profile, left)
    shutil.copyfile(left, image)
    return image


@click.command()
@click.option("--board", "name", required=True, metavar="NAME", help="The board's profile.")
@click.option(
    "--micropython",
    envvar="MICROPYTHON_DIR",
    metavar="FOLDER",
    help="MicroPython's sources. [$MICROPYTHON_DIR]",
)
@click.option(
    "--out",
    default="build/firmware",
    show_default=True,
    metavar="FOLDER",
    help="Where the image goes, and what is made on the way.",
)
@options.PRINT_JSON
def command(name, micropython, out, as_json):
    """Build MicroPython for a board with the node frozen into it.

    The code stays in flash then, which leaves some 60 KB more of heap. It takes some minutes.

    \b
    Examples:
      lvs firmware --board RPI_PICO_W --micropython ~/micropython
      lvs flash --board RPI_PICO_W --image build/firmware/RPI_PICO_W.uf2
    """
    with options.ending("firmware", BoardError, OSError, interrupted="there is no image"):
        profile = profiles.load(name)
        if not micropython:
            raise BoardError(SOURCES)
        with Console(stderr=True).status(f"{name}: building"):
            image = build(profile, micropython, out)
    if as_json:
        click.echo(json.dumps({"board": name, "image": str(image), "bytes": image.stat().st_size}))
    else:
        shown = os.path.relpath(image)
        click.echo(f"{shown}; next: lvs flash --board {name} --image {shown}")
