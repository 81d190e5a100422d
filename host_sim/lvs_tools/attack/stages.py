"""Stages: what befalls the mesh that liars attack, and what is then looked at.

On "established" and "cold" nothing befalls it: what counts is how far settled values shift. Every
other stage is a moment in which a mesh needs what somebody tells it.
"""

EVERY = ()  # all strategies that there are


class Stage:
    """title: in words; setting: (honest nodes, cycles) -> tables of a scenario; figures: what is
    shown; nodes, cycles: the size of its own table, and parts: [(liars, strategies)] in it."""

    def __init__(self, title, setting, figures=(), nodes=0, cycles=0, parts=()):
        self.title = title
        self.setting = setting
        self.figures = figures
        self.nodes = nodes
        self.cycles = cycles
        self.parts = parts


def _cold(_honest, _cycles):
    return {"start": {"value": 100000, "spread": 1000}}


def _cut(_honest, _cycles):
    """All honest nodes are without power for ten cycles; their journals outlive it."""
    return {
        "event": [
            {"at_cycle": 130, "action": "crash", "fraction": 1.0},
            {"at_cycle": 140, "action": "restart", "fraction": 1.0},
        ]
    }


def _newcomers(honest, cycles):
    """A sixth of the honest nodes comes later, and contributes as all do."""
    late = max(1, honest // 6)
    return {
        "workload": {"contributions_per_minute": 1, "until_cycle": cycles - 80},
        "event": [{"at_cycle": 70, "action": "join", "nodes": list(range(late))}],
    }


def _shards(_honest, cycles):
    """Three shards, of which each node holds one."""
    return {
        "workload": {"contributions_per_minute": 1, "channels": 48, "until_cycle": cycles - 80},
        "config": {"held": 1},
    }


def _partition(honest, _cycles):
    """Two halves are apart for 300 cycles, contribute, and meet again."""
    return {
        "workload": {"contributions_per_minute": 3, "until_cycle": 310},
        "event": [
            {"at_cycle": 10, "action": "partition", "nodes": list(range(honest // 2))},
            {"at_cycle": 310, "action": "heal"},
        ],
    }


def _busy(_honest, cycles):
    """Everybody contributes all the time, at 30 % loss."""
    return {
        "link": {"loss": 0.3},
        "workload": {"contributions_per_minute": 3, "until_cycle": cycles - 80},
    }


def _restarts(honest, cycles):
    """A third of the honest nodes restarts once a minute, one after the other; then comes a calm
    four times as long, in which what liars held up must arrive."""
    some = max(1, honest // 3)
    until = cycles // 5
    return {
        "workload": {"contributions_per_minute": 3, "until_cycle": until},
        "event": [
            {"at_cycle": at + i * 60 // some, "action": "restart", "nodes": [i]}
            for at in range(60, until - 60, 60)
            for i in range(some)
        ],
    }


_VALUES = ("error_low", "error_high", "missing_raw", "clock_spread", "clock_off")
_CLOCKS = ("clock_value", "clock_flags", "clock_agree", "clock_pusher")
_HOSTS = ("future_host", "lock_host", "end_host", "past_host")

STAGES = {
    "established": Stage("established", lambda _honest, _cycles: {}),
    "cold": Stage("cold", _cold),
    "cut": Stage(
        "all honest nodes lose their power for ten cycles",
        _cut,
        _VALUES,
        13,
        400,
        [(1, ("usurper", "same_usurper")), (4, ("usurper", "same_usurper"))],
    ),
    "newcomers": Stage(
        "a sixth of the honest nodes joins later",
        _newcomers,
        _VALUES,
        27,
        400,
        [
            (3, _HOSTS),
            (1, ("first_row", "plausible_row")),
            (2, ("first_row", "plausible_row")),
            (9, ("clock_value", "two_faces")),
        ],
    ),
    "shards": Stage(
        "three shards, of which each node holds one",
        _shards,
        ("holders", "error_low", "error_high", "missing_raw"),
        30,
        900,
        [(5, ("holds_all", "holds_truly"))],
    ),
    "partition": Stage(
        "two halves are apart for 300 cycles",
        _partition,
        ("healed", "error_low", "error_high", "missing_raw"),
        20,
        700,
        [
            (2, ("loud_truth", "false_answer", "trusted_answer")),
            (6, ("loud_truth", "trusted_answer", "mirror", "false_answer")),
        ],
    ),
    "busy": Stage(
        "everybody contributes",
        _busy,
        _VALUES,
        40,
        600,
        [
            (4, ("ring_filler", "false_answer", "trusted_answer", "row_breeder")),
            (10, (*_CLOCKS, "mirror", "forger", "row_breeder")),
        ],
    ),
    "restarts": Stage(
        "a third of the honest nodes restarts every minute, then none",
        _restarts,
        _VALUES,
        20,
        3200,
        [(4, EVERY)],
    ),
}
