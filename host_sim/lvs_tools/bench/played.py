"""What the parts of the bench that play a tape have in common."""

from lvs_tools.bench import tape
from lvs_tools.places import HOST, LIB, PACKAGE

REPLAY = PACKAGE / "bench" / "replay.py"
SOURCES = (*tape.SOURCES, REPLAY)
ORDER = (  # in which labels are shown
    *("EP heard", "SDM heard", "EP sent", "SDM sent", "contribution"),
    *("idle tick", "cycle", "epoch"),
)
_QUICK = {"nodes": 12, "warm": 20, "cycles": 12, "seed": 12}


def worlds(size):
    """The worlds of the tapes: arguments of ``tape.record``."""
    return [_QUICK] if size == "quick" else [{"nodes": 60}, {"nodes": 300}]


def path(lib=LIB):
    """The folders to import from. lib: of the protocol."""
    return (lib, HOST)


def figures(labels, spent):
    """{label: how often, median, mean and most of what it costs}, as a JSON-able dict."""
    found = {}
    for label, cost in zip(labels, spent, strict=True):
        found.setdefault(label, []).append(cost)
    return {
        label: {
            "n": len(costs),
            "median": sorted(costs)[len(costs) // 2],
            "mean": round(sum(costs) / len(costs)),
            "most": max(costs),
        }
        for label, costs in found.items()
    }


def a_minute(spent, cycles):
    """The sum of what some cycles cost, in a minute."""
    return round(sum(spent) * 60 / cycles)
