"""`lvs flash`: put MicroPython on a board.

A given image is checked, then written: by esptool to an ESP32 of any kind, by copying to the
board's USB drive to an RP2. Without an image mpflash downloads the newest release.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import click

from lvs_tools import options
from lvs_tools.board import firmware_image, profiles
from lvs_tools.board.profiles import BadArgument, BoardError
from lvs_tools.board.serial_board import choose_port

_DRIVE_WAIT_S = 60
_MEDIA = ("/media", "/run/media", "/Volumes", "/mnt")
_FATAL = re.compile(r"A fatal error occurred: (.*)", re.DOTALL)


def explain(output, port, chip):
    """One line from esptool's output when it failed."""
    found = _FATAL.search(output)
    text = " ".join(found.group(1).split()) if found else output.strip().splitlines()[-1:] or ""
    if "Wrong chip argument" in text or "Wrong --chip argument" in text:
        other = re.search(r"This chip is (\S+),", text)
        what = other.group(1) if other else "another chip"
        return (
            f"{port}: the board has {what}, not {chip}; nothing was written; give the name of "
            "its own profile: --board NAME"
        )
    if "Could not open" in text:
        if "No such file" in text or not os.path.exists(port):
            return f"no serial port {port}; plug the board in, or name another port"
        if "Permission denied" in text:
            return f"{port}: no permission; on Linux: sudo usermod -a -G dialout $USER"
        return f"{port} is in use by another program; close it and try again"
    if "Failed to connect" in text or "No serial data received" in text:
        return (
            f"{port}: no answer from the chip: hold BOOT, press and let go of RESET (or EN), "
            "let go of BOOT, and try again"
        )
    return f"{port}: {text}"


def esptool(arguments, port, chip, show):
    """Run esptool; its output goes to ``show`` line by line. Raises BoardError."""
    command = [sys.executable, "-u", "-m", "esptool", "--chip", chip, "--port", port, *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    assert process.stdout
    output = []
    try:
        for line in process.stdout:
            output.append(line)
            show(line.rstrip())
        status = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if status:
        raise BoardError(explain("".join(output), port, chip))
    return "".join(output)


def flash_esp(profile, port, image, *, erase=False, baud=460800, show=lambda line: None):
    """Check, write and verify an image on an ESP32. Raises BoardError; returns bytes written."""
    chip, offset = profile["flash"]["chip"], profile["flash"]["offset"]
    data = Path(image).read_bytes()
    firmware_image.check(data, profile, image)
    fast = ["--baud", str(baud)]
    if erase:
        esptool([*fast, "erase-flash"], port, chip, show)
    esptool([*fast, "write-flash", offset, str(image)], port, chip, show)
    esptool([*fast, "verify-flash", offset, str(image)], port, chip, show)
    return len(data)


def find_drive(label):
    """The mounted USB drive with this label, or None."""
    for root in _MEDIA:
        for pattern in (label, f"*/{label}"):
            for path in Path(root).glob(pattern):
                if (path / "INFO_UF2.TXT").exists():
                    return path
    return None


def flash_uf2(profile, image, drive=None, wait=_DRIVE_WAIT_S, show=lambda line: None):
    """Check an image and copy it to an RP2's USB drive. Raises BoardError; returns bytes."""
    data = Path(image).read_bytes()
    firmware_image.check(data, profile, image)
    label = profile["flash"]["uf2"]
    end = time.monotonic() + wait
    target = Path(drive) if drive else find_drive(label)
    if target is None:
        show(f"hold BOOTSEL while you plug the board in: waiting for its drive {label}")
    while target is None and time.monotonic() < end:
        time.sleep(0.5)
        target = find_drive(label)
    if target is None or not (target / "INFO_UF2.TXT").exists():
        raise BoardError(
            f"no drive {drive or label}: hold BOOTSEL while you plug the board in, "
            "or name where the drive is mounted with --drive"
        )
    try:
        with open(target / "firmware.uf2", "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BoardError(f"{target}: {error.strerror}; is it the board's drive?") from None
    return len(data)


def download_and_flash(profile, port, version):
    """Let mpflash download MicroPython and write it. Raises BoardError."""
    program = Path(sys.executable).with_name("mpflash")
    if not program.exists():
        raise BoardError(
            "no image given (--image FILE), and mpflash, which downloads one, is not "
            f"installed: {sys.executable} -m pip install mpflash"
        )
    command = [str(program), "flash", "--version", version, "--board", profile["name"]]
    status = subprocess.call([*command, *(["--serial", port] if port else [])])
    if status:
        raise BoardError(
            "mpflash could not do it (see above); download the image for "
            f"{profile['name']} from micropython.org and give it with --image"
        )


@click.command()
@click.option("--board", "name", required=True, metavar="NAME", help="The board's profile.")
@click.option("--port", metavar="PORT", help="Serial port; the only one if missing.")
@click.option(
    "--image",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="MicroPython for this board (.bin or .uf2); downloaded if missing.",
)
@click.option("--version", default="stable", show_default=True, help="What to download.")
@click.option(
    "--erase", is_flag=True, help="Erase everything first (ESP32), the board's configuration too."
)
@click.option("--drive", metavar="FOLDER", help="Where an RP2's USB drive is mounted.")
@click.option("--baud", default=460800, show_default=True)
@options.PRINT_JSON
def command(name, port, image, version, erase, drive, baud, as_json):
    """Put MicroPython on a board. What is written is read back and compared.

    \b
    Examples:
      lvs flash --board RPI_PICO_W    # the only board that is connected
      lvs flash --board ESP32_GENERIC --port /dev/ttyUSB0 --image esp32.bin
    """

    def show(line):
        if line:
            click.echo(line, err=True)

    interrupted = "flash it again before using it"
    with options.ending("flash", BoardError, interrupted=interrupted):
        profile = profiles.load(name)
        if image is not None and not Path(image).exists():
            where = f"download it from micropython.org/download/{name}"
            raise BadArgument(f"{image}: no such file; {where}")
        if image is None:
            download_and_flash(profile, port, version)
            written = None
        elif "chip" in profile["flash"]:
            port = choose_port(port)
            written = flash_esp(profile, port, image, erase=erase, baud=baud, show=show)
        else:
            written = flash_uf2(profile, image, drive, show=show)
    if as_json:
        click.echo(json.dumps({"board": name, "port": port, "image": image, "bytes": written}))
    else:
        click.echo(
            f"{name}: MicroPython is on it; next: lvs deploy --board {name}"
            + (f" --port {port}" if port else "")
        )
