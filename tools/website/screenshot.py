"""Takes the picture of the dashboard that README and docs/watch.md show, of a simulated mesh.

    python -m tools.website.screenshot [FILE.png]        docs/figures/dashboard.png

Needs Debian's chromium and the extra `browser`, as its tests do.
"""

import asyncio
import contextlib
import json
import shutil
from pathlib import Path

import click

from lvs_tools import interpreters, options
from lvs_tools.places import ROOT
from lvs_tools.sim import scenario
from lvs_tools.sim.watched import Watched
from lvs_tools.watch.page import Page
from lvs_tools.watch.server import serving

FILE = ROOT / "docs" / "figures" / "dashboard.png"
_STREET = ROOT / "examples" / "street"
_AFTER = 7200 + 1500  # cycles: the street is cut for 25 minutes


async def take(path, chromium, settings=(), after=_AFTER):
    """Run the street's night until a cycle, and write the page's picture. Raises EngineError."""
    from playwright.async_api import async_playwright  # pyright: ignore[reportMissingImports]

    channels = json.loads((_STREET / "gateway" / "lvs.json").read_text())["channels"]
    checked = scenario.load(_STREET / "night.toml", [f"engine={_engine()}", *settings])
    watched = Watched(checked, channels)
    watched.speed = "Fastest"
    page = Page(watched.do)
    reached = asyncio.Event()

    def progress(cycle):
        if cycle >= after:
            watched.speed = "1 x"
            reached.set()

    async with serving(page, "127.0.0.1", 0) as url, async_playwright() as play:
        running = asyncio.create_task(watched.run(page.show, progress))
        waiting = asyncio.create_task(reached.wait())
        done, _ = await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
        if running in done:
            running.result()
        browser = await play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = await browser.new_page(
            viewport={"width": 1000, "height": 620}, color_scheme="light"
        )
        await shown.goto(url)
        await shown.locator("article canvas").first.wait_for()
        await shown.wait_for_timeout(1500)  # the charts' past comes after the first values
        await shown.screenshot(path=path)
        await browser.close()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def _engine():
    return "pypy" if interpreters.command("pypy") else "cpython"


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default=FILE)
def command(file):
    """Write a picture of the dashboard. Exit codes: 0 written; 2 something is missing."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        options.fail("no chromium here: install it (Debian: apt install chromium)", 2)
    asyncio.run(take(file, chromium))
    click.echo(file)


if __name__ == "__main__":
    command()
