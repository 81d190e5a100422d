"""MicroPython's ``esp32`` module for a simulated board: see ``bench``."""

import bench

WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True


def wake_on_ext0(pin, level):
    """Let a level on a pin end a sleep."""
    bench.tell("wake %d %d" % (pin.number, level))


def mcu_temperature():
    """Degrees Celsius inside the chip."""
    return 40
