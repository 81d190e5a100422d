"""Makes the sources that board.sources lists, and names the mistakes in it. Needed once."""

import sys

import entries
from lvs import ConfigError

del sys.modules["entries"]  # its memory goes with this module's

# kind: (module, class, keys that must be there, keys that may); modules load when they are used
_PULSE = ("units", "pulses", "debounce_ms", "pull", "active")
_KINDS = {
    "pulse": ("pulse", "Pulse", ("pin",), _PULSE),
    "button": ("pulse", "Button", ("pin",), _PULSE),
    "adc": ("adc_integral", "AdcIntegral", ("pin", "per_hour"), ("zero",)),
    "callback": ("callback", "Callback", ("module",), ("function", "every_s")),
}

_NUMBER = (int, float, str)
_TYPES = {
    "channel": (str,),
    "pin": (int, str),
    "units": _NUMBER,
    "pulses": _NUMBER,
    "debounce_ms": (int,),
    "pull": (str,),
    "active": (int,),
    "per_hour": _NUMBER,
    "zero": (int,),
    "module": (str,),
    "function": (str,),
    "every_s": (int, float),
}
_VALUES = {"pull": ("up", "down", "none"), "active": (0, 1), "debounce_ms": range(1001)}


def make(index, settings, channels):
    """(channel, source) from one entry of board.sources; raises ConfigError naming the entry.
    channels: name -> is it retired?"""
    where = "board.sources[%d]" % index
    module, name = entries.check(where, settings, _KINDS, _TYPES, _VALUES)
    retired = channels.get(settings["channel"])
    if retired is not False:
        raise ConfigError(
            "%s.channel: '%s' is %s"
            % (where, settings["channel"], "retired" if retired else "not in channels")
        )
    try:
        source = getattr(__import__(module), name)(settings)
    except (ValueError, KeyError, TypeError, OSError) as e:
        pin = " pin %r" % settings["pin"] if "pin" in settings else ""
        raise ConfigError("%s:%s %s" % (where, pin, e)) from None
    return settings["channel"], source


def make_all(listed, channels):
    """All sources of board.sources as a list of (channel, source). channels: as configured."""
    known = entries.names(channels)
    return [make(i, entry, known) for i, entry in enumerate(listed)]
