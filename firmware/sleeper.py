"""The program of a board that is a leaf (``"held": 0``): it is awake for seconds, then asleep.

It hands over what was counted, lets the leaf speak, and sleeps: on the ESP32 deeply, each waking
being a start of its own; on others with the radio off. docs/boards/low-power.md has the figures.
How it starts, joins a network and falls asleep (leaf_start, leaf_link, leaf_rest) takes no memory
while the leaf speaks.
"""

import sys
import time

import machine
from micropython import const

FILES = "/leaf."
_TURN_MS = const(20)  # longest rest while awake: receive queues are short

leaf = None  # for the REPL
dog = None  # the hardware watchdog: once it runs it cannot be stopped


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


def feed():
    """Feed the watchdog, if there is one."""
    if dog:
        dog.feed()


class Radio:
    """What carries frames while awake, a transport: Wi-Fi and UDP, or ESP-NOW, which needs no
    access point."""

    def __init__(self, config):
        self.error = ""  # of the last waking
        self._config = config
        self.wlan = None
        self._link = None  # while it is on

    def on(self):
        """Switch it on; False where there is no network, and ``error`` says why."""
        self.error = ""
        try:
            link = self._link = once("leaf_link").link(self, self._config, feed, once)
        except OSError as e:
            self.error = "the radio fails (%s); trying again" % e
            return False
        if link:
            self.send, self.recv, self.key = link.send, link.recv, link.key
        return bool(link)

    def close(self):
        """Switch it off."""
        if self._link:
            self.error = self._link.error
            self._link.close()
            self._link = None
        if self.wlan and self.wlan.active():
            try:
                self.wlan.disconnect()
            except OSError:
                pass  # it was not joined
            self.wlan.active(False)


class Sleeper:
    """A leaf with its sources and its radio. settings: as settings.load gives them.

    ``every_s``: from one waking to the next; ``due``: the next one, by time.time(); ``deep``: it
    sleeps deeply; ``sources``: (channel, source); ``pulses``: those on pins; ``armed``: a pulse
    was to end the sleep before.
    """

    deep: bool
    every_s: int
    awake_ms: int
    due: int
    armed: bool
    sources: list
    pulses: list

    def __init__(self, settings):
        global leaf, dog
        start = once("leaf_start")
        dog = start.begin(self, settings, once)
        self._told = []
        self.radio, leaf = start.make(settings, Radio, Files())
        self.leaf = leaf
        self._tell()
        if self.pulses and self.armed and start.by_pin():
            self.pulses[0].woke()  # its edge was before anybody looked

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
        for channel, source in self.sources:
            amount = source.take() if waking or source in self.pulses else None
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
            self.leaf.wake(self.awake_ms)
            while self.leaf.awake:
                feed()
                self.leaf.receive()
                rest = self.leaf.tick()
                time.sleep_ms(min(rest, _TURN_MS))
        self.radio.close()
        self._tell()
        self.due = int(time.time()) + self.every_s

    def left(self):
        """Seconds until the next waking is due, 0 if it is; a clock that was set begins anew."""
        left = self.due - int(time.time())
        return left if 0 < left <= self.every_s else 0

    def sleep(self):
        """Sleep until the next waking is due, or a pulse comes."""
        once("leaf_rest").sleep(self)

    def run(self):
        """For ever; on a board that sleeps deeply until it does."""
        while True:
            if not self.left():  # else a pulse woke it
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
        if hasattr(machine.RTC, "memory"):
            machine.deepsleep(every_s * 1000)
        time.sleep_ms(every_s * 1000)
        machine.reset()
    if dog:
        import feeding

        feeding.keep_fed()  # at the REPL
