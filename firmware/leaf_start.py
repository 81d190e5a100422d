"""What a leaf's program needs while it starts, and then no more: ``sleeper`` unloads it."""

import sys
import time

import machine


def begin(sleeper, settings, once):
    """Give a Sleeper what its settings say, and what was kept through the sleep; returns the
    watchdog, which runs from here on, None if there is to be none. Raises ConfigError."""
    board = settings["board"]
    given = board.get("leaf", {})
    # The RP2 has no memory that deep sleep leaves alone, and counts no time in it.
    deep = sleeper.deep = given.get("deep", True) and hasattr(machine.RTC, "memory")
    sleeper.every_s = given.get("every_s", 300)
    sleeper.awake_ms = int(given.get("awake_s", 3) * 1000)
    entries = board.get("sources", [])
    sleeper.sources = once("source_kinds").make_all(entries, settings["channels"])
    sleeper.pulses = [source for _, source in sleeper.sources if hasattr(source, "pin")]
    _check(entries, deep and len(sleeper.pulses))
    slept = machine.reset_cause() == getattr(machine, "DEEPSLEEP_RESET", None)
    kept = getattr(machine.RTC(), "memory")() if deep and slept else b""  # noqa: B009
    woken = len(kept) == 6 and kept[:1] == b"L"
    sleeper.due = int.from_bytes(kept[2:], "little") if woken else int(time.time())
    sleeper.armed = woken and kept[1] == 1
    seconds = board.get("watchdog_s", 8) if deep else 0
    if not seconds:
        return None
    if "feeding" in sys.modules:
        sys.modules["feeding"].release()
    return machine.WDT(timeout=seconds * 1000)


def _check(entries, deep_pulses):
    from lvs import ConfigError

    for i, entry in enumerate(entries):
        if entry["kind"] == "adc":
            raise ConfigError(
                "board.sources[%d].kind: adc adds up readings of each moment, and a leaf "
                "sleeps; use a meter with pulses, or a callback" % i
            )
    if deep_pulses > 1:
        raise ConfigError(
            "board.sources: one pin can end a deep sleep, and %d are to; set board.leaf.deep "
            "to false" % deep_pulses
        )


def make(settings, radio, store):
    """(radio, leaf). radio: its class. Raises ConfigError."""
    from lvs.config import Config
    from lvs.leaf import Leaf

    config = Config(settings)
    name = 0
    for byte in machine.unique_id():
        name = (name * 257 + byte + 1) & 0x3FFFFFFF
    made = radio(config)
    return made, Leaf(config, made, store=store, board=name)


def by_pin():
    """Did a pin end the sleep? The C3's reason for that has no name in MicroPython."""
    reason = getattr(machine, "wake_reason", int)()  # the RP2 has none
    return reason not in (0, getattr(machine, "TIMER_WAKE", 4))
