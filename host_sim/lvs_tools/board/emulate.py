"""`lvs emulate`: boot a real firmware file in an RP2040 emulator and deploy to it.

The emulator is rp2040py (optional; slow: about 40 s for a second of the board's time), the
firmware a UF2 file of the user's own. Without either there is one line and nothing else.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import click

from lvs_tools import options
from lvs_tools.board import deploy, firmware_image, profiles
from lvs_tools.board.profiles import BoardError
from lvs_tools.board.serial_board import SerialBoard


def program():
    """The path of rp2040py, of this environment or on the PATH; None if it is not installed."""
    own = Path(sys.executable).with_name("rp2040py")
    return str(own) if own.exists() else shutil.which("rp2040py")


def free_port():
    """A TCP port on loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connect(port, process, seconds):
    """A SerialBoard at the emulator's TCP port, as soon as it answers. Raises BoardError."""
    url = f"socket://127.0.0.1:{port}"
    end = time.monotonic() + seconds
    while True:
        try:
            return SerialBoard(url, patience=max(1, end - time.monotonic()))
        except BoardError:
            # It does not listen yet, or it ended the connection.
            if process.poll() is not None:
                raise BoardError(
                    f"the emulator ended with status {process.returncode}: "
                    f"{process.stdout.read()[-300:].strip()}"
                ) from None
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def emulate(path, board, seconds, show):
    """Boot the image and deploy to it; returns the deployment's Result. Raises BoardError."""
    profile = profiles.load("RPI_PICO_W")
    firmware_image.check(Path(path).read_bytes(), profile, path)
    port = free_port()
    command = [
        program(),
        "micropython",
        "--image",
        str(path),
        "--board",
        board,
        "--tcp-port",
        str(port),
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        with connect(port, process, seconds) as emulated:
            show(
                f"MicroPython {'.'.join(map(str, emulated.version))} on {emulated.machine}; "
                "deploying (an emulated second takes about forty)"
            )
            return deploy.deploy(emulated, profile["name"], {}, status_page=False)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@click.command()
@click.option(
    "--uf2",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="MicroPython for the Pico or Pico W, 1.26 or newer.",
)
@click.option(
    "--board", type=click.Choice(["pico", "pico_w"]), default="pico_w", show_default=True
)
@click.option("--seconds", default=600, show_default=True, help="Patience for each step.")
@options.PRINT_JSON
def command(uf2, board, seconds, as_json):
    """Deploy to real firmware in an RP2040 emulator.

    Where there is nothing to do it with it says so in one line, and that is no failure.

    \b
    Examples:
      lvs emulate --uf2 RPI_PICO_W.uf2
      lvs emulate --uf2 RPI_PICO.uf2 --board pico
    """
    why = ""
    if uf2 is None:
        why = "no firmware file; get one from micropython.org and give it: lvs emulate --uf2 FILE"
    elif program() is None:
        why = f"rp2040py is not installed: {sys.executable} -m pip install rp2040py"
    if why:
        click.echo(json.dumps({"skipped": why}) if as_json else f"emulate: skipped: {why}")
        return
    with options.ending("emulate", BoardError):
        result = emulate(
            uf2, board, seconds, lambda text: click.echo(f"emulate: {text}", err=as_json)
        )
    click.echo(json.dumps(asdict(result)) if as_json else deploy.summary(result))
