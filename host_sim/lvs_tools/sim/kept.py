"""Results that are kept on disk as they come, and reused while what decides them is the same."""

import ast
import hashlib
import json
import os
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait

from lvs_tools import options
from lvs_tools.sim.workers import end_with

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def checksum(places):
    """A checksum of the code of folders and files: not of comments and docstrings."""
    digest = hashlib.sha256()
    for place in places:
        for path in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            code = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(code):
                if isinstance(node, _DOCUMENTED) and ast.get_docstring(node):
                    del node.body[0]
            digest.update(ast.dump(code).encode())
    return digest.hexdigest()[:16]


class Results:
    """Results in a file of JSON lines: a run that was stopped goes on from there.

    sources: the checksum of what decides them; stale: take those of other sources, too.
    """

    def __init__(self, path, sources, stale=False):
        self.path = path
        self.sources = sources
        self._rows = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = _row(line)
                known = row and self._rows.get(row["run"])
                if row and (
                    row["sources"] == self.sources
                    or stale
                    and not (known and known["sources"] == self.sources)
                ):
                    self._rows[row["run"]] = row

    @staticmethod
    def _name(case):
        return hashlib.sha256(json.dumps(case, sort_keys=True).encode()).hexdigest()[:16]

    def get(self, case):
        """The row of a case, or None."""
        return self._rows.get(self._name(case))

    def add(self, case, row):
        """Keep a result, on disk at once."""
        name = self._name(case)
        self._rows[name] = {"run": name, "sources": self.sources, **row}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as f:
            f.write(json.dumps(self._rows[name]) + "\n")


def _row(line):
    """A kept line, or None of one that was cut off when a disk was full."""
    try:
        row = json.loads(line)
        return row if {"run", "sources"} <= row.keys() else None
    except (ValueError, AttributeError):
        return None


def fill(title, cases, results, workers, minutes, run_one, *given):
    """Run ``run_one(case, *given)`` for what is missing, in this order, with a progress bar; after
    so many minutes nothing more is begun. Returns the rows that are there."""
    missing = [case for case in cases if results.get(case) is None]
    end = time.monotonic() + 60 * minutes if minutes is not None else None
    with options.counting() as bar:
        shown = bar.add_task(title, total=len(cases), completed=len(cases) - len(missing))
        pool = ProcessPoolExecutor(workers, initializer=end_with, initargs=(os.getpid(),))
        running = {}
        try:
            while missing or running:
                while missing and len(running) < workers:
                    if end is not None and time.monotonic() >= end:
                        missing = []
                        break
                    case = missing.pop(0)
                    running[pool.submit(run_one, case, *given)] = case
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    results.add(running.pop(future), future.result())
                    bar.advance(shown)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return [row for row in map(results.get, cases) if row]
