"""A hardware watchdog that is fed only while every task checks in.

Started last: once it runs it cannot be stopped (RP2040: 8,388 ms at most). At the REPL a timer
feeds it (feeding), so that whoever pressed Ctrl-C is not thrown out by a reset.
"""

import asyncio
import sys
import time

from micropython import const

_FEED_MS = const(1000)

_running = False  # whether this program started the hardware


class Watchdog:
    """Knows which tasks must check in how often, and feeds the hardware while all of them do.

    timeout_ms: what the hardware allows between two feedings; 0 for none, and then the silent
    tasks are only reported. report(text) hears of a task that fell silent, once.
    """

    def __init__(self, timeout_ms, report=print):
        self.timeout_ms = timeout_ms
        self.report = report
        self._tasks = {}  # name -> [ms allowed between check-ins, ticks of the last one]
        self._silent = set()
        self._hardware = None

    def expect(self, name, within_ms):
        """From now on the task ``name`` must check in at least every ``within_ms``."""
        assert within_ms > 0
        self._tasks[name] = [within_ms, time.ticks_ms()]

    def check_in(self, name):
        """Said by a task that is alive. A task that nobody expects is welcome, too."""
        task = self._tasks.get(name)
        if task:
            task[1] = time.ticks_ms()

    def excuse(self):
        """Everybody was asleep on purpose (light sleep): count from now."""
        now = time.ticks_ms()
        for task in self._tasks.values():
            task[1] = now
        self.feed()

    def silent(self):
        """Names of the tasks that are overdue."""
        now = time.ticks_ms()
        return [n for n, t in self._tasks.items() if time.ticks_diff(now, t[1]) > t[0]]

    def start(self):
        """Start the hardware; there is no way back."""
        if not self.timeout_ms:
            return  # one that runs all the same, as after a soft reset, is fed by the timer
        if "feeding" in sys.modules:
            sys.modules["feeding"].release()
        if not self._hardware:
            global _running
            from machine import WDT

            _running = True
            self._hardware = WDT(timeout=self.timeout_ms)

    def feed(self):
        """Feed the hardware, if it runs."""
        if self._hardware:
            self._hardware.feed()

    def look(self):
        """Feed if every task has checked in; report those that have not. True if fed."""
        silent = self.silent()
        for name in silent:
            if name not in self._silent:
                allowed = self._tasks[name][0]
                self.report("task '%s' is silent for more than %d ms" % (name, allowed))
        self._silent = set(silent)
        if silent:
            return False
        self.feed()
        return True

    async def run(self):
        """The task that looks every second; the last one to be started."""
        self.start()
        while True:
            self.look()
            await asyncio.sleep_ms(_FEED_MS)


def keep_fed_if_running():
    """For a program that ends: feed it from a timer, if this program has started one."""
    if _running:
        import feeding

        feeding.keep_fed()
