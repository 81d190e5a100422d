"""The machine for a node that is given nothing: its clock, its random bits, its files.

With transport_layer, lookup, run_loop and journal_files the only file here that touches the world;
imported only when needed.
"""

import os
import time

from .fixed import MAX_RAW

_ticks_ms = getattr(time, "ticks_ms", None)


def clock():
    """Milliseconds, modulo 2**30."""
    if _ticks_ms:
        return _ticks_ms() & MAX_RAW
    return int(time.monotonic() * 1000) & MAX_RAW  # pyright: ignore


def entropy():
    """30 random bits from the system."""
    b = os.urandom(4)
    return b[0] | b[1] << 8 | b[2] << 16 | (b[3] & 0x3F) << 24


def read(path):
    """The text of a file. Raises OSError."""
    with open(path, encoding="utf-8") as f:
        return f.read()
