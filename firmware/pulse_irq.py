"""Counts pulses by interrupt: where there is no hardware for it.

Pulses are lost while no interrupt is served: on the RP2 while flash is erased, on the ESP32 after
eight that wait for the interpreter.
"""

import sys
import time

from machine import Pin
from micropython import const

_LONG_MS = const(3600000)  # a pause after which ticks are renewed, far below their wrap


class IrqCounter:
    """Pulses on a pin. debounce_ms, pull, active: as Pulse has them."""

    def __init__(self, pin, pull, debounce_ms, active):
        self._debounce = debounce_ms
        self._active = active
        self._count = 0
        self._taken = 0
        self._pin = Pin(pin, Pin.IN, pull)
        self._last = time.ticks_add(time.ticks_ms(), -self._debounce)
        edges = Pin.IRQ_RISING | Pin.IRQ_FALLING
        if sys.platform == "rp2":  # at once, even while memory is being collected
            self._pin.irq(handler=self._edge, trigger=edges, hard=True)
        else:
            self._pin.irq(handler=self._edge, trigger=edges)

    def _edge(self, pin):
        # Runs in an interrupt: it must not allocate.
        now = time.ticks_ms()
        if time.ticks_diff(now, self._last) >= self._debounce and pin.value() == self._active:
            self._count += 1
        self._last = now

    def new(self):
        """Pulses since the last call."""
        count = self._count  # read once: interrupts go on
        new = count - self._taken
        self._taken = count
        now = time.ticks_ms()
        if time.ticks_diff(now, self._last) > _LONG_MS:
            # Idle for days would look like the future once ticks have wrapped.
            self._last = time.ticks_add(now, -self._debounce)
        return new
