"""`lvs logs`: follow what a board says, or show the crash log that it kept."""

import contextlib
import time

import click
import serial

from lvs_tools import options
from lvs_tools.board.air import HOST, SECRETS, AirBoard, Refused, admin_key
from lvs_tools.board.profiles import BoardError
from lvs_tools.board.serial_board import SerialBoard, choose_port, open_port, plain_errors

NOTHING = "the board has no crash log: nothing went wrong"
QUIET_S = 70  # a running node says how it is every minute
SILENT = (
    "it says nothing: no node runs; it may be at its REPL (`lvs repl`, then `app.main()`), "
    "or press the board's reset button"
)
CRASH_FILES = ("/crash.old", "/crash.log")


def follow(port, seconds=None, ask=False):
    """Yield the lines that a board says, without interrupting it, for some time or for ever; None
    when it said nothing for a moment.

    A board that restarts may take its USB port away for a moment: that is waited for.
    ask: for its present state, which a running node tells at once.
    """
    end = None if seconds is None else time.monotonic() + seconds
    line = b""
    connection = None
    try:
        while end is None or time.monotonic() < end:
            if connection is None:
                try:
                    connection = serial.serial_for_url(port, 115200, timeout=0.1, exclusive=True)
                    if ask:
                        connection.write(b"?")
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
            if not data:
                yield None
            line += data
            while b"\n" in line:
                text, _, line = line.partition(b"\n")
                yield text.decode(errors="replace").rstrip("\r")
    finally:
        if connection:
            connection.close()


def crash_log(board):
    """The text of the crash log of a SerialBoard or AirBoard, "" if nothing ever crashed."""
    return "".join((board.read(path) or b"").decode(errors="replace") for path in CRASH_FILES)


def over_the_air(board, crash, seconds, following):
    """Print the crash log of an AirBoard, or its last lines and those that follow."""
    if crash:
        click.echo(crash_log(board).rstrip() or NOTHING)
        return
    end = time.monotonic() + seconds if seconds else None
    since = 0
    while True:
        try:
            answer = board.ask("logs", since=since)
        except Refused:
            raise
        except BoardError as error:
            if not following:
                raise
            click.echo(f"logs: {error}", err=True)
        else:
            if answer["next"] < since:  # it was restarted
                since = 0
                continue
            since = answer["next"]
            click.echo(answer["text"], nl=False)
        if not following or end and time.monotonic() > end:
            return
        time.sleep(1)


@click.command()
@click.option("--port", metavar="PORT", help="Serial port; the only one if missing.")
@click.option(
    "--crash",
    is_flag=True,
    help="Show the kept crash log instead; the node is stopped and started again.",
)
@click.option("--seconds", type=options.Number(0), help="End after this time.")
@HOST
@SECRETS
@click.option("--follow", "following", is_flag=True, help="With --host: go on until Ctrl-C.")
def command(port, crash, seconds, host, secrets, following):
    """Follow what a board says, until Ctrl-C; its node runs on.

    It tells at once how it is, then at every change and every minute.

    Over the air (--host) these are the last lines that it said, and its crash log is read without
    stopping it.

    \b
    Examples:
      lvs logs                                 # the only board that is connected
      lvs logs --port /dev/ttyACM0 --crash
      lvs logs --host 192.168.1.40 --follow    # over the air
    """
    with options.ending("logs", BoardError):
        if host:
            over_the_air(AirBoard(host, admin_key(secrets)), crash, seconds, following)
            return
        port = choose_port(port)
        if crash:
            with SerialBoard(port) as board:
                text = crash_log(board)
                board.reset()
            click.echo(text.rstrip() or NOTHING)
            return
        open_port(port).close()  # says what is wrong with the port, if anything
        with plain_errors(port, "listening"):
            quiet, heard = time.monotonic(), False
            for line in follow(port, seconds, ask=True):
                if line is not None:
                    click.echo(line)
                    quiet, heard = time.monotonic(), True
                elif time.monotonic() - quiet > QUIET_S:
                    quiet, heard = time.monotonic(), True
                    click.echo(f"logs: {port}: {SILENT}", err=True)
            if not heard:
                click.echo(f"logs: {port}: {SILENT}", err=True)
