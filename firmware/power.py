"""The low-power profile: when to save power, and a radio that is off most of the time.

Low on battery, on a weak signal or under high load the node goes to LOW_POWER: it is awake for
``awake_s`` and asleep, with the radio off, for ``asleep_s``. Contributions are kept meanwhile and
sent on waking; docs/boards/low-power.md says what that costs in latency.
"""

import asyncio
import time

from micropython import const

from app import once

_LOOK_MS = const(10000)  # between two measurements while awake
_SLICE_MS = const(2000)  # of light sleep; a watchdog is fed in between
_JOIN_MS = const(10000)  # that joining may take before awake_s begin to count
_PATIENCE = const(3)  # measurements in a row, so that one bad moment changes nothing


class Judge:
    """Decides between full and low power, with hysteresis; knows nothing of hardware.

    settings (all may be missing): "below_mv", "above_mv": battery to save below, and above which
    to stop; "rssi_below": dBm; "load_above": percent of the time that the node computes.
    """

    def __init__(self, settings):
        self._below_mv = settings.get("below_mv", 3400)
        self._above_mv = settings.get("above_mv", 3600)
        self._rssi_below = settings.get("rssi_below", -85)
        self._load_above = settings.get("load_above", 80)
        self.low = False
        self.reason = ""
        self._streak = 0

    def _wish(self, battery_mv, rssi, load):
        """What the measurements ask for: a reason to be low on power, or ""."""
        low = self.low
        if battery_mv is not None and battery_mv < (self._above_mv if low else self._below_mv):
            return "battery %d mV" % battery_mv
        if rssi is not None and rssi < self._rssi_below + (6 if low else 0):
            return "signal %d dBm" % rssi
        if load is not None and load > self._load_above - (20 if low else 0):
            return "load %d %%" % load
        return ""

    def look(self, battery_mv, rssi, load):
        """Take a measurement (mV, dBm, percent; None: not known); returns whether to be low."""
        reason = self._wish(battery_mv, rssi, load)
        if bool(reason) == self.low:
            self._streak = 0
        else:
            self._streak += 1
            if self._streak >= _PATIENCE:
                self.low = not self.low
                self._streak = 0
        self.reason = reason if self.low else ""
        return self.low


class Power:
    """Carries the judgement out.

    settings: those of the Judge, "battery_pin" (ADC behind a voltage divider) and "battery_scale"
    (of that divider, 2), "awake_s" (10) and "asleep_s" (50).
    wifi: a Wifi or None. dog: the Watchdog. node: has ``low_power(on)`` and ``load`` (percent).
    light_sleep: whether the processor may sleep, too: no source counts on a pin.
    """

    def __init__(self, settings, wifi, dog, node, light_sleep):
        self.judge = Judge(settings)
        self.wifi = wifi
        self.dog = dog
        self.node = node
        self.light_sleep = light_sleep
        self.battery_mv = None
        self._scale = settings.get("battery_scale", 2)
        self._awake_ms = settings.get("awake_s", 10) * 1000
        self._asleep_ms = settings.get("asleep_s", 50) * 1000
        self._adc = None
        if settings.get("battery_pin") is not None:
            from adc_integral import analogue_input

            self._adc = analogue_input(settings["battery_pin"])

    def measure(self):
        """(battery mV or None, signal dBm or None, load percent)."""
        if self._adc:
            calibrated = getattr(self._adc, "read_uv", None)  # on the ESP32
            mv = calibrated() // 1000 if calibrated else self._adc.read_u16() * 3300 // 65535
            self.battery_mv = int(mv * self._scale)
        return self.battery_mv, self.wifi.rssi() if self.wifi else None, self.node.governor.load

    async def _stay(self, ms):
        while ms > 0:
            self.dog.check_in("power")
            await asyncio.sleep_ms(min(ms, 1000))
            ms -= 1000

    async def _sleep(self, ms):
        """Be asleep, the radio off; without light sleep the sources' interrupts still count."""
        if self.wifi:
            self.wifi.pause(True)
            for _ in range(50):  # its task switches the radio off
                if self.wifi.state == "off":
                    break
                await self._stay(100)
        if self.light_sleep:
            from machine import lightsleep

            until = time.ticks_add(time.ticks_ms(), ms)
            left = ms
            while left > 0:
                lightsleep(min(left, _SLICE_MS))
                self.dog.excuse()
                await asyncio.sleep_ms(0)  # the other tasks get a turn
                left = time.ticks_diff(until, time.ticks_ms())
        else:
            await self._stay(ms)
        if self.wifi:
            self.wifi.pause(False)

    async def _joined(self):
        """Wait for the Wi-Fi, but not for long."""
        for _ in range(_JOIN_MS // 200):
            if not self.wifi or self.wifi.state == "up":
                return
            self.dog.check_in("power")
            await asyncio.sleep_ms(200)

    async def run(self):
        """Measure, and sleep when it is time to, for ever."""
        told = False
        while True:
            low = self.judge.look(*self.measure())
            if low and not told and once("restarts").on_trial():
                low = False  # a radio that is off hears nobody, and new files have to
            if low != told:
                told = low
                self.node.low_power(low)
                if self.wifi:
                    self.wifi.save_power(low)
                print("LVS: low power:", self.judge.reason if low else "over")
            if low:
                await self._stay(self._awake_ms)
                await self._sleep(self._asleep_ms)
                await self._joined()
                self.node.low_power(True)  # speak now: it is awake for a short time only
            else:
                await self._stay(_LOOK_MS)
