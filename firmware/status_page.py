"""A small page for the phone: values, sums of the day, warnings, the node; /status.json too.

Needs microdot on the board (``lvs deploy`` copies it where the page is switched on).
"""

import asyncio
import gc
import json
import sys

from microdot import Microdot, Response

import crashlog
import today
from app import once
from lvs import __version__
from lvs.wire import VERSION

_MOST = 4  # connections at a time
_LOOPBACK = "127.0.0.1"


def about(node, wifi):
    """Who this board is."""
    try:
        with open("/profile.json") as f:
            board = json.load(f).get("name", "")
    except (OSError, ValueError, AttributeError):
        board = ""
    return {
        "name": wifi.settings.get("hostname", "lvs") if wifi else node.config.mesh,
        "board": board,
        "firmware": __version__,
        "protocol": VERSION,
        "micropython": "%d.%d.%d" % tuple(sys.implementation.version[:3]),
    }


def snapshot(node, wifi, day=None):
    """Everything the page shows, as a dict that json can write. wifi: a Wifi, or None; day: a
    Today, or None."""
    gc.collect()
    result = {
        "about": about(node, wifi),
        "status": node.status(),
        "memory_free": gc.mem_free() if hasattr(gc, "mem_free") else None,
        "load_percent": node.governor.load,
        "uptime_s": crashlog.uptime(),
        "since": day.since if day else None,
    }
    result["status"]["values"] = values = node.values()  # asks for those that are held elsewhere
    for value, gained in zip(values, day.sums() if day else ()):  # noqa: B905 - MicroPython's zip
        value["today"] = gained
    if wifi:
        result.update(wifi=wifi.state, rssi=wifi.rssi(), wifi_drops=wifi.drops)
    return result


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


def make(node, wifi, day=None):
    """The web application. day: a Today, or None."""
    app = _App()

    @app.get("/")
    async def _index(_request):
        return Response(
            "".join(once("status_html").page(snapshot(node, wifi, day))),
            headers={"Content-Type": "text/html; charset=UTF-8"},
        )

    @app.get("/status.json")
    async def _status(_request):
        return Response(
            json.dumps(snapshot(node, wifi, day)),
            headers={"Content-Type": "application/json"},
        )

    return app


async def run(settings, node, wifi):
    """Serve for ever. settings: {"port": 80, "address": "127.0.0.1", "ntp": host of a time server,
    "utc_offset_min": 0}; wifi: a Wifi, or None."""
    day = today.Today(node, settings.get("utc_offset_min", 0))
    app = make(node, wifi, day)
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
    await today.run(day, settings.get("ntp"))  # without its page the node goes on
