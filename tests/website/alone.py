"""The site's mesh on a page of its own, served without the site around it."""

import contextlib
import functools
import http.server
import json
import re
import threading

from tools.website import build, bundle

_HEAD = (
    '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<link rel="icon" href="data:,"><body>'
)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):  # noqa: A002
        pass


@contextlib.contextmanager
def served(folder, plans=None):
    """Lay the page out in a folder and serve it; yields its URL.

    plans: what plans.json has instead of the page's own.
    """
    static = folder / "_static" / "mesh"
    build.mesh(static)
    if plans:
        (static / "plans.json").write_text(json.dumps(plans))
    text = (bundle.HOME / "page.md").read_text()
    (body,) = re.findall(r"```\{raw\} html\n(.*?)```", text, re.DOTALL)
    (folder / "docs").mkdir()
    (folder / "docs" / "page.html").write_text(_HEAD + body)
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/docs/page.html"
        server.shutdown()
