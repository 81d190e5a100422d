"""Arithmetic that never leaves 31 bits.

Totals of rows live in ``0 .. 2**30 - 1``; every intermediate result of the protocol stays in
``-2**30 .. 2**30 - 1``, the small-int range of a 32-bit MicroPython, so arithmetic allocates
nothing and gives the same bits everywhere (docs/protocol.md, section 2).
"""

import sys
from array import array

try:
    from micropython import const as const  # the rest of lvs takes it from here
except ImportError:
    const = int  # CPython: the value itself  # pyright: ignore[reportAssignmentType]

ONE = 1000  # raw units in a VU
MAX_RAW = 0x3FFFFFFF  # the largest total of a row, and the mask of a 30-bit field
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
    """Raw units of an amount of VU given as int, float or decimal text, exact to 0.001 VU.

    Raises LvsError for anything that is not a number, negative, finer than that, or too large.
    """
    if isinstance(amount, bool) or not isinstance(amount, (int, float, str)):
        raise LvsError(
            "amount %r is not a number; give an int, a float or a text like '2.5'" % (amount,)
        )
    text = amount if isinstance(amount, str) else repr(amount)
    body = text.strip()
    negative = body.startswith("-")
    if negative or body.startswith("+"):
        body = body[1:]
    body, _, power = body.partition("e")
    whole, _, part = body.partition(".")
    digits = whole + part
    # isdigit would let other scripts' digits through on CPython
    if not digits or not all("0" <= c <= "9" for c in digits):
        raise LvsError("amount '%s' is not a decimal number like '2.5'" % text)
    if not digits.strip("0"):
        return 0
    if negative:
        raise LvsError("amount '%s' is negative; a counter only grows" % text)
    zeros_after = 3 - len(part) + (int(power) if power else 0)
    if len(digits.lstrip("0")) + zeros_after > 15:
        raise LvsError("amount %s is too large" % text)
    rest = digits[zeros_after:] if zeros_after < 0 else ""
    if rest.strip("0"):
        raise LvsError("amount %s is finer than 0.001 VU; collect it and give it later" % text)
    return int(digits[:zeros_after] or "0") if rest else int(digits) * 10**zeros_after
