"""What commands have in common: options, the file of --json, errors, progress."""

import contextlib
import errno
import json
import math
import os
import re
import shutil
import socket
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

ERRORS = Console(stderr=True)
_BLOCK = 4096  # bytes that have to fit onto a disk that is not full
_WIDTH = 80
_LONG = 500  # characters from which an error repeats what no file should have
EVERYBODY = "255.255.255.255"


def _unwritable(folder):
    """Why nothing can be written to a folder now (permission, room), as text; "" if it can."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_BLOCK))
    except OSError as error:
        return f"nothing can be written to {folder} ({error.strerror or error})"
    return ""


class Number(click.FloatRange):
    """The type of a number within bounds: one that is written, no "nan" and no "inf"."""

    def convert(self, value, param, ctx):
        """The checked number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number to reckon with", param, ctx)
        return number


class OutputFile(click.Path):
    """The type of a file that is written at the end: refused at once if it could not be.

    endings: those that its name may have, such as (".png", ".svg"); any if empty. dash: whether
    "-" is standard output.
    """

    def __init__(self, endings=(), dash=False):
        super().__init__(dir_okay=False, writable=True, allow_dash=dash)
        self._endings = endings

    def convert(self, value, param, ctx):
        """The checked path, as text."""
        path = os.fspath(super().convert(value, param, ctx))
        if path == "-" and self.allow_dash:
            return path
        if path == "-":
            self.fail("'-': nothing is printed here; name a file", param, ctx)
        folder = os.path.dirname(path) or "."
        if not os.path.isdir(folder):
            self.fail(f"'{path}': there is no folder {folder}", param, ctx)
        # One that is there was asked by click; it may be a pipe.
        why = "" if os.path.exists(path) else _unwritable(folder)
        if why:
            self.fail(f"'{path}': {why}", param, ctx)
        if self._endings and os.path.splitext(path)[1].lower() not in self._endings:
            self.fail(f"'{path}': must end in {', '.join(self._endings)}", param, ctx)
        return path


class OutputFolder(click.Path):
    """The type of a folder that results go to: refused at once if they could not. It need not be
    there yet, and is not made. full: one that is there is taken though the disk is full."""

    def __init__(self, full=False):
        super().__init__(file_okay=False)
        self._full = full

    def convert(self, value, param, ctx):
        """The checked path."""
        if not os.fsdecode(value):
            self.fail("'' names no folder: leave the option out, or give one", param, ctx)
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        there = next(p for p in (path, *path.absolute().parents) if p.exists())
        why = _unwritable(there)
        if why and self._full and there == path and os.access(path, os.W_OK):
            warn(f"'{path}': {why}: delete something")
        elif why:
            self.fail(f"'{path}': {why}", param, ctx)
        return path


JSON = click.option(
    "--json",
    "json_path",
    is_flag=False,
    flag_value="-",
    type=OutputFile(dash=True),
    help="Write the figures as JSON to this file; as the last word, or with -, print them.",
)
PRINT_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
WORKERS = click.option(
    "--workers",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    show_default=True,
    help="Processes on this machine.",
)


def listener(_, __, value):
    """A click callback: (host, port) of PORT or HOST:PORT; no HOST is this machine alone."""
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise click.BadParameter(f"'{value}' is neither PORT nor HOST:PORT")
    return host or "127.0.0.1", int(port)


@contextlib.contextmanager
def whole(path):
    """Where to write what is to be at a path: there it is all of it, or what it was before.
    Raises OSError that names the path."""
    target = os.path.realpath(path)
    there = os.path.exists(target)
    # A pipe or a terminal gets it at once, as does a file whose folder is closed.
    closed = not os.access(os.path.dirname(target), os.W_OK)
    part = target if there and (closed or not os.path.isfile(target)) else f"{target}.new"
    try:
        yield part
        if part != target:
            if there:
                shutil.copymode(target, part)
            os.replace(part, target)
    except OSError as error:  # a full disk does not name the file
        raise OSError(error.errno, os.strerror(error.errno or errno.EIO), path) from None
    finally:
        if part != target:
            with contextlib.suppress(OSError):
                os.unlink(part)


def write_json(path, figures):
    """Write figures to the file of --json; returns whether standard output is free for people.

    path: None for no file, "-" for standard output.
    """
    text = json.dumps(figures, indent=2)
    if path == "-":
        click.echo(text)
    elif path:
        with whole(path) as part:
            Path(part).write_text(text + "\n", encoding="utf-8")
    return path != "-"


def number(count, one, many):
    """A count with its noun: number(1, "node answers", "nodes answer")."""
    return f"{count} {one if count == 1 else many}"


def counted(text):
    """A key that sorts names and addresses as people count: board2 before board10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", text)]


def wrapped(head, text):
    """Print a text behind a head, in 80 columns, the following lines beneath its beginning."""
    for line in textwrap.wrap(
        text,
        _WIDTH - len(head),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]:
        click.echo((head + line).rstrip())
        head = " " * len(head)


def _say(head, style, text):
    """One line on standard error; a terminal gets it broken between words."""
    text = f"{head} {text}"
    if ERRORS.is_terminal:
        text = textwrap.fill(text, ERRORS.width, break_long_words=False, break_on_hyphens=False)
    ERRORS.print(head, style=style, end="")
    ERRORS.print(text[len(head) :], markup=False, highlight=False, soft_wrap=True)


def warn(text):
    """Say one line on standard error that stops nothing."""
    _say("warning:", "yellow", text)


# "[Errno 2] No such file or directory: 'x'", by itself or in what was made of it.
_NUMBERED = re.compile(r"\[Errno -?\d+\] ([^:'()]+)(: '[^']*')?")


def words(error):
    """An error as people say it: that of a file or socket without its number, the file named."""
    if isinstance(error, OSError) and error.strerror:
        what = f"{error.filename}: " if error.filename else ""
        return f"{what}{error.strerror}"
    text = _NUMBERED.sub(r"\1", str(error))
    return text if len(text) < _LONG else f"{text[: _LONG // 2]} [...] {text[-_LONG // 2 :]}"


def named(path, error):
    """The same, beginning with the name of the file that it is about."""
    text = words(error)
    return text if text.startswith(str(path)) else f"{path}: {text}"


def complain(error):
    """Say an error in one line on standard error."""
    _say("error:", "red", words(error))


def fail(error, code) -> NoReturn:
    """End the program with one line about an error and this exit code."""
    complain(error)
    sys.exit(code)


@contextlib.contextmanager
def ending(who, *errors, interrupted=""):
    """End the program with one line that names ``who`` where one of these errors gets here (with
    its ``exit_code``, else 1), or Ctrl-C does (130: with a line if there is something to say)."""
    try:
        yield
    except errors as error:
        click.echo(f"{who}: {words(error)}", err=True)
        sys.exit(getattr(error, "exit_code", 1))
    except KeyboardInterrupt:
        if interrupted:
            click.echo(f"{who}: interrupted; {interrupted}", err=True)
        sys.exit(130)


def progress(*columns, transient=True):
    """A progress bar on a terminal's standard error: a name, a bar, then these columns."""
    return Progress(
        *(TextColumn("{task.description}"), BarColumn(), *columns),
        console=ERRORS,
        transient=transient,
        disable=not ERRORS.is_terminal,
    )


def counting():
    """A progress bar that counts runs and stays when all are done."""
    return progress(MofNCompleteColumn(), TimeRemainingColumn(), transient=False)


def networks():
    """The broadcast addresses of this machine's networks, sorted; that of everybody if there is
    none."""
    import psutil

    up = psutil.net_if_stats()
    found = {
        a.broadcast
        for name, addresses in psutil.net_if_addrs().items()
        for a in addresses
        if a.family == socket.AF_INET and a.broadcast and name in up and up[name].isup
    }
    return sorted(a for a in found if not a.startswith("127.")) or [EVERYBODY]


class _EachNetwork:
    """A UdpTransport that sends what is for all to each network of this machine: 255.255.255.255
    leaves by one interface alone, by that of a VPN if there is one."""

    def __init__(self, transport, port):
        self.transport = transport
        self._port = port
        self._found = []
        self._until = 0.0  # then they are looked for anew

    def send(self, frame, addr):
        """As a transport does."""
        if addr is not None:
            return self.transport.send(frame, addr)
        now = time.monotonic()
        if now >= self._until:
            self._until = now + 10
            self._found = networks()
        sent = [host for host in self._found if self.transport.send(frame, (host, self._port))]
        if sent:
            self.transport.error = ""  # that one of several has none is none
        return bool(sent)

    def __getattr__(self, name):
        """Everything else is the wrapped transport's own."""
        return getattr(self.transport, name)


def reach_all(transport, config):
    """A UdpTransport that sends to each network of this machine, unless its configuration says
    where broadcasts go."""
    if config.broadcast == EVERYBODY and config.address == "0.0.0.0":  # noqa: S104
        return _EachNetwork(transport, config.port)
    return transport
