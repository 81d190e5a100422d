"""The program of a board that is a leaf (``"held": 0``): it is awake for seconds, then asleep.

It hands over what was counted, lets the leaf speak, and sleeps: on the ESP32 deeply, each waking
being a start of its own; on others with the radio off. docs/boards/low-power.md has the figures.
"""

import sys
import time

import machine
from micropython import const

import watchdog

FILES = "/leaf."
_JOIN_MS = const(8000)  # that joining the Wi-Fi may take
_TURN_MS = const(20)  # longest rest while awake: receive queues are short

leaf = None  # for the REPL


def once(name):
    """A module that is needed once: its memory comes back when the caller is done with it."""
    module = __import__(name)
    del sys.modules[name]
    return module


class _NoNode:
    Node = None


if sys.implementation.name == "micropython":
    # lvs brings it along; a leaf does without its 9 KB
    sys.modules["lvs.node_runtime"] = _NoNode  # pyright: ignore[reportArgumentType]


class Files:
    """A leaf's store: two small files, written in turn."""

    def __init__(self, path=None):
        self._path = path or FILES

    def read(self, i):
        """A copy, or b"" if there is none."""
        try:
            with open(self._path + str(i), "rb") as f:
                return f.read()
        except OSError:
            return b""

    def write(self, i, data):
        """Write a copy. Raises OSError."""
        with open(self._path + str(i), "wb") as f:
            f.write(data)


class Alarm:
    """When to wake next, kept through deep sleep in RTC memory; elsewhere in this object.

    every_s: from one waking to the next.
    """

    def __init__(self, every_s, rtc):
        self._every_s = every_s
        self._rtc = rtc
        kept = rtc.memory() if rtc else b""
        woken = _slept() and len(kept) == 6 and kept[:1] == b"L"
        self.due = int.from_bytes(kept[2:], "little") if woken else int(time.time())
        self.armed = woken and kept[1] == 1  # a pulse was to end this sleep

    def left(self):
        """Seconds until the next waking is due, 0 if it is; a clock that was set begins anew."""
        left = self.due - int(time.time())
        return left if 0 < left <= self._every_s else 0

    def next(self):
        """A waking is over."""
        self.due = int(time.time()) + self._every_s

    def keep(self, armed):
        """Before a deep sleep. armed: a pulse is to end it."""
        if self._rtc:
            self._rtc.memory(b"L" + bytes([armed]) + self.due.to_bytes(4, "little"))


def _remembers():
    """Has the board memory that deep sleep leaves alone? The RP2 has none, and counts no time."""
    return hasattr(machine.RTC, "memory")


def _slept():
    """Did this start end a deep sleep?"""
    return machine.reset_cause() == getattr(machine, "DEEPSLEEP_RESET", None)


def _by_pin():
    """Did a pin end it? The C3's reason for that has no name in MicroPython."""
    reason = getattr(machine, "wake_reason", int)()  # the RP2 has none
    return reason not in (0, getattr(machine, "TIMER_WAKE", 4))


class Radio:
    """What carries frames while awake, a transport: Wi-Fi and UDP, or ESP-NOW, which needs no
    access point. feed: called while it joins."""

    def __init__(self, config, feed):
        self.error = ""  # of the last waking
        self._config = config
        self._feed = feed
        board = config.board
        self._wifi = board["wifi"]
        espnow = board.get("espnow")
        self._channel = espnow.get("channel") if isinstance(espnow, dict) else None
        self._wlan = None
        if self._wifi or espnow:
            import network

            wifi = self._wifi or {}
            if wifi.get("country"):
                network.country(wifi["country"])
            network.hostname(wifi.get("hostname", "lvs"))
            self._wlan = network.WLAN(network.WLAN.IF_STA)
        self._link = None  # while it is on

    def _join(self):
        """Whether the access point let it in. Raises OSError."""
        assert self._wlan
        began = time.ticks_ms()
        self._wlan.connect(self._wifi["ssid"], self._wifi["password"] or None)
        while not self._wlan.isconnected():
            if time.ticks_diff(time.ticks_ms(), began) > _JOIN_MS:
                state = once("wifi_help").state(self._wlan.status())
                self.error = "wifi: '%s': %s" % (self._wifi["ssid"], state)
                return False
            self._feed()
            time.sleep_ms(50)
        return True

    def on(self):
        """Switch it on; False where there is no network, and ``error`` says why."""
        self.error = ""
        try:
            return self._switch_on()
        except OSError as e:
            self.error = "the radio fails (%s); trying again" % e
            return False

    def _switch_on(self):
        cfg = self._config
        if self._wlan:
            self._wlan.active(True)
            if self._channel:
                self._wlan.config(channel=self._channel)
        if self._wifi:
            if not self._join():
                return False
            assert self._wlan
            try:  # access points hold broadcasts back for whom they believe asleep
                self._wlan.config(pm=self._wlan.PM_NONE)
            except (ValueError, AttributeError):
                pass
        if cfg.board.get("espnow") and not self._wifi:
            from espnow_link import EspNowLink

            link = EspNowLink()
        else:
            from lvs.machine import clock
            from lvs.transport_layer import UdpTransport

            link = UdpTransport(cfg.address, cfg.broadcast, cfg.port, clock)
        self.send, self.recv, self.key = link.send, link.recv, link.key
        self._link = link
        return True

    def close(self):
        """Switch it off."""
        if self._link:
            self.error = self._link.error
            self._link.close()
            self._link = None
        if self._wlan and self._wlan.active():
            try:
                self._wlan.disconnect()
            except OSError:
                pass  # it was not joined
            self._wlan.active(False)


class Sleeper:
    """A leaf with its sources and its radio. settings: as settings.load gives them."""

    def __init__(self, settings):
        global leaf
        from lvs.config import Config
        from lvs.leaf import Leaf

        board = settings["board"]
        given = board.get("leaf", {})
        self.deep = given.get("deep", True) and _remembers()
        self._every_s = given.get("every_s", 300)
        self._awake_ms = int(given.get("awake_s", 3) * 1000)
        entries = board.get("sources", [])
        self._sources = once("source_kinds").make_all(entries, settings["channels"])
        self._pulses = [source for _, source in self._sources if hasattr(source, "pin")]
        self._check(entries)
        self._dog = watchdog.Watchdog(board.get("watchdog_s", 8) * 1000 if self.deep else 0)
        self._dog.start()
        self._config = Config(settings)
        self.radio = Radio(self._config, self._dog.feed)
        self.alarm = Alarm(self._every_s, machine.RTC() if self.deep else None)
        name = 0
        for byte in machine.unique_id():
            name = (name * 257 + byte + 1) & 0x3FFFFFFF
        leaf = self.leaf = Leaf(self._config, self.radio, store=Files(), board=name)
        self._told = []
        self._tell()
        if self._pulses and self.alarm.armed and _by_pin():
            self._pulses[0].woke()  # its edge was before anybody looked

    def _check(self, entries):
        from lvs import ConfigError

        for i, entry in enumerate(entries):
            if entry["kind"] == "adc":
                raise ConfigError(
                    "board.sources[%d].kind: adc adds up readings of each moment, and a leaf "
                    "sleeps; use a meter with pulses, or a callback" % i
                )
        if self.deep and len(self._pulses) > 1:
            raise ConfigError(
                "board.sources: one pin can end a deep sleep, and %d are to; set board.leaf.deep "
                "to false" % len(self._pulses)
            )

    def _tell(self):
        """Print the warnings that are news."""
        warnings = self.leaf.status()["warnings"]
        for text in warnings:
            if text not in self._told:
                print("LVS:", text)
        self._told = warnings

    def _keep(self):
        """Write down what was counted; where that cannot be done, ``_tell`` says so."""
        from lvs import NotDurable

        try:
            self.leaf.flush()
        except NotDurable:
            pass

    def take(self, waking=False):
        """Hand over what was counted: by pulses, written down at once, and in a waking by all,
        written down as it is told. Returns whether there was any."""
        from lvs import LvsError

        some = False
        for channel, source in self._sources:
            amount = source.take() if waking or source in self._pulses else None
            if amount is not None:
                try:
                    self.leaf.contribute(channel, amount)
                    some = True
                except LvsError as e:
                    print("LVS: %s: %s" % (channel, e))
        if some and not waking:
            self._keep()
        return some

    def waking(self):
        """One waking: hand over, speak, and be ready to sleep."""
        self.take(True)
        if not self.radio.on():
            self._keep()  # it waits for the next waking
        else:
            self.leaf.wake(self._awake_ms)
            while self.leaf.awake:
                self._dog.feed()
                self.leaf.receive()
                rest = self.leaf.tick()
                time.sleep_ms(min(rest, _TURN_MS))
        self.radio.close()
        self._tell()
        self.alarm.next()

    def sleep(self):
        """Sleep until the next waking is due, or a pulse comes."""
        ms = max(1000, self.alarm.left() * 1000)
        if self.deep:
            armed = self._arm()
            while self.take():  # a pulse from here on ends the sleep, or is taken
                armed = self._arm()
            self.alarm.keep(armed)
            machine.deepsleep(ms)
        while ms > 0:
            part = min(ms, 2000)
            if self._pulses:
                time.sleep_ms(part)  # its interrupts go on
                self.take()
            else:
                machine.lightsleep(part)
            ms -= part

    def _arm(self):
        """Let the pulse's pin end the sleep: by a pulse, or while it is active by its end."""
        if not self._pulses:
            return False
        import esp32  # pyright: ignore[reportMissingImports] the RP2 has none

        source = self._pulses[0]
        idle = source.pin.value() != source.active
        level = source.active if idle else 1 - source.active
        try:
            if hasattr(esp32, "wake_on_ext0"):
                esp32.wake_on_ext0(source.pin, level)
            else:  # the C3, from MicroPython 1.27 on; elsewhere it ends light sleep alone
                esp32.wake_on_gpio((source.pin,), level)
        except (AttributeError, ValueError) as e:  # none, or not on this pin
            from lvs import ConfigError

            raise ConfigError(
                "board.sources: the pin cannot end a deep sleep (%s); set board.leaf.deep to false"
                % e
            ) from None
        return idle

    def run(self):
        """For ever; on a board that sleeps deeply until it does."""
        while True:
            if not self.alarm.left():  # else a pulse woke it
                self.waking()
            self.sleep()


def main():
    """Run until Ctrl-C; after a crash keep a record and sleep until the next waking."""
    from lvs import ConfigError

    every_s = 300
    try:
        settings = once("settings").load()
        every_s = settings["board"].get("leaf", {}).get("every_s", every_s)
        Sleeper(settings).run()
    except KeyboardInterrupt:
        print("LVS: stopped; sleeper.main() starts again, sleeper.leaf is the leaf")
    except ConfigError as e:
        print("LVS:", e)
    except Exception as e:
        once("crashlog").write("crashed; starting again in %d s" % every_s, e)
        try:
            if leaf:
                leaf.flush()
        except Exception as e:
            print("LVS: leaf:", e)
        if _remembers():
            machine.deepsleep(every_s * 1000)
        time.sleep_ms(every_s * 1000)
        machine.reset()
    watchdog.keep_fed_if_running()  # at the REPL
