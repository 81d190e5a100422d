"""A dashboard on 300 simulated nodes for 30 simulated minutes: memory, and how soon it answers.

    python -m tests.watch.endurance [--nodes 300] [--minutes 30] [--engine pypy]

Beside it a server that only says the same number of bytes is asked at the same moments: what that
one waits is the machine's doing. Prints one line; ends with 1 where the dashboard's process had
more than 300 MB, or its slowest answer came more than a second after the other server's slowest.
The world, who asks and the other server are processes of their own, and are not counted.
"""

import asyncio
import http.server
import multiprocessing
import time
import urllib.request

import click
import psutil

from lvs_tools.sim import scenario
from lvs_tools.sim.watched import Watched
from lvs_tools.watch.page import Page
from lvs_tools.watch.server import serving

MOST_MB = 300
MOST_S = 1.0
_EVERY_S = 1.0
_PATHS = ("view.json", "history.json?span=hour")


class _Plain(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        """Say as many bytes as the query asks for."""
        size = int(self.path.partition("?")[2])
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(bytes(size))

    def log_message(self, format, *args):  # noqa: A002
        pass


def plain(told):
    """Serve what waits for nothing; told: gets the URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Plain) as server:
        told.put(f"http://127.0.0.1:{server.server_address[1]}/")
        server.serve_forever()


def ask(url):
    """Bytes of an answer, and the seconds that it took."""
    began = time.monotonic()
    with urllib.request.urlopen(url, timeout=60) as answer:
        return len(answer.read()), time.monotonic() - began


def look(url, control, told):
    """Ask both servers again and again; told: gets (bytes, seconds, seconds of the control)."""
    while True:
        time.sleep(_EVERY_S)
        for path in _PATHS:
            size, took = ask(url + path)
            told.put((size, took, ask(f"{control}?{size}")[1]))


async def watch(checked):
    """Run a world at full speed while two look; returns ([what was told], views)."""
    watched = Watched(checked)
    watched.speed = "Fastest"
    page = Page(watched.do)
    views = 0

    def show(view):
        nonlocal views
        views += 1
        page.show(view)

    spawn = multiprocessing.get_context("spawn")
    told = spawn.SimpleQueue()
    others = [spawn.Process(target=plain, args=(told,), daemon=True)]
    others[0].start()
    answers = []
    try:
        async with serving(page, "127.0.0.1", 0) as url:
            about = url, await asyncio.to_thread(told.get), told
            others += [spawn.Process(target=look, args=about, daemon=True) for _ in range(2)]
            for process in others[1:]:
                process.start()
            await watched.run(show, lambda _: _take(told, answers))
    finally:
        for process in others:
            process.kill()
            process.join()
    return answers, views


def _take(told, answers):
    while not told.empty():
        answers.append(told.get())


def said(waits):
    """Times of answers for people."""
    waits = sorted(waits)
    half, most = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    return f"half within {1000 * half:.0f} ms, 99 % {1000 * most:.0f} ms, all {waits[-1]:.2f} s"


@click.command()
@click.option("--nodes", default=300, show_default=True)
@click.option("--minutes", default=30, show_default=True)
@click.option("--engine", default="pypy", show_default=True)
def main(nodes, minutes, engine):
    """A dashboard on a large simulation: memory, and how soon it answers."""
    settings = [f"nodes={nodes}", f"cycles={minutes * 60}", f"engine={engine}"]
    checked = scenario.load("g6_traffic", settings)
    began = time.monotonic()
    answers, views = asyncio.run(watch(checked))
    memory = psutil.Process().memory_info().rss / 1e6
    sizes, waits, control = zip(*answers, strict=True)
    click.echo(
        f"{nodes} nodes, {minutes} simulated minutes in {time.monotonic() - began:.0f} s:"
        f" {memory:.0f} MB, {views} views of at most {max(sizes) / 1000:.0f} KB;"
        f" {len(waits)} answers, {said(waits)}; of a server that does nothing, {said(control)}"
    )
    raise SystemExit(int(memory > MOST_MB or max(waits) > max(control) + MOST_S))


if __name__ == "__main__":
    main()
