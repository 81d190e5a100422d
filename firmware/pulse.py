"""Counts pulses on a pin: water, gas and electricity meters, buttons, rain gauges."""

import sys
import time

from machine import Pin
from micropython import const

from amounts import Scale

_LONG_MS = const(3600000)  # a pause after which ticks are renewed, far below their wrap


class Pulse:
    """Pulses of a contact or an open collector, free of bounces.

    settings: {"pin", "units": 1, "pulses": 1, "debounce_ms": 20, "pull": "up", "active": 0}: every
    ``pulses`` pulses are ``units`` units of the channel. A pulse counts when the pin becomes
    active after it was idle for at least ``debounce_ms``; the bounces of an opening contact are
    idle for less and do not count.
    """

    def __init__(self, settings):
        self._debounce = settings.get("debounce_ms", 20)
        self.active = settings.get("active", 0)
        self._scale = Scale(settings.get("units", 1), settings.get("pulses", 1))
        self.count = 0
        self._taken = 0
        pull = {"up": Pin.PULL_UP, "down": Pin.PULL_DOWN, "none": None}[settings.get("pull", "up")]
        self.pin = Pin(settings["pin"], Pin.IN, pull)
        self._last = time.ticks_add(time.ticks_ms(), -self._debounce)
        edges = Pin.IRQ_RISING | Pin.IRQ_FALLING
        if sys.platform == "rp2":  # at once, even while memory is being collected
            self.pin.irq(handler=self._edge, trigger=edges, hard=True)
        else:
            self.pin.irq(handler=self._edge, trigger=edges)

    def _edge(self, pin):
        # Runs in an interrupt: it must not allocate.
        now = time.ticks_ms()
        if time.ticks_diff(now, self._last) >= self._debounce and pin.value() == self.active:
            self.count += 1
        self._last = now

    def take(self):
        """Units since the last call, as decimal text; None for none."""
        count = self.count  # read once: interrupts go on
        new = count - self._taken
        self._taken = count
        now = time.ticks_ms()
        if time.ticks_diff(now, self._last) > _LONG_MS:
            # Idle for days would look like the future once ticks have wrapped.
            self._last = time.ticks_add(now, -self._debounce)
        return self._scale.amount(new)


class Button(Pulse):
    """A push button against ground: one unit a press, unless told otherwise."""

    def __init__(self, settings):
        with_default = {"debounce_ms": 50}
        with_default.update(settings)
        super().__init__(with_default)
