"""Checks MicroPython images before they are flashed: right chip, whole, unchanged.

An ESP32 image is bootloader, partition table and application in one file (checksum and SHA-256 in
the first and last, an MD5 in the table); an RP2 image is a UF2 file of numbered 512-byte blocks.
"""

import hashlib
import io
import struct
from contextlib import redirect_stdout
from typing import Any

from lvs_tools.board.profiles import BoardError

_TABLE = 0x8000  # where MicroPython's builds have the partition table in flash
_APPLICATION = 0x10000
_ENTRY = 32
_UF2_START = (0x0A324655, 0x9E5D5157)
_UF2_END = 0x0AB16F30
_UF2_FAMILY = 0x2000  # flag: the block names its family
FAMILIES = {"RP2040": (0xE48BFF56,), "RP2350": (0xE48BFF57, 0xE48BFF59, 0xE48BFF5A, 0xE48BFF5B)}


def _check_esp_part(data, chip, what, path):
    """One bootable image inside the file: header for this chip, checksum, SHA-256."""
    from esptool import FatalError
    from esptool.bin_image import LoadFirmwareImage

    try:
        with redirect_stdout(io.StringIO()):
            image: Any = LoadFirmwareImage(chip, data)  # only the ESP8266's lacks a digest
    except FatalError as error:
        raise BoardError(f"{path}: corrupted: {what}: {error}") from None
    except (struct.error, IndexError, TypeError, ValueError) as error:
        raise BoardError(f"{path}: corrupted: {what} is cut short ({error})") from None
    if image.chip_id != image.ROM_LOADER.IMAGE_CHIP_ID:
        raise BoardError(
            f"{path}: this image is not for {chip}: {what} is for another chip "
            f"(number {image.chip_id})"
        )
    if image.checksum != image.calculate_checksum():
        raise BoardError(f"{path}: corrupted: the checksum of {what} is wrong; get it again")
    if image.append_digest and image.stored_digest != image.calc_digest:
        raise BoardError(f"{path}: corrupted: the SHA-256 of {what} is wrong; get it again")


def _check_table(table, path):
    """The partition table: entries, then the MD5 over them."""
    for position in range(0, len(table) - _ENTRY + 1, _ENTRY):
        entry = table[position : position + _ENTRY]
        if entry[:2] == b"\xeb\xeb":
            if entry[16:] != hashlib.md5(table[:position], usedforsecurity=False).digest():
                raise BoardError(f"{path}: corrupted: the MD5 of the partition table is wrong")
            return
        if entry[:2] != b"\xaa\x50":
            break
    raise BoardError(f"{path}: corrupted, or no MicroPython image: no partition table in it")


def check_esp(data, chip, offset, path):
    """Raise BoardError unless ``data`` is a whole MicroPython image for ``chip``.

    offset: where in flash it will start (0x1000 for the ESP32, 0 for its successors).
    """
    _check_esp_part(data, chip, "the bootloader", path)
    table = data[_TABLE - offset : _APPLICATION - offset]
    _check_table(table, path)
    if len(data) <= _APPLICATION - offset:
        raise BoardError(f"{path}: cut short: there is no application in it")
    _check_esp_part(data[_APPLICATION - offset :], chip, "the application", path)


def check_uf2(data, mcu, path):
    """Raise BoardError unless ``data`` is a whole UF2 file for ``mcu``."""
    if not data or len(data) % 512:
        raise BoardError(f"{path}: cut short, or no UF2 file: {len(data)} bytes")
    seen = {}
    for position in range(0, len(data), 512):
        first, second, flags, _address, size, number, total, family = struct.unpack_from(
            "<8I", data, position
        )
        (end,) = struct.unpack_from("<I", data, position + 508)
        if (first, second) != _UF2_START or end != _UF2_END or size > 476 or number >= total:
            raise BoardError(f"{path}: corrupted, or no UF2 file: block {position // 512}")
        if flags & _UF2_FAMILY and family in sum(FAMILIES.values(), ()) and mcu in FAMILIES:
            if family not in FAMILIES[mcu]:
                other = next(n for n, known in FAMILIES.items() if family in known)
                raise BoardError(f"{path}: this image is for {other}, not for {mcu}")
        seen.setdefault((family, total), set()).add(number)
    if any(len(numbers) != total for (_, total), numbers in seen.items()):
        raise BoardError(f"{path}: cut short: blocks are missing")


def check(data, profile, path):
    """Raise BoardError unless ``data`` can be flashed to a board of this profile."""
    flash = profile["flash"]
    if "chip" in flash:
        check_esp(data, flash["chip"], int(flash["offset"], 16), path)
    else:
        check_uf2(data, profile["mcu"], path)
