"""A small page for the phone: values, peers, trust, state, memory, warnings; /status.json too.

Needs microdot on the board (``lvs deploy`` copies it where the page is switched on).
"""

import asyncio
import gc
import json

from microdot import Microdot, Response

import crashlog

_STYLE = (
    "body{font:16px sans-serif;margin:1em auto;max-width:30em;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}"
    "td{padding:.3em 0;border-bottom:1px solid #ccc}td+td{text-align:right}"
    ".w{color:#b00}"
)
_MOST = 4  # connections at a time
_LOOPBACK = "127.0.0.1"
_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;"))


def escape(value):
    """Text that HTML shows as it is."""
    value = str(value)
    for old, new in _ENTITIES:
        value = value.replace(old, new)
    return value


def snapshot(node, wifi):
    """Everything the page shows, as a dict that json can write. wifi: a Wifi, or None."""
    gc.collect()
    result = {
        "status": node.status(),
        "memory_free": gc.mem_free() if hasattr(gc, "mem_free") else None,
        "load_percent": node.governor.load,
        "uptime_s": crashlog.uptime(),
    }
    result["status"]["values"] = node.values()  # asks for those that are held elsewhere
    if wifi:
        result.update(wifi=wifi.state, rssi=wifi.rssi(), wifi_drops=wifi.drops)
    return result


def _rows(pairs):
    return "".join(["<tr><td>%s</td><td>%s</td></tr>" % (escape(k), escape(v)) for k, v in pairs])


def _value(v):
    name = v.get("label", v["name"])
    return name + " (retired)" * ("retired" in v), v["text"] + " " + v["unit"]


def page(data):
    """The page as parts of HTML, so that no part needs much memory at once."""
    status = data["status"]
    yield (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>"
        "<meta http-equiv=refresh content=5><title>%s</title><style>%s</style><h1>%s</h1>"
        % (escape(status["mesh"]), _STYLE, escape(status["mesh"]))
    )
    for warning in status["warnings"]:
        yield "<p class=w>%s</p>" % escape(warning)
    for text in status["lost"]:
        yield "<p class=w>lost, or may be: %s</p>" % escape(text)
    for text in [d["text"] for d in status["differ"]] + status["waits"]:
        if text not in status["warnings"]:
            yield "<p>%s</p>" % escape(text)
    yield "<table>%s</table>" % _rows([_value(v) for v in status["values"]])
    yield "<h2>Node</h2><table>"
    shown = ("state", "peers", "trusted", "trust_mean", "confidence", "pending_raw", "session")
    yield _rows([(key, status[key]) for key in shown])
    yield _rows([(k, data[k]) for k in sorted(data) if not isinstance(data[k], dict)])
    yield "</table></html>"


class _App(Microdot):
    """Few connections at a time, and none for long: idle ones would keep memory for ever."""

    open = 0
    patience_s = 10

    async def handle_request(self, reader, writer):
        """One connection."""
        close = getattr(writer, "aclose")  # noqa: B009 - MicroPython's, and microdot's
        if self.open >= _MOST:
            await close()
            return
        self.open += 1
        try:
            await asyncio.wait_for(super().handle_request(reader, writer), self.patience_s)
        except asyncio.TimeoutError:  # noqa: UP041 - MicroPython has no other
            await close()
        finally:
            self.open -= 1


def make(node, wifi):
    """The web application."""
    app = _App()

    @app.get("/")
    async def _index(_request):
        return Response(
            "".join(page(snapshot(node, wifi))),
            headers={"Content-Type": "text/html; charset=UTF-8"},
        )

    @app.get("/status.json")
    async def _status(_request):
        return Response(
            json.dumps(snapshot(node, wifi)),
            headers={"Content-Type": "application/json"},
        )

    return app


async def run(settings, node, wifi):
    """Serve for ever. settings: {"port": 80, "address": "127.0.0.1"}; wifi: a Wifi, or None."""
    app = make(node, wifi)
    host = settings.get("address", _LOOPBACK)
    port = settings.get("port", 80)
    if "address" not in settings:
        print(
            "LVS: status page: for this board alone; "
            'set board.status_page.address to "0.0.0.0" to see it from others'
        )
    try:
        await app.start_server(host=host, port=port)
    except OSError as e:
        print("LVS: status page: port %d: %s; set board.status_page.port" % (port, e))
    while True:  # without its page the node goes on
        await asyncio.sleep_ms(60000)
