"""Arithmetic that never leaves 31 bits.

Totals of rows live in ``0 .. 2**30 - 1``; every intermediate result of the protocol stays in
``-2**30 .. 2**30 - 1``, the small-int range of a 32-bit MicroPython, so arithmetic allocates
nothing and gives the same bits everywhere (docs/protocol.md, section 2).
"""

import binascii
import sys
from array import array

try:
    from micropython import const as const  # the rest of lvs takes it from here
except ImportError:
    const = int  # CPython: the value itself  # pyright: ignore[reportAssignmentType]

_crc_hqx = getattr(binascii, "crc_hqx", None)  # CPython has the same polynomial in C

MAX_RAW = 0x3FFFFFFF  # the largest total of a row, and the mask of a 30-bit field
LONG = 29  # bits of a session's total from which on another follows: a row has one more
_HALF = const(0x20000000)


class LvsError(ValueError):
    """What a caller asked for cannot be done; the text names the thing and the mend."""


class ConfigError(LvsError):
    """A configuration that cannot be used; the text names key, value and what is allowed."""


class NotDurable(LvsError):
    """It counts, but the journal could not be written: a power cut could lose it."""


def unload(name):
    """Give the memory of a module of this package back on a board: it is not needed for long."""
    if sys.implementation.name == "micropython" and "lvs." + name in sys.modules:
        del sys.modules["lvs." + name]
        delattr(sys.modules["lvs"], name)


def zeros(kind, n):
    """An array of n zeros; kind "i" (32 bits), "h" or "H" (16)."""
    return array(kind, bytes(n * (4 if kind == "i" else 2)))


def ticks_diff(a, b):
    """Milliseconds from ticks b to ticks a, both modulo 2**30; valid to +-2**29 ms."""
    d = (a - b) & MAX_RAW
    return d - MAX_RAW - 1 if d >= _HALF else d


def serial_diff(a, b):
    """a - b for 16-bit serial numbers (RFC 1982), in -32768 .. 32767."""
    d = (a - b) & 0xFFFF
    return d - 0x10000 if d >= 0x8000 else d


def mix(h, x):
    """One step of the 30-bit multiply-with-carry hash: both arguments and the result 30 bits.

    The product is at most 32767 * 20021 < 2**30 - 2**15, so the sum stays inside 30 bits.
    """
    h ^= x
    return ((h & 0x7FFF) * 20021 + (h >> 15)) & MAX_RAW


def mix4(h, x, y, z):
    """Three steps of ``mix``."""
    return mix(mix(mix(h, x), y), z)


def crc16(data, n):
    """CRC-16/CCITT-FALSE (polynomial 0x1021, start 0xFFFF) of the first n bytes."""
    if _crc_hqx:
        return _crc_hqx(memoryview(data)[:n], 0xFFFF)
    c = 0xFFFF
    for i in range(n):
        x = (c >> 8) ^ data[i]
        x ^= x >> 4
        c = ((c << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xFFFF
    return c


if sys.implementation.name == "micropython":
    try:
        from .native import crc16 as crc16
        from .native import mix as mix
        from .native import mix4 as mix4
    except (ImportError, SyntaxError, ValueError):
        pass  # a port without a native emitter


def fold16(h):
    """16 bits of a 30-bit hash."""
    return (h ^ (h >> 14)) & 0xFFFF


def hash16(h):
    """The 16 best-mixed bits of a 30-bit hash, after three more rounds."""
    return fold16(mix4(h, 0x2545F49, 0x1B873593, 0x0CC9E2D5))


def hash_text(text):
    """30-bit hash of a text's UTF-8 bytes (mesh tag, session of a name; not a secret)."""
    h = 0x1505
    for byte in text.encode():
        h = mix(h, byte + 1)
    return mix4(h, 0x2545F49, 0x1B873593, len(text))
