"""How fast the simulator is, and where its time goes: `python -m lvs_tools.sim.bench`.

Each case runs in a process of its own and is timed by its processor time, so that a busy machine
does not count.  The account of the time is cProfile's, summed over modules.
"""

import cProfile
import multiprocessing
import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from lvs_tools import options
from lvs_tools.sim import engine, scenario

# name: (scenario, settings); what is promised is steady traffic among 300
CASES = {
    "12 nodes": ("g6_traffic", ["nodes=12", "cycles=600"]),
    "60 nodes": ("g6_traffic", ["nodes=60", "cycles=200"]),
    "300 nodes": ("g6_traffic", ["cycles=120"]),
    "300 nodes, MicroPython": ("g6_traffic", ["cycles=60", "engine=micropython"]),
}
LARGE = {"10000 nodes": ("g5_agreement", ["nodes=10000", "link.loss=0"])}


def _cpu_s():
    """Processor time of this process and of those that it waited for: other interpreters."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measure(case):
    """Run one case; returns its figures."""
    name, (path, settings) = case
    checked = scenario.load(path, settings)
    before = engine.peak_mb("cpython") if checked["engine"] == "cpython" else 0
    began = _cpu_s()
    result = engine.run(checked)
    cpu = _cpu_s() - began
    node_seconds = result["nodes"] * result["simulated_s"]
    return {
        "case": name,
        "engine": checked["engine"],
        "nodes": result["nodes"],
        "cycles": result["cycles"],
        "cpu_s": round(cpu, 2),
        "wall_s": result["wall_s"],
        "times_real_time": round(result["simulated_s"] / cpu, 1),
        "node_seconds_per_s": round(node_seconds / cpu),
        "memory_kb_per_node": round((result["memory_mb"] - before) * 1000 / result["nodes"]),
        "cycles_to_within_2": result["cycles_to_within_2"],
        "exact": result["exact"],
    }


def shares(case):
    """Profile one case; returns [(module, share of the time in per cent)], the largest first."""
    _, (path, settings) = case
    checked = scenario.load(path, settings)
    profile = cProfile.Profile()
    profile.enable()
    engine.run(checked)
    profile.disable()
    by_module = {}
    for entry in profile.getstats():
        file = "" if isinstance(entry.code, str) else entry.code.co_filename
        module = Path(file).stem if file.endswith(".py") else "built-in functions"
        by_module[module] = by_module.get(module, 0) + entry.inlinetime
    total = sum(by_module.values())
    ordered = sorted(by_module.items(), key=lambda item: -item[1])
    return [(module, 100 * own / total) for module, own in ordered]


@click.command()
@click.option("--large", is_flag=True, help="Also 10,000 nodes (several minutes).")
@options.JSON
def command(large, json_path):
    """Measure simulated node-seconds a second, and say where the time goes."""
    cases = dict(CASES, **LARGE) if large else CASES
    context = multiprocessing.get_context("spawn")
    table = Table()
    for title in ("case", "x real time", "node-seconds a second", "KB a node", "processor s"):
        table.add_column(title, justify="left" if title == "case" else "right")
    figures = []
    try:
        for case in cases.items():
            with context.Pool(1) as pool:
                figures.append(pool.apply(measure, (case,)))
            f = figures[-1]
            table.add_row(
                f["case"],
                str(f["times_real_time"]),
                str(f["node_seconds_per_s"]),
                str(f["memory_kb_per_node"]),
                str(f["cpu_s"]),
            )
        with context.Pool(1) as pool:
            account = pool.apply(shares, (("", ("g6_traffic", ["cycles=30"])),))
    except KeyboardInterrupt:
        sys.exit(130)
    except (scenario.ScenarioError, engine.EngineError) as error:
        options.fail(error, 2)
    if options.write_json(json_path, {"cases": figures, "shares": dict(account)}):
        console = Console()
        console.print(table)
        console.print(
            "where the time goes among 300: "
            + ", ".join("%s %.0f %%" % item for item in account if item[1] >= 2),
            highlight=False,
        )


if __name__ == "__main__":
    command()
