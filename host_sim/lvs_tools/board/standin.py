"""A board without hardware: a serial port with MicroPython on Linux behind it.

Its flash is a file with a littlefs, its pins, radio and watchdog are those of lvs_tools/shims, and
it restarts as boards do: Ctrl-D and machine.soft_reset() restart the interpreter, machine.reset()
and the watchdog the board. mpremote and `lvs deploy` cannot tell the difference.
"""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import click

from lvs_tools import interpreters, options, shims

_INSIDE = Path(__file__).with_name("standin_boot.py")
_PROMPT = b">>> "
_RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
_FASTEST = 3000  # pulses a minute that a thread gives on time
_SOFT = b"\r\nMPY: soft reboot\r\n"


class Standin:
    """One board; ``port`` is the path of its serial port.

    folder: where it lives; ``flash.bin`` in it survives, so a board can be started again.
    address: its own of 127.0.0.0/8. air: {Wi-Fi name: password} in reach. flash_kb: size of the
    filesystem when it is new. heap: bytes that MicroPython may use (64-bit objects). window_ms:
    how long boot.py waits for Ctrl-C, and trial_ms: gives new files to be found good, if not as
    long as it says. pace: how many times as fast the node's own clock runs.
    wires: more names of shims/bench.py (levels, analog, waves, port, ...).
    """

    def __init__(
        self,
        folder,
        address="127.0.0.1",
        air=None,
        flash_kb=1024,
        heap=None,
        window_ms=None,
        trial_ms=None,
        pace=None,
        **wires,
    ):
        self.folder = Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.image = self.folder / "flash.bin"
        if not self.image.exists():
            self.image.write_bytes(b"\xff" * (flash_kb * 1024))
        self.port = str(self.folder / "port")
        self.output = bytearray()  # everything it ever printed
        self.pulses = {}  # {pin: pulses that its meter gave}; none while the board is off
        self.restarts = []  # "soft", "hard" or "watchdog", in order
        self._bench = {"address": address, "air": air or {}, "reset_cause": 1, **wires}
        self._heap = heap
        self._times = [str(number or "") for number in (window_ms, trial_ms, pace)]
        self._pipe = self.folder / "pipe"
        self._thread = None
        self._wake_read, self._wake_write = os.pipe()
        self._stop = threading.Event()
        self._process = None
        self._was_raw = False  # whether the last prompt was the raw REPL's

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Switch it on."""
        self._outer, slave = pty.openpty()
        self._slave = slave  # kept open: else the port breaks whenever nobody has it open
        _make_raw(slave)
        os.set_blocking(self._outer, False)
        Path(self.port).unlink(missing_ok=True)
        os.symlink(os.ttyname(slave), self.port)
        self._pipe.unlink(missing_ok=True)
        os.mkfifo(self._pipe)
        self._told = os.open(self._pipe, os.O_RDWR | os.O_NONBLOCK)
        self._stop.clear()
        self._spawn("main")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def stop(self):
        """Pull the plug; the flash stays as it is at this moment."""
        if not self._thread:
            return
        self._stop.set()
        os.write(self._wake_write, b".")
        self._thread.join()
        self._thread = None
        self._kill()
        for fd in (self._outer, self._slave, self._told):
            os.close(fd)
        Path(self.port).unlink(missing_ok=True)
        self._pipe.unlink(missing_ok=True)

    def unwire(self):
        """Take its meters away; it notices at its next start."""
        self._bench["waves"] = {}

    def wait_for(self, text, timeout=30, since=0):
        """Wait until it has printed ``text`` (after position ``since``); returns all output.

        Raises TimeoutError with what it did print.
        """
        end = time.monotonic() + timeout
        while text.encode() not in self.output[since:]:
            if time.monotonic() > end:
                raise TimeoutError(
                    f"no {text!r} in:\n{self.output[since:].decode(errors='replace')}"
                )
            time.sleep(0.02)
        return self.output.decode(errors="replace")

    def wait_for_restart(self, kind, times=1, timeout=30):
        """Wait until it was restarted in this way so many times."""
        end = time.monotonic() + timeout
        while self.restarts.count(kind) < times:
            if time.monotonic() > end:
                raise TimeoutError(f"no {kind} restart: {self.restarts}")
            time.sleep(0.02)

    def _spawn(self, mode):
        """Start MicroPython at a terminal of its own."""
        program = interpreters.command("micropython", self._heap)
        if program is None:
            raise interpreters.InterpreterMissing(interpreters.mend("micropython"))
        bench = self.folder / "bench.json"
        bench.write_text(json.dumps(self._bench))
        self._inner, slave = pty.openpty()
        _make_raw(slave, signals=True)
        script = [
            str(_INSIDE),
            shims.PATH,
            str(self.image),
            str(bench),
            str(self._pipe),
            mode,
            *self._times,
        ]
        self._process = subprocess.Popen(
            [*program, "-i", *script],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            close_fds=True,
            preexec_fn=lambda: _take_terminal(slave),
        )
        os.close(slave)
        self._booting = True  # until the first prompt: what is typed waits, except Ctrl-C
        self._alive = self._interrupted = False
        self._typed = bytearray()
        self._since = b""  # what was typed after the last Ctrl-C
        self._recent = b""
        self._watchdog_ms = None
        self._fed = time.monotonic()

    def _kill(self):
        if self._process and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if self._process:
            self._process.wait()
            os.close(self._inner)
            self._process = None

    def _restart(self, kind, raw=False):
        self._kill()
        self.restarts.append(kind)
        self._bench["reset_cause"] = {"soft": 5, "hard": 2, "watchdog": 3}[kind]
        if kind == "soft":
            self._print(_SOFT)
        watchdog = (self._watchdog_ms, self._fed) if kind == "soft" else (None, 0)
        self._spawn("nomain" if raw else "main")
        self._watchdog_ms, self._fed = watchdog  # it runs on over a soft reset
        self._typed += b"\x01" if raw else b""

    def _print(self, data):
        self.output += data
        self._recent = (self._recent + data)[-200:]
        with contextlib.suppress(BlockingIOError):  # nobody reads: lost, as on a board
            os.write(self._outer, data)

    def _type(self, data):
        """Bytes from the serial port."""
        if self._booting and data == b"?":
            _write_all(self._inner, data)  # for the program
        elif self._booting:
            if b"\x03" in data:
                self._typed.clear()
                self._interrupted = True
                self._interrupt()
                data = data[data.rindex(b"\x03") + 1 :]
            self._typed += data
        else:
            self._since = (
                data[data.rindex(b"\x03") + 1 :]
                if b"\x03" in data
                else (self._since + data)[-100:]
            )
            if b"\x03" in data:
                self._let_it_rest()
            _write_all(self._inner, data)

    def _interrupt(self):
        """Ctrl-C while it boots; before it has a handler the signal would end it."""
        if self._interrupted and self._alive and self._process:
            self._interrupted = False
            self._let_it_rest()
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGINT)

    def _let_it_rest(self):
        """Wait until it sleeps, a second at most: MicroPython on Linux that is interrupted while
        it allocates keeps its heap's lock, and stands still at the next allocation."""
        end = time.monotonic() + 1
        while self._process and _runs(self._process.pid) and time.monotonic() < end:
            time.sleep(0.001)

    def _from_board(self):
        try:
            data = os.read(self._inner, 4096)
        except OSError:  # the interpreter has ended: Ctrl-D, or sys.exit
            if self._process and self._process.wait() == -signal.SIGINT:
                # Ctrl-C in the moment around the prompt when MicroPython on Linux has no handler.
                # A board would show its prompt and go on with what is typed.
                typed = self._typed + self._since
                self._kill()
                self._spawn("nomain")
                self._typed = typed
                return
            self._restart("soft", raw=self._was_raw)
            return
        # Boards end lines with CR LF; MicroPython on Linux does so in its prompt only.
        half = self.output[-1:] == b"\r" and data[:1] == b"\n"  # a CR LF in two reads
        self._print(b"\n" * half + re.sub(rb"(?<!\r)\n", b"\r\n", data[half:]))
        if _RAW_PROMPT in self._recent:
            self._was_raw = True
        if self._recent.rfind(_PROMPT) > self._recent.rfind(_RAW_PROMPT):
            self._was_raw = False
        if self._booting and self._recent.endswith((_PROMPT, _RAW_PROMPT)):
            self._booting = False
            _write_all(self._inner, bytes(self._typed))
            self._typed.clear()

    def _from_bench(self):
        for line in os.read(self._told, 65536).decode().splitlines():
            if line == "alive":
                self._alive = True
                self._interrupt()
            elif line == "feed":
                self._fed = time.monotonic()
            elif line.startswith("pulse "):
                pin = int(line[6:])
                self.pulses[pin] = self.pulses.get(pin, 0) + 1
            elif line.startswith("wdt "):
                self._watchdog_ms = int(line[4:])
                self._fed = time.monotonic()
            elif line.startswith("reset "):
                kind = line[6:]
                self._restart(kind, raw=kind == "soft" and self._was_raw)
                return

    def _serve(self):
        while not self._stop.is_set():
            fds = [self._outer, self._inner, self._told, self._wake_read]
            ready = select.select(fds, [], [], 0.05)[0]
            if self._outer in ready:
                with contextlib.suppress(OSError):
                    self._type(os.read(self._outer, 4096))
            if self._told in ready:
                self._from_bench()
            elif self._inner in ready:
                self._from_board()
            if self._watchdog_ms and (time.monotonic() - self._fed) * 1000 > self._watchdog_ms:
                self._restart("watchdog")


def _runs(pid):
    """Whether a process computes at this moment; False where nobody tells."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "R"
    except OSError:
        return False


def _make_raw(fd, signals=False):
    """A terminal that changes no bytes; with ``signals`` Ctrl-C interrupts, as a board's does."""
    mode = termios.tcgetattr(fd)
    mode[0] = 0
    mode[1] = 0
    mode[2] = termios.CS8 | termios.CREAD
    mode[3] = termios.ISIG if signals else 0
    termios.tcsetattr(fd, termios.TCSANOW, mode)


def _take_terminal(fd):
    """In the child: this terminal is the one whose Ctrl-C reaches it."""
    import fcntl

    fcntl.ioctl(fd, termios.TIOCSCTTY, 0)


def _write_all(fd, data):
    while data:
        data = data[os.write(fd, data) :]


def meters(_, __, values):
    """{pin: [period in ms, None]} of "PIN:PULSES" options, pulses a minute: a Standin's waves."""
    waves = {}
    for value in values:
        pin, _, rate = value.partition(":")
        if not (pin.isdecimal() and rate.isdecimal() and 0 < int(rate) <= _FASTEST):
            raise click.BadParameter(
                f"'{value}' is not PIN:PULSES, a pin's number and 1 to {_FASTEST} pulses a minute"
            )
        waves[int(pin)] = [60000 // int(rate), None]
    return waves


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--address", default="127.0.0.2", show_default=True, help="The board's own loopback address."
)
@click.option("--wifi", default="", metavar="NAME:PASSWORD", help="A Wi-Fi in its reach.")
@click.option("--flash-kb", default=1024, show_default=True, help="Filesystem size when new.")
@click.option(
    "--meter",
    "waves",
    multiple=True,
    callback=meters,
    metavar="PIN:PULSES",
    help="A meter at a pin that turns while the board is on: pulses a minute.",
)
@click.option("--rp2", is_flag=True, help="Behave as an RP2 board does, not as an ESP32.")
def command(folder, address, wifi, flash_kb, waves, rp2):
    """Play a board on this machine; FOLDER keeps its flash and the link `port` to its serial port.

    \b
    Examples:
      lvs standin /tmp/board --wifi home:secret123 &
      lvs deploy --board ESP32_GENERIC --port /tmp/board/port
      lvs standin /tmp/board --wifi home:secret123 --meter 27:600  # ten a second
    """
    name, _, password = wifi.partition(":")
    with options.ending("standin", OSError, interpreters.InterpreterMissing):
        board = Standin(
            folder,
            address,
            {name: password} if name else {},
            flash_kb,
            port="rp2" if rp2 else "esp32",
            waves=waves,
        )
        board.start()
    click.echo(f"serial port {board.port}; Ctrl-C switches it off")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    shown = 0
    try:
        while True:
            text = bytes(board.output[shown:])
            shown += len(text)
            sys.stdout.write(text.decode(errors="replace").replace("\r", ""))
            sys.stdout.flush()
            time.sleep(0.1)
    except KeyboardInterrupt:
        pass
    finally:
        board.stop()
        for pin, count in board.pulses.items():
            click.echo(f"the meter at pin {pin} gave {count} pulses")
