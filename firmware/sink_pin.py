"""Switches a pin by a value: a valve, a pump, a lamp, through a relay or a transistor."""

import time

from machine import Pin


class PinSink:
    """A pin that is on from ``above`` on, or as long as the value is less than ``below``.

    settings: {"pin", "hysteresis": 0, "limit_s": 0, "safe": "off", "active": 1}; levels: "above"
    or "below", raw; width: of the hysteresis, raw: once the value was there, it has to fall that
    far below. ``limit_s``: seconds for which the pin is in other than its safe state at most,
    until the value itself asks for the safe one; 0: no limit.
    """

    def __init__(self, settings, levels, width):
        self._over = False
        self._above = "above" in levels
        self._level = levels["above"] if self._above else levels["below"]
        self._width = width
        self._limit_ms = settings.get("limit_s", 0) * 1000
        self._spent_ms = 0
        self._last = time.ticks_ms()
        self._safe = settings.get("safe") == "on"
        self._active = settings.get("active", 1)
        self.on = self._safe
        self._pin = Pin(settings["pin"], Pin.OUT, value=self._safe == self._active)

    def _set(self, on):
        self.on = on
        self._pin.value(on == self._active)

    def _limited(self, on):
        """The same, or safe when its time is up."""
        now = time.ticks_ms()
        passed = time.ticks_diff(now, self._last)
        self._last = now
        if on == self._safe:
            self._spent_ms = 0
        elif self._limit_ms:
            if self.on != self._safe:
                self._spent_ms += max(0, passed)
            if self._spent_ms >= self._limit_ms:
                return self._safe
        return on

    def show(self, raw, _why, _node, _c):
        """Switch by a value (raw); None: be safe, and the time that was spent counts on."""
        if raw is None:
            self._last = time.ticks_ms()
            self._set(self._safe)
        else:
            self._over = raw >= self._level - (self._width if self._over else 0)
            self._set(self._limited(self._over == self._above))

    def safe(self):
        """The program ends."""
        self._set(self._safe)
