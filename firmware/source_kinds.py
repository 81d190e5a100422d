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
    for key in settings:
        if key not in ("kind", "channel") + needed + allowed:
            raise ConfigError(
                "%s.%s: unknown key; known are %s" % (where, key, ", ".join(needed + allowed))
            )
    retired = channels.get(settings["channel"])
    if retired is not False:
        raise ConfigError(
            "%s.channel: '%s' is %s"
            % (where, settings["channel"], "retired" if retired else "not in channels")
        )
    try:
        source = getattr(__import__(module), name)(settings)
    except (ValueError, KeyError, TypeError) as e:
        raise ConfigError("%s: %s" % (where, e)) from None
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
