"""How fast the simulator is on each interpreter, by processor time."""

from lvs_tools import interpreters
from lvs_tools.bench.table import Goal, Table, number
from lvs_tools.places import PACKAGE, PROTOCOL
from lvs_tools.sim import bench

TITLE = "Simulator"
SOURCES = (PROTOCOL, PACKAGE / "world", PACKAGE / "sim" / "bench.py", __file__)
ALONE = True
PICTURES = ()
_ENGINES = {"cpython": "CPython", "pypy": "PyPy", "micropython": "MicroPython"}
_CYCLES = {12: 600, 20: 1200, 60: 200, 300: 120}
_TIMES = 40  # goal: times real time, of 300 nodes on PyPy
_DAY = 86400 * 20 / 600  # goal: node-seconds a second, a day of 20 nodes in ten minutes


def missing():
    """Which interpreters are not here, in one line, or ""."""
    gone = [name for name in _ENGINES if interpreters.command(name) is None]
    return "; ".join(interpreters.mend(name) for name in gone)


def cases(size):
    """The cases of a size."""
    sizes = (12,) if size == "quick" else (12, 20, 60, 300)
    return [
        {"nodes": nodes, "engine": name, "cycles": _cycles(nodes, size)}
        for nodes in sizes
        for name in _ENGINES
        if interpreters.command(name) is not None
    ]


def _cycles(nodes, size):
    return 60 if size == "quick" else _CYCLES[nodes] * (5 if size == "large" else 1)


def run(case, folder):
    """The figures of one case."""
    settings = [f"{key}={case[key]}" for key in ("nodes", "engine", "cycles")]
    found = bench.measure(("", ("g6_traffic", settings)))
    kept = ("cpu_s", "times_real_time", "node_seconds_per_s", "memory_kb_per_node")
    return {**case, **{key: found[key] for key in kept}}


def tables(rows):
    """What is shown of them."""
    sizes = sorted({row["nodes"] for row in rows})
    speed = {(row["nodes"], row["engine"]): row["node_seconds_per_s"] for row in rows}
    lines = [
        [text, *(number(speed.get((nodes, name))) for nodes in sizes)]
        for name, text in _ENGINES.items()
    ]
    head = ["node-seconds a processor second", *(f"N={nodes}" for nodes in sizes)]
    notes = ["Traffic of a contribution a node and minute at 10 % loss; the start is counted."]
    return [Table("Speed", "lvs bench --only simulator", head, lines, notes)]


def goals(rows):
    """What was to be reached, of PyPy."""
    for row in rows:
        if row["engine"] == "pypy" and row["nodes"] == 300:
            found = row["times_real_time"]
            yield Goal(
                "simulator: 300 nodes in traffic on PyPy",
                f"{found:g} x real time",
                f"at least {_TIMES} x",
                found >= _TIMES,
                "nine tenths of the time are the nodes' own: each handles each row that it hears",
            )
        if row["engine"] == "pypy" and row["nodes"] == 20:
            speed = row["node_seconds_per_s"]
            yield Goal(
                "simulator: a day of 20 nodes on PyPy",
                f"{86400 * 20 / speed / 60:.1f} minutes",
                "10 minutes",
                speed >= _DAY,
                "a run this short is compiled while it runs",
            )


def draw(rows, folder):
    """No picture: tables say it."""
