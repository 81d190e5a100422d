"""How traffic, memory and convergence grow with the number of nodes, and islands joined by few."""

import math

from lvs import Config, capacity
from lvs_tools.bench import page, radio
from lvs_tools.bench.table import Table, number
from lvs_tools.places import PACKAGE, PROTOCOL
from lvs_tools.plan import fit
from lvs_tools.sim import engine, scenario

TITLE = "Scale"
SOURCES = (
    *(PROTOCOL, PACKAGE / "world", PACKAGE / "plan" / "fit.py", __file__),
    PACKAGE / "bench" / "radio.py",
)
ALONE = False
_PICTURE = "bench-scale.svg"
PICTURES = ((_PICTURE, "Traffic, heap and reach against the number of nodes"),)
_SIZES = {
    "quick": (6, 12),
    "usual": (10, 30, 100, 300, 1000),
    "large": (10, 30, 100, 300, 1000, 3000, 10000),
}
_ISLANDS = ((60, 3), (60, 10), (300, 3), (300, 10))
_SPREAD = 1000  # raw, by which nodes disagree at first
_CALM = 600  # cycles that islands have to become equal after the last contribution
_LONG = {"quick": 60, "usual": 240, "large": 240}
_BIG = 1000  # nodes from which on a run is half as long


def missing():
    """It can be measured everywhere."""
    return ""


def cases(size):
    """The cases of a size."""
    found = []
    for nodes in _SIZES[size]:
        cycles = _LONG[size] // (2 if nodes >= _BIG else 1)
        found.append({"what": "cell", "nodes": nodes, "cycles": cycles})
    for nodes, islands in _ISLANDS if size != "quick" else ((12, 3),):
        case = {"what": "islands", "nodes": nodes, "islands": islands, "cycles": _LONG[size]}
        found.append({**case, "calm": _CALM})
    return found


def run(case, folder):
    """The figures of one case."""
    world = {**case, "rate": 1, "loss": 0, "start": radio.SETTLED}
    if case["what"] == "islands":
        result = radio.simulated(world, topology=_islands(case))
        return {**case, **_traffic(result, case)}
    calm = radio.simulated({**world, "rate": 0})
    config = Config({"channels": ["c"], "nodes": case["nodes"]})
    return {
        **case,
        **_traffic(radio.simulated(world), case),
        "idle": radio.busy_bytes(calm, case["cycles"] // 2, case["cycles"]),
        "agreed": _agreement(case["nodes"]),
        "rows": capacity.needed(config),
        "heap": fit.heap(config, capacity.needed(config)),
        "planned": fit.mesh(config, 1, fit.ONE)["kb_per_min"] * 1000,
    }


def _islands(case):
    return {"kind": "islands", "islands": case["islands"], "degree": 2}


def _traffic(result, case):
    return {
        "bytes": radio.busy_bytes(result, case["cycles"] // 2, case["cycles"]),
        "reach": result["reach_cycles"],
        "exact": result["exact"],
    }


def _agreement(nodes):
    """Cycles until nodes that disagree hold the same, to the bit; None if they did not."""
    result = engine.run(
        scenario.check(
            {
                "nodes": nodes,
                "cycles": 90,
                "engine": radio.fastest(),
                "workload": {"contributions_per_minute": 0},
                "start": {"value": 100000, "spread": _SPREAD},
            },
            folder=".",
        )
    )
    return result["cycles_to_exact"]


def exponent(points):
    """b of the line a * x**b through points (least squares of logarithms); None of fewer than two
    points."""
    logs = [(math.log(x), math.log(y)) for x, y in points if y]
    if len(logs) < 2:
        return None
    mean_x = sum(x for x, _ in logs) / len(logs)
    mean_y = sum(y for _, y in logs) / len(logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum(
        (x - mean_x) ** 2 for x, _ in logs
    )


# what grows: in words, and its figure of a row
_GROWING = {
    "idle": ("idle bytes a node and minute", lambda row: row["idle"]),
    "bytes": ("bytes a node and minute, 1 contribution", lambda row: row["bytes"]),
    "p99": ("reach, p99, cycles", lambda row: row["reach"]["p99"]),
    "agreed": ("cycles until all agree to the bit", lambda row: row["agreed"]),
    "rows": ("rows", lambda row: row["rows"]),
    "heap": ("heap of a node, bytes", lambda row: row["heap"]),
}


def _cells(rows):
    return sorted((row for row in rows if row["what"] == "cell"), key=lambda row: row["nodes"])


def tables(rows):
    """What is shown of them."""
    cells = _cells(rows)
    lines = []
    for text, figure in _GROWING.values():
        grows = exponent([(row["nodes"], figure(row)) for row in cells])
        shown = "-" if grows is None else f"N^{grows:.2f}"
        lines.append([text, *(number(figure(row)) for row in cells), shown])
    lines.append(["exact", *("yes" if row["exact"] else "**no**" for row in cells), ""])
    planned = [number(row["planned"]) for row in cells]
    lines.append(["bytes that `lvs plan` reckons with", *planned, ""])
    head = ["one broadcast cell", *(f"N={row['nodes']}" for row in cells), "grows as"]
    command = "lvs bench --only scale"
    found = [
        Table(
            "Against the number of nodes",
            command,
            head,
            lines,
            [
                "Nothing is lost; a board's governor stops at 50 KB a minute: where `lvs plan`"
                " reckons with more, it says so, and what waits for the governor is told late."
                " Heap by the measured sizes of tables (`lvs plan`), one channel. 3,000 and 10,000"
                " nodes take hours: `lvs bench --large --only scale`.",
            ],
        )
    ]
    islands = [row for row in rows if row["what"] == "islands"]
    if islands:
        found.append(_islands_table(islands, command))
    return found


def _islands_table(rows, command):
    head = ["nodes", "islands", "bytes a node and minute", "p50", "p99", "most", "exact"]
    lines = [
        [
            *(str(row["nodes"]), str(row["islands"]), number(row["bytes"])),
            *(number(row["reach"][key]) for key in ("p50", "p99", "max")),
            "yes" if row["exact"] else "**no**",
        ]
        for row in rows
    ]
    title = "Islands, each joined to the next by two nodes"
    note = f"Reach in cycles of a second; exact: {_CALM} cycles after the last contribution."
    return Table(title, command, head, lines, [note])


def goals(rows):
    """The goals stand at the simulated radio."""
    return ()


def draw(rows, folder):
    """Draw what grows."""
    cells = _cells(rows)
    curves = {}
    for key in ("bytes", "idle", "heap", "p99", "agreed"):
        text, figure = _GROWING[key]
        points = [(row["nodes"], figure(row)) for row in cells if figure(row)]
        if points:
            curves[text] = points
    page.picture(folder / _PICTURE, "What grows with the number of nodes", curves, "nodes", "")
