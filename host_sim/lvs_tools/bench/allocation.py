"""What a node allocates, call by call, in 32-bit objects as on boards."""

import json

from lvs_tools import interpreters
from lvs_tools.bench import played, tape
from lvs_tools.bench.table import Goal, Table, number

TITLE = "Allocation"
SOURCES = (*played.SOURCES, __file__)
ALONE = False
PICTURES = ()
_HEAP = 2 << 20  # bytes: a larger one takes longer to count
_ZERO = ("EP sent", "SDM sent", "idle tick", "cycle")  # goal: these allocate nothing
_WHY = {
    "EP sent": "a view of the buffer for `sendto`, where the last frame had another length",
    "SDM sent": "a view of the buffer for `sendto`, where the last frame had another length",
}


def missing():
    """Why it cannot be measured here, in one line, or ""."""
    return "" if interpreters.wasm() else interpreters.mend("wasm")


def cases(size):
    """The cases of a size."""
    return [{"world": world} for world in played.worlds(size)]


def run(case, folder):
    """The figures of one case."""
    path = tape.kept(folder, case["world"])
    said = interpreters.run(
        "wasm",
        played.REPLAY,
        [path.resolve(), "heap"],
        path=played.path(),
        heap=_HEAP,
        timeout=1800,
    )
    found = json.loads(said)
    calm = found["calm"]
    return {
        "world": case["world"],
        "bytes": played.figures(found["labels"], found["spent"]),
        "busy_minute": played.a_minute(found["spent"][:calm], found["cycles"]),
        "calm_minute": played.a_minute(found["spent"][calm:], found["cycles"]),
    }


def tables(rows):
    """What is shown of them."""
    head = ["bytes allocated"]
    for row in rows:
        head += ["N=%d, median" % row["world"]["nodes"], "most"]
    shown = []
    for label in played.ORDER:
        costs = [row["bytes"].get(label) for row in rows]
        if any(costs):
            cells = [c for f in costs for c in ((f["median"], f["most"]) if f else (None, None))]
            shown.append([label, *map(number, cells)])
    for key, text in (("busy_minute", "a minute of traffic"), ("calm_minute", "a calm minute")):
        shown.append([text, *(c for row in rows for c in (number(row[key]), "-"))])
    return [
        Table(
            "Bytes that calls allocate",
            "lvs bench --only allocation",
            head,
            shown,
            ["A real packet heard costs what the port's `recvfrom` allocates besides."],
        )
    ]


def goals(rows):
    """What was to be reached."""
    for label in _ZERO:
        # Where the largest mesh did not happen to, the next shows it.
        for row in [row for row in rows if row["bytes"].get(label)][-1:]:
            found = row["bytes"][label]
            yield Goal(
                "bytes allocated by: %s (N=%d)" % (label, row["world"]["nodes"]),
                number(found["median"]),
                "0",
                not found["median"],
                _WHY.get(label, "objects made anew in each call"),
            )


def draw(rows, folder):
    """No picture: tables say it."""
