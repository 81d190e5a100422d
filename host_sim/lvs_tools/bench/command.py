"""`lvs bench`: what a node costs, in figures with a reference beside each."""

import subprocess
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from lvs_tools import interpreters, options
from lvs_tools.bench import (
    accepted,
    allocation,
    memory,
    page,
    processor,
    radio,
    scale,
    simulator,
    surroundings,
    udp,
)
from lvs_tools.board.profiles import BoardError
from lvs_tools.places import ROOT
from lvs_tools.sim import engine, kept

# name: module with TITLE, SOURCES, ALONE (one run at a time), missing(), cases(size), run(case,
# folder), tables(rows) and goals(rows)
PARTS = {
    "radio": radio,
    "udp": udp,
    "processor": processor,
    "allocation": allocation,
    "memory": memory,
    "simulator": simulator,
    "scale": scale,
}
_ERRORS = (
    interpreters.InterpreterMissing,
    interpreters.ScriptFailed,
    engine.EngineError,
    subprocess.SubprocessError,
    BoardError,
)
_WIDTH = 80


def _chosen(_context, _option, text):
    names = [name.strip() for name in (text or ",".join(PARTS)).split(",") if name.strip()]
    unknown = [name for name in names if name not in PARTS]
    if unknown or not names:
        raise click.BadParameter(
            "'%s'; there are %s" % (", ".join(unknown) or text, ", ".join(PARTS))
        )
    return [name for name in PARTS if name in names]


def _first_line(error):
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__


class Failed(Exception):
    """A run broke down: its text is one line, and it passes from one process to another."""


def _attempt(case, run, out):
    """A run's figures. Raises Failed."""
    try:
        return run(case, out)
    except _ERRORS as error:
        raise Failed(_first_line(error)) from None


def measure(name, size, out, workers, minutes=None, stale=False):
    """One part's result, JSON-able: its rows, how many were left out, and why it was skipped."""
    part = PARTS[name]
    found = {"rows": [], "left_out": 0, "stale": 0, "skipped": "", "failed": ""}
    found["skipped"] = part.missing()
    if found["skipped"]:
        return found
    places = [Path(place) for place in part.SOURCES]
    results = kept.Results(out / f"{name}.jsonl", kept.checksum(places), stale)
    cases = part.cases(size)
    workers = 1 if part.ALONE else workers
    try:
        rows = kept.fill(name, cases, results, workers, minutes, _attempt, part.run, out)
    except Failed as error:
        found["failed"] = str(error)
        rows = [row for row in map(results.get, cases) if row]
    found["rows"] = rows
    found["left_out"] = len(cases) - len(rows)
    found["stale"] = sum(row["sources"] != results.sources for row in rows)
    return found


def _show(name, found, console):
    part = PARTS[name]
    for table in part.tables(found["rows"]) if found["rows"] else ():
        shown = Table(title=table.title, title_justify="left")
        for i, word in enumerate(table.head):
            shown.add_column(word, justify="right" if i else "left")
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
        for note in table.notes:
            console.print(note, markup=False, highlight=False)
    for goal in part.goals(found["rows"]) if found["rows"] else ():
        verdict = "met" if goal.met else "missed"
        console.print(
            f"{verdict}: {goal.what}: {goal.measured}, goal {goal.goal}",
            markup=False,
            highlight=False,
        )


def _said(name, found):
    """What stands against a part, one line each, on standard error."""
    if found["skipped"]:
        click.echo(f"{name}: skipped: {found['skipped']}", err=True)
    if found["failed"]:
        click.echo(f"{name}: {found['failed']}", err=True)
    if found["left_out"]:
        click.echo(f"{name}: {found['left_out']} runs were not made", err=True)


@click.command("bench")
@click.option(
    "--only",
    "chosen",
    callback=_chosen,
    metavar="PARTS",
    help=f"Some parts, by commas: {', '.join(PARTS)}.",
)
@click.option("--quick", "size", flag_value="quick", help="A small look: a minute or two.")
@click.option("--large", "size", flag_value="large", help="What takes hours, too.")
@click.option(
    "--docs",
    is_flag=True,
    help="Write docs/figures.md and its pictures of all parts: --only those that are measured"
    " anew, the others as they were.",
)
@click.option(
    "--accept", is_flag=True, help="Make the present figures those that the test compares with."
)
@click.option("--minutes", type=options.Number(0), help="Begin no run after so many minutes.")
@options.WORKERS
@options.JSON
@click.option("--stale", is_flag=True, help="Take results of changed sources, too; say so.")
@click.option(
    "--out",
    type=options.OutputFolder(),
    default=Path("build/bench"),
    show_default=True,
    help="Folder for results.",
)
def command(chosen, size, docs, accept, minutes, workers, json_path, stale, out):
    """Measure what a node costs: radio, processor, memory, and what others would.

    Results that are in the folder already, of the same sources, are not measured again: a run
    that was stopped goes on where it was. What needs a program that is not here is skipped, and
    says so.

    \b
    Examples:
      lvs bench --quick                       # a small look
      lvs bench --only processor,allocation
      lvs bench --only radio --json -         # for programs
    """
    if accept:
        for key, value in accepted.accept(out).items():
            click.echo(f"{key:40} {value:12,}")
        return
    parts = {}
    try:
        for name in chosen:
            parts[name] = measure(name, size or "usual", out, workers, minutes, stale)
            _said(name, parts[name])
    except KeyboardInterrupt:
        click.echo("bench: stopped; the same command goes on from here", err=True)
        sys.exit(130)
    report = {**surroundings.of_this_machine(), "size": size or "usual", "parts": parts}
    if options.write_json(json_path, report):
        console = Console(width=max(_WIDTH, Console().width))
        for name, found in parts.items():
            _show(name, found, console)
    if docs:
        page.write(report, PARTS, ROOT / "docs")
    if any(found["failed"] for found in parts.values()):
        sys.exit(1)
    if not any(found["rows"] for found in parts.values()):
        sys.exit(2)


if __name__ == "__main__":
    command()
