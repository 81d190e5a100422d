"""`lvs reboot`: restart a board over the air."""

import json
import time

import click

from lvs_tools import options
from lvs_tools.board import air
from lvs_tools.board.air import SECRETS, AirBoard
from lvs_tools.board.profiles import BoardError


def reboot(board, seconds):
    """Restart a board and wait until it answers again; returns after how many seconds, or None for
    ``seconds`` 0, which does not wait. Raises BoardError."""
    before = board.status()["uptime_s"]
    board.reboot()
    began = time.monotonic()
    while seconds and time.monotonic() - began < seconds:
        time.sleep(1)
        try:
            if board.status(patience=1)["uptime_s"] < before + time.monotonic() - began - 1:
                return time.monotonic() - began
        except BoardError:
            continue
    if seconds:
        raise BoardError(f"{board.host}: restarted, but did not answer for {seconds} s")
    return None


@click.command()
@click.option("--host", required=True, metavar="ADDR", help="The board's address[:port].")
@SECRETS
@click.option(
    "--wait", default=60, show_default=True, metavar="SECONDS", help="For its return; 0: not."
)
@options.PRINT_JSON
def command(host, secrets, wait, as_json):
    """Restart a board over the air, and wait until it is back.

    It waits, for at most ten seconds, until other nodes hold what it has contributed.

    \b
    Examples:
      lvs reboot --host 192.168.1.40
      lvs reboot --host 192.168.1.40 --wait 0
    """
    with options.ending("reboot", BoardError):
        took = reboot(AirBoard(host, air.admin_key(secrets)), wait)
    said = f"{host}: back after {took:.0f} s" if took else f"{host}: restarting"
    back = took and round(took, 1)
    click.echo(json.dumps({"host": host, "back_after_s": back}) if as_json else said)
