"""Flashing: images are checked, the chip is checked, what is written is compared."""

import hashlib
import json
import os
import pty
import random
import struct

import pytest
import serial
from click.testing import CliRunner
from esp32_mock_bootloader import mock_bootloader
from esptool.targets import CHIP_DEFS

from lvs_tools.board import firmware_image, flash, profiles
from lvs_tools.board.profiles import BoardError

ESP_BOARDS = [n for n in profiles.names() if "chip" in profiles.load(n)["flash"]]


def esp_part(chip, address, data):
    """A bootable image of one segment, after Espressif's documentation of the format."""
    out = struct.pack("<BBBBI", 0xE9, 1, 2, 0x20, address)
    out += bytes([0xEE, 0, 0, 0]) + struct.pack(
        "<HBHH", CHIP_DEFS[chip].IMAGE_CHIP_ID, 0, 0, 0xFFFF
    )
    out += bytes(4) + b"\x01"
    out += struct.pack("<II", address, len(data)) + data
    checksum = 0xEF
    for byte in data:
        checksum ^= byte
    out += bytes(15 - len(out) % 16) + bytes([checksum])
    return out + hashlib.sha256(out).digest()


def esp_image(chip, offset):
    """Bootloader, partition table and application in one file, as MicroPython's builds are."""
    rng = random.Random(chip)
    table = b""
    for name, kind, sub, start, size in (
        ("nvs", 1, 2, 0x9000, 0x6000),
        ("factory", 0, 0, 0x10000, 0x1F0000),
    ):
        table += struct.pack("<HBBII16sI", 0x50AA, kind, sub, start, size, name.encode(), 0)
    table += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(table).digest()
    out = esp_part(chip, 0x3FFF0000, rng.randbytes(2000))
    out = out.ljust(0x8000 - offset, b"\xff") + table
    return out.ljust(0x10000 - offset, b"\xff") + esp_part(chip, 0x3F400020, rng.randbytes(60_000))


def uf2(family, blocks=40):
    rng = random.Random(family)
    return b"".join(
        struct.pack(
            "<8I", 0x0A324655, 0x9E5D5157, 0x2000, 0x10000000 + i * 256, 256, i, blocks, family
        )
        + rng.randbytes(256).ljust(476, b"\0")
        + struct.pack("<I", 0x0AB16F30)
        for i in range(blocks)
    )


@pytest.fixture
def image(tmp_path):
    def image(name, change=lambda data: data):
        profile = profiles.load(name)
        if "chip" in profile["flash"]:
            data = esp_image(profile["flash"]["chip"], int(profile["flash"]["offset"], 16))
        else:
            data = uf2(firmware_image.FAMILIES[profile["mcu"]][0])
        path = tmp_path / f"{name}.bin"
        path.write_bytes(change(data))
        return str(path)

    return image


def run(*arguments):
    return CliRunner().invoke(flash.command, [str(a) for a in arguments])


def last_line(result):
    return result.output.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("RPI_PICO_W", "no.uf2: no such file; download it from micropython.org/download/RPI_PICO"),
        ("", "name the board: --board NAME (make: BOARD=NAME), of ESP32_GENERIC,"),
    ],
)
def test_what_was_not_given_is_one_line_with_the_mend(name, says):
    result = run("--board", name, "--image", "no.uf2")
    assert result.exit_code == 2 and result.output.count("\n") == 1 and says in result.output


@pytest.mark.parametrize("name", ESP_BOARDS)
def test_the_right_chip_is_flashed_and_verified(name, image):
    chip = profiles.load(name)["flash"]["chip"]
    path = image(name)
    with mock_bootloader(chip) as mock:
        result = run("--board", name, "--port", mock.url(), "--image", path, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(last_line(result))["bytes"] == len(open(path, "rb").read())
    assert "Verification successful" in result.output


def test_the_wrong_chip_is_one_line_and_nothing_is_written(image):
    with mock_bootloader("esp32s3") as mock:
        result = run(
            "--board",
            "ESP32_GENERIC_C3",
            "--port",
            mock.url(),
            "--image",
            image("ESP32_GENERIC_C3"),
        )
    assert result.exit_code == 1
    assert "the board has ESP32-S3, not esp32c3; nothing was written" in last_line(result)
    assert "Writing at" not in result.output


@pytest.mark.parametrize("name", profiles.names())
def test_an_image_for_another_chip_never_reaches_the_port(name, image):
    profile = profiles.load(name)
    for other in profiles.names():
        if profiles.load(other)["flash"] == profile["flash"]:
            continue
        result = run("--board", name, "--port", "/no/port", "--image", image(other))
        assert result.exit_code == 1
        assert len(result.output.strip().splitlines()) == 1
        assert other in result.output  # the file is named


@pytest.mark.parametrize("name", profiles.names())
def test_a_corrupted_image_never_reaches_the_port(name, image):
    """A changed byte in each part, and files cut short anywhere."""
    length = len(open(image(name), "rb").read())
    rng = random.Random(1)
    parts = [0, 512 * 7 + 4, 512 * 9 + 20, length - 1]
    if name in ESP_BOARDS:
        table = 0x8000 - int(profiles.load(name)["flash"]["offset"], 16)
        parts = [0, 100, table + 5, length - 40, length - 1]
    for position in parts:

        def change(data, position=position):
            return data[:position] + bytes([data[position] ^ 0x55]) + data[position + 1 :]

        result = run("--board", name, "--port", "/no/port", "--image", image(name, change))
        assert result.exit_code == 1 and "no serial port" not in result.output, position
    for _ in range(10):
        cut = rng.randrange(length)
        result = run(
            "--board",
            name,
            "--port",
            "/no/port",
            "--image",
            image(name, lambda data, cut=cut: data[:cut]),
        )
        assert result.exit_code == 1 and "no serial port" not in result.output, cut
        assert len(result.output.strip().splitlines()) == 1


def test_a_port_in_use_is_one_line(image):
    master, slave = pty.openpty()
    with serial.Serial(os.ttyname(slave), exclusive=True):
        result = run(
            "--board",
            "ESP32_GENERIC",
            "--port",
            os.ttyname(slave),
            "--image",
            image("ESP32_GENERIC"),
        )
    os.close(master)
    os.close(slave)
    assert result.exit_code == 1 and "in use by another program" in last_line(result)


def test_no_port_is_one_line(image, tmp_path):
    result = run(
        "--board", "ESP32_GENERIC", "--port", tmp_path / "no", "--image", image("ESP32_GENERIC")
    )
    assert result.exit_code == 1 and "no serial port" in last_line(result)


@pytest.mark.parametrize("name", ["RPI_PICO_W", "RPI_PICO2_W"])
def test_an_rp2_gets_its_image_on_its_drive(name, image, tmp_path):
    drive = tmp_path / "drive"
    drive.mkdir()
    (drive / "INFO_UF2.TXT").write_text("Model: Raspberry Pi RP2")
    path = image(name)
    result = run("--board", name, "--image", path, "--drive", drive)
    assert result.exit_code == 0, result.output
    assert (drive / "firmware.uf2").read_bytes() == open(path, "rb").read()


def test_a_folder_that_is_no_board_gets_nothing(image, tmp_path, monkeypatch):
    monkeypatch.setattr(flash, "_MEDIA", ())  # a board may be plugged in here
    profile = profiles.load("RPI_PICO_W")
    with pytest.raises(BoardError, match="hold BOOTSEL"):
        flash.flash_uf2(profile, image("RPI_PICO_W"), tmp_path, wait=0)
    with pytest.raises(BoardError, match="no drive RPI-RP2: hold BOOTSEL"):
        flash.flash_uf2(profile, image("RPI_PICO_W"), None, wait=0)
    assert not (tmp_path / "firmware.uf2").exists()


def test_without_an_image_and_without_mpflash_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    result = run("--board", "ESP32_GENERIC")
    assert result.exit_code == 1 and "pip install mpflash" in last_line(result)


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (
            "A fatal error occurred: Failed to connect to ESP32: No serial data received.",
            "hold BOOT",
        ),
        (
            "A fatal error occurred: Could not open /dev/null, "
            "the port is busy or doesn't exist.\n(Could not exclusively lock port)",
            "in use by another program",
        ),
        ("A fatal error occurred: MD5 of file does not match data in flash!", "MD5 of file"),
    ],
)
def test_esptools_errors_are_one_line(output, line):
    text = flash.explain(output, "/dev/null", "esp32")
    assert line in text and "\n" not in text
