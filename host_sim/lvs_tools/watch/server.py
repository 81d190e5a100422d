"""Serves the page on this machine: plain files, a stream of views, and what the buttons do.

The buttons change things, so whoever asks is looked at: the name under which the page was called
(Host: another site's name may lead here) and the page that asks (Origin).
"""

import asyncio
import contextlib
import importlib.util
import ipaddress
import json
import socket
import weakref
import webbrowser
from pathlib import Path
from typing import Any

from microdot import Microdot, Request, Response

from lvs_tools.watch.page import Refused
from lvs_tools.watch.series import SPANS

_STATIC = Path(__file__).with_name("static")
_MOST = 64  # streams at a time
_BODY = 4096  # bytes that a button may say
_PATIENCE_S = 20.0  # with who asks slowly
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


# --- who may ask ------------------------------------------------------------------------------


def _trusted(host, loopback):
    """Is a Host header this machine's own name or address? A name that somebody else made lead
    here (DNS rebinding) is not; an address cannot be one."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    name = name.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        own = socket.gethostname().lower()
        return not loopback and name in (own, own + ".local")
    return address.is_loopback or not loopback


def _why_not(request, loopback):
    """Why a request is refused, or ""."""
    headers = {key.lower(): value for key, value in request.headers.items()}
    host = headers.get("host", "")
    if not _trusted(host, loopback):
        return f"'{host[:80]}' is no name of this machine"
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return f"a page of '{origin[:80]}' asks"
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return "another site's page asks"
    if request.method != "GET":
        kind = headers.get("content-type", "").partition(";")[0].strip()
        if kind != "application/json":
            return "say it as application/json"
    return ""


# --- the application --------------------------------------------------------------------------


def _assets():
    """{path: (type, bytes)} of all that the page consists of; nothing is from elsewhere."""
    found = {f"/{p.name}": p for p in _STATIC.iterdir() if p.suffix in _TYPES}
    found["/"] = found.pop("/index.html")
    spec = importlib.util.find_spec("uplot")
    assert spec and spec.origin
    charts = Path(spec.origin).parent / "static"
    found["/uplot.js"] = charts / "uPlot.iife.js"
    found["/uplot.css"] = charts / "uPlot.min.css"
    return {path: (_TYPES[p.suffix], p.read_bytes()) for path, p in found.items()}


def _json(value, status=200):
    return _text(json.dumps(value), status)


def _text(text, status=200):
    return Response(text, status, {"Content-Type": "application/json", **_HEADERS})


class _App(Microdot):
    """Microdot, for which whoever talks nonsense, too slowly or goes is no news."""

    async def handle_request(self, reader, writer: Any):
        """One connection, to its end."""
        about = self, reader, writer, writer.get_extra_info("peername")
        request: Any
        try:
            request = await asyncio.wait_for(Request.create(*about), _PATIENCE_S)
        except (ValueError, OSError, EOFError, asyncio.TimeoutError):
            request = None  # 400
        # At the end of the program all streams are cancelled.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            response = await self.dispatch_request(request)
            await response.write(writer)
            await writer.aclose()


def application(page, loopback=True):
    """The application that serves a Page. loopback: is it to be called from here alone?"""
    app = _App()
    streams = weakref.WeakSet()  # that are read

    @app.before_request
    async def guard(request):
        why = _why_not(request, loopback)
        return _json({"error": why}, 403) if why else None

    for path, (kind, body) in _assets().items():

        async def asset(_, kind=kind, body=body):
            return Response(body, 200, {"Content-Type": f"{kind}; charset=utf-8", **_HEADERS})

        app.get(path)(asset)

    @app.get("/view.json")
    async def view(_):
        return _text(page.text)

    @app.get("/history.json")
    async def history(request):
        span = request.args.get("span", "hour")
        if span not in SPANS:
            return _json({"error": f"span: one of {', '.join(SPANS)}"}, 400)
        return _json(page.series.points(span))

    @app.get("/events")
    async def events(_):
        if len(streams) >= _MOST:
            return _json({"error": "too many pages are open"}, 503)
        body: Any = _Stream(page, streams)  # microdot takes what has __anext__ and aclose, too
        return Response(body, 200, {"Content-Type": "text/event-stream", **_HEADERS})

    @app.post("/do")
    async def do(request):
        try:
            return _json({"done": await _done(page, request.body)})
        except ValueError as error:
            return _json({"error": str(error)}, 400)

    return app


async def _done(page, body):
    """Do what a button says, JSON; returns what was done. Raises ValueError."""
    if page.do is None:
        raise Refused("this page shows; it changes nothing")
    try:
        action = json.loads(body)
    except RecursionError:
        action = None
    if not isinstance(action, dict):
        raise Refused("say what to do as an object")
    return await page.do(action)


class _Stream:
    """One page's stream of views, as server-sent events."""

    def __init__(self, page, streams):
        self._views = page.views()
        self._streams = streams
        streams.add(self)  # weakly: whatever ends it

    def __aiter__(self):
        return self

    async def __anext__(self):
        view = await anext(self._views)
        return f"data: {view}\n\n" if view else ": still here\n\n"

    async def aclose(self):
        """Nobody reads it any more."""
        self._streams.discard(self)
        await self._views.aclose()


@contextlib.asynccontextmanager
async def serving(page, host, port):
    """Serve a page while this is open; yields its URL. Raises OSError: the port is taken, ..."""
    Request.max_content_length = Request.max_body_length = _BODY
    loopback = host == "localhost" or host.startswith("127.") or host == "::1"
    app = application(page, loopback)
    server: Any = await app.start_server(host, port, start_serving=False)
    await server.start_serving()
    try:
        port = server.sockets[0].getsockname()[1]
        shown = "127.0.0.1" if host in ("0.0.0.0", "") else host  # noqa: S104
        yield f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"
    finally:
        server.close()  # streams end with the program


def browse(url):
    """Open a browser, where there is one."""
    with contextlib.suppress(webbrowser.Error):
        webbrowser.open(url)
