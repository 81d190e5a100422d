"""Makes the sources that board.sources lists, and names the mistakes in it. Needed once."""

from lvs import ConfigError

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


def _check(where, settings, known):
    """Raise ConfigError unless every key is known and has a value that it may have."""
    for key, value in settings.items():
        if key not in known:
            from lvs.config_check import nearest

            raise ConfigError(
                "%s.%s: unknown key; did you mean '%s'? known are %s"
                % (where, key, nearest(key, known), ", ".join(known))
            )
        if key == "kind":
            continue
        types = _TYPES[key]
        if not isinstance(value, types) or isinstance(value, bool):
            names = " or ".join([t.__name__ for t in types])
            raise ConfigError("%s.%s: %r; must be of type %s" % (where, key, value, names))
        allowed = _VALUES.get(key, (value,))
        if value not in allowed:
            text = " or ".join([repr(v) for v in allowed[:3]])
            if key == "debounce_ms":
                text = "0 to 1000"
            raise ConfigError("%s.%s: %r; must be %s" % (where, key, value, text))


def make(index, settings, channels):
    """(channel, source) from one entry of board.sources; raises ConfigError naming the entry.
    channels: name -> is it retired?"""
    where = "board.sources[%d]" % index
    if not isinstance(settings, dict) or settings.get("kind") not in _KINDS:
        raise ConfigError("%s.kind must be one of %s" % (where, ", ".join(sorted(_KINDS))))
    module, name, needed, allowed = _KINDS[settings["kind"]]
    for key in ("channel",) + needed:
        if key not in settings:
            raise ConfigError("%s.%s is missing" % (where, key))
    _check(where, settings, ("kind", "channel") + needed + allowed)
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


def make_all(entries, channels):
    """All sources of board.sources as a list of (channel, source). channels: as configured."""
    known = {}
    for c in channels:
        if isinstance(c, dict):
            known[c.get("name")] = c.get("retired", False)
        else:
            known[c] = False
    return [make(i, entry, known) for i, entry in enumerate(entries)]
