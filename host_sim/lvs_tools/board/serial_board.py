"""A board at a serial port, through mpremote's transport; trouble becomes one line."""

import contextlib
import hashlib
import json
import os
import re
import time
from typing import Any

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport
from serial.tools import list_ports

from lvs_tools.board.profiles import ARCHITECTURES, BoardError

OLDEST = (1, 26)  # before, the RP2 receives one datagram at a time
_SILENCE_S = 10  # between two bytes; a flash chip may take its time
_RAW_REPL = b"raw REPL; CTRL-B to exit\r\n"
_CHUNK = 1024  # bytes per write; a board holds it in memory twice

_HASHES = """
import hashlib
for p in {paths!r}:
 try:
  with open(p,'rb') as f:
   h=hashlib.sha256()
   while 1:
    b=f.read(512)
    if not b: break
    h.update(b)
  print(p,''.join('%02x'%c for c in h.digest()))
 except OSError: print(p,'-')
"""


def ports():
    """Serial ports that a board could be at: [(path, description)]."""
    return [(p.device, p.description) for p in list_ports.comports() if p.vid is not None]


def choose_port(port):
    """The port that was asked for, or the only one there is. Raises BoardError."""
    if port:
        return port
    found = ports()
    if len(found) == 1:
        return found[0][0]
    if not found:
        raise BoardError(
            "no board at any serial port: plug it in (with a cable that carries "
            "data), or name the port: --port PORT"
        )
    listed = ", ".join(f"{path} ({text})" for path, text in found)
    raise BoardError(f"several serial ports: {listed}; name one: --port PORT")


@contextlib.contextmanager
def plain_errors(port, doing):
    """Turn what serial ports and boards may raise into a BoardError of one line."""
    try:
        yield
    except TransportExecError as error:
        text = error.error_output.strip().splitlines()[-1]
        if "28" in text.split() or "ENOSPC" in text:
            raise BoardError(
                f"{port}: the board's filesystem is full; remove files of yours with "
                f"`mpremote connect {port} resume rm`"
            ) from None
        raise BoardError(f"{port}: {doing}: the board says {text}") from None
    except TransportError as error:
        raise BoardError(
            f"{port}: {doing}: {error}; unplug the board, plug it in again and run "
            "the same command: it goes on where it stopped"
        ) from None
    except (serial.SerialException, OSError, TypeError) as error:
        # pyserial raises TypeError when a port is closed under a read
        if getattr(error, "errno", None) == 28:
            raise BoardError(f"{port}: the board's filesystem is full") from None
        raise BoardError(
            f"{port}: the board went away while {doing} ({error}); plug it in and "
            "run the same command: it goes on where it stopped"
        ) from None


def open_port(port):
    """mpremote's transport on a port. Raises BoardError."""
    if "://" not in port and not os.path.exists(port) and os.name != "nt":
        there = ", ".join(path for path, _ in ports()) or "none"
        raise BoardError(f"no serial port {port}; ports here: {there}")
    try:
        return SerialTransport(port, baudrate=115200, timeout=_SILENCE_S)
    except (TransportError, serial.SerialException, OSError):
        pass
    # mpremote hides the reason: ask pyserial
    try:
        serial.serial_for_url(port, exclusive=True).close()
    except (serial.SerialException, OSError, ValueError) as error:
        if "lock" in str(error) or getattr(error, "errno", None) in (11, 16):
            raise BoardError(
                f"{port} is in use by another program; close it (a REPL, a serial "
                "monitor, an editor) and try again"
            ) from None
        if getattr(error, "errno", None) == 13:
            raise BoardError(
                f"{port}: no permission; on Linux: sudo usermod -a -G dialout $USER, "
                "then log in again"
            ) from None
        raise BoardError(f"{port}: cannot be opened ({error})") from None
    return SerialTransport(port, baudrate=115200, timeout=_SILENCE_S)


class SerialBoard:
    """A connected board at its raw REPL; a context manager. Whatever it ran is interrupted.

    patience: seconds that it may take to answer. ``version``, ``machine``, ``mcu``, ``platform``,
    ``arch`` (None: unknown) describe it.
    """

    def __init__(self, port, patience=5):
        self.port = port
        self._patience = patience
        self.transport = open_port(port)
        try:
            try:
                self._enter()
                self._identify()
            except TransportError:  # interrupted where it did not expect it: once more
                self._enter()
                with plain_errors(port, "asking what it is"):
                    self._identify()
        except BaseException:
            self.close()
            raise

    def _enter(self):
        # No soft reset: it would leave a running watchdog unfed, while a node that is
        # interrupted by Ctrl-C keeps feeding it.
        # mpremote's own enter_raw_repl would print what it did not understand.
        line: Any = self.transport.serial  # a pyserial port; with a folder mounted a wrapper
        with contextlib.suppress(TransportError, serial.SerialException, OSError, TypeError):
            for _ in range(2):
                line.write(b"\r\x03")
                time.sleep(0.1)
                line.reset_input_buffer()
                line.write(b"\r\x01")
                said = self.transport.read_until(1, _RAW_REPL, timeout_overall=self._patience)
                if said.endswith(_RAW_REPL):
                    self.transport.in_raw_repl = True
                    return
        raise BoardError(
            f"{self.port}: no MicroPython answers; flash it first (lvs flash), or "
            "press the board's reset button and try again"
        )

    def _identify(self):
        self.transport.exec("import sys,os,gc\ngc.collect()")
        said: Any = self.transport.eval(
            "(tuple(sys.implementation[1])[:3],sys.implementation._machine,"
            "getattr(sys.implementation,'_mpy',0),sys.platform)"
        )
        self.version, machine, mpy, self.platform = said
        self.machine = machine
        self.mcu = machine.rpartition(" with ")[2]
        self.mpy = mpy & 0xFF
        code = mpy >> 10 & 0xF
        self.arch = ARCHITECTURES[code] if code < len(ARCHITECTURES) else None

    def require_supported(self):
        """Raise BoardError if its MicroPython is too old."""
        text = ".".join(map(str, self.version))
        if tuple(self.version) < OLDEST:
            raise BoardError(
                f"{self.port}: MicroPython {text} is too old; 1.26 or newer is needed: lvs flash"
            )
        if self.mpy != 6:
            raise BoardError(
                f"{self.port}: MicroPython {text} reads .mpy version {self.mpy}, but "
                "this project makes version 6: deploy with --py"
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Give the port back."""
        with contextlib.suppress(OSError, serial.SerialException):
            self.transport.close()

    def run(self, code, doing):
        """Run code on the board; returns what it printed, as text. Raises BoardError."""
        with plain_errors(self.port, doing):
            return self.transport.exec(code).decode(errors="replace")

    def hashes(self, paths):
        """{path: SHA-256 in hex, None if the file is not there}."""
        found = {}
        paths = list(paths)
        for start in range(0, len(paths), 16):
            text = self.run(_HASHES.format(paths=paths[start : start + 16]), "comparing files")
            for line in text.splitlines():
                path, _, digest = line.rpartition(" ")
                found[path] = None if digest == "-" else digest
        return found

    def frozen(self):
        """{path: SHA-256 in hex} of what is frozen into its MicroPython of this project."""
        text = self.run(
            "try:\n import frozen\n print(frozen.FILES)\nexcept ImportError: pass", "asking it"
        )
        return dict(line.split() for line in text.splitlines())

    def free_bytes(self):
        """(free bytes, block size) of the filesystem."""
        stat = json.loads(self.run("print(list(os.statvfs('/')))", "asking for free space"))
        return stat[0] * stat[3], stat[0]

    def make_folders(self, paths):
        """Make the folders above all these paths."""
        above = {path[: m.start()] for path in paths for m in re.finditer("/", path)}
        folders = sorted(above - {""})
        self.run(
            f"for d in {folders!r}:\n try: os.mkdir(d)\n except OSError as e:\n"
            "  if e.errno!=17: raise",
            "making folders",
        )

    def write(self, path, data, progress=lambda done: None):
        """Write a file; see verify."""
        with plain_errors(self.port, f"writing {path}"):
            self.transport.fs_writefile(
                path, data, chunk_size=_CHUNK, progress_callback=lambda done, _: progress(done)
            )

    def verify(self, files):
        """Raise BoardError unless each path of {path: bytes} holds these bytes on the board."""
        found = self.hashes(files)
        wrong = [p for p, data in files.items() if found[p] != hashlib.sha256(data).hexdigest()]
        if wrong:
            raise BoardError(
                f"{self.port}: {wrong[0]} is not what was written; try again, and "
                "with another cable"
            )

    def read(self, path):
        """A file's bytes, or None if it is not there."""
        if (
            self.run(
                f"try: os.stat({path!r}); print(1)\nexcept OSError: print(0)", "looking for files"
            ).strip()
            != "1"
        ):
            return None
        with plain_errors(self.port, f"reading {path}"):
            return bytes(self.transport.fs_readfile(path))

    def reset(self):
        """Restart the board; it runs boot.py and main.py."""
        with plain_errors(self.port, "restarting it"):
            # The pause lets the board acknowledge the command before it is gone.
            self.transport.exec_raw_no_follow(
                "import time,machine\ntime.sleep_ms(200)\nmachine.reset()"
            )
