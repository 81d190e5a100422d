"""`lvs swarm`: many random worlds; in the calm after the faults each must become exact."""

import multiprocessing
import re
import signal
import sys
import time
import traceback
from pathlib import Path

import click
from rich.console import Console
from rich.progress import TextColumn

from lvs.config_check import NUMBERS
from lvs_tools import options
from lvs_tools.sim import engine, scenario
from lvs_tools.sim.swarm import random_world
from lvs_tools.sim.swarm.shrink import shrink

_YEAR = 365.25 * 86400
_OUT = Console()


def faults_of(result, max_allowed_shift):
    """What is wrong with a world's result: a list of texts, empty when all promises held.

    Liars may move a value, within the budgets; exactness is promised without them.
    """
    wrong = [] if result["liars"] else list(result["why"])
    faults = result["faults"]
    if result["lost_old_raw"] and not (result["liars"] or faults.get("leave", faults.get("wipe"))):
        wrong.append("%d raw lost that journals should have" % result["lost_old_raw"])
    if result["negative_values"]:
        wrong.append("%d negative values" % result["negative_values"])
    if result["budget_violations"]:
        wrong.append("%d moves beyond the budget of an epoch" % result["budget_violations"])
    if result["max_step"] >= max_allowed_shift:
        wrong.append(
            "a step of %d raw, max_allowed_shift is %d" % (result["max_step"], max_allowed_shift)
        )
    return wrong


def judge(data, on="cpython"):
    """Run one scenario dict; returns (list of what is wrong, result or None). on: the engine.

    Raises ScenarioError for one that cannot be run.
    """
    checked = scenario.check({**data, "engine": on})
    allowed = scenario.plan(checked)["config"].get(
        "max_allowed_shift", NUMBERS["max_allowed_shift"][0]
    )
    try:
        result = engine.run(checked, stay=True)
    except Exception:
        return [traceback.format_exc(limit=-6)], None
    del result["history"]
    wrong = faults_of(result, allowed)
    if result["lost_raw"] and data["workload"].get("durable"):
        wrong.append("%d raw lost that were durable" % result["lost_raw"])
    return wrong, result


def run_seed(task):
    """Draw and run the world of one seed; a dict that a worker process can send."""
    seed, most_nodes, shrink_seconds, on = task
    data = random_world.draw(seed, most_nodes)
    wrong, result = judge(data, on)
    report = {
        "seed": seed,
        "wrong": wrong,
        "nodes": data["nodes"],
        "cycles": data["cycles"],
        "faults": result["faults"] if result else {},
        "trace_hash": result["trace_hash"] if result else None,
    }
    if wrong and shrink_seconds:
        report["shrunk"] = shrink(data, fails, shrink_seconds)
    return report


def fails(data):
    """True if a scenario dict can be run and breaks a promise."""
    try:
        return bool(judge(data)[0])
    except scenario.ScenarioError:
        return False


def _pool(workers):
    """Processes that leave Ctrl-C to their parent, which ends them: from before they begin, or it
    would meet them while they import."""
    heeded = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return multiprocessing.get_context("spawn").Pool(workers)
    finally:
        signal.signal(signal.SIGINT, heeded)


class _Sum:
    """What the swarm has done so far."""

    def __init__(self):
        self.seeds = 0
        self.node_seconds = 0
        self.faults = {}
        self.failed = []

    def add(self, report):
        self.seeds += 1
        self.node_seconds += report["nodes"] * report["cycles"]
        for name, count in report["faults"].items():
            self.faults[name] = self.faults.get(name, 0) + count
        if report["wrong"]:
            self.failed.append(report)

    def result(self, wall_s):
        """The keys of --json."""
        return {
            "seeds": self.seeds,
            "failed": [{k: r[k] for k in ("seed", "wrong")} for r in self.failed],
            "node_years": round(self.node_seconds / _YEAR, 6),
            "node_seconds_per_s": round(self.node_seconds / max(wall_s, 1e-6), 1),
            "faults": dict(sorted(self.faults.items())),
            "wall_s": round(wall_s, 1),
        }


def _seeds(text):
    found = re.fullmatch(r"(\d{1,18})(?:\.\.(\d{1,18}))?", text)
    if not found or found.group(2) and int(found.group(2)) < int(found.group(1)):
        raise click.BadParameter("%s: must be a number or a range such as 1..200" % text)
    first = int(found.group(1))
    return range(first, int(found.group(2) or first) + 1)


def _tell(report, most_nodes, folder):
    """Print a failed seed: what is wrong, how to replay it, and its shrunk scenario."""
    _OUT.print("[red]seed %d fails[/]" % report["seed"])
    for text in report["wrong"]:
        _OUT.print("  " + text, markup=False, highlight=False)
    _OUT.print(
        "  replay: lvs swarm --seeds %d --most-nodes %d --no-shrink"
        % (report["seed"], most_nodes),
        markup=False,
        highlight=False,
    )
    if "shrunk" in report:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / ("swarm-%d.toml" % report["seed"])
        path.write_text(random_world.to_toml(report["shrunk"]), encoding="utf-8")
        _OUT.print(
            "  shrunk to %d nodes and %d events: lvs sim %s"
            % (report["shrunk"]["nodes"], len(report["shrunk"]["event"]), path),
            markup=False,
            highlight=False,
        )


def _run(seeds, minutes, most_nodes, shrink_seconds, on, workers, folder, total):
    """Run the seeds on worker processes until done or out of time. on: the engine."""
    end = time.monotonic() + minutes * 60 if minutes else None
    tasks = (
        (seed, most_nodes, shrink_seconds, on)
        for seed in seeds
        if end is None or time.monotonic() < end
    )
    with (
        options.progress(TextColumn("{task.fields[done]}")) as bar,
        _pool(workers) as pool,
    ):
        shown = bar.add_task("swarm", total=len(seeds), done="")
        # A few at a time, so that a time limit is noticed before the next ones begin.
        for report in _few_at_a_time(pool, tasks, workers):
            total.add(report)
            bar.update(
                shown,
                completed=total.seeds,
                done="%d seeds, %d failed, %.3f node-years"
                % (total.seeds, len(total.failed), total.node_seconds / _YEAR),
            )
            if report["wrong"]:
                _tell(report, most_nodes, folder)


def _few_at_a_time(pool, tasks, workers):
    waiting = []
    for task in tasks:
        waiting.append(pool.apply_async(run_seed, (task,)))
        if len(waiting) > workers:
            yield waiting.pop(0).get()
    for result in waiting:
        yield result.get()


@click.command("swarm")
@click.option(
    "--seeds",
    default="1..200",
    show_default=True,
    metavar="A..B",
    help="Seeds to run, or one seed.",
)
@click.option(
    "--minutes",
    type=options.Number(min=0),
    default=0,
    help="Begin no new world after so many minutes (0: run all seeds).",
)
@click.option(
    "--most-nodes",
    type=click.IntRange(3, 2000),
    default=60,
    show_default=True,
    help="Size of the largest worlds.",
)
@options.WORKERS
@click.option(
    "--shrink/--no-shrink",
    "shrinking",
    default=True,
    help="Look for a smaller world that fails as well.",
)
@click.option(
    "--shrink-seconds",
    type=options.Number(min=0),
    default=60,
    show_default=True,
    help="How long to look, for each failing seed.",
)
@engine.OPTION
@click.option(
    "--out",
    type=options.OutputFolder(),
    default=Path("build/swarm"),
    show_default=True,
    help="Where shrunk worlds go.",
)
@options.JSON
def command(
    seeds, minutes, most_nodes, workers, shrinking, shrink_seconds, engine_name, out, json_path
):
    """Run random worlds, each with faults of its own, and check what the protocol promises.

    Each ends with a calm phase in which the mesh must become exact; budgets, bounds and signs
    are checked all the time.

    \b
    Examples:
      lvs swarm --seeds 1..20                     # a minute or two
      lvs swarm --seeds 1..100000 --minutes 30
      lvs swarm --seeds 4711 --no-shrink          # one of them again
    """
    chosen = _seeds(seeds)
    total = _Sum()
    began = time.perf_counter()
    stopped = False
    try:
        _run(
            chosen,
            minutes,
            most_nodes,
            shrink_seconds if shrinking else 0,
            engine_name,
            min(workers, len(chosen)),
            out,
            total,
        )
    except KeyboardInterrupt:
        stopped = True
    result = total.result(time.perf_counter() - began)
    if options.write_json(json_path, result):
        _OUT.print(
            "%s, %s failed; %.4f node-years in %.0f s (%.0f node-seconds a second)"
            % (
                options.number(result["seeds"], "world", "worlds"),
                len(result["failed"]) or "none",
                result["node_years"],
                result["wall_s"],
                result["node_seconds_per_s"],
            ),
            highlight=False,
        )
        _OUT.print(
            "faults injected: "
            + (
                ", ".join("%d %s" % (n, name) for name, n in result["faults"].items() if n)
                or "none"
            ),
            highlight=False,
        )
    sys.exit(130 if stopped else int(bool(result["failed"])))


if __name__ == "__main__":
    command()
