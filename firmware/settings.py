"""The board's settings: the profile's defaults, under lvs.json, under secrets.json.

``profile.json`` comes with the firmware, ``lvs.json`` is the user's (``lvs init`` writes it) and
``secrets.json`` holds the Wi-Fi password; a deployment never overwrites the last two.
docs/boards/configuration.md explains every key of "board".
"""

import sys

from lvs import ConfigError
from lvs.config_check import nearest, parse
from lvs.fixed import unload

CONFIG = "lvs.json"
SECRETS = "secrets.json"
PROFILE = "profile.json"

# key of "board": the types that it may have
_BOARD = {
    "wifi": (dict, bool),  # false: the network is there without Wi-Fi
    "sources": (list,),
    "sinks": (list,),
    "status_page": (dict, bool),
    "led": (dict, bool),
    "watchdog_s": (int,),
    "espnow": (dict, bool),
    "journal": (bool,),  # false: a restart forgets what only this board knew
    "low_power": (dict, bool),
    "reboot_after_min": (int,),  # without a network or a peer; 0: never
    "leaf": (dict,),  # of one with "held": 0
}
# those that are objects: the keys that they may have, and one that they must (then not `true`)
_OBJECTS = {
    "wifi": (
        {"ssid": (str,), "password": (str,), "country": (str,), "hostname": (str,)},
        ("ssid",),
    ),
    "status_page": (
        {"address": (str,), "port": (int,), "ntp": (str,), "utc_offset_min": (int,)},
        (),
    ),
    "espnow": ({"channel": (int,)}, ()),
    "led": ({"pin": (int, str), "active_low": (bool,)}, ("pin",)),
    "leaf": ({"every_s": (int,), "awake_s": (int, float), "deep": (bool,)}, ()),
    "low_power": (
        {
            "battery_pin": (int,),
            "battery_scale": (int, float),
            "below_mv": (int,),
            "above_mv": (int,),
            "rssi_below": (int,),
            "load_above": (int,),
            "awake_s": (int,),
            "asleep_s": (int,),
        },
        (),
    ),
}


def built_in():
    """The profile of a frozen build, {} if it is none."""
    try:
        return parse(__import__("frozen").PROFILE)
    except ImportError:
        return {}


def read(path, needed=True):
    """A JSON object from a file; {} if it is not needed and not there. Raises ConfigError."""
    try:
        with open(path, encoding="utf-8") as f:
            data = parse(f.read())
    except OSError:
        if needed:
            raise ConfigError(
                "%s is missing: 'lvs init' writes it, 'lvs deploy' copies it" % path
            ) from None
        return {}
    except ValueError as e:
        raise ConfigError("%s is not JSON: check quotes and commas (%s)" % (path, e)) from None
    if not isinstance(data, dict):
        raise ConfigError("%s: must be a JSON object: {...}" % path)
    return data


def check_keys(where, data, known, needed=()):
    """Raise ConfigError unless data has every needed key, no unknown one, and fitting types."""
    for key in needed:
        if key not in data:
            raise ConfigError("%s.%s is missing in %s" % (where, key, CONFIG))
    for key, value in data.items():
        if key not in known:
            raise ConfigError(
                "%s.%s: unknown key; did you mean '%s'? known are %s"
                % (where, key, nearest(key, known), ", ".join(sorted(known)))
            )
        if not isinstance(value, known[key]) or (
            isinstance(value, bool) and bool not in known[key]
        ):
            names = " or ".join([t.__name__ for t in known[key]])
            raise ConfigError("%s.%s: %r; must be of type %s" % (where, key, value, names))


def check_board(board):
    """Raise ConfigError unless all of "board" can be used."""
    check_keys("board", board, _BOARD, ("wifi",))
    for key, (known, needed) in _OBJECTS.items():
        value = board.get(key)
        if value is True and needed:
            raise ConfigError('board.%s: true; must be {"%s": ...} or false' % (key, needed[0]))
        if value and value is not True:
            check_keys("board." + key, value, known, needed)
    seconds = board.get("watchdog_s", 8)
    if not 0 <= seconds <= 8 or seconds == 1:
        raise ConfigError("board.watchdog_s: %d; must be 0 (none) or 2 to 8" % seconds)
    leaf = board.get("leaf", {})
    for key, most in (("every_s", 86400), ("awake_s", 60)):
        if not 1 <= leaf.get(key, 1) <= most:
            raise ConfigError("board.leaf.%s: %s; must be 1 to %d" % (key, leaf[key], most))
    page = board.get("status_page") or {}
    offset = page.get("utc_offset_min", 0) if isinstance(page, dict) else 0
    if not -840 <= offset <= 840:
        raise ConfigError("board.status_page.utc_offset_min: %d; must be -840 to 840" % offset)
    minutes = board.get("reboot_after_min", 60)
    if minutes and not 5 < minutes <= 10080:
        raise ConfigError(
            "board.reboot_after_min: %d; must be 0 (never) or 6 to 10080 (a week)" % minutes
        )


def check_sinks(data):
    """Raise ConfigError unless all of board.sinks can be used."""
    if data.get("held") == 0:
        raise ConfigError("board.sinks: a leaf sleeps, and watches no values; give them to a node")
    import sink_kinds

    del sys.modules["sink_kinds"]  # needed once
    sink_kinds.check(data["board"], data["channels"])


def check_wifi(wifi):
    """Raise ConfigError unless the radio can take these."""
    if not 0 < len(wifi["ssid"].encode()) <= 32:
        raise ConfigError("board.wifi.ssid: %r; must have 1 to 32 bytes" % wifi["ssid"])
    name = wifi.get("hostname", "lvs")
    plain = name.replace("-", "a").encode()
    if not 0 < len(name) <= 32 or not all(
        [48 <= b < 58 or 65 <= b < 91 or 97 <= b < 123 for b in plain]
    ):
        raise ConfigError(
            "board.wifi.hostname: %r; must be 1 to 32 letters, digits and hyphens" % name
        )
    country = wifi.get("country", "DE")
    if len(country) != 2 or not country.isalpha() or country != country.upper():
        raise ConfigError("board.wifi.country: %r; must be two letters like 'DE'" % country)


def add_password(wifi, secrets):
    """Put the password of secrets.json into board.wifi; raises ConfigError."""
    check_keys(SECRETS, secrets, {"wifi_password": (str,), "admin_key": (str,)})
    if "password" not in wifi:
        wifi["password"] = secrets.get("wifi_password", "")
    check_wifi(wifi)
    if 0 < len(wifi["password"]) < 8:
        raise ConfigError("the Wi-Fi password has fewer than 8 characters; check %s" % SECRETS)


def merge(below, above):
    """``above`` over ``below``; objects are merged key by key, all else is replaced."""
    result = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            value = merge(result[key], value)
        result[key] = value
    return result


def load(folder="/", staged=()):
    """All settings as one dict for ``lvs.Node``, checked; raises ConfigError in one line.

    staged: names of the files to take from the folder ``update`` instead.
    """

    def path(name):
        return folder + "update/" + name if name in staged else folder + name

    profile = read(path(PROFILE), needed=False) or built_in()
    user = read(path(CONFIG))
    secrets = read(folder + SECRETS, needed=False)
    for key in ("mesh", "channels"):
        if key not in user:
            raise ConfigError("%s is missing in %s" % (key, CONFIG))
    data = merge(profile.get("config", {}), user)
    data["board"] = board = merge(profile.get("board", {}), user.get("board", {}))
    check_board(board)
    if board.get("sinks"):
        check_sinks(data)
    from lvs.holders import check

    check(data)
    unload("holders")
    board["profile"] = profile.get("name", "")
    key = secrets.get("admin_key")
    if key is not None:
        if not isinstance(key, str) or len(key) < 16:
            raise ConfigError("admin_key in %s: must be a text of 16 characters or more" % SECRETS)
        board["admin_key"] = key
    if board["wifi"]:
        add_password(board["wifi"], secrets)
    return data
