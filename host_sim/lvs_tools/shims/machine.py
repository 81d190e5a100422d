"""MicroPython's ``machine`` module for a simulated board: see ``bench``."""

import bench

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5
EXT0_WAKE = PIN_WAKE = 2
TIMER_WAKE = 4


def reset():
    """Restart the board; nothing after this line runs."""
    bench.reset_cause = HARD_RESET
    bench.tell("reset hard")
    _stop()


def soft_reset():
    """Restart the interpreter only."""
    bench.reset_cause = SOFT_RESET
    bench.tell("reset soft")
    _stop()


def _stop():
    if not bench.ON_BOARD:
        raise bench.Reset("reset")
    while True:  # the process that plays the hardware ends this one
        bench.sleep_ms(1000)


def reset_cause():
    """Why the board started last."""
    return bench.reset_cause


def unique_id():
    """A number of the chip; every simulated one has the same."""
    return b"\x02LVS\x00\x01"


def freq(_hertz=None):
    """The CPU's clock in Hz."""
    return 160_000_000


def lightsleep(ms):
    """Sleep with the CPU stopped. A radio that is on would lose its connection."""
    bench.tell("lightsleep %d" % ms)
    import network

    for wlan in network.WLAN._made.values():
        if wlan.active():
            wlan.disconnect()
    bench.sleep_ms(ms)


def deepsleep(ms=0):
    """Sleep with everything but RTC memory off; nothing after this line runs."""
    bench.reset_cause = DEEPSLEEP_RESET
    bench.tell("deepsleep %d" % ms)
    _stop()


def wake_reason():
    """What ended the last sleep."""
    return bench.wake_reason


class RTC:
    """The clock that runs on in deep sleep, with some bytes of memory."""

    def memory(self, data=None):
        """What is kept through deep sleep; or keep it."""
        if data is None:
            return bench.rtc_memory
        bench.rtc_memory = bytes(data)

    def datetime(self, when):
        """Set it: (year, month, day, weekday, hours, minutes, seconds, subseconds)."""
        bench.tell("clock %d-%02d-%02d %02d:%02d:%02d" % (when[:3] + when[4:7]))


def listened(number):
    """Somebody counts on a pin: what is wired to it begins."""
    if number in bench.waves:
        from micropython import schedule

        bench.turn(number, schedule)


class Pin:
    """A pin: its level comes from the bench when it is an input."""

    IN = 0
    OUT = 1
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    def __init__(self, number, mode=IN, pull=None, value=None):
        if isinstance(number, str) and bench.port == "esp32":
            raise ValueError("invalid pin")
        self.number = number
        self._mode = mode
        self._trigger = 0
        self._handler = None
        if mode == Pin.IN:
            bench.levels.setdefault(number, 1 if pull == Pin.PULL_UP else 0)
        if value is not None:
            bench.levels[number] = value

    def value(self, level=None):
        """The level, or set it."""
        if level is None:
            return bench.levels.get(self.number, 0)
        bench.levels[self.number] = 1 if level else 0

    __call__ = value

    def on(self):
        """Level 1."""
        self.value(1)

    def off(self):
        """Level 0."""
        self.value(0)

    def irq(self, handler=None, trigger=3, hard=False):
        """Call handler(pin) on an edge. The ESP32 port knows no ``hard``."""
        if hard and bench.port == "esp32":
            raise TypeError("extra keyword arguments given")
        self._handler, self._trigger = handler, trigger
        bench.pins[self.number] = self
        listened(self.number)

    def _edge(self, level):
        wanted = Pin.IRQ_RISING if level else Pin.IRQ_FALLING
        if self._handler and self._trigger & wanted:
            self._handler(self)


class Counter:
    """A hardware counter (the ESP32's PCNT): counts edges, whatever the processor does."""

    RISING = 1
    FALLING = 2

    def __init__(self, number, source, edge=RISING, filter_ns=0):
        if not 0 <= number < 4:  # an ESP32-S3
            raise ValueError("id")
        if filter_ns > 12800:
            raise ValueError("filter_ns")
        self._pin = source.number
        self._rising = edge == Counter.RISING
        self._value = 0
        bench.counters[number] = self
        listened(self._pin)

    def value(self):
        """How many there were."""
        return self._value

    def _edge(self, pin, level):
        if pin == self._pin and bool(level) == self._rising:
            self._value += 1


class ADC:
    """An analogue input."""

    ATTN_11DB = 3

    def __init__(self, pin, atten=None):
        if atten is not None and bench.port == "rp2":
            raise TypeError("extra keyword arguments given")
        self._pin = pin.number if isinstance(pin, Pin) else pin

    def read_u16(self):
        """0..65535 over the input's range."""
        return bench.analog.get(self._pin, 0)

    def read_uv(self):
        """Microvolts (the ESP32 port has it)."""
        return bench.analog.get(self._pin, 0) * 3_300_000 // 65535


class I2C:
    """A bus; what is sent to an address that bench.i2c lists is told to it."""

    def __init__(self, id, sda, scl, freq=400000):
        if bench.port == "rp2" and id != sda.number >> 1 & 1:
            raise ValueError("bad SDA pin")

    def writeto(self, address, data):
        """Send bytes. Raises OSError where nobody answers."""
        if address not in bench.i2c:
            raise OSError(19, "ENODEV")
        bench.i2c[address].append(bytes(data))

    def writevto(self, address, parts):
        """Send several as one."""
        self.writeto(address, b"".join(parts))


class WDT:
    """A watchdog: once started it cannot be stopped, only fed."""

    def __init__(self, id=0, timeout=5000):
        if bench.port == "rp2" and timeout > 8388:
            raise ValueError("timeout exceeds 8388")
        self._timeout = timeout
        bench.tell("wdt %d" % timeout)
        if not bench.ON_BOARD:
            bench.watchdogs[:] = [self]
        self.feed()

    def feed(self):
        """Keep it quiet for another timeout."""
        if bench.ON_BOARD:
            bench.tell("feed")
        else:
            self._due = bench._now + self._timeout


class Timer:
    """A timer that calls back from outside the main program."""

    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1):
        if id < 0 and bench.port == "esp32":
            raise ValueError("invalid Timer number")
        self._on = 0

    def init(self, mode=PERIODIC, period=1000, callback=None):
        """Call callback(timer) every ``period`` ms."""
        self.deinit()
        self._mode, self._period = mode, period
        self._callback = callback or (lambda timer: None)
        self._on += 1
        if bench.ON_BOARD:
            import _thread

            _thread.start_new_thread(self._run, (self._on,))
        else:
            self._next = bench._now + period
            bench.timers.append(self)

    def deinit(self):
        """Stop."""
        self._on += 1
        if self in bench.timers:
            bench.timers.remove(self)

    def _fire(self, now):
        if self._mode == Timer.PERIODIC:
            self._next = now + self._period
        else:
            bench.timers.remove(self)
        self._callback(self)

    def _run(self, ticket):
        while True:
            bench.sleep_ms(self._period)
            if ticket != self._on:
                return
            self._callback(self)
            if self._mode == Timer.ONE_SHOT:
                return
