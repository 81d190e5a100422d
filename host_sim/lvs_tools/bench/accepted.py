"""The figures that were accepted last, and which of the present ones are worse."""

import json

from lvs_tools.bench import allocation, processor, radio
from lvs_tools.places import ROOT

PATH = ROOT / "tests" / "bench" / "accepted.json"  # in a checkout
ALLOWED = 0.02  # of a figure, and
LEAST = 8  # units of it
_CALLS = ("EP heard", "SDM heard", "EP sent", "SDM sent", "idle tick", "cycle")


def allocated(folder):
    """{what: bytes} that repeat to the byte."""
    (case,) = allocation.cases("quick")
    row = allocation.run(case, folder)
    figures = {f"allocation: {call}": row["bytes"][call]["median"] for call in _CALLS}
    return {**figures, "allocation: a calm minute": row["calm_minute"]}


def executed(folder):
    """{what: instructions} that repeat to 1 %."""
    case = processor.cases("quick")[0]
    row = processor.run(case, folder)
    return {
        "processor: SDM heard": row["instructions"]["SDM heard"]["mean"],
        "processor: a busy minute": row["busy_minute"],
        "processor: a calm minute": row["calm_minute"],
    }


def sent(folder):
    """{what: bytes a node and minute} of small simulated worlds."""
    rows = [radio.run(case, folder) for case in radio.cases("quick")]
    return {f"radio: {radio.name(row)}": row["bytes"] for row in rows}


def worse(figures, before):
    """A line for each figure that is above what was accepted, or was not accepted at all."""
    return [
        f"{key}: {value:,} is more than {ALLOWED:.0%} above {before.get(key, 0):,};"
        " is it worth it? then `lvs bench --accept`"
        for key, value in figures.items()
        if value > before.get(key, 0) * (1 + ALLOWED) + LEAST
    ]


def accept(folder):
    """Measure what the test compares and write it; returns the figures."""
    figures = {**allocated(folder), **executed(folder), **sent(folder)}
    PATH.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures
