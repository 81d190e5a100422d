"""Runs scenarios from many seeds, on several processes, and says which went wrong."""

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lvs_tools.sim import engine
from lvs_tools.sim.workers import end_with


def tell(results, seconds, as_json):
    """Print what was found: {name: {seed: what is wrong}}; returns the exit code."""
    bad = {
        name: {seed: why for seed, why in runs.items() if why} for name, runs in results.items()
    }
    if as_json:
        print(
            json.dumps(
                {name: {"runs": len(runs), "wrong": bad[name]} for name, runs in results.items()},
                indent=1,
            )
        )
    else:
        for name, runs in results.items():
            print("%-26s %3d of %d seeds exact" % (name, len(runs) - len(bad[name]), len(runs)))
            for seed, why in sorted(bad[name].items()):
                print("    seed %d: %s" % (seed, why))
        print("%.0f s" % seconds)
    return int(any(bad.values()))


def campaign(once, names, seeds, about, argv=None):
    """Run scenarios and print what came of it; returns the exit code. Ctrl-C ends it early.

    once: (name, seed, engine) -> what is wrong, a text, "" if nothing is; seeds: runs of each by
    default; about: a line for --help; argv: the command line's arguments.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--seeds", type=int, default=seeds, help="runs of each, from seed 1")
    parser.add_argument("--only", action="append", choices=names, help="this scenario")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--engine", default="cpython", help="what runs the nodes; pypy is fastest")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    options = parser.parse_args(argv)
    names = options.only or names
    results = {name: {} for name in names}
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    began = time.monotonic()
    code = 0
    workers = {"initializer": end_with, "initargs": (os.getpid(),)}
    with (
        ProcessPoolExecutor(options.jobs, **workers) as pool,
        Progress(*columns, console=console, disable=not console.is_terminal) as bar,
    ):
        tasks = {name: bar.add_task(name, total=options.seeds) for name in names}
        waiting = {
            pool.submit(once, name, seed, options.engine): (name, seed)
            for name in names
            for seed in range(1, options.seeds + 1)
        }
        try:
            for done in as_completed(waiting):
                name, seed = waiting[done]
                results[name][seed] = done.result()
                bar.advance(tasks[name])
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            print("interrupted", file=sys.stderr)
            code = 130
        except engine.EngineError as error:
            pool.shutdown(wait=False, cancel_futures=True)
            print("%s" % error, file=sys.stderr)
            return 2
    return tell(results, time.monotonic() - began, options.json) or code
