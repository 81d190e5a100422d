"""Counts pulses on a pin: water, gas and electricity meters, buttons, rain gauges."""

import sys

import machine
from machine import Pin

from amounts import Scale

_FILTER_NS = 10000  # shorter is noise; the ESP32's filter reaches to 12.8 us
_units = {}  # number of a hardware counter: the pin that it counts on


class HardwareCounter:
    """Pulses on a pin in a counter of the chip (machine.Counter); of bounces it knows nothing.
    Raises ValueError or OSError if every counter is in use."""

    def __init__(self, pin, pull, active):
        number = 0
        while _units.get(number, pin) != pin:
            number += 1
        kind = getattr(machine, "Counter")  # noqa: B009 - not in every port
        edge = kind.RISING if active else kind.FALLING
        source = Pin(pin, Pin.IN, pull)
        self._counter = kind(number, source, edge=edge, filter_ns=_FILTER_NS)
        _units[number] = pin
        self._last = self._counter.value()

    def new(self):
        """Pulses since the last call."""
        now = self._counter.value()
        count = now - self._last
        self._last = now
        return count


def counter(pin, pull, debounce_ms, active):
    """What this board counts best with."""
    try:
        if sys.platform == "rp2":
            from pulse_pio import PioCounter

            return PioCounter(pin, pull, debounce_ms, active)
        if not debounce_ms and hasattr(machine, "Counter"):
            return HardwareCounter(pin, pull, active)
    except (ImportError, ValueError, OSError) as e:
        print("LVS: pin %s: counted by interrupt, without hardware: %s" % (pin, e))
    from pulse_irq import IrqCounter

    return IrqCounter(pin, pull, debounce_ms, active)


class Pulse:
    """Pulses of a contact or an open collector, free of bounces.

    settings: {"pin", "units": 1, "pulses": 1, "debounce_ms": 20, "pull": "up", "active": 0}: every
    ``pulses`` pulses are ``units`` units of the channel. A pulse counts when the pin becomes
    active after it was idle for at least ``debounce_ms``; the bounces of an opening contact are
    idle for less and do not count. 0: a signal without bounces.
    """

    def __init__(self, settings):
        self._scale = Scale(settings.get("units", 1), settings.get("pulses", 1))
        pull = {"up": Pin.PULL_UP, "down": Pin.PULL_DOWN, "none": None}[settings.get("pull", "up")]
        debounce_ms, self.active = settings.get("debounce_ms", 20), settings.get("active", 0)
        self.count = self._early = 0
        self.counter = counter(settings["pin"], pull, debounce_ms, self.active)
        self.pin = Pin(settings["pin"])

    def woke(self):
        """A pulse ended a deep sleep, before anything could count it."""
        self._early += 1

    def take(self):
        """Units since the last call, as decimal text; None for none."""
        new = self.counter.new() + self._early
        self._early = 0
        self.count += new
        return self._scale.amount(new)


class Button(Pulse):
    """A push button against ground: one unit a press, unless told otherwise."""

    def __init__(self, settings):
        with_default = {"debounce_ms": 50}
        with_default.update(settings)
        super().__init__(with_default)
