"""Feeds a running watchdog from a timer: for the REPL, where no task does. Loaded there."""

_timer = None


def keep_fed(timeout_ms=8000):
    """Begin. A running watchdog cannot be asked for, so this starts one that is fed at once."""
    global _timer
    from machine import WDT, Timer

    if _timer:
        return
    dog = WDT(timeout=timeout_ms)
    try:
        _timer = Timer(-1)
    except ValueError:  # the ESP32 port has numbered hardware timers only
        _timer = Timer(0)
    _timer.init(mode=Timer.PERIODIC, period=1000, callback=lambda _t: dog.feed())


def release():
    """End: the tasks take over."""
    global _timer
    if _timer:
        _timer.deinit()
        _timer = None
