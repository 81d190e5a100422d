"""What commands have in common: options, the file of --json, errors, progress."""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

ERRORS = Console(stderr=True)


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
        folder = os.path.dirname(path) or "."
        if not os.path.isdir(folder):
            self.fail(f"'{path}': there is no folder {folder}", param, ctx)
        if not os.path.exists(path) and not os.access(folder, os.W_OK):
            self.fail(f"'{path}': nothing can be written to {folder}", param, ctx)
        if self._endings and os.path.splitext(path)[1].lower() not in self._endings:
            self.fail(f"'{path}': must end in {', '.join(self._endings)}", param, ctx)
        return path


JSON = click.option(
    "--json",
    "json_path",
    type=OutputFile(dash=True),
    help="Write the figures as JSON to this file (- for standard output).",
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


def write_json(path, figures):
    """Write figures to the file of --json; returns whether standard output is free for people.

    path: None for no file, "-" for standard output.
    """
    text = json.dumps(figures, indent=2)
    if path == "-":
        click.echo(text)
    elif path:
        Path(path).write_text(text + "\n", encoding="utf-8")
    return path != "-"


def warn(text):
    """Say one line on standard error that stops nothing."""
    ERRORS.print("[yellow]warning:[/] ", end="")
    ERRORS.print(text, markup=False, highlight=False, soft_wrap=True)


def fail(error, code) -> NoReturn:
    """End the program with one line about an error and this exit code."""
    ERRORS.print("[red]error:[/] ", end="")
    ERRORS.print(str(error), markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


@contextlib.contextmanager
def ending(who, *errors, interrupted=""):
    """End the program with one line that names ``who`` where one of these errors gets here (1), or
    Ctrl-C does (130: with a line if there is something to be said of it)."""
    try:
        yield
    except errors as error:
        click.echo(f"{who}: {error}", err=True)
        sys.exit(1)
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
