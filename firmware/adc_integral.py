"""Adds up an analogue reading over time: watts to watt hours, litres a minute to litres."""

import time

from machine import ADC, Pin
from micropython import const

from amounts import Scale

_STEP_MS = const(
    60000
)  # a longer gap between two readings is not bridged: nobody knows what was there


def analogue_input(pin):
    """The ADC on a pin, over the whole range of its voltage."""
    try:
        return ADC(Pin(pin), atten=ADC.ATTN_11DB)  # the ESP32 measures 1 V without it
    except (AttributeError, TypeError):
        return ADC(Pin(pin))


class AdcIntegral:
    """The integral of an analogue input over time.

    settings: {"pin", "per_hour": units an hour at full scale, "zero": 0}: readings at or below
    ``zero`` (0..65535) count as nothing. Each reading stands for the time since the one before.
    """

    def __init__(self, settings):
        self._zero = settings.get("zero", 0)
        if not 0 <= self._zero < 65535:
            raise ValueError("zero: %r; must be from 0 to 65534" % self._zero)
        span = 65535 - self._zero
        self._scale = Scale(settings["per_hour"], span * 3600000)
        self._adc = analogue_input(settings["pin"])
        self._last = time.ticks_ms()

    def take(self):
        """Units since the last call, as decimal text; None for none."""
        now = time.ticks_ms()
        passed = time.ticks_diff(now, self._last)
        self._last = now
        reading = self._adc.read_u16() - self._zero
        if reading <= 0 or not 0 < passed <= _STEP_MS:
            return None
        return self._scale.amount(reading * passed)
