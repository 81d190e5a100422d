"""Why joining a Wi-Fi failed, in one line with the mend. Loaded when it did."""

import network

# what the ports call the ends of an attempt
_NO_NETWORK = (
    "STAT_NO_AP_FOUND",
    "STAT_NO_AP_FOUND_W_COMPATIBLE_SECURITY",
    "STAT_NO_AP_FOUND_IN_AUTHMODE_THRESHOLD",
    "STAT_NO_AP_FOUND_IN_RSSI_THRESHOLD",
)
_WRONG_PASSWORD = ("STAT_WRONG_PASSWORD", "STAT_HANDSHAKE_TIMEOUT")
_FAILED = ("STAT_CONNECT_FAIL", "STAT_ASSOC_FAIL", "STAT_BEACON_TIMEOUT")


def _codes(names):
    return [getattr(network, name) for name in names if hasattr(network, name)]


def final():
    """The numbers of ``status()`` after which an attempt is over."""
    return _codes(_NO_NETWORK + _WRONG_PASSWORD + _FAILED)


def state(status):
    """What a failed attempt's ``status()`` means, as Wifi.state has it."""
    if status in _codes(_NO_NETWORK):
        return "no network"
    return "wrong password" if status in _codes(_WRONG_PASSWORD) else "no connection"


def _names(wlan):
    try:
        found = {entry[0] for entry in wlan.scan() if entry[0]}
        return ", ".join(sorted([name.decode() for name in found])[:6]) or "none"
    except (OSError, UnicodeError):
        return "unknown"


def text(state, status, ssid, wlan):
    """One line about a state. Scans for names, which holds the program up for seconds."""
    if state == "no network":
        return "no network named '%s'; in reach: %s; check board.wifi.ssid" % (ssid, _names(wlan))
    if state == "wrong password":
        return "'%s' refuses the password; check secrets.json" % ssid
    return "'%s' does not answer (status %s); trying again" % (ssid, status)
