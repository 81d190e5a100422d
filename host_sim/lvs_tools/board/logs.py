"""`lvs logs`: follow what a board says, or show the crash log that it kept."""

import contextlib
import sys
import time

import click
import serial

from lvs_tools.board.profiles import BoardError
from lvs_tools.board.serial_board import SerialBoard, choose_port, open_port, plain_errors

CRASH_FILES = ("/crash.old", "/crash.log")


def follow(port, seconds=None):
    """Yield the lines that a board says, without interrupting it, for some time or for ever.

    A board that restarts may take its USB port away for a moment: that is waited for.
    """
    end = None if seconds is None else time.monotonic() + seconds
    line = b""
    connection = None
    try:
        while end is None or time.monotonic() < end:
            if connection is None:
                try:
                    connection = serial.serial_for_url(port, 115200, timeout=0.1, exclusive=True)
                except (serial.SerialException, OSError):
                    time.sleep(0.2)
                    continue
            try:
                data = connection.read(256)
            except (serial.SerialException, OSError, TypeError):
                with contextlib.suppress(Exception):
                    connection.close()
                connection = None
                continue
            line += data
            while b"\n" in line:
                text, _, line = line.partition(b"\n")
                yield text.decode(errors="replace").rstrip("\r")
    finally:
        if connection:
            connection.close()


def crash_log(board):
    """The text of the crash log of a SerialBoard, "" if nothing ever crashed."""
    return "".join((board.read(path) or b"").decode(errors="replace") for path in CRASH_FILES)


@click.command()
@click.option("--port", metavar="PORT", help="Serial port; the only one if missing.")
@click.option(
    "--crash",
    is_flag=True,
    help="Show the kept crash log instead; the node is stopped and started again.",
)
@click.option("--seconds", type=float, help="End after this time.")
def command(port, crash, seconds):
    """Follow what a board says, until Ctrl-C; its node runs on."""
    try:
        port = choose_port(port)
        if crash:
            with SerialBoard(port) as board:
                text = crash_log(board)
                board.reset()
            click.echo(text.rstrip() or "the board has no crash log: nothing went wrong")
            return
        open_port(port).close()  # says what is wrong with the port, if anything
        with plain_errors(port, "listening"):
            for line in follow(port, seconds):
                click.echo(line)
    except BoardError as error:
        click.echo(f"logs: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
