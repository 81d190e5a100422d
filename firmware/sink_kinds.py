"""Checks what board.sinks lists, and makes it. Needed once."""

import sys

import entries
from lvs import ConfigError
from lvs.decimal import number

del sys.modules["entries"]  # its memory goes with this module's

# kind: (module, class, keys that must be there, keys that may); modules load when they are used
_ALWAYS = ("stale_s", "peers", "if_stale", "if_apart", "if_new")
_KINDS = {
    "pin": (
        "sink_pin",
        "PinSink",
        ("pin",),
        ("above", "below", "hysteresis", "limit_s", "safe", "active") + _ALWAYS,
    ),
    "led_bar": ("sink_bar", "LedBar", ("pins", "full"), ("empty", "active") + _ALWAYS),
    "display": (
        "sink_display",
        "Display",
        ("sda", "scl"),
        ("width", "height", "address") + _ALWAYS,
    ),
    "callback": ("sink_callback", "Callback", ("module",), ("function",) + _ALWAYS),
}
_NUMBER = (int, float, str)
_TYPES = {
    "channel": (str,),
    "pin": (int, str),
    "above": _NUMBER,
    "below": _NUMBER,
    "hysteresis": _NUMBER,
    "limit_s": (int,),
    "safe": (str,),
    "active": (int,),
    "pins": (list,),
    "full": _NUMBER,
    "empty": _NUMBER,
    "sda": (int,),
    "scl": (int,),
    "width": (int,),
    "height": (int,),
    "address": (int,),
    "module": (str,),
    "function": (str,),
    "stale_s": (int,),
    "peers": (int,),
    "if_stale": (str,),
    "if_apart": (str,),
    "if_new": (str,),
}
_CHOICE = ("safe", "hold", "value")
_VALUES = {
    "safe": ("off", "on"),
    "active": (0, 1),
    "limit_s": range(86401),
    "width": (128, 64),
    "height": (64, 32),
    "address": range(8, 120),
    "stale_s": range(28801),
    "peers": range(1, 1001),
    "if_stale": _CHOICE,
    "if_apart": _CHOICE,
    "if_new": _CHOICE,
}


def _numbers(where, settings):
    for key in ("above", "below", "hysteresis", "full", "empty"):
        if key in settings:
            try:
                negative = number(settings[key])[0] < 0
            except ValueError:
                negative = True
            if negative:
                raise ConfigError(
                    "%s.%s: %r; must be a number like 500 or '0.5'" % (where, key, settings[key])
                )


def _pins(settings):
    """The numbers of the pins that an entry has for itself."""
    found = [settings[key] for key in ("pin", "sda", "scl") if key in settings]
    return found + settings.get("pins", [])


def _one(where, settings):
    entries.check(where, settings, _KINDS, _TYPES, _VALUES)
    kind = settings["kind"]
    if kind == "pin" and ("above" in settings) == ("below" in settings):
        raise ConfigError("%s: give 'above' or 'below': on from there, or up to there" % where)
    for pin in settings.get("pins", ()):
        if not isinstance(pin, (int, str)) or isinstance(pin, bool):
            raise ConfigError("%s.pins: %r; must be numbers of pins" % (where, pin))
    if kind == "led_bar" and not settings["pins"]:
        raise ConfigError("%s.pins: must be at least one" % where)
    _numbers(where, settings)
    # Two displays may share their wires.
    return [] if kind == "display" else _pins(settings)


def check(board, channels):
    """Raise ConfigError unless all of board.sinks can be used. channels: as configured."""
    known = entries.names(channels)
    taken = [s.get("pin") for s in board.get("sources") or () if isinstance(s, dict)]
    if board.get("led"):
        taken.append(board["led"]["pin"])
    for i, settings in enumerate(board["sinks"]):
        where = "board.sinks[%d]" % i
        for pin in _one(where, settings):
            if pin in taken:
                raise ConfigError("%s: pin %r is in use by another entry" % (where, pin))
            taken.append(pin)
        if settings["channel"] not in known:
            raise ConfigError("%s.channel: '%s' is not in channels" % (where, settings["channel"]))
        if settings["kind"] == "pin" and board.get("watchdog_s", 8) == 0:
            raise ConfigError(
                "board.watchdog_s: 0; %s needs it: a program that hangs leaves a pin as it is"
                % where
            )


def hold(listed):
    """Put every pin into its safe state: the first thing after the settings are read, and all that
    is done in safe mode. Raises ConfigError."""
    from machine import Pin

    for i, settings in enumerate(listed):
        for pin in _pins(settings) if settings["kind"] in ("pin", "led_bar") else ():
            on = settings.get("safe") == "on"
            try:
                Pin(pin, Pin.OUT, value=on == settings.get("active", 1))
            except (ValueError, TypeError) as e:
                raise ConfigError("board.sinks[%d]: pin %r %s" % (i, pin, e)) from None


def raw(amount, step, offset):
    """The raw value from which on a channel shows an amount or more. (n, x) is n * 10**x."""
    low = min(step[1], offset[1], amount[1])
    steps = amount[0] * 10 ** (amount[1] - low) - offset[0] * 10 ** (offset[1] - low)
    return -(-steps // (step[0] * 10 ** (step[1] - low)))


def make_all(listed, config):
    """All sinks of board.sinks, checked before, as a list of sinks. config: a Config. What cannot
    be made is said, and the others go on. Raises ConfigError."""
    made = []
    for i, settings in enumerate(listed):
        c = config.channels.index(settings["channel"])
        offset = number(config.about(c, "offset", 0))
        levels = {}
        for key in ("above", "below", "full", "empty"):
            if key in settings:
                levels[key] = raw(number(settings[key]), config.steps[c], offset)
        width = raw(number(settings.get("hysteresis", 0)), config.steps[c], (0, 0))
        module, name = _KINDS[settings["kind"]][:2]
        try:
            sink = getattr(__import__(module), name)(settings, levels, width)
        except ImportError as e:
            print("LVS: board.sinks[%d]: %s" % (i, e))
            continue
        except (ValueError, TypeError, AttributeError) as e:
            raise ConfigError("board.sinks[%d]: %s" % (i, e)) from None
        made.append((settings, c, sink))
    return made
