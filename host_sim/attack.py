"""`lvs attack`: every liar at every share against a mesh: a table and a picture (guarantee G4)."""

import csv
import hashlib
import json
import os
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from host_sim import baselines, engine, scenario

VALUE = 100000  # raw; 97 raw are 0.1 %, the most of an epoch
SHARES = (0.05, 0.10, 0.20, 0.33, 0.45, 0.60, 0.80)
STRATEGIES = {
    "drain": "drain.py:Drain",
    "inflate": "inflate.py:Inflate",
    "below_threshold": "below_threshold.py:BelowThreshold",
    "split_view": "split_view.py:SplitView",
    "random_values": "random_values.py:RandomValues",
    "sleeper": "sleeper.py:Sleeper",
    "patient": "patient.py:Patient",
    "one_victim": "one_victim.py:OneVictim",
    "snapshot_liar": "snapshot_liar.py:SnapshotLiar",
    "splitter": "splitter.py:Splitter",
    "forger": "forger.py:Forger",
    "sybil": "sybil.py:Sybil",
    "clock_pusher": "clock_pusher.py:ClockPusher",
    "mixed": None,  # a third each of drain, sleeper and forger
}
MIXED = ("drain", "sleeper", "forger")
COLD = ("drain", "inflate", "below_threshold")  # what a mesh without history is shown with
TOPOLOGIES = ("lan", "geometric", "islands")
_OUT = Console()
_ERRORS = Console(stderr=True)
_KEPT = ("settled_shift_mean", "settled_shift_max", "budget_violations", "negative_values",
         "max_step", "recoveries", "alive", "trace_hash", "wall_s")


def scenario_of(strategy, share, topology, seed, nodes, cycles, cold=False):
    """The checked scenario of one run: a mesh at 20 % loss with a share of liars."""
    liars = max(1, int(nodes * share + 0.5))
    names = MIXED if strategy == "mixed" else (strategy,)
    adversaries = []
    for i, name in enumerate(names):
        count = liars // len(names) + (i < liars % len(names))
        if count:
            adversaries.append({"class": STRATEGIES[name], "count": count})
    return scenario.check({
        "name": "attack %s %g %s" % (strategy, share, topology),
        "nodes": nodes,
        "cycles": cycles,
        "seed": seed,
        "topology": {"kind": topology},
        "link": {"loss": 0.2},
        "workload": {"contributions_per_minute": 0},
        "start": {"value": VALUE, "established": not cold, "spread": 1000 if cold else 0},
        "adversary": adversaries,
    }, folder=str(scenario.ADVERSARIES))


def _worker(parent):
    """A worker ends at once on Ctrl-C, and soon after whoever started it, however that ended."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def run_one(case):
    """One run in a process of its own; returns the case with its figures."""
    checked = scenario_of(**case)
    result = engine.run(checked)
    spread = [s for s in result["history"]["spread_raw"] if s is not None]
    return {**case, **{key: result[key] for key in _KEPT}, "spread": max(spread[-8:], default=0)}


def name_of(case):
    """A name under which the result of a run can be found again: all that decides it."""
    sources = [p for d in ("lib/lvs", "host_sim/adversaries", "host_sim/world")
               for p in sorted((scenario.HERE.parent / d).glob("*.py"))]
    digest = hashlib.sha256(json.dumps(case, sort_keys=True).encode())
    for path in sources:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Results:
    """Results in a file of JSON lines: a run that was stopped goes on from there."""

    def __init__(self, path):
        self.path = path
        self.rows = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self.rows[row["run"]] = row

    def add(self, name, row):
        """Keep a result, on disk at once."""
        self.rows[name] = {"run": name, **row}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as f:
            f.write(json.dumps(self.rows[name]) + "\n")


def _run(cases, results, workers):
    names = {name_of(case): case for case in cases}
    missing = {name: case for name, case in names.items() if name not in results.rows}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeRemainingColumn())
    with Progress(*columns, console=_ERRORS, disable=not _ERRORS.is_terminal) as bar:
        shown = bar.add_task("attack", total=len(names), completed=len(names) - len(missing))
        pool = ProcessPoolExecutor(workers, initializer=_worker, initargs=(os.getpid(),))
        try:
            futures = {pool.submit(run_one, case): name for name, case in missing.items()}
            for future in as_completed(futures):
                results.add(futures[future], future.result())
                bar.advance(shown)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return [results.rows[name] for name in names]


def summarise(rows):
    """{(topology, cold, strategy, share): figures over the seeds}."""
    groups = {}
    for row in rows:
        key = (row["topology"], row["cold"], row["strategy"], row["share"])
        groups.setdefault(key, []).append(row)
    return {
        key: {
            "seeds": len(group),
            "shift_mean": sum(r["settled_shift_mean"] for r in group) / len(group),
            "shift_worst": max((r["settled_shift_mean"] for r in group), key=abs),
            "spread_worst": max(r["spread"] for r in group),
            "node_worst": max(r["settled_shift_max"] for r in group),
            "violations": sum(r["budget_violations"] + r["negative_values"] for r in group),
        }
        for key, group in sorted(groups.items(), key=str)
    }


def table(summary, topology, cold, shares, figure="shift_worst"):
    """Rows of text for one topology: a figure of the worst seed, per strategy and share."""
    strategies = [s for s in STRATEGIES if any(
        k[:3] == (topology, cold, s) for k in summary)]
    rows = []
    for strategy in strategies:
        cells = []
        for share in shares:
            figures = summary.get((topology, cold, strategy, share))
            cells.append("%.4g" % figures[figure] if figures else "-")
        rows.append([strategy, *cells])
    return rows


def _markdown(rows, shares):
    head = ["strategy", *("%.0f %%" % (100 * share) for share in shares)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def document(summary, options, shares, words):
    """The text of docs/liars.md."""
    seeds = sorted({f["seeds"] for f in summary.values()})
    most = options["cycles"] // 64 * (VALUE >> 10)
    violations = sum(f["violations"] for f in summary.values())
    lines = [
        "# Liars",
        "",
        "What liars do to an established mesh, measured in the simulator. This file, the figures",
        "and the picture beside it are written by",
        "",
        "    " + words,
        "",
        "%d nodes (the liars among them), %d cycles of about a second, 20 %% loss, settled value"
        % (options["nodes"], options["cycles"]),
        "%d raw, %s seed%s a cell. Each cell is the mean shift of the honest nodes' settled value"
        % (VALUE, " to ".join(map(str, sorted({seeds[0], seeds[-1]}))),
           "" if seeds[-1] == 1 else "s"),
        "in raw, of the worst seed; 20 raw are 0.02 %, 100 raw are 0.1 %. The speed limit would",
        "allow %d raw in that time. Steps beyond the budget and negative values in all runs: %d."
        % (most, violations),
        "",
        "Strategies are the files of host_sim/adversaries; `mixed` is a third each of "
        + ", ".join(MIXED) + ".",
        "`sleeper` and `patient` are honest until cycle 300, to be trusted first. Nobody "
        "contributes here,",
        "so `forger` finds no rows to forge and is silent: tests/security/test_attacks.py has it.",
    ]
    for topology in TOPOLOGIES:
        for cold in (False, True):
            rows = table(summary, topology, cold, shares)
            if rows:
                lines += ["", "## %s, %s" % (topology, "cold: no history to defend" if cold
                                             else "established"), ""]
                lines += _markdown(rows, shares)
                lines += ["", "How far apart the honest nodes' settled values were at the end "
                          "(raw, worst seed):", ""]
                lines += _markdown(table(summary, topology, cold, shares, "spread_worst"), shares)
    lines += [
        "",
        "## Simpler rules against the same lies",
        "",
        "A model in %d rounds of one epoch each, without network or protocol (host_sim/"
        "baselines.py)." % baselines.ROUNDS,
        "`literal` is the specification word for word: apply every diff, average every packet.",
        "",
    ]
    rows = []
    for rule in baselines.RULES:
        for strategy in baselines.LIES:
            rows.append(["%s: %s" % (rule, strategy), *(
                str(baselines.shift(rule, strategy, share)) for share in shares)])
    return "\n".join(lines + _markdown(rows, shares)) + "\n"


def figures(summary, folder):
    """Write attack.csv and attack.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "attack.csv").open("w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        writer.writerow(["topology", "cold", "strategy", "share", "seeds", "shift_mean_raw",
                         "shift_worst_seed_raw", "worst_node_raw", "spread_raw", "violations"])
        for key, figure in summary.items():
            writer.writerow([*key, figure["seeds"], round(figure["shift_mean"], 3),
                             figure["shift_worst"], figure["node_worst"], figure["spread_worst"],
                             figure["violations"]])
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "lvs"  # the same figures, the same file
    from matplotlib import pyplot

    panels = sorted({key[:2] for key in summary})
    figure, axes = pyplot.subplots(len(panels), 1, figsize=(8, 4 * len(panels)), squeeze=False,
                                   layout="constrained")
    for (topology, cold), axis in zip(panels, axes[:, 0], strict=True):
        for strategy in STRATEGIES:
            points = [(k[3] * 100, abs(f["shift_worst"])) for k, f in summary.items()
                      if k[:3] == (topology, cold, strategy)]
            if points:
                axis.plot(*zip(*sorted(points), strict=True), marker="o", label=strategy)
        axis.axhline(VALUE * 0.0002, color="black", linestyle=":", linewidth=0.8)
        axis.set_yscale("symlog", linthresh=1)
        axis.set_title("%s, %s" % (topology, "cold" if cold else "established"))
        axis.set_xlabel("liars (%)")
        axis.set_ylabel("shift of the honest (raw)")
        axis.legend(fontsize="x-small", ncols=2)
    figure.savefig(folder / "attack.svg", metadata={"Date": None})
    pyplot.close(figure)


def _show(summary, shares):
    for topology, cold in sorted({key[:2] for key in summary}):
        shown = Table(title="%s, %s: mean shift of the honest (raw), worst seed" % (
            topology, "cold" if cold else "established"))
        shown.add_column("strategy")
        for share in shares:
            shown.add_column("%.0f %%" % (100 * share), justify="right")
        for row in table(summary, topology, cold, shares):
            shown.add_row(*row)
        _OUT.print(shown)


def _listed(text, known, option):
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise click.BadParameter("'%s'; there are %s" % (name, ", ".join(map(str, known))),
                                     param_hint=option)
    return names


@click.command("attack")
@click.option("--strategies", default=",".join(STRATEGIES), help="Some of them, by commas.")
@click.option("--shares", default=",".join("%g" % s for s in SHARES), show_default=True,
              help="Shares of liars, by commas.")
@click.option("--topologies", default="lan", show_default=True, help="lan, geometric, islands.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True,
              help="Runs of each cell, with seeds from 1 on.")
@click.option("--nodes", type=click.IntRange(3, 1000), default=100, show_default=True)
@click.option("--cycles", type=click.IntRange(64), default=1536, show_default=True)
@click.option("--cold", is_flag=True, help="Show a mesh without history, too: a few strategies.")
@click.option("--quick", is_flag=True, help="A small look: 20 nodes, 128 cycles, few cells.")
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, allow_dash=True),
              help="Write the figures to this file (- for standard output).")
@click.option("--docs", is_flag=True, help="Write docs/liars.md and docs/figures/attack.*.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path),
              default=Path("build/attack"), show_default=True, help="Folder for results.")
def command(strategies, shares, topologies, seeds, nodes, cycles, cold, quick, workers, json_path,
            docs, out):
    """Let every kind of liar attack a mesh, at every share, and measure the harm.

    Results that are in the folder already, of the same sources, are not computed again: a run that
    was stopped goes on where it was. Exit code: 0 no guarantee was broken, 1 a budget was exceeded
    or a value was negative, 2 bad input, 130 stopped.
    """
    chosen = _listed(strategies, STRATEGIES, "--strategies")
    places = _listed(topologies, TOPOLOGIES, "--topologies")
    try:
        parts = [float(s) for s in shares.split(",")]
        if not all(0 < s < 1 for s in parts):
            raise ValueError
    except ValueError:
        raise click.BadParameter("'%s'; must be numbers between 0 and 1" % shares,
                                 param_hint="--shares") from None
    if quick:
        chosen, parts = [s for s in chosen if s in ("drain", "sleeper", "splitter")], [0.2, 0.45]
        nodes, cycles, seeds = 20, 128, 1
    cases = [
        {"strategy": strategy, "share": share, "topology": topology, "seed": seed,
         "nodes": nodes, "cycles": cycles, "cold": is_cold}
        for seed in range(1, seeds + 1) for topology in places
        for is_cold in ((False, True) if cold else (False,))
        for strategy in chosen for share in parts if strategy in COLD or not is_cold]
    try:
        rows = _run(cases, Results(out / "results.jsonl"), workers)
    except (scenario.ScenarioError, engine.EngineError) as error:
        _ERRORS.print("error: %s" % error, markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        _ERRORS.print("stopped; the same command goes on from here")
        sys.exit(130)
    summary = summarise(rows)
    if json_path:
        text = json.dumps(rows, indent=2) + "\n"
        if json_path == "-":
            sys.stdout.write(text)
        else:
            Path(json_path).write_text(text, encoding="utf-8")
    if json_path != "-":
        _show(summary, parts)
    if docs:
        words = "lvs attack --docs --nodes %d --cycles %d --seeds %d --topologies %s%s" % (
            nodes, cycles, seeds, ",".join(places), " --cold" if cold else "")
        if chosen != list(STRATEGIES):
            words += " --strategies " + ",".join(chosen)
        if parts != list(SHARES):
            words += " --shares " + ",".join("%g" % s for s in parts)
        folder = Path("docs")
        figures(summary, folder / "figures")
        (folder / "liars.md").write_text(
            document(summary, {"nodes": nodes, "cycles": cycles}, parts, words), encoding="utf-8")
    sys.exit(int(any(f["violations"] for f in summary.values())))


if __name__ == "__main__":
    command()
