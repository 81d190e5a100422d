"""What a mesh costs on the radio, and how soon news are everywhere: simulated."""

import math

from lvs_tools import interpreters
from lvs_tools.bench.table import Goal, Table, number
from lvs_tools.places import PACKAGE, PROTOCOL
from lvs_tools.sim import engine, scenario

TITLE = "Radio, simulated"
SOURCES = (PROTOCOL, PACKAGE / "world", __file__)
ALONE = False
PICTURES = ()
SETTLED, COLD = "settled", "cold"
_CYCLES = {"quick": 90, "usual": 300, "large": 3600}
_IDLE = 3  # times as long where nobody contributes: timers grow
_CALM = 120  # cycles at the end in which nobody contributes, so that all can be exact
_START = 100000  # raw
_ACTIVE = 12  # cycles until nodes that start with nothing are active


def missing():
    """It can be measured everywhere."""
    return ""


def cases(size):
    """The cases of a size: nodes, contributions a node and minute, loss, start, cycles."""
    sizes = {"quick": (10,), "usual": (10, 60, 300), "large": (10, 60, 300, 1000)}[size]
    found = []
    for nodes in sizes:
        rates = ((0, 0), (0, 0.3)) if size != "quick" else ((0, 0),)
        found += [_case(nodes, rate, loss, SETTLED, size) for rate, loss in rates]
        for rate in (1, 6) if size != "quick" and nodes < 1000 else (1,):
            for loss in (0, 0.3):
                starts = (SETTLED, COLD) if size != "quick" else (SETTLED,)
                found += [_case(nodes, rate, loss, start, size) for start in starts]
    return found


def _case(nodes, rate, loss, start, size):
    cycles = _CYCLES[size] * (1 if rate or size == "quick" else _IDLE)
    return {"nodes": nodes, "rate": rate, "loss": loss, "start": start, "cycles": cycles}


def name(row):
    """A case in words."""
    return "N=%d, %g a minute, %.0f %% loss, %s" % (
        row["nodes"],
        row["rate"],
        100 * row["loss"],
        row["start"],
    )


def fastest():
    """The engine of simulations: PyPy where it is."""
    try:
        return "pypy" if interpreters.command("pypy") else "cpython"
    except interpreters.InterpreterMissing:
        return "cpython"


def _work(case):
    """The tables of a scenario that say who contributes when, and from what start.

    In a cold mesh nobody does before nodes are active: a session that a node begins anew then is
    not followed. At even intervals they do, since a workload begins with the start.
    """
    if case["start"] == SETTLED:
        workload = {"contributions_per_minute": case["rate"], "until_cycle": case["cycles"]}
        return {"workload": workload, "start": {"value": _START, "established": True}}
    every = 60 // case["rate"]
    events = []
    for node in range(case["nodes"]):
        first = _ACTIVE + node * every // case["nodes"]
        event = {"at_cycle": first, "action": "contribute", "nodes": [node], "value": 1}
        times = max(1, (case["cycles"] - first) // every)
        events.append({**event, "every": every, "times": times})
    return {"workload": {"contributions_per_minute": 0}, "event": events}


def simulated(case, **more):
    """The result of a run in one broadcast cell. more: tables of the scenario."""
    return engine.run(
        scenario.check(
            {
                "nodes": case["nodes"],
                "cycles": case["cycles"] + case.get("calm", _CALM),
                "seed": case.get("seed", 1),
                "engine": fastest() if case["nodes"] > 12 else "cpython",
                "link": {"loss": case["loss"]},
                **_work(case),
                **more,
            },
            folder=".",
        )
    )


def busy_bytes(result, first, last):
    """Bytes that a node sends and receives in a minute, between two cycles."""
    history = result["history"]
    points = zip(history["cycles"], history["bytes_per_min"], strict=True)
    found = [count for cycle, count in points if first < cycle <= last]
    return round(sum(found) / len(found))


def run(case, folder):
    """The figures of one case."""
    result = simulated(case)
    warm = case["cycles"] // 2 if case["start"] == SETTLED else 0
    return {
        **case,
        "bytes": busy_bytes(result, warm, case["cycles"]),
        "reach": result["reach_cycles"],
        "exact": result["exact"],
    }


def tables(rows):
    """What is shown of them."""
    head = [
        *("nodes", "a minute", "loss", "start", "bytes a node and minute"),
        *("p50", "p99", "most", "exact"),
    ]
    shown = []
    for row in rows:
        reach = row["reach"]
        shown.append(
            [
                str(row["nodes"]),
                "%g" % row["rate"] if row["rate"] else "idle",
                "%.0f %%" % (100 * row["loss"]),
                row["start"],
                number(row["bytes"]),
                *(number(reach[key]) for key in ("p50", "p99", "max")),
                "yes" if row["exact"] else "**no**",
            ]
        )
    return [
        Table(
            "Bytes, and reach in cycles of a second",
            "lvs bench --only radio",
            head,
            shown,
            [
                "Bytes are sent and received, with the headers of UDP and IP. Reach: cycles until"
                " 99 % of the nodes count a contribution, rounded up. Settled: the second half of"
                " as long a time. Cold: the first"
                f" {min(row['cycles'] for row in rows) / 60:g} minutes"
                " after all were switched on with nothing.",
            ],
        )
    ]


def bound(nodes):
    """Goal of reach in cycles: half as much again as pushing news needs at least."""
    return 1.5 * (math.log2(nodes) + math.log(nodes))


def goals(rows):
    """What was to be reached (issue: 300 nodes below 25 KB a minute within the push bound)."""
    for row in rows:
        if row["rate"] == 0:
            most = 300 if row["nodes"] <= 300 else 1000
            met = row["bytes"] < most
            yield Goal(
                "idle: " + name(row),
                f"{number(row['bytes'])} B",
                f"below {most} B",
                met,
                "an EP that differs (a cycle off, rows at rest) sets timers back",
            )
        elif row["nodes"] >= 300:
            yield from _loaded(row)


def _loaded(row):
    most = 25000 if row["nodes"] == 300 else 50000
    yield Goal(
        "bytes: " + name(row),
        f"{number(row['bytes'])} B",
        f"below {number(most)} B",
        row["bytes"] < most,
        "each of %s contributions heard in a minute is a frame of its own, and rows of others ride"
        " along" % number(row["nodes"] * row["rate"]),
    )
    p99, goal = row["reach"]["p99"], bound(row["nodes"])
    yield Goal(
        "reach, p99: " + name(row),
        f"{number(p99)} cycles",
        f"at most {goal:.0f}",
        p99 is not None and p99 <= goal,
        "replies and rumours fill the frames of a cold mesh"
        if row["start"] == COLD
        else "what was lost is told again by digests, when the timers of an idle mesh have grown",
    )


def draw(rows, folder):
    """No picture: tables say it."""
