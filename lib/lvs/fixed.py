"""Fixed-point arithmetic that never leaves 31 bits.

One value unit (VU) is 256 raw units (Q22.8). Raw values live in ``0 .. 2**30 - 1``; every
intermediate result of the protocol stays in ``-2**30 .. 2**30 - 1``, the small-int range of a
32-bit MicroPython, so arithmetic allocates nothing and gives the same bits everywhere
(docs/protocol.md, section 2).
"""

import sys
from array import array

try:
    from micropython import const as const  # the rest of lvs takes it from here
except ImportError:
    const = int  # CPython: the value itself  # pyright: ignore[reportAssignmentType]

ONE = 256  # raw units in a VU
MAX_RAW = 0x3FFFFFFF  # the largest raw value, and the mask of a 30-bit field
END = 3 << 28  # raw: no contribution is accepted beyond; the rest is for what others give at once
BRIM = 7 << 27  # raw: beyond it what was accepted waits, so that no sum is ever cut off
_HALF = const(0x20000000)
_MAX_VU = const(0x3FFFFF)


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


def add(a, b):
    """Sum of two raw values, saturating at MAX_RAW."""
    return MAX_RAW if a > MAX_RAW - b else a + b


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


def hash16(h):
    """The 16 best-mixed bits of a 30-bit hash, after three more rounds."""
    h = mix(mix(mix(h, 0x2545F49), 0x1B873593), 0x0CC9E2D5)
    return (h ^ (h >> 14)) & 0xFFFF


def hash_text(text):
    """30-bit hash of a text's UTF-8 bytes (mesh tag, session of a name; not a secret)."""
    h = 0x1505
    for byte in text.encode():
        h = mix(h, byte + 1)
    return mix(mix(mix(h, 0x2545F49), 0x1B873593), len(text))


def parse_amount(amount):
    """Raw units of an amount of VU given as int, float or decimal text, rounded to 1/256 VU.

    Raises LvsError for anything that is not a number, negative, above 4194303 VU, or so small
    that it would round to nothing.
    """
    if isinstance(amount, str):
        raw, zero = _parse_decimal(amount)
    elif isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise LvsError(
            "amount %r is not a number; give an int, a float or a text like '2.5'" % (amount,)
        )
    else:
        if amount != amount:
            raise LvsError("amount is NaN; give a number >= 0")
        if amount < 0:
            raise LvsError("amount %s is negative; a counter only grows" % amount)
        if amount > _MAX_VU:
            raise _too_large(amount)
        raw = amount * ONE if isinstance(amount, int) else int(amount * ONE + 0.5)
        zero = amount == 0
    if raw == 0 and not zero:
        raise LvsError("amount %s is below 1/512 VU; collect it and give it later" % amount)
    return raw


def _too_large(amount):
    return LvsError("amount %s is too large; at most %d VU" % (amount, _MAX_VU))


def _parse_decimal(text):
    """(raw units, whether it is exactly zero) of a decimal text."""
    body = text.strip()
    negative = body.startswith("-")
    if negative or body.startswith("+"):
        body = body[1:]
    whole, _, part = body.partition(".")
    digits = whole + part
    # isdigit would let other scripts' digits through on CPython
    if not digits or not all("0" <= c <= "9" for c in digits):
        raise LvsError("amount '%s' is not a decimal number like '2.5'" % text)
    zero = not digits.strip("0")
    if negative and not zero:
        raise LvsError("amount '%s' is negative; a counter only grows" % text)
    whole = whole.lstrip("0")
    if len(whole) > 7 or int(whole or "0") > _MAX_VU:
        raise _too_large(text)
    # 256 x the fraction, in two portions of digits that stay inside 31 bits; 1/512 has nine.
    part = (part + "000000000")[:9]
    q = int(part[:3]) * ONE
    rest = (q % 1000 // 8) * 1000000 + int(part[3:]) * 32 + 62500000
    raw = int(whole or "0") * ONE + q // 1000 + rest // 125000000
    if raw > _MAX_VU * ONE:
        raise _too_large(text)
    return raw, zero
