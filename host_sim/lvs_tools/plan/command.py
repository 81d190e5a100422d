"""`lvs plan`: whether a mesh fits, before it is built, and what to change if it does not."""

import json
import sys

import click
from rich.console import Console
from rich.table import Table

from lvs import Config, ConfigError, decimal
from lvs.fixed import LvsError
from lvs_tools import options
from lvs_tools.board import profiles
from lvs_tools.board.profiles import BoardError
from lvs_tools.plan import fit

_WIDTH = 80


def _settings(path, nodes, channels):
    """A configuration's dict, of a file or none, with what the options say. Raises ConfigError."""
    data: dict = {"channels": ["channel"]}
    if path:
        with open(path, encoding="utf-8") as file:
            try:
                data = json.load(file)
            except ValueError as error:
                raise ConfigError(f"{path}: is not JSON ({error})") from None
        Config(data)  # what is wrong in the file is said as a node says it
    if channels:
        data["channels"] = [f"channel {i}" for i in range(channels)]
    data["nodes"] = nodes or data.get("nodes") or Config(data).nodes
    return data


def reckon(path, nodes, channels, per_minute, amount, names):
    """All figures, the ``boards``' and whether it ``fits``. Raises LvsError, BoardError."""
    data = _settings(path, nodes, channels)
    figures = fit.mesh(Config(data), per_minute, decimal.steps(amount, decimal.STEP)[0])
    figures["boards"] = []
    for name in names or profiles.names():
        profile = profiles.load(name)
        figures["boards"].append(fit.board(Config({**profile["config"], **data}), profile))
    if names:  # those that were asked for must carry it
        for board in figures["boards"]:
            figures["problems"] += board["problems"]
    figures["fits"] = not figures["problems"]
    return figures


def _show(figures, console):
    table = Table(show_header=False, box=None)
    n = fit.number
    shards = f" in {n(figures['shards'])} shards" if figures["shards"] > 1 else ""
    for line in (
        ("mesh", f"{n(figures['nodes'])} nodes, {n(figures['channels'])} channels{shards}"),
        (
            "rows",
            f"{n(figures['rows_needed'])} a shard needed, {n(figures['rows'])} there:"
            f" {n(figures['ring_bytes'])} bytes",
        ),
        (
            "traffic",
            f"about {figures['kb_per_min']:g} KB a minute of {n(figures['kb_per_min_most'])}",
        ),
        (
            "pace",
            f"{figures['vu_per_min']:g} VU a minute of {figures['vu_per_min_most']:g}; a"
            f" contribution takes {n(figures['cycles_per_contribution'])} s to be told",
        ),
    ):
        table.add_row(*line)
    console.print(table)
    boards = Table("board", box=None)
    for title in ("rows", "room for nodes", "heap", "of"):
        boards.add_column(title, justify="right")
    boards.add_column("")
    for board in figures["boards"]:
        boards.add_row(
            board["board"],
            *(n(board[key]) for key in ("rows", "room", "heap", "heap_most")),
            "does not fit" if board["problems"] else "fits",
        )
    console.print(boards)
    for problem in figures["problems"]:
        console.print(problem, markup=False, highlight=False)
    console.print("fits" if figures["fits"] else "does not fit")


@click.command("plan")
@click.argument("config", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--nodes", type=click.IntRange(1, 10000), help="Nodes; else the file's, or 300.")
@click.option("--channels", type=click.IntRange(1, 480), help="Channels; else the file's, or 1.")
@click.option(
    "--per-minute",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Contributions of each node.",
)
@click.option("--amount", default="1", show_default=True, help="VU of each contribution.")
@click.option(
    "--board", "names", multiple=True, metavar="NAME", help="A board that must carry it."
)
@options.JSON
def command(config, nodes, channels, per_minute, amount, names, json_path):
    """Say whether a mesh fits: rows, heap, traffic, pace, and what to change if not.

    CONFIG is a node's configuration (`lvs init` writes one). Every node is taken to contribute to
    every channel. Exit code: 0 when it fits, 1 when not, 2 for what cannot be reckoned.
    """
    try:
        figures = reckon(config, nodes, channels, per_minute, amount, names)
    except (LvsError, BoardError) as error:
        options.fail(error, 2)
    if options.write_json(json_path, figures):
        _show(figures, Console(width=min(_WIDTH, Console().width)))
    sys.exit(not figures["fits"])
