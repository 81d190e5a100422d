"""`lvs sim`: run a scenario in the simulated world and say what came of it."""

import asyncio
import contextlib
import signal
import sys
import time

import click
from rich.console import Console
from rich.progress import TextColumn, TimeRemainingColumn
from rich.table import Table

from lvs.config_check import NUMBERS
from lvs_tools import options
from lvs_tools.sim import engine, report, scenario
from lvs_tools.sim.watched import Watched
from lvs_tools.watch import face, view
from lvs_tools.watch.page import Page
from lvs_tools.world.liars import LiarError


@contextlib.contextmanager
def progress_bar(title, cycles):
    """A progress bar over `cycles`, with simulated time and speed, on a terminal's stderr.

    Yields the function to call with the number of cycles done.
    """
    with options.progress(TextColumn("{task.fields[speed]}"), TimeRemainingColumn()) as bar:
        task = bar.add_task(title, total=cycles, speed="")
        began = time.perf_counter()
        base = 0

        def advance(done):
            nonlocal base
            if done < bar.tasks[task].completed - base:
                base = bar.tasks[task].completed  # the second run of two
            bar.update(
                task,
                completed=base + done,
                speed="%s simulated, %.0f x real time"
                % (
                    report.duration(base + done),
                    (base + done) / max(1e-6, time.perf_counter() - began),
                ),
            )

        yield advance


def _show_keys(context, _, wanted):
    """Print every key that a scenario file can have, and leave."""
    if not wanted:
        return
    table = Table()
    for title in ("key", "default", "meaning"):
        table.add_column(title)
    for section, fields in scenario.FIELDS.items():
        shown = {"event": "[[event]] ", "adversary": "[[adversary]] "}.get(
            section, section and section + "."
        )
        for key, (_, default, least, _, meaning) in fields.items():
            if isinstance(least, tuple):
                meaning = "%s: %s" % (", ".join(least), meaning)
            table.add_row(shown + key, "" if default is None else str(default), meaning)
    for key, (default, least, most) in NUMBERS.items():
        if key != "port":
            table.add_row(
                "config." + key, str(default), "%d to %d: docs/configuration.md" % (least, most)
            )
    Console().print(table)
    context.exit()


def _show_list(context, _, wanted):
    """Print the scenarios that come along, and leave."""
    if not wanted:
        return
    table = Table("name", "what happens")
    for row in scenario.along():
        table.add_row(*row)
    Console().print(table)
    context.exit()


def verdict_code(result, same):
    """The exit code: 0 well, 1 not exact without liars to blame, or two runs that differ."""
    if not same:
        return 1
    return int(not result["exact"] and not result["liars"])


async def _watch(checked, serve, browser, finish):
    """Run a scenario beside the dashboard, which stays until a signal; returns the exit code."""
    task = asyncio.current_task()
    assert task
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    watched = Watched(checked)
    page = Page(watched.do)
    async with face.shown(page, serve, browser):
        with progress_bar(checked["name"], checked["cycles"]) as advance:
            result = await watched.run(page.show, advance)
        code = finish(checked, result)
        page.show(watched.view(view.ended(result["verdict"])))
        await face.stay()
    return code


def _load(path, seed, engine_name, settings, adversaries):
    """The checked scenario; what is odd about it is said. Raises ScenarioError, LiarError."""
    overrides = list(settings)
    if seed is not None:
        overrides.append("seed=%d" % seed)
    if engine_name:
        overrides.append("engine=%s" % engine_name)
    checked = scenario.load(path, overrides, adversaries)
    for problem in scenario.problems(checked):
        options.warn(problem)
    return checked


@click.command("sim")
@click.argument("path", metavar="SCENARIO")
@click.option("--seed", type=click.IntRange(0, (1 << 62) - 1), help="Instead of the scenario's.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key, such as link.loss=0.3 or event.0.at_cycle=50.",
)
@click.option(
    "--adversary",
    "adversaries",
    multiple=True,
    metavar="PATH.py:CLASS=SHARE",
    help="Add liars: a share of the nodes such as 0.2, or a number such as 3.",
)
@click.option(
    "--engine",
    "engine_name",
    type=click.Choice(scenario.ENGINES),
    help="Interpreter of world and nodes; instead of the scenario's.",
)
@face.watched
@click.option("--twice", is_flag=True, help="Run it twice and compare the trace hashes.")
@options.JSON
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_list,
    help="List the scenarios that come along.",
)
@click.option(
    "--keys",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_keys,
    help="List the keys of scenario files, with defaults and meaning.",
)
@click.option(
    "--plot",
    "plot_path",
    type=options.OutputFile((".png", ".svg", ".pdf")),
    help="Write a picture (PNG, SVG or PDF by its ending).",
)
def command(
    path,
    seed,
    settings,
    adversaries,
    engine_name,
    watch,
    serve,
    browser,
    twice,
    json_path,
    plot_path,
):
    """Run SCENARIO, a TOML file or the name of one that comes along, from one seed.

    It ends with a verdict: whether all honest nodes have exactly what was contributed. With
    --watch it runs at the pace that you choose on a page in the browser, where you also lose
    packets, cut the mesh in two, kill, restart and add liars; the page stays after the run.

    \b
    Examples:
      lvs sim house                                 # one that comes along
      lvs sim house --seed 7 --set link.loss=0.3
      lvs sim g4_liars --adversary Drain=0.2        # a fifth of the nodes lie
      lvs sim my.toml --twice --plot my.png         # one of your own
      lvs sim house --watch                         # play with it in the browser
      lvs sim --list                                # all that come along
      lvs sim --keys                                # what a file may have
    """

    def finish(checked, result, same=True):
        history = result.pop("history")
        if json_path != "-":  # before a disk that is full by now
            report.summary(result, checked, Console(), same if twice else None)
        options.write_json(json_path, result)
        if plot_path:
            report.picture(result, history, checked, plot_path)
        sys.stdout.flush()
        return verdict_code(result, same)

    if watch and twice:
        raise click.UsageError("--watch and --twice: what is played with runs once")
    try:
        checked = _load(path, seed, engine_name, settings, adversaries)
        if watch:
            sys.exit(asyncio.run(_watch(checked, serve, browser, finish)))
        with progress_bar(checked["name"], checked["cycles"] * (2 if twice else 1)) as advance:
            if twice:
                result, same = engine.twice(checked, advance)
            else:
                result, same = engine.run(checked, advance), True
    except (scenario.ScenarioError, engine.EngineError, LiarError, ImportError) as error:
        options.fail(error, 2)
    except (KeyboardInterrupt, asyncio.CancelledError):
        options.ERRORS.print("stopped")
        sys.exit(130)
    sys.exit(finish(checked, result, same))


if __name__ == "__main__":
    command()
