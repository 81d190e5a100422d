"""`lvs repl`: a board's prompt, through mpremote."""

import os
import sys

import click

from lvs_tools import options
from lvs_tools.board.profiles import BoardError
from lvs_tools.board.serial_board import choose_port, open_port


@click.command()
@click.option("--port", metavar="PORT", help="Serial port; the only one if missing.")
def command(port):
    """Talk to a board: Ctrl-C stops its node, `app.main()` starts it, Ctrl-] leaves.

    \b
    Examples:
      lvs repl
      lvs repl --port /dev/ttyACM0
    """
    with options.ending("repl", BoardError):
        port = choose_port(port)
        open_port(port).close()
    # resume: without a soft reset, which would leave a running watchdog unfed.
    os.execv(sys.executable, [sys.executable, "-m", "mpremote", "connect", port, "resume", "repl"])
