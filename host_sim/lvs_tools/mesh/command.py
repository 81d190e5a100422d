"""`lvs mesh`: a mesh of real processes on this machine, with kills and a verdict."""

import asyncio
import signal
import sys
import time

import click
from rich.console import Console
from rich.live import Live

from lvs_tools import options
from lvs_tools.interpreters import InterpreterMissing, mend, micropython
from lvs_tools.mesh import plan as mesh_plan
from lvs_tools.mesh import view as mesh_view
from lvs_tools.mesh.faults import Faults
from lvs_tools.mesh.process import NodeError
from lvs_tools.mesh.run import Mesh
from lvs_tools.mesh.shown import Shown
from lvs_tools.watch import face
from lvs_tools.watch.page import Page
from lvs_tools.watch.view import ended

_LINE_EVERY_S = 10.0
_EXIT_NOT_EXACT = 1
_EXIT_FAILED = 2
_EXIT_INTERRUPTED = 130  # as shells say it: 128 + SIGINT
_SECONDS = 60.0
_WATCHED_S = 1800.0  # for somebody who plays with it


class _Unable(click.ClickException):
    exit_code = _EXIT_FAILED


def _interpreters(wanted):
    """(CPython, MicroPython) as paths; a clear error when MicroPython is wanted and missing."""
    path = None
    if wanted:
        try:
            path = micropython()
        except InterpreterMissing as error:
            raise _Unable(str(error)) from None
        if path is None:
            raise _Unable(f"{mend('micropython')}; or give --micropython 0")
    return sys.executable, path


def _live(console):
    """A view that redraws a table in a terminal: (context manager, view)."""
    live = Live(console=console, auto_refresh=False)

    def view(mesh):
        live.update(mesh_view.table(mesh, console.height), refresh=True)

    return live, view


def hinted(console, view):
    """A view that says first how to look at the mesh with the commands for a running one."""
    said = []

    def show(mesh):
        if not said:
            said.append(mesh.folder / "node-0.json")
            text = f"another terminal can look at it: lvs status {said[0]}"
            console.print(text, soft_wrap=True, highlight=False, markup=False)
        view(mesh)

    return show


class _Lines:
    """A view for pipes and logs: a line at each change of phase and every ten seconds."""

    def __init__(self, console):
        self.console = console
        self._said = None
        self._when = 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def __call__(self, mesh):
        words = mesh_view.phase(mesh).split(":")[0] if mesh.elapsed() else "starting"
        if words != self._said or time.monotonic() - self._when >= _LINE_EVERY_S:
            self._said, self._when = words, time.monotonic()
            self.console.print(mesh_view.progress_line(mesh), soft_wrap=True, highlight=False)


async def _run(mesh, live, view, finish, dashboard):
    """Run the mesh; SIGINT and SIGTERM cancel it, and it stops its processes first.

    finish: (account) -> exit code, which is returned; dashboard: (host, port, open a browser?),
    which stays after the run until a signal, or None.
    """
    task = asyncio.current_task()
    assert task
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    if not dashboard:
        with live:
            account = await mesh.run(view)
        return finish(account)
    *place, browser = dashboard
    mesh.faults = faults = Faults(mesh)
    shown = Shown(mesh)
    page = Page(faults.do)

    def both(mesh):
        view(mesh)
        page.show(shown.view())

    async with face.shown(page, place, browser):
        with live:
            account = await mesh.run(both)
        code = finish(account)
        page.show(shown.view(ended(account["verdict"])))
        await face.stay()
    return code


@click.command("mesh")
@click.option("--nodes", default=12, show_default=True, help="Nodes, a process each.")
@click.option("--micropython", type=int, help="How many of them on MicroPython [two of three].")
@click.option("--seconds", type=float, help="Length of the run [60; with --watch 1800].")
@click.option("--kill", type=int, help="Nodes killed half-way, started anew [a quarter, <= 3].")
@click.option("--loss", default=0.0, show_default=True, help="Loss at each receiver, below 1.")
@click.option("--seed", default=1, show_default=True, help="Of workload, kills and losses.")
@click.option("--channels", default=",".join(mesh_plan.DEFAULT_CHANNELS), show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), help="UDP port [a free one].")
@click.option(
    "--journal/--no-journal",
    default=True,
    show_default=True,
    help="Whether killed nodes find a journal again.",
)
@face.watched
@options.JSON
def command(
    nodes,
    micropython,
    seconds,
    kill,
    loss,
    seed,
    channels,
    port,
    journal,
    watch,
    serve,
    browser,
    json_path,
):
    """Run a mesh of real node processes on this machine.

    Every node has a loopback address of its own and speaks real UDP. Each contributes to the
    channels until 60 % of the time is over; half-way some are killed without warning and started
    anew from their journals. At the end all values of all nodes must be equal to the bit, and
    equal to what was contributed. With --no-journal the killed start empty, and what they had told
    nobody is lost. With --watch its faults are yours, but for the last 40 seconds, and the page
    stays after the run.

    \b
    Examples:
      lvs mesh                                    # twelve nodes for a minute
      lvs mesh --loss 0.3 --kill 5                # a third of all packets lost
      lvs mesh --nodes 3 --seconds 40 --json -    # for programs
    """
    console = Console(stderr=json_path == "-")
    seconds = seconds or (_WATCHED_S if watch else _SECONDS)
    kill = 0 if watch and kill is None else kill
    try:
        plan = mesh_plan.make_plan(
            nodes, micropython, seconds, kill, loss, seed, channels.split(","), port, journal
        )
    except mesh_plan.PlanError as error:
        raise click.UsageError(str(error)) from None
    interpreters = _interpreters(sum(plan.micropython))
    live, view = _live(console) if console.is_terminal else (_Lines(console),) * 2
    view = hinted(console, view)

    def finish(account):
        for line in mesh_view.verdict_lines(account):
            console.print(line, soft_wrap=True, highlight=False, markup=False)
        options.write_json(json_path, account)
        return 0 if account["exact"] else _EXIT_NOT_EXACT

    try:
        dashboard = (*serve, browser) if watch else None
        code = asyncio.run(_run(Mesh(plan, interpreters), live, view, finish, dashboard))
    except (asyncio.CancelledError, KeyboardInterrupt):
        console.print("interrupted; all nodes are stopped")
        sys.exit(_EXIT_INTERRUPTED)
    except NodeError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(_EXIT_FAILED)
    sys.exit(code)
