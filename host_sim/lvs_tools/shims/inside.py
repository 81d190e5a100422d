"""Beside a board's files in `lvs measure`: its firmware's modules, and a network.

All of it is there before anything is measured.
"""

import sys


class _Absent:
    """What the WebAssembly build lacks and a board has in its firmware, free of heap."""

    POLLIN = 1


def _pretend(modules, names):
    for name in names:
        modules[name] = _Absent


_pretend(sys.modules, ("socket", "select"))

# These are in a board's firmware; here they are Python, so they come before any measurement.
import asyncio  # noqa: E402, F401

import machine  # noqa: E402, F401
import network  # noqa: E402, F401


class Transport:
    """Takes every frame and forgets it; what is received comes by node.handle."""

    error = ""

    def send(self, frame, addr):
        """Take a frame."""
        return True

    def recv(self):
        """Nothing: see above."""
        return None

    def key(self, addr):
        """The route of an address."""
        return addr

    def name(self, addr):
        """An address as text for ``resolve``."""
        return str(addr)

    def resolve(self, text):
        """The address in a text."""
        from lvs import LvsError

        if not text.isdigit():
            raise LvsError("peers: '%s' is no number" % text)
        return int(text)

    def close(self):
        """Nothing to close."""
