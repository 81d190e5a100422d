"""Joins the Wi-Fi, and joins it again whenever it is lost, from a radio in a known state."""

import asyncio
import os
import sys

import network
from micropython import const

_JOIN_MS = const(20000)  # what joining may take
_BACKOFF_MS = const(1000)  # wait after the first failure; doubles
_BACKOFF_MAX_MS = const(60000)
_LOOK_MS = const(500)  # how often a connection is looked at

_LOOKS = const(20)  # of which one asks for the address, too


def _nothing():
    pass


def _help():
    """What is only needed when joining fails."""
    import wifi_help

    del sys.modules["wifi_help"]
    return wifi_help


def _print(text):
    print(text)  # as it is then: the administration service listens in


class Wifi:
    """The station interface.

    settings: {"ssid", "password", "country", "hostname"}. ``state`` is "up", "off", "joining",
    "no network", "wrong password" or "no connection"; report(text) hears each change in one line.
    ``moved()`` is called when the board has an address that it had not before; ``address``.
    """

    def __init__(self, settings, report=_print):
        self.settings = settings
        self.report = report
        self.moved = _nothing
        self.state = "off"
        self.address = ""
        self.paused = False  # True: the radio stays off
        self._power_save = False
        self.drops = 0
        self._said = ""
        self._failed = ""  # the state that the last attempt ended in
        self._doubted = False
        self._looks = 0
        self._final = _help().final()
        if settings.get("country"):
            network.country(settings["country"])
        network.hostname(settings.get("hostname", "lvs"))
        self.wlan = network.WLAN(network.WLAN.IF_STA)
        try:
            # An access point left on by an earlier program would pull the radio to its channel.
            network.WLAN(network.WLAN.IF_AP).active(False)
            self.wlan.active(True)  # the ESP32 has no sockets before its radio was on once
        except OSError:
            pass  # each attempt to join switches it on

    def up(self):
        """Whether there is a connection with an address."""
        return not self.paused and self.wlan.isconnected()

    def rssi(self):
        """Signal strength in dBm, or None without a connection."""
        try:
            return self.wlan.status("rssi") if self.up() else None
        except (OSError, ValueError):
            return None

    def doubt(self):
        """Nothing is heard although the radio says that it is connected: join anew."""
        self._doubted = True

    def pause(self, on):
        """Keep the radio off (True), or join again: low power."""
        self.paused = on

    def save_power(self, on):
        """From the next connection on the access point may hold frames back (True), or not."""
        self._power_save = on

    def _say(self, text):
        if text != self._said:  # a wrong password is said once, not every minute for a year
            self._said = text
            self.report("wifi: " + text)

    def off(self):
        """Switch the radio off."""
        try:
            if self.wlan.active():
                self.wlan.disconnect()
        except OSError:
            pass  # it was not joining anything
        self.wlan.active(False)
        self.state = "off"

    async def _radio(self):
        """The radio freshly on, with nothing left of an earlier attempt."""
        self.off()
        await asyncio.sleep_ms(100)
        self.wlan.active(True)
        try:
            self.wlan.config(reconnects=0)  # ESP32: the waiting below is ours
        except ValueError:
            pass

    def _explain(self, status):
        """Set the state after a failed attempt; say what to do about it, if that is news."""
        helping = _help()
        self.state = helping.state(status)
        if self.state != self._failed:
            self._failed = self.state
            self._say(helping.text(self.state, status, self.settings["ssid"], self.wlan))

    async def join(self, check_in):
        """One attempt; True when connected."""
        await self._radio()
        self.state = "joining"
        self.wlan.connect(self.settings["ssid"], self.settings["password"] or None)
        status = None
        for _ in range(_JOIN_MS // 100):
            await asyncio.sleep_ms(100)
            check_in("wifi")
            if self.wlan.isconnected():
                self._connected()
                return True
            status = self.wlan.status()
            if status in self._final:
                break
        self._explain(status)
        return False

    def _connected(self):
        # Power save is on by default: access points then hold broadcasts back (ESP32), and the
        # Pico W may hang.
        try:
            save = self.wlan.PM_POWERSAVE if self._power_save else self.wlan.PM_NONE
            self.wlan.config(pm=save)
        except (ValueError, AttributeError):
            self.report("wifi: this radio has no power-save setting")
        self.state = "up"
        self._failed = ""
        self._addressed()

    def _addressed(self):
        """Take notice of the address: the router may have given another."""
        address = self.wlan.ifconfig()[0]
        self._say("connected to '%s' as %s" % (self.settings["ssid"], address))
        if address != self.address:
            self.address = address
            self.moved()

    async def _wait(self, ms, check_in):
        while ms > 0 and not self.paused:
            check_in("wifi")
            await asyncio.sleep_ms(min(ms, _LOOK_MS))
            ms -= _LOOK_MS

    async def _turn(self, check_in):
        """Look after the connection once; False if an attempt to join failed."""
        if self.paused:
            if self.wlan.active():
                self.off()
            await asyncio.sleep_ms(_LOOK_MS // 5)
        elif self.wlan.isconnected() and not self._doubted:
            if self.state != "up":
                self._connected()
            self._looks += 1
            if self._looks % _LOOKS == 0:
                self._addressed()
            await asyncio.sleep_ms(_LOOK_MS)
        else:
            if self.state == "up":
                self.drops += 1
                self._say("nothing is heard; joining anew" if self._doubted else "connection lost")
            self._doubted = False
            return await self.join(check_in) or self.paused
        return True

    async def run(self, check_in):
        """Keep the connection for ever, with longer and longer pauses after failures."""
        backoff = _BACKOFF_MS
        while True:
            check_in("wifi")
            try:
                good = await self._turn(check_in)
            except (OSError, RuntimeError) as e:  # the driver is in trouble
                good = False
                self.state = self._failed = "no connection"
                self._say("the radio fails (%s); trying again" % e)
            if good:
                backoff = _BACKOFF_MS
            else:
                # A random part, so that a street full of nodes does not knock at once.
                await self._wait(backoff + backoff * os.urandom(1)[0] // 512, check_in)
                backoff = min(2 * backoff, _BACKOFF_MAX_MS)
