"""The real world for a node that is given none: its clock, its random bits, its socket.

With transport_layer the only file here that touches the machine; imported only when needed.
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
