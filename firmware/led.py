"""What the LED says: groups of blinks with a pause, for people without a serial cable."""

import asyncio
import time

from micropython import const

# name: blinks in a group. docs/boards/troubleshooting.md has the table for people.
CODES = {
    "active": 1,  # one short blink every few seconds: all is well
    "joining": 2,  # Wi-Fi is up, the node looks for the mesh
    "no network": 3,  # no Wi-Fi of that name in reach
    "wrong password": 4,  # the access point refused it
    "no connection": 5,  # another Wi-Fi trouble, or still connecting
    "configuration": 6,  # lvs.json cannot be used
    "crashed": 7,  # restarts in a few seconds
}
_ON_MS = const(80)
_OFF_MS = const(220)
_PAUSE_MS = const(2500)


class Led:
    """An LED on a pin. Settings {}: there is none.

    settings: {"pin": number or name, "active_low": false}
    """

    def __init__(self, settings):
        self._pin = None
        if settings:
            from machine import Pin

            self._low = settings.get("active_low", False)
            self._pin = Pin(settings["pin"], Pin.OUT)
            self.set(False)

    def set(self, on):
        """Light or dark."""
        if self._pin:
            self._pin.value(1 if on != self._low else 0)

    async def run(self, code, check_in):
        """Show for ever the code that code() names at the time."""
        while True:
            for _ in range(CODES[code()]):
                self.set(True)
                await asyncio.sleep_ms(_ON_MS)
                self.set(False)
                await asyncio.sleep_ms(_OFF_MS)
            check_in("led")
            await asyncio.sleep_ms(_PAUSE_MS)

    def show(self, code, groups):
        """Blink a code a number of times without asyncio, for when nothing else runs."""
        for _ in range(groups):
            for _ in range(CODES[code]):
                self.set(True)
                time.sleep_ms(_ON_MS)
                self.set(False)
                time.sleep_ms(_OFF_MS)
            time.sleep_ms(_PAUSE_MS)
