"""Stand-ins for MicroPython's hardware modules, so that firmware/ runs on a computer.

Only what the firmware uses is here, and it behaves as boards do, including what hurts: a radio
that refuses to connect while it is off, a watchdog that cannot be stopped, ticks that wrap.
The modules (``machine``, ``network``, ``esp32``, ``rp2``, ``espnow``, ``micropython``) are plain
Python for CPython and for MicroPython on Linux; ``bench`` is the workbench around the board:
which access points are in the air, what is wired to its pins, what the board did.
"""

import asyncio
import sys
import time
from pathlib import Path

PATH = str(Path(__file__).parent)
_ADDED = (
    (time, "ticks_ms"),
    (time, "ticks_add"),
    (time, "ticks_diff"),
    (time, "sleep_ms"),
    (asyncio, "sleep_ms"),
    (sys, "print_exception"),
)


def install():
    """Make the stand-ins importable under MicroPython's names, on CPython.

    Adds what MicroPython's ``time``, ``asyncio`` and ``sys`` have beyond CPython's. Ticks
    follow ``bench``'s clock. Returns ``bench``. Calling it twice does no harm.
    """
    if PATH not in sys.path:
        sys.path.append(PATH)
    import bench

    for module, name in _ADDED:
        setattr(module, name, getattr(bench, "async_sleep_ms" if module is asyncio else name))
    return bench


def uninstall():
    """Undo install(), for what else runs in this process."""
    if PATH in sys.path:
        sys.path.remove(PATH)
    for module, name in _ADDED:
        if hasattr(module, name):
            delattr(module, name)
