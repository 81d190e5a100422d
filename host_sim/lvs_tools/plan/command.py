"""`lvs plan`: whether a mesh fits, before it is built, and what to change if it does not."""

import sys

import click
from rich.console import Console
from rich.table import Table

from lvs import Config, ConfigError
from lvs.fixed import LvsError
from lvs_tools import options
from lvs_tools.board import profiles
from lvs_tools.board.profiles import BoardError
from lvs_tools.plan import fit

_WIDTH = 80
_COLUMNS = (
    "rows",
    "room",
    "heap_without_journal_bytes",
    "heap_with_journal_bytes",
    "heap_most_bytes",
)


def _settings(path, nodes, channels):
    """A configuration's dict, of a file or none, with what the options say. Raises ConfigError."""
    data: dict = {"channels": ["channel"]}
    if path:
        try:
            data = dict(Config(path).data)  # what is wrong in it is said as a node says it
        except ConfigError as error:
            raise ConfigError(options.named(path, error)) from None
        if data.get("held") == 0:
            del data["held"]  # a leaf's: what it asks of the nodes
    if channels:
        data["channels"] = [f"channel {i}" for i in range(channels)]
    if nodes:
        data["nodes"] = nodes
    return data


def reckon(path, nodes, channels, per_minute, amount, names):
    """All figures, the ``boards``', whether it ``fits`` and by which boards it is ``carried_by``.
    Raises LvsError, BoardError."""
    data = _settings(path, nodes, channels)
    config = Config(data)
    figures = fit.mesh(config, per_minute, *fit.finest(config, amount))
    figures["boards"] = []
    for name in names or profiles.names():
        profile = profiles.load(name)
        there = Config({**profile["config"], **data})
        figures["boards"].append(fit.board(there, profile, figures["pace_raw_per_epoch"]))
    if names:  # those that were asked for must carry it
        for board in figures["boards"]:
            figures["problems"] += board["problems"]
    figures["fits"] = not figures["problems"]
    figures["carried_by"] = [b["board"] for b in figures["boards"] if not b["problems"]]
    return figures


def _show(figures, console):
    table = Table(show_header=False, box=None)
    n = fit.number
    years = figures["years_to_end"]
    shards = f" in {n(figures['shards'])} shards" if figures["shards"] > 1 else ""
    nodes = options.number(figures["nodes"], "node", "nodes")
    channels = options.number(figures["channels"], "channel", "channels")
    for line in (
        ("mesh", f"{nodes}, {channels}{shards}"),
        (
            "apart",
            f"groups may be apart for {figures['horizon_h']:g} h, each counting on; a session"
            f" lasts {figures['session_h']:g} h",
        ),
        (
            "counter",
            f"steps of {figures['step']}, ends at {figures['end']}: "
            + (f"in {years:,.4g} years at this pace" if years else "never at this pace"),
        ),
        (
            "rows",
            f"{n(figures['rows_needed'])} a shard needed, {n(figures['rows'])} there:"
            f" {n(figures['ring_bytes'])} bytes; {figures['rows_of_one']} of a node in a channel",
        ),
        (
            "traffic",
            f"about {figures['kb_per_min']:g} KB a minute of {n(figures['kb_per_min_most'])}",
        ),
        (
            "pace",
            f"{figures['units_per_min']:g} units a minute of {figures['units_per_min_most']:g}; a"
            f" contribution takes {n(figures['cycles_per_contribution'])} s to be told",
        ),
    ):
        table.add_row(*line)
    console.print(table)
    boards = Table("board", box=None)
    for title in ("rows", "nodes", "heap", "+ journal", "of"):
        boards.add_column(title, justify="right")
    boards.add_column("")
    for board in figures["boards"]:
        boards.add_row(
            board["board"],
            *(n(board[key]) for key in _COLUMNS),
            "too small" if board["problems"] else "fits",
        )
    console.print(boards)
    verdict = "fits" if figures["fits"] else "does not fit"
    problems = figures["problems"]
    if figures["fits"] and not figures["carried_by"]:
        verdict = "fits computers, and none of these boards until that is mended"
        problems = [problem for board in figures["boards"] for problem in board["problems"]]
    for problem in problems:
        console.print(problem, markup=False, highlight=False)
    console.print(verdict)


@click.command("plan")
@click.argument("config", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--nodes", type=click.IntRange(1, 10000), help="Nodes; else the file's, or 300.")
@click.option("--channels", type=click.IntRange(1, 480), help="Channels; else the file's, or 1.")
@click.option(
    "--per-minute",
    type=options.Number(0, 1e6),
    default=1.0,
    show_default=True,
    help="Contributions of each node.",
)
@click.option("--amount", default="1", show_default=True, help="Units of each contribution.")
@click.option(
    "--board", "names", multiple=True, metavar="NAME", help="A board that must carry it."
)
@options.JSON
def command(config, nodes, channels, per_minute, amount, names, json_path):
    """Say whether a mesh fits: horizon, counters, rows, heap, traffic, pace, and the mend.

    CONFIG is a node's configuration (`lvs init` writes one). Every node is taken to contribute to
    every channel. A board that is not asked for with --board need not carry it: where none does,
    computers may, and that is said with the mends.

    \b
    Examples:
      lvs plan --nodes 60 --channels 8           # one of this size, on any board
      lvs plan config.json --board RPI_PICO_W    # that one must carry it
      lvs plan --per-minute 4 --amount 0.5 --json -
    """
    try:
        figures = reckon(config, nodes, channels, per_minute, amount, names)
    except (LvsError, BoardError) as error:
        options.fail(error, 2)
    if options.write_json(json_path, figures):
        _show(figures, Console(width=min(_WIDTH, Console().width)))
    sys.exit(not figures["fits"])
