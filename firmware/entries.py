"""Checks what a list in "board" may say: an entry of ``sources`` or of ``sinks``. Needed once."""

from lvs import ConfigError


def check(where, settings, kinds, types, values):
    """(module, class) of an entry's kind. Raises ConfigError unless its kind is known, every key
    that must be there is, and each is known and has a value that it may have.

    kinds: kind -> (module, class, keys that must be there, keys that may); types: key -> types;
    values: key -> a range, or a tuple of the values that it may have.
    """
    kind = settings.get("kind") if isinstance(settings, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise ConfigError("%s.kind must be one of %s" % (where, ", ".join(sorted(kinds))))
    module, name, needed, allowed = kinds[kind]
    for key in ("channel",) + needed:
        if key not in settings:
            raise ConfigError("%s.%s is missing" % (where, key))
    known = ("kind", "channel") + needed + allowed
    for key, value in settings.items():
        if key not in known:
            from lvs.config_check import nearest

            raise ConfigError(
                "%s.%s: unknown key; did you mean '%s'? known are %s"
                % (where, key, nearest(key, known), ", ".join(known))
            )
        if key == "kind":
            continue
        if not isinstance(value, types[key]) or isinstance(value, bool):
            names = " or ".join([t.__name__ for t in types[key]])
            raise ConfigError("%s.%s: %r; must be of type %s" % (where, key, value, names))
        choice = values.get(key, (value,))
        if value not in choice:
            text = " or ".join([repr(v) for v in choice[:3]])
            if isinstance(choice, range):
                text = "%d to %d" % (choice[0], choice[-1])
            raise ConfigError("%s.%s: %r; must be %s" % (where, key, value, text))
    return module, name


def names(channels):
    """Name of each configured channel: is it retired?"""
    known = {}
    for c in channels:
        if isinstance(c, dict):
            known[c.get("name")] = c.get("retired", False)
        else:
            known[c] = False
    return known
