"""How the board is, as lines for the serial port: at the start, at each change, every minute, and
when somebody there presses "?" (``lvs logs`` does). Loaded for a moment.
"""

import gc

import crashlog


def uptime():
    """The time since the start, in two units at most."""
    minutes = crashlog.uptime() // 60
    if minutes < 60:
        return "%d min" % minutes
    if minutes < 48 * 60:
        return "%d h %d min" % (minutes // 60, minutes % 60)
    return "%d days" % (minutes // 1440)


def network(wifi):
    """What there is to say of the Wi-Fi, None: there is none."""
    if not wifi:
        return ""
    rssi = wifi.rssi()
    return ", wifi %s%s" % (wifi.state, " %d dBm" % rssi if rssi is not None else "")


def tell(node, wifi, told):
    """Print the state in one line, and each warning that is not in ``told``, a set of them without
    their figures; returns that set as it is now."""
    status = node.status()
    values = ["%s %s %s" % (v["name"], v["text"], v["unit"]) for v in status["values"]]
    gc.collect()
    print(
        "LVS: now %s, %s%s; %s; up %s, %d KB free"
        % (
            status["state"],
            "%d peers" % status["peers"] if status["peers"] else "nobody heard",
            network(wifi),
            ", ".join([v.rstrip() for v in values[:8]]),
            uptime(),
            (gc.mem_free() if hasattr(gc, "mem_free") else 0) >> 10,
        )
    )
    now = set()
    for text in status["warnings"] + status["lost"]:
        kind = "".join([ch for ch in text if not 48 <= ord(ch) < 58])
        now.add(kind)
        if kind not in told:
            print("LVS: warning:", text)
    return now
