"""How a leaf's board sleeps: ``sleeper`` loads it then."""

import time

import machine


def sleep(sleeper):
    """Sleep until the next waking of a Sleeper is due, or a pulse comes."""
    ms = max(1000, sleeper.left() * 1000)
    if sleeper.deep:
        armed = _arm(sleeper)
        while sleeper.take():  # a pulse from here on ends the sleep, or is taken
            armed = _arm(sleeper)
        keep = getattr(machine.RTC(), "memory")  # noqa: B009 the RP2's has none
        keep(b"L" + bytes([armed]) + sleeper.due.to_bytes(4, "little"))
        machine.deepsleep(ms)
    while ms > 0:
        part = min(ms, 2000)
        if sleeper.pulses:
            time.sleep_ms(part)  # its interrupts go on
            sleeper.take()
        else:
            machine.lightsleep(part)
        ms -= part


def _arm(sleeper):
    """Let the pulse's pin end the sleep: by a pulse, or while it is active by its end."""
    if not sleeper.pulses:
        return False
    import esp32  # pyright: ignore[reportMissingImports] the RP2 has none

    source = sleeper.pulses[0]
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
            "board.sources: the pin cannot end a deep sleep (%s); set board.leaf.deep to false" % e
        ) from None
    return idle
