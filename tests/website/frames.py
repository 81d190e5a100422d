"""Frames a second of the mesh in the browser: `make frames`.

    python -m tests.website.frames [--windows 4] [--seconds 30] [--json]

Twenty nodes and ten strangers run at the page's own speed in headless Chromium. In each window
every moment of requestAnimationFrame is kept: how many a second there were, the longest time
between two, and the page's longest task. Beside each stands a window of an empty page: what that
one lacks of 60 is the machine's doing, which may be busy. What does not depend on that is the
processor time which the page's main thread takes a frame, script, layout and painting, of the 16.7
ms that 60 a second leave. Ends with 1 where that is more than a quarter of them, or where the best
window of the mesh had fewer than 59 a second while the best of the empty page had them.
"""

import json
import shutil
import statistics
import tempfile
from pathlib import Path

import click

from lvs_tools import options
from tests.website import alone

_NAMES = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome")
WANTED = 59.0
FRAME_MS = 1000 / 60
SHARE = 0.25  # of a frame that the page's main thread may take
_TIMES = """(() => {  // every draw of the page, by the clock on the wall
  const ask = window.requestAnimationFrame.bind(window);
  window.drawn = [];
  window.requestAnimationFrame = draw => ask(now => {
    const began = performance.now();
    draw(now);
    window.drawn.push(performance.now() - began);
  });
  window.next = ask;
})()"""
_WATCH = """seconds => new Promise(done => {
  const at = [], tasks = [0];
  const watch = new PerformanceObserver(list => {
    for (const task of list.getEntries()) tasks.push(task.duration);
  });
  watch.observe({ type: "longtask" });
  const next = now => {
    at.push(now);
    if (now - at[0] < seconds * 1000) return window.next(next);
    watch.disconnect();
    const gaps = at.slice(1).map((moment, i) => moment - at[i]);
    const drawn = window.drawn.sort((one, other) => one - other);
    done({ fps: gaps.length * 1000 / (now - at[0]), longest_ms: Math.max(...gaps),
      late: gaps.filter(gap => gap > 34).length, task_ms: Math.max(...tasks), frames: gaps.length,
      p50_ms: drawn[drawn.length >> 1], p99_ms: drawn[Math.floor(drawn.length * 0.99)] });
  };
  window.drawn = [];
  window.next(next);
})"""


def _window(page, seconds):
    """A window of a page's frames, with what its main thread took of a processor for each."""
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def taken():
        told = tools.send("Performance.getMetrics")["metrics"]
        return {metric["name"]: metric["value"] * 1000 for metric in told}

    before = taken()
    found = page.evaluate(_WATCH, seconds)
    after = taken()
    tools.detach()
    for key, name in (("busy_ms", "TaskDuration"), ("script_ms", "ScriptDuration")):
        found[key] = (after[name] - before[name]) / found["frames"]
    return found


def measure(url, chromium, windows, seconds):
    """[windows of the mesh], [windows of an empty page], cycles that the mesh ran meanwhile."""
    from playwright.sync_api import sync_playwright  # pyright: ignore[reportMissingImports]

    cycle = "() => Number(document.getElementById('mesh').dataset.cycle)"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        mesh, empty = [browser.new_page(viewport={"width": 1280, "height": 900}) for _ in "12"]
        for page in (mesh, empty):
            page.add_init_script(_TIMES)
        empty.goto("data:text/html,<title>empty</title>")
        mesh.goto(url)
        mesh.wait_for_function(cycle + " >= 3", timeout=300000)
        found, control, cycles = [], [], 0
        for _ in range(windows):
            empty.bring_to_front()
            control.append(_window(empty, min(seconds, 10)))
            mesh.bring_to_front()
            before = mesh.evaluate(cycle)
            found.append(_window(mesh, seconds))
            cycles += mesh.evaluate(cycle) - before
        browser.close()
    return found, control, cycles


def said(windows):
    """Windows for people."""
    rates = sorted(window["fps"] for window in windows)
    longest = sorted(window["longest_ms"] for window in windows)
    return (
        f"{rates[-1]:.1f} frames a second at best, half {statistics.median(rates):.1f} or more,"
        f" {rates[0]:.1f} at worst; longest frame {longest[0]:.0f} to {longest[-1]:.0f} ms"
    )


def work(windows):
    """What a frame takes of the page's main thread, for people."""
    half = {key: statistics.median(window[key] for window in windows) for key in windows[0]}
    return (
        f"main thread: {half['busy_ms']:.2f} ms of a processor a frame, of {FRAME_MS:.1f}"
        f" (script {half['script_ms']:.2f}); a draw by the clock: half {half['p50_ms']:.1f} ms"
        f" or less, 99 % {half['p99_ms']:.1f}"
    )


@click.command()
@click.option("--windows", default=4, show_default=True)
@click.option("--seconds", default=30.0, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(windows, seconds, as_json):
    """Frames a second of the mesh in the browser."""
    chromium = next(filter(None, map(shutil.which, _NAMES)), None)
    if chromium is None:
        options.fail("no chromium here: install it (Debian: apt install chromium)", 2)
    with tempfile.TemporaryDirectory() as folder, alone.served(Path(folder)) as url:
        found, control, cycles = measure(url, chromium, windows, seconds)
    if as_json:
        click.echo(json.dumps({"mesh": found, "empty": control, "cycles": cycles}))
    else:
        task = max(window["task_ms"] for window in found)
        click.echo(f"the mesh, {cycles} cycles: {said(found)}; longest task {task:.0f} ms")
        click.echo(work(found))
        click.echo(f"an empty page: {said(control)}")
    best, could = (max(window["fps"] for window in side) for side in (found, control))
    busy = statistics.median(window["busy_ms"] for window in found)
    raise SystemExit(int(busy > SHARE * FRAME_MS or best < WANTED <= could))


if __name__ == "__main__":
    main()
