"""MicroPython's ``rp2`` module for a simulated board: see ``bench``."""

import bench


def country(code=None):
    """The radio's country code."""
    if code is not None:
        bench.tell("country " + code)
    return code


def bootsel_button():
    """Whether the BOOTSEL button is held."""
    return 0
