"""Joins the Wi-Fi, and joins it again whenever it is lost, from a radio in a known state."""

import asyncio
import os

import network
from micropython import const

_JOIN_MS = const(20000)  # what joining may take
_BACKOFF_MS = const(1000)  # wait after the first failure; doubles
_BACKOFF_MAX_MS = const(60000)
_LOOK_MS = const(500)  # how often a connection is looked at

# what the ports call the ends of an attempt
_NO_NETWORK = (
    "STAT_NO_AP_FOUND",
    "STAT_NO_AP_FOUND_W_COMPATIBLE_SECURITY",
    "STAT_NO_AP_FOUND_IN_AUTHMODE_THRESHOLD",
    "STAT_NO_AP_FOUND_IN_RSSI_THRESHOLD",
)
_WRONG_PASSWORD = ("STAT_WRONG_PASSWORD", "STAT_HANDSHAKE_TIMEOUT")
_FAILED = ("STAT_CONNECT_FAIL", "STAT_ASSOC_FAIL", "STAT_BEACON_TIMEOUT")


def _codes(names):
    return [getattr(network, name) for name in names if hasattr(network, name)]


def _print(text):
    print(text)  # as it is then: the administration service listens in


class Wifi:
    """The station interface.

    settings: {"ssid", "password", "country", "hostname"}. ``state`` is "up", "off", "joining",
    "no network", "wrong password" or "no connection"; report(text) hears each change in one line.
    """

    def __init__(self, settings, report=_print):
        self.settings = settings
        self.report = report
        self.state = "off"
        self.paused = False  # True: the radio stays off
        self._power_save = False
        self.drops = 0
        self._said = ""
        if settings.get("country"):
            network.country(settings["country"])
        network.hostname(settings.get("hostname", "lvs"))
        # An access point left on by an earlier program would pull the radio to its channel.
        network.WLAN(network.WLAN.IF_AP).active(False)
        self.wlan = network.WLAN(network.WLAN.IF_STA)
        self.wlan.active(True)  # the ESP32 has no sockets before its radio was on once

    def up(self):
        """Whether there is a connection with an address."""
        return not self.paused and self.wlan.isconnected()

    def rssi(self):
        """Signal strength in dBm, or None without a connection."""
        try:
            return self.wlan.status("rssi") if self.up() else None
        except (OSError, ValueError):
            return None

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
        if self.wlan.active():
            self.wlan.disconnect()
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

    def _names(self):
        try:
            found = {entry[0] for entry in self.wlan.scan() if entry[0]}
            return ", ".join(sorted([name.decode() for name in found])[:6]) or "none"
        except (OSError, UnicodeError):
            return "unknown"

    def _explain(self, status):
        """Set the state after a failed attempt and say what to do about it."""
        ssid = self.settings["ssid"]
        if status in _codes(_NO_NETWORK):
            self.state = "no network"
            text = "no network named '%s'; in reach: %s; check board.wifi.ssid"
            self._say(text % (ssid, self._names()))
        elif status in _codes(_WRONG_PASSWORD):
            self.state = "wrong password"
            self._say("'%s' refuses the password; check secrets.json" % ssid)
        else:
            self.state = "no connection"
            self._say("'%s' does not answer (status %s); trying again" % (ssid, status))

    async def join(self, check_in):
        """One attempt; True when connected."""
        await self._radio()
        self.state = "joining"
        try:
            self.wlan.connect(self.settings["ssid"], self.settings["password"] or None)
        except OSError as e:
            self._explain(e)
            return False
        final = _codes(_NO_NETWORK + _WRONG_PASSWORD + _FAILED)
        status = None
        for _ in range(_JOIN_MS // 100):
            await asyncio.sleep_ms(100)
            check_in("wifi")
            if self.wlan.isconnected():
                self._connected()
                return True
            status = self.wlan.status()
            if status in final:
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
        self._say("connected to '%s' as %s" % (self.settings["ssid"], self.wlan.ifconfig()[0]))

    async def _wait(self, ms, check_in):
        while ms > 0 and not self.paused:
            check_in("wifi")
            await asyncio.sleep_ms(min(ms, _LOOK_MS))
            ms -= _LOOK_MS

    async def run(self, check_in):
        """Keep the connection for ever, with longer and longer pauses after failures."""
        backoff = _BACKOFF_MS
        while True:
            check_in("wifi")
            if self.paused:
                if self.wlan.active():
                    self.off()
                await asyncio.sleep_ms(_LOOK_MS // 5)
            elif self.wlan.isconnected():
                if self.state != "up":
                    self._connected()
                backoff = _BACKOFF_MS
                await asyncio.sleep_ms(_LOOK_MS)
            else:
                if self.state == "up":
                    self.drops += 1
                    self._say("connection lost")
                if not await self.join(check_in) and not self.paused:
                    # A random part, so that a street full of nodes does not knock at once.
                    await self._wait(backoff + backoff * os.urandom(1)[0] // 512, check_in)
                    backoff = min(2 * backoff, _BACKOFF_MAX_MS)
