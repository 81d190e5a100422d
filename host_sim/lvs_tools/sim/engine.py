"""Runs a scenario on the interpreter that it names, with progress: what `lvs sim` calls."""

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

import lvs
from lvs_tools import interpreters
from lvs_tools.sim import scenario
from lvs_tools.world import runner

OPTION = click.option(
    "--engine",
    "engine_name",
    type=click.Choice(scenario.ENGINES),
    default="cpython",
    show_default=True,
    help="pypy is the fastest; the results are the same.",
)

_RUNNER = Path(runner.__file__)
_LIB = Path(lvs.__file__).parent.parent  # the same core for every engine
_HEAP = (256 << 20, 1 << 20)  # bytes for MicroPython: for the world, and for each node


# A large nursery: a simulated attack took 12.7 s in place of 21.2, steady traffic as long.
TUNING = {"PYPY_GC_NURSERY": "48M"}


def heap(plan):
    """Bytes of heap that MicroPython needs for a plan."""
    return _HEAP[0] + _HEAP[1] * plan["nodes"]


class EngineError(Exception):
    """The interpreter is missing or the run broke down; the text says which and what to do."""


def run(checked, progress=None, *, stay=False):
    """Run a scenario as `scenario.load` returned it; the result with `wall_s` and `memory_mb`.

    progress: called with the number of cycles done; stay: let PyPy go on after the run and take
    the next of this process, too, for its compiler is warm then (no `memory_mb`).  Raises
    EngineError.
    """
    plan = scenario.plan(checked)
    name = checked["engine"]
    began = time.perf_counter()
    if name == "cpython":
        result = runner.run(plan, progress)
    elif name == "pypy" and stay:
        other = _staying.pop(name, None) or _Interpreter(name, plan)
        result = other.run(plan, progress)
        _staying[name] = other  # unless the run failed: then the next one begins anew
    else:
        other = _Interpreter(name, plan)
        try:
            result = other.run(plan, progress)
        finally:
            other.close()
    result["wall_s"] = round(time.perf_counter() - began, 3)
    if not stay:
        result["memory_mb"] = round(peak_mb(name), 1)
    return result


def peak_mb(engine):
    """The most memory (10**6 bytes) that this process ever had, or an interpreter of its."""
    who = resource.RUSAGE_SELF if engine == "cpython" else resource.RUSAGE_CHILDREN
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(who).ru_maxrss * unit / 1e6


_staying = {}  # name: _Interpreter


class _Interpreter:
    """Another interpreter, a process of its own that runs one plan after the other.

    plan: the first of them, for its size.
    """

    def __init__(self, name, plan):
        try:
            start = interpreters.command(name, heap(plan))
        except interpreters.InterpreterMissing as error:
            raise EngineError(str(error)) from None
        if start is None:
            raise EngineError(interpreters.mend(name))
        self._name = name
        self._process = subprocess.Popen(
            [*start, str(_RUNNER), str(_LIB)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**TUNING, **os.environ},
        )

    def run(self, plan, progress):
        """The result of a plan."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "plan.json"
            path.write_text(json.dumps(plan), encoding="utf-8")
            try:
                with contextlib.suppress(BrokenPipeError):
                    print(path, file=self._process.stdin, flush=True)
                result, said = _follow(self._process.stdout, progress)
            except BaseException:
                self._process.kill()
                raise
        if result is None:
            raise EngineError(
                "%s ended with %s:\n%s" % (self._name, self._process.wait(), "".join(said[-20:]))
            )
        return result

    def close(self):
        """It ends."""
        assert self._process.stdin and self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def _follow(stream, progress):
    """Read the runner's lines; returns (result or None, lines that are not its own)."""
    said = []
    for line in stream:
        try:
            message = json.loads(line)
        except ValueError:
            said.append(line)
            continue
        if "result" in message:
            return message["result"], said
        if progress and "cycle" in message:
            progress(message["cycle"])
    return None, said


def twice(checked, progress=None):
    """Run a scenario twice; returns (first result, True if both did the very same)."""
    first = run(checked, progress)
    second = run(checked, progress)
    return first, first["trace_hash"] == second["trace_hash"]
