"""The pages in a real browser: the dashboard and the site's mesh, at a desk's and a phone's size.

Needs Debian's chromium and the extra `browser`; left out without them. All share one Chromium,
and so are in one file. Nothing is timed: a busy machine takes a minute for what takes a second.
"""

import asyncio
import importlib.util
import os
import re
import shutil
import threading
from typing import Any

import pytest

from lvs_tools.sim import scenario
from lvs_tools.sim.watched import Watched
from lvs_tools.watch.page import Page
from lvs_tools.watch.server import serving
from lvs_tools.world import runner
from tests.support.interpreters import require
from tests.website import alone
from tools.website import bundle

_NAMES = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
if CHROMIUM is None:
    pytest.skip("no chromium here: install it (Debian: apt install chromium)", True)
if importlib.util.find_spec("playwright") is None:
    pytest.skip("no playwright here: pip install -e '.[browser]'", allow_module_level=True)

PHONE = {"width": 390, "height": 844}
EVIL = "<img src=x onerror=document.title='evil'>"
WAIT_MS = 300000


class Serving(threading.Thread):
    """A page served from a thread. page: makes it; job: coroutine function beside the server."""

    def __init__(self, page, job):
        super().__init__(daemon=True)
        self.page, self.job = page, job
        self.url = ""
        self._ready = threading.Event()

    def run(self):
        asyncio.run(self._main())

    async def _main(self):
        self.loop = asyncio.get_running_loop()
        async with serving(self.page(), "127.0.0.1", 0) as self.url:
            self.task: Any = asyncio.current_task()
            self._ready.set()
            try:
                await self.job()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return

    def __enter__(self):
        self.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.task.cancel)
        self.join(60)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright  # pyright: ignore[reportMissingImports]

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser):
    """Visit a URL; fails the test for an error of the page, and for anything from elsewhere."""
    contexts, wrong = [], []

    def go(url, **about):
        contexts.append(context := browser.new_context(**about))
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.set_default_navigation_timeout(WAIT_MS)
        known = ("/".join(url.split("/")[:3]) + "/", "data:")
        page.on("request", lambda r: None if r.url.startswith(known) else wrong.append(r.url))
        page.goto(url)
        return page

    yield go
    for context in contexts:
        context.close()
    assert wrong == []


class Simulated:
    """A small simulated mesh, as `lvs sim --watch` shows it."""

    def __init__(self):
        settings = ("nodes=6", "cycles=40000", "event=[]", "link.loss=0.0", "engine=cpython")
        self.checked = scenario.load("g1_exactness", settings)

    def page(self):
        self.watched = Watched(self.checked)
        self.shown = Page(self.watched.do)
        return self.shown

    async def run(self):
        await self.watched.run(self.shown.show, lambda _: None)


def fits(page):
    """Nothing is wider than the screen."""
    wide, screen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= screen


SIZES = [{"viewport": PHONE, "color_scheme": "dark"}]
if os.environ.get("LVS_LONG"):
    SIZES.append({"viewport": {"width": 1280, "height": 900}})


@pytest.mark.parametrize("about", SIZES)
def test_a_simulated_mesh_is_seen_cut_and_joined(visit, about):
    mesh = Simulated()
    with Serving(mesh.page, mesh.run) as served:
        page = visit(served.url, **about)
        page.get_by_role("button", name="60 x").click()
        page.get_by_text("One mesh: all 6 nodes agree,").wait_for()
        assert page.locator("article").count() == 3
        page.locator("article canvas").first.wait_for()
        assert page.get_by_role("row").count() >= 6
        page.get_by_role("button", name="Cut in two").focus()
        page.keyboard.press("Enter")
        page.get_by_text("The second half of the nodes is cut off").wait_for()
        page.get_by_role("status").filter(has_text="Not one mesh").wait_for()
        page.get_by_role("button", name="Join again").click()
        page.get_by_role("status").filter(has_text="One mesh: all 6 nodes agree").wait_for()
        page.get_by_label("What the liars do").select_option("Inflate")
        page.get_by_role("button", name="One lies").click()
        page.get_by_role("cell", name="LIAR").wait_for()
        page.get_by_label("Day").check(force=True)
        page.get_by_role("img", name=re.compile("^Chart of c2, the last day: from")).wait_for()
        assert page.get_by_role("article", name="c2").count() == 1
        assert page.get_by_label("Lose packets").get_attribute("aria-valuetext") == "0 %"
        page.get_by_role("button", name="Pause").click()
        page.locator("button[aria-pressed=true]", has_text="Pause").wait_for()
        fits(page)


class Told:
    """A page that shows one view after the other."""

    def __init__(self, *views):
        self.views = views

    def page(self):
        self.shown = Page()
        return self.shown

    async def run(self):
        for view in self.views:
            self.shown.show(view)
            await asyncio.sleep(1)


def view(**about):
    word = {"word": "ONE", "since_s": 5, "nodes": 1, "agree": 1, "spread": [], "groups": []}
    channel = {"name": EVIL, "text": "2.5", "unit": EVIL, "value": 2.5, "spread": 0}
    node = {"name": EVIL, "state": EVIL, "agrees": False, "lacks": EVIL, "link": EVIL}
    node |= {"load_percent": None, "kb_min": None, "trouble": True, "liar": False}
    return {
        "kind": "live",
        "mesh": EVIL,
        "title": EVIL,
        "time": "2026-05-01T12:00:00+00:00",
        "clock_s": 1777636800.0,
        "ended": "",
        "heard_s": 0,
        "quiet": False,
        "channels": [channel],
        "together": word,
        "nodes": [node] * 300,
        "count": 300,
        "others": EVIL,
        "traffic": {"mean_kb_min": 1.0, "max_kb_min": 2.0, "budget_kb_min": 50, "of": EVIL},
        "refused": {EVIL: 3},
        "refused_by": EVIL,
        "warnings": [EVIL],
        "controls": None,
        **about,
    }


def test_old_values_are_said_to_be_old_and_text_from_the_air_is_text(visit):
    told = Told(view(), view(heard_s=12, quiet=True))
    with Serving(told.page, told.run) as served:
        page = visit(served.url, viewport=PHONE)
        page.get_by_text("Nobody heard for 12 s: the values are old").wait_for()
        assert page.get_by_role("status").first.is_visible()
        page.get_by_text("as of 12 s ago").wait_for()
        assert page.locator("#channels.old").count() == 1
        # Nor is it one mesh for ever longer.
        assert (
            page.locator("#word").inner_text()
            == "Not known now. Before: One mesh: all 1 nodes agree"
        )
        assert page.locator("#word.good").count() == 0 and page.locator("#nodes.old").count() == 1
        assert page.locator("main img").count() == 0 and page.title() != "evil"
        assert page.locator("tbody tr").count() == 60
        page.get_by_role("button", name="List all 300").click()
        assert page.locator("tbody tr").count() == 300
        assert page.get_by_role("button", name="Cut").count() == 0


# --- the mesh of the site -----------------------------------------------------------------------

# Five nodes and two strangers: the page's own thirty cost a slow machine a minute to start.
SMALL = ["nodes=7", "adversary.0.count=2", "workload.contributions_per_minute=20"]


@pytest.fixture
def site(tmp_path):
    """The address of the page with a small mesh, without the site around it."""
    require("wasm")
    plans = {"Drain": {"says": bundle.LIARS["Drain"], "plan": bundle.plan("Drain", SMALL)}}
    with alone.served(tmp_path, plans) as url:
        yield url


_PICTURE = "() => document.getElementById('mesh-map').toDataURL()"
_PAINTS = """() => {  // counts the frames since the map was painted last
  const pen = document.getElementById("mesh-map").getContext("2d");
  const clear = pen.clearRect.bind(pen);
  window.idle = 0;
  pen.clearRect = (...box) => { window.idle = 0; clear(...box); };
  const next = () => { window.idle++; requestAnimationFrame(next); };
  next();
}"""


def test_the_mesh_of_the_site_is_clicked_and_ends_with_the_bits_of_lvs_sim(visit, site, tmp_path):
    page = visit(site, viewport=PHONE)
    cycle = "least => Number(document.getElementById('mesh').dataset.cycle) >= least"
    page.wait_for_function(cycle, arg=1)
    fits(page)
    page.locator("#mesh-map").focus()
    for key in ("ArrowRight", "Enter", "ArrowLeft", "Enter"):  # node 0, a stranger
        page.keyboard.press(key)
    page.get_by_text("Stranger 6: lies").wait_for()
    page.get_by_label("cuts off, or joins again").check()
    page.locator("#mesh-map").focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):  # node 1
        page.keyboard.press(key)
    page.get_by_text(re.compile("Node 1: .*cut off")).wait_for()
    told = page.get_by_role("status").filter(has_text=re.compile("counted|nodes hold"))
    told.wait_for()
    assert told.count() == 1 and told.get_attribute("id") == "mesh-told"
    assert page.locator("#mesh-say[role], #mesh-say[aria-live]").count() == 0
    page.wait_for_function(cycle, arg=4)
    page.get_by_role("button", name="End, and show the scenario").click()
    page.locator("#mesh-result").wait_for()
    # What stands still is not painted again; what is chosen is seen at once.
    page.evaluate(_PAINTS)
    page.wait_for_function("idle > 30")
    before = page.evaluate(_PICTURE)
    page.locator("#mesh-map").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"before => ({_PICTURE})() !== before", arg=before)
    (tmp_path / "clicked.toml").write_text(page.locator("#mesh-scenario").inner_text())
    checked = scenario.load(tmp_path / "clicked.toml")
    assert [event["action"] for event in checked["event"]] == ["contribute", "heal", "partition"]
    assert checked["event"][0]["nodes"] == [0] and checked["event"][2]["nodes"] == [1]
    assert [liar["from_cycle"] < 1000 for liar in checked["adversary"]] == [False, True]
    result = runner.run(scenario.plan(checked))
    assert result["trace_hash"] == page.locator("#mesh-hash").inner_text()
