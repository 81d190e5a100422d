"""The status page as HTML. Loaded for a moment, when somebody looks."""

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.4 system-ui,sans-serif;margin:1em auto;max-width:32em;padding:0 1em}"
    "h1{margin:0;overflow-wrap:anywhere}h2{font-size:1.1em;margin:1.5em 0 .3em}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{padding:.35em 0;border-bottom:1px solid #8886;vertical-align:top;font-weight:400;"
    "text-align:left;overflow-wrap:anywhere}"
    "td+td,th+th{text-align:right;padding-left:.8em}"
    "#v td+td{white-space:nowrap;font-variant-numeric:tabular-nums}"
    "#v td:nth-child(2){font-weight:600}"
    "p{margin:.5em 0}small,th{opacity:.75}small{font-size:.85em;display:block}"
    ".w{border-left:4px solid #c30;padding-left:.6em}"
)
_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;"))
# beginning of a warning: what it means for whoever reads it
_MEANINGS = (
    ("network: ", "What is counted here is kept, and told when the network is back."),
    ("espnow: ", "What is counted here is kept, and told when the radio works again."),
    ("journal: ", "About what this board keeps through a power cut; what is shown is right."),
    ("recovered ", "Memory had changed by itself, and was fetched anew. Again: a weak supply?"),
    ("mesh: ", "Somebody in reach is not of this mesh: ignored, or to be brought up to date."),
    ("counter: ", "This channel ends soon; until then it counts on."),
    ("held: ", "No board in reach keeps this channel; what is counted here is kept meanwhile."),
    ("clock: ", "Some were off while others counted on: they wait for each other."),
    ("channels[", "Two lists of channels contradict each other: make them the same."),
    ("rows: ", "More nodes than this board has room for: what it lacks it may show too low."),
    ("peers: ", "A name in the configuration is not known to the name server."),
    (
        "shard ",
        "Nodes hold different values. After a long absence they go together by themselves.",
    ),
    ("safe mode", "After many restarts in a row only this and the administration run."),
)
_STATES = {
    "INIT": "looks for its mesh",
    "JOINING": "fetches what it lacks",
    "ACTIVE": "takes part",
    "LOW_POWER": "takes part, and saves power",
    "RECOVERING": "doubts its memory, and asks its peers",
}


def escape(value):
    """Text that HTML shows as it is."""
    value = str(value)
    for old, new in _ENTITIES:
        value = value.replace(old, new)
    return value


def span(seconds):
    """A time in two units at most."""
    minutes = seconds // 60
    if minutes < 60:
        return "%d min" % minutes
    if minutes < 48 * 60:
        return "%d h %d min" % (minutes // 60, minutes % 60)
    return "%d days %d h" % (minutes // 1440, minutes // 60 % 24)


def _row(cells):
    return "<tr>%s</tr>" % "".join(["<td>%s</td>" % escape(cell) for cell in cells])


def _values(data):
    """The channels, in their order."""
    since = data["since"]
    if since is not None:
        when = "since %02d:%02d" % (since // 3600, since // 60 % 60) if since else "today"
        yield "<tr><th>channel<th>value<th>%s</tr>" % when
    for v in data["status"]["values"]:
        name = v.get("label", v["name"]) + " (retired)" * ("retired" in v)
        cells = [name, (v["text"] + " " + v["unit"]).strip()]
        if since is not None:
            cells.append(v.get("today", ""))
        yield _row(cells)


def _warnings(status):
    for text in status["warnings"]:
        told = [meaning for start, meaning in _MEANINGS if text.startswith(start)]
        note = "<small>%s</small>" % told[0] if told else ""
        yield "<p class=w>%s%s</p>" % (escape(text), note)
    for text in status["lost"]:
        yield "<p class=w>lost, or may be: %s</p>" % escape(text)
    for text in [d["text"] for d in status["differ"]] + status["waits"]:
        if text not in status["warnings"]:
            yield "<p>%s</p>" % escape(text)


def _node(data):
    status = data["status"]
    state = status["state"]
    yield _row(("state", _STATES.get(state, "") + " (%s)" % state))
    yield _row(("nodes heard", "%d, %d of them trusted" % (status["peers"], status["trusted"])))
    yield _row(("confidence", "%d of 64" % min(64, status["confidence"])))
    yield _row(("steps that only this board knows", status["pending_raw"]))
    if "wifi" in data:
        rssi = data["rssi"]
        signal = ", %d dBm" % rssi if rssi is not None else ""
        yield _row(("Wi-Fi", "%s%s, lost %d times" % (data["wifi"], signal, data["wifi_drops"])))
    yield _row(("up for", span(data["uptime_s"])))
    if data["memory_free"] is not None:
        yield _row(("memory free", "%d KB" % (data["memory_free"] >> 10)))
    yield _row(("load", "%d %%" % data["load_percent"]))
    yield _row(("session", status["session"]))


def page(data):
    """The page as parts of HTML, so that no part needs much memory at once. data: a snapshot."""
    about = data["about"]
    mesh = escape(data["status"]["mesh"])
    yield (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>"
        "<meta http-equiv=refresh content=5><title>%s</title><style>%s</style>"
        "<h1>%s</h1><small>board %s%s, LVS %s</small>"
        % (
            mesh,
            _STYLE,
            mesh,
            escape(about["name"]),
            " (%s)" % escape(about["board"]) if about["board"] else "",
            escape(about["firmware"]),
        )
    )
    yield from _warnings(data["status"])
    yield "<h2>Values</h2><table id=v>"
    yield from _values(data)
    yield "</table><h2>This board</h2><table>"
    yield from _node(data)
    yield (
        "</table><small>MicroPython %s, protocol %s. Everything: <a href=/status.json>"
        "/status.json</a></small></html>" % (escape(about["micropython"]), about["protocol"])
    )
