"""The workbench around a simulated board: its clock, the air, its wires, and what it did.

Tests set these names; the stand-in modules read them. The same file serves CPython, where a
test turns the clock by hand, and MicroPython on Linux, where the clock is the real one and
``load()`` reads the bench from a JSON file.
"""

import sys
import time

ON_BOARD = sys.implementation.name == "micropython"
_PERIOD = 1 << 30  # ticks wrap here, on every port with 31-bit small ints
# MicroPython's own; CPython has none.
_board_ticks_ms = getattr(time, "ticks_ms", int)
_board_sleep_ms = getattr(time, "sleep_ms", int)

port = "esp32"  # whose quirks to show: "esp32" or "rp2"
air = {}  # name of a network in reach -> its password ("" = open)
rssi = -60  # dBm, of whatever is in reach
join_ms = 300  # what it takes to join a network
address = "127.0.0.1"  # what the access point's DHCP would hand out
levels = {}  # pin -> 0 or 1, driven from outside
analog = {}  # pin -> 0..65535
reset_cause = 1  # 1 power on, 3 watchdog, 4 deep sleep, 5 soft reset
wake_reason = 0  # 2 a pin, 4 the timer
rtc_memory = b""  # kept through deep sleep
watchdogs = []  # every WDT made since the board was switched on
scheduled = []  # (function, argument) waiting for micropython.schedule
timers = []  # periodic and one-shot machine.Timer objects that run
waves = {}  # pin -> [period in ms, pulses or None]: a meter, turns once its pin is listened to
pins = {}  # number -> the Pin object that has its interrupt
told = []  # what the board said to the bench ("reset hard", "wdt 8000", ...)
machines = {}  # number -> rp2.StateMachine that was made
claimed = (7,)  # state machines that the radio has
counters = {}  # number -> machine.Counter that was made
i2c = {}  # address on the bus -> what was sent to it
deaf = False  # True: no interrupt is served (the RP2 erases flash)
espnow_air = []  # every ESP-NOW object that is active: a broadcast domain

_WIRED = ("air", "levels", "analog", "pins", "machines", "counters", "i2c")
_now = 0  # CPython: ms since the board was switched on; may start near the wrap
_out = None  # MicroPython: a pipe to the process that plays the board's hardware


class Reset(BaseException):
    """machine.reset() or a watchdog: nothing of the program lives on."""


def power_on(now=0, **wires):
    """A fresh board, at tick ``now`` (CPython). Keywords set the names above."""
    global _now
    for name in _WIRED:
        globals()[name].clear()
    for name in ("watchdogs", "scheduled", "timers", "told", "espnow_air"):
        del globals()[name][:]
    globals().update(deaf=False, port="esp32", rssi=-60, join_ms=300, address="127.0.0.1")
    globals().update(reset_cause=1, wake_reason=0, rtc_memory=b"")
    network = sys.modules.get("network")
    if network:
        network.WLAN._made.clear()
    globals().update(wires)
    _now = now


def load(path, out=None):
    """Read the bench from a JSON file (MicroPython); ``out`` is the pipe to the hardware."""
    global _out
    import json

    with open(path) as f:
        for name, value in json.load(f).items():
            if name in ("levels", "analog", "waves"):
                value = {int(pin): level for pin, level in value.items()}
            globals()[name] = value
    if out:
        _out = open(out, "wb")


def tell(line):
    """Say to the hardware around the board what it did."""
    if _out:
        _out.write(line.encode() + b"\n")
    else:
        told.append(line)


def drive(pin, level):
    """Put a level on a pin from outside; its interrupt fires if the level changed."""
    if levels.get(pin, None) == level:
        return
    for machine in machines.values():
        machine.advance()  # at the level that was
    levels[pin] = level
    for counter in counters.values():
        counter._edge(pin, level)
    listener = pins.get(pin)
    if listener and not deaf:
        listener._edge(level)


def turn(pin, schedule):
    """Give the pulses that ``waves`` has for a pin (None: for ever), from a thread, by
    micropython.schedule; tells of each."""
    import _thread

    def give(level):
        if not level:
            tell("pulse %d" % pin)
        drive(pin, level)

    def later(level):
        while True:
            try:
                schedule(give, level)
                return
            except RuntimeError:  # the queue is full
                sleep_ms(1)

    def run():
        period, pulses = waves[pin]
        while pulses is None or pulses > 0:
            pulses = pulses and pulses - 1
            sleep_ms(period // 2)
            later(0)
            sleep_ms(period - period // 2)
            later(1)

    _thread.start_new_thread(run, ())


def ticks_ms():
    """Milliseconds, wrapping at 2**30."""
    return _board_ticks_ms() if ON_BOARD else _now % _PERIOD


def ticks_add(ticks, delta):
    """Ticks ``delta`` ms later."""
    return (ticks + delta) % _PERIOD


def ticks_diff(a, b):
    """a - b in ms, valid within half a period."""
    return ((a - b + _PERIOD // 2) % _PERIOD) - _PERIOD // 2


def sleep_ms(ms):
    """Let time pass; on CPython timers fire, scheduled functions run and watchdogs bite then."""
    global _now
    if ON_BOARD:
        _board_sleep_ms(ms)
        return
    end = _now + max(0, ms)
    while True:
        while scheduled:
            function, argument = scheduled.pop(0)
            function(argument)
        due = min([t._next for t in timers if t._next <= end] or [end])
        _now = max(_now, due)
        for watchdog in watchdogs:
            if _now > watchdog._due:
                watchdogs.clear()
                globals()["reset_cause"] = 3
                raise Reset("watchdog")
        for timer in list(timers):
            if timer._next <= _now:
                timer._fire(_now)
        if _now >= end and not scheduled and not any(t._next <= _now for t in timers):
            return


async def async_sleep_ms(ms):
    """asyncio.sleep_ms in the bench's time (CPython): the one who sleeps turns the clock.

    With several tasks use ``run()``, which wakes them in the order of their times.
    """
    import asyncio

    if _wakes is None:
        sleep_ms(ms)
        await asyncio.sleep(0)
        return
    future = asyncio.get_running_loop().create_future()
    _wakes.append((_now + max(0, ms), len(_wakes), future))
    await future


_wakes = None


async def run(main, limit_ms):
    """Run a coroutine in the bench's time for at most limit_ms; tasks wake in order (CPython).

    Returns main's result, or None when the time was up (everything is cancelled then).
    """
    global _wakes
    import asyncio

    _wakes = []
    end = _now + limit_ms
    try:
        task = asyncio.ensure_future(main)
        while not task.done():
            for _ in range(20):  # let every task run until it sleeps
                await asyncio.sleep(0)
            if task.done() or not _wakes:
                break
            wake = min(_wakes, key=lambda entry: entry[0])
            if wake[0] > end:
                break
            _wakes.remove(wake)
            sleep_ms(wake[0] - _now)
            if not wake[2].done():
                wake[2].set_result(None)
        if task.done():
            return task.result()
        return None
    finally:
        _wakes = None
        me = asyncio.current_task()
        others = [t for t in asyncio.all_tasks() if t is not me]
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def print_exception(error, file=None):
    """sys.print_exception: a traceback as MicroPython prints it (CPython)."""
    import traceback

    file = file or sys.stdout
    file.write("".join(traceback.format_exception(type(error), error, error.__traceback__)))
