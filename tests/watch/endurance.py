"""A dashboard on 300 simulated nodes for 30 simulated minutes: memory, and how soon it answers.

    python -m tests.watch.endurance [--nodes 300] [--minutes 30] [--engine pypy]

Prints one line; ends with 1 where the dashboard's process had more than 300 MB, or a page waited
longer than a second for what it asked. The world is a process of its own, and is not counted.
"""

import asyncio
import contextlib
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


def ask(url):
    """Bytes of an answer, and the seconds that it took."""
    began = time.monotonic()
    with urllib.request.urlopen(url, timeout=60) as answer:
        return len(answer.read()), time.monotonic() - began


async def watch(checked, waits):
    """Run a world at full speed while two pages look; returns (bytes of a view, views)."""
    watched = Watched(checked)
    watched.speed = "Fastest"
    page = Page(watched.do)
    views = size = 0

    async def look(url):
        nonlocal size
        while True:
            await asyncio.sleep(_EVERY_S)
            for path in ("view.json", "history.json?span=hour"):
                got, took = await asyncio.to_thread(ask, url + path)
                size = max(size, got)
                waits.append(took)

    def show(view):
        nonlocal views
        views += 1
        page.show(view)

    async with serving(page, "127.0.0.1", 0) as url:
        looking = [asyncio.create_task(look(url)) for _ in range(2)]
        await watched.run(show, lambda _: None)
        for task in looking:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    return size, views


@click.command()
@click.option("--nodes", default=300, show_default=True)
@click.option("--minutes", default=30, show_default=True)
@click.option("--engine", default="pypy", show_default=True)
def main(nodes, minutes, engine):
    """A dashboard on a large simulation: memory, and how soon it answers."""
    settings = [f"nodes={nodes}", f"cycles={minutes * 60}", f"engine={engine}"]
    checked = scenario.load("g6_traffic", settings)
    waits = []
    began = time.monotonic()
    size, views = asyncio.run(watch(checked, waits))
    memory = psutil.Process().memory_info().rss / 1e6
    waits.sort()
    click.echo(
        f"{nodes} nodes, {minutes} simulated minutes in {time.monotonic() - began:.0f} s:"
        f" {memory:.0f} MB, {views} views of at most {size / 1000:.0f} KB, {len(waits)} answers,"
        f" half within {waits[len(waits) // 2] * 1000:.0f} ms, all within {waits[-1]:.2f} s"
    )
    raise SystemExit(int(memory > MOST_MB or waits[-1] > MOST_S))


if __name__ == "__main__":
    main()
