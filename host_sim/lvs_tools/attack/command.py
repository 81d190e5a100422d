"""`lvs attack`: every liar at every share against a mesh: a table and a picture (guarantee G4)."""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from lvs_tools import options
from lvs_tools.attack import page
from lvs_tools.attack.cases import (
    NOBODY,
    SHARES,
    STRATEGIES,
    TOPOLOGIES,
    campaign,
    cells,
    run_one,
    staged,
)
from lvs_tools.attack.stages import STAGES
from lvs_tools.places import PACKAGE, PROTOCOL, ROOT
from lvs_tools.sim import engine, kept, scenario

_QUICK = ["drain", "sleeper", "splitter"]
_OUT = Console()


def sources():
    """A checksum of all code that decides a result."""
    return kept.checksum((PROTOCOL, PACKAGE / "adversaries", PACKAGE / "world"))


def _show(summary):
    for panel, shares in page.panels(summary):
        if STAGES[panel[3]].figures:
            shown = Table(title="%s: worst seed" % page.title(panel))
            head, rows = page.staged_table(summary, panel)
            for i, word in enumerate(head):
                shown.add_column(word, justify="right" if i else "left")
            for row in rows:
                shown.add_row(*row)
            _OUT.print(shown)
            continue
        shown = Table(title="%s: mean shift of the honest (raw), worst seed" % page.title(panel))
        shown.add_column("strategy")
        for share in shares:
            shown.add_column("%.0f %%" % (100 * share), justify="right")
        for row in page.table(summary, panel, shares):
            shown.add_row(*row)
        _OUT.print(shown)


def _listed(known):
    """The callback of an option that takes some of the known names, by commas."""

    def check(_context, _option, text):
        if text is None:
            return None
        names = [name.strip() for name in text.split(",") if name.strip()]
        if not names:
            raise click.BadParameter("names nothing; there are %s" % ", ".join(known))
        for name in names:
            if name not in known:
                raise click.BadParameter("'%s'; there are %s" % (name, ", ".join(known)))
        return names

    return check


def _shares(_context, _option, text):
    try:
        parts = [float(s) for s in text.split(",")]
        if not all(0 < s < 1 for s in parts):
            raise ValueError
    except ValueError:
        raise click.BadParameter("'%s'; must be numbers between 0 and 1" % text) from None
    return parts


def _document(summary, rows, cases, seeds, sources):
    """Write docs/liars.md and its figures."""
    folder = ROOT / "docs"
    page.figures(summary, folder / "figures")
    text = page.document(
        summary,
        "lvs attack --docs --seeds %d" % seeds,
        len(cases) - len(rows),
        sum(row["sources"] != sources for row in rows),
    )
    (folder / "liars.md").write_text(text, encoding="utf-8")


@click.command("attack")
@click.option(
    "--strategies",
    "chosen",
    callback=_listed([*STRATEGIES, NOBODY]),
    help="Some of them, by commas; all if missing, or a few with --quick.",
)
@click.option(
    "--shares",
    default=",".join("%g" % s for s in SHARES),
    show_default=True,
    callback=_shares,
    help="Shares of liars, by commas.",
)
@click.option(
    "--topologies",
    default="lan",
    show_default=True,
    callback=_listed(TOPOLOGIES),
    help="lan, geometric, islands.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Runs of each cell, with seeds from 1 on.",
)
@click.option("--nodes", type=click.IntRange(3, 1000), default=100, show_default=True)
@click.option("--cycles", type=click.IntRange(64), default=1536, show_default=True)
@click.option(
    "--stage",
    default="established",
    show_default=True,
    type=click.Choice(list(STAGES)),
    help="What befalls the mesh meanwhile.",
)
@click.option(
    "--staged",
    "all_stages",
    is_flag=True,
    help="The tables of all other stages, each of its own size.",
)
@click.option("--quick", is_flag=True, help="A small look: 20 nodes, 128 cycles, two shares.")
@click.option(
    "--docs",
    is_flag=True,
    help="Run all that docs/liars.md shows, and write it and "
    "docs/figures/attack.*: only --seeds (of the cells of G4) counts.",
)
@click.option("--minutes", type=options.Number(0), help="Begin no run after so many minutes.")
@engine.OPTION
@options.WORKERS
@options.JSON
@click.option("--stale", is_flag=True, help="Take results of changed sources, too; say so.")
@click.option(
    "--out",
    type=options.OutputFolder(),
    default=Path("build/attack"),
    show_default=True,
    help="Folder for results.",
)
def command(
    chosen,
    shares,
    topologies,
    seeds,
    nodes,
    cycles,
    stage,
    all_stages,
    quick,
    docs,
    minutes,
    engine_name,
    workers,
    json_path,
    stale,
    out,
):
    """Let every kind of liar attack a mesh, at every share, and measure the harm.

    Results that are in the folder already, of the same sources, are not computed again: a run that
    was stopped goes on where it was.

    \b
    Examples:
      lvs attack --quick    # a small look
      lvs attack --strategies drain,splitter --shares 0.2,0.45 --nodes 20
    """
    if quick:
        chosen, shares = chosen or _QUICK, [0.2, 0.45]
        nodes, cycles, seeds = 20, 128, 1
    if docs:
        cases = campaign(seeds)
    elif all_stages:
        known = chosen or [*STRATEGIES, NOBODY]
        cases = [c for c in staged(range(1, seeds + 1)) if c["strategy"] in known]
    else:
        cases = cells(
            chosen or list(STRATEGIES),
            shares=shares,
            topologies=topologies,
            nodes=nodes,
            cycles=cycles,
            stage=stage,
            seeds=range(1, seeds + 1),
        )
    results = kept.Results(out / "results.jsonl", sources(), stale)
    try:
        rows = kept.fill("attack", cases, results, workers, minutes, run_one, engine_name)
    except (scenario.ScenarioError, engine.EngineError) as error:
        options.fail(error, 2)
    except KeyboardInterrupt:
        options.ERRORS.print("stopped; the same command goes on from here")
        sys.exit(130)
    summary = page.summarise(rows)
    if options.write_json(json_path, rows):
        _show(summary)
    if docs:
        _document(summary, rows, cases, seeds, results.sources)
    sys.exit(int(any(f["violations"] for f in summary.values())))


if __name__ == "__main__":
    command()
