"""Runs a scenario on the interpreter that it names, with progress: what `lvs sim` calls."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lvs
from host_sim import interpreters, scenario
from host_sim.world import runner

_RUNNER = Path(runner.__file__)
_LIB = Path(lvs.__file__).parent.parent  # the same core for every engine
_HEAP = (256 << 20, 1 << 20)  # bytes for MicroPython: for the world, and for each node


class EngineError(Exception):
    """The interpreter is missing or the run broke down; the text says which and what to do."""


def run(checked, progress=None):
    """Run a scenario as `scenario.load` returned it; the result with `wall_s` and `memory_mb`.

    progress: called with the number of cycles done.  Raises EngineError.
    """
    plan = scenario.plan(checked)
    began = time.perf_counter()
    if checked["engine"] == "cpython":
        result = runner.run(plan, progress)
    else:
        result = _elsewhere(checked["engine"], plan, progress)
    result["wall_s"] = round(time.perf_counter() - began, 3)
    result["memory_mb"] = round(peak_mb(checked["engine"]), 1)
    return result


def peak_mb(engine):
    """The most memory (10**6 bytes) that this process ever had, or an interpreter of its."""
    who = resource.RUSAGE_SELF if engine == "cpython" else resource.RUSAGE_CHILDREN
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(who).ru_maxrss * unit / 1e6


def _elsewhere(name, plan, progress):
    """Run a plan in another interpreter, a process of its own."""
    heap = _HEAP[0] + _HEAP[1] * plan["nodes"]
    try:
        start = interpreters.command(name, heap)
    except interpreters.InterpreterMissing as error:
        raise EngineError(str(error)) from None
    if start is None:
        raise EngineError(interpreters.mend(name))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.json"
        path.write_text(json.dumps(plan), encoding="utf-8")
        arguments = [*start, str(_RUNNER), str(path), str(_LIB)]
        with subprocess.Popen(arguments, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", env=dict(os.environ)) as process:
            try:
                result, said = _follow(process.stdout, progress)
            except BaseException:
                process.kill()
                raise
        if process.returncode or result is None:
            raise EngineError("%s ended with %s:\n%s" % (
                name, process.returncode, "".join(said[-20:])))
    return result


def _follow(stream, progress):
    """Read the runner's lines; returns (result or None, lines that are not its own)."""
    result, said = None, []
    for line in stream:
        try:
            message = json.loads(line)
        except ValueError:
            said.append(line)
            continue
        if "result" in message:
            result = message["result"]
        elif progress and "cycle" in message:
            progress(message["cycle"])
    return result, said


def twice(checked, progress=None):
    """Run a scenario twice; returns (first result, True if both did the very same)."""
    first = run(checked, progress)
    second = run(checked, progress)
    return first, first["trace_hash"] == second["trace_hash"]

