"""An operator's days: what protocol 1 made of each, and what the present code does, measured.

    python -m tests.world.operator                     all rows, written to docs/operator.md
    python -m tests.world.operator --only pulses       one of them anew

What was measured is kept in build/operator.json; the page says which rows were not yet.
Exit code 1 if a row is not right.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from lvs import Config, journal_log, journal_reader, journal_restore
from lvs_tools import interpreters
from lvs_tools.board import profiles
from lvs_tools.places import ROOT
from lvs_tools.plan import fit
from lvs_tools.sim import engine, scenario
from lvs_tools.world.world import World

PAGE = ROOT / "docs" / "operator.md"
_LATER = 'not measured yet: `make operator ARGS="--only %s"`'
_KEPT = ROOT / "docs" / "figures" / "operator.json"
ENGINE = "pypy" if interpreters.command("pypy") else "cpython"


def _simulated(name, *settings):
    return engine.run(scenario.load(name, ["engine=" + ENGINE, *settings]))


def _said(result):
    """A run's outcome in words, and whether all that was contributed is there."""
    told = result["contributed_raw"]
    lack = max(result["value_error_max"], result["lost_old_raw"])
    lack = 0 if result["exact"] and not lack else max(1, lack)
    per_cent = "%.3g %%" % (100 * lack / max(1, told))
    return "%s of %s units is missing" % (per_cent if lack else "nothing", told / 1000), not lack


def _small(nodes=2, start=0, **config):
    """A world without a workload that has met. start: raw."""
    checked = scenario.check(
        {
            "nodes": nodes,
            "start": {"value": start},
            "workload": {"contributions_per_minute": 0},
            "config": config,
        }
    )
    return _after(World(scenario.plan(checked)), 20)


def _after(world, cycles):
    for _ in range(cycles):
        world.run_cycle()
    return world


def _texts(world):
    return {m.node.text("c0") for m in world.honest}


def pulses():
    """Ten pulses of 0.1 kWh."""
    world = _small()
    for _ in range(10):
        world.honest[0].node.contribute("c0", "0.1")
    texts = _texts(_after(world, 20))
    return "%s kWh on both nodes" % ", ".join(texts), texts == {"1.000"}


def pulse():
    """One pulse of 0.001 kWh."""
    world = _small()
    world.honest[0].node.contribute("c0", "0.001")
    texts = _texts(_after(world, 20))
    return "%s kWh on both nodes" % ", ".join(texts), texts == {"0.001"}


def counter():
    """A counter in Wh: past its old end, and when it ends now."""
    world = _small(start=4194303)
    for machine in world.honest:
        machine.node.contribute("c0", "30.000")
    texts = _texts(_after(world, 40))
    years = []
    for houses in (20, 300):
        config = Config({"channels": [{"name": "energy", "step": 1, "unit": "Wh"}]})
        config.nodes = houses
        years.append(fit.mesh(config, 30000 / 1440, 1, (1, 0))["years_to_end"])
    right = texts == {"4254.303"} and min(years) > 100
    return (
        "4,194,303 steps and twice 30,000 are %s on two nodes; the end, 211,106,232,532,992 Wh,"
        " comes (reckoned, at 30 kWh) after %s years, with 300 houses after %s"
        % (", ".join(texts), *[f"{y:,.0f}" for y in years])
    ), right


def apart():
    """Two groups of ten for 1, 2, 8 hours."""
    said = []
    right = True
    for hours in (1, 2, 8):
        heal = 900 + 3600 * hours
        result = _simulated(
            "night",
            "event.2.at_cycle=%d" % heal,
            "event.1.times=%d" % (3 * hours),
            "workload.until_cycle=%d" % (heal + 1500),
            "cycles=%d" % (heal + 2100),
        )
        text, good = _said(result)
        said.append("%d h: %s" % (hours, text))
        right = right and good
    hours = fit.mesh(Config({"channels": ["a"]}), 1, 1)["horizon_h"]
    return (
        "%s; by default %g h may pass; 70 are a world of `make nights`" % ("; ".join(said), hours),
        right and hours >= 71,
    )


def sites():
    """Two sites joined by one pair of peers, the link down for two hours."""
    result = _simulated("peace_bridge")
    text, right = _said(result)
    return "%s: %s" % (result["verdict"], text), right and result["exact"]


def channel():
    """A channel is added while the mesh runs."""
    result = _simulated("growing")
    text, right = _said(result)
    return (
        "the same mesh. Measured in 50 minutes, not in half a year: on eight nodes, board by"
        " board, lists grew from two channels to six and one was retired, while all counted on: "
        + text
    ), right


def crowd():
    """300 nodes, three sessions long; eight channels."""
    one = _simulated("peace_300x1")
    text, right = _said(one)
    eight = _simulated(
        "g5_reach", "nodes=300", "workload.channels=8", "cycles=600", "workload.until_cycle=240"
    )
    more, good = _said(eight)
    return "%s, %d rows refused; with 8 channels, ten minutes at 30 %% loss: %s" % (
        text,
        one["refused"],
        more,
    ), right and good


def formats():
    """A firmware whose journals have another format, and back."""
    world = _small(1)
    machine = world.honest[0]
    machine.node.contribute("c0", "12.345", durable=True)
    _after(world, 60)
    modules: tuple[Any, ...] = (journal_log, journal_reader, journal_restore)
    before = journal_reader.FORMAT
    world.crash(machine)
    try:
        for module in modules:
            module.FORMAT = before + 1
        world.boot(machine)
        _after(world, 120)
        notice = machine.node.journal.notice
        world.crash(machine)
    finally:
        for module in modules:
            module.FORMAT = before
    world.boot(machine)
    _after(world, 20)
    text = machine.node.text("c0")
    right = text == "12.345" and "is kept" in notice
    return (
        "the present code with its format's number raised by one: the old journal is kept beside"
        " the new one; back, it gives %s of 12.345" % text
    ), right


def pico():
    """A Pico W loses its power."""
    profile = profiles.load("RPI_PICO_W")
    on = profile["board"].get("journal", True)
    world = _small(1, **profile["config"])
    machine = world.honest[0]
    machine.node.contribute("c0", "12.345")
    _after(world, 90)
    world.crash(machine)
    if not on:
        machine.journal = None
    world.boot(machine)
    _after(world, 20)
    text = machine.node.text("c0")
    return (
        "its profile has %s journal: a simulated node of that profile, cut 90 s after it counted,"
        " has %s of 12.345" % ("a" if on else "no", text)
    ), text == "12.345"


# Measured by: lvs sim restart_day --engine pypy --set workload.durable=false
_NOT_DURABLE = "20 of 34,978 units then, 23 now, in 2,880 restarts"


def restarts():
    """A board that restarts every minute."""
    result = _simulated("restart_day")
    rows = result["rows_of_one"]
    text, right = _said(result)
    return (
        "a day long, two of twelve boards, each contribution `durable`: %d rows a channel at most,"
        " and %s. Without `durable`, as in the first run and as a board's sources count, what came"
        " right before a cut is lost with it: %s" % (rows, text, _NOT_DURABLE),
        right and rows <= 3 and not result["lost_raw"],
    )


def sleeper():
    """A sensor that deep-sleeps."""
    result = _simulated("leaves")
    leaves = result["leaves"]
    text, right = _said(result)
    within = leaves["within_two_wakings"]
    return (
        "twenty beside five nodes for two hours, 30 %% of the frames lost: it goes on where it"
        " was, from %d bytes: %s, %.4g %% within two wakings"
        % (leaves["state_bytes"], text, 100 * within),
        right and within >= 0.99,
    )


# function: (an operator's day, protocol 1)
ROWS = {
    pulses: (
        'ten pulses of 0.1 kWh by `contribute("energy", "0.1")`',
        "1.0156 kWh: a unit is 1/256, so 0.1 is 26/256",
    ),
    pulse: ("one pulse of an S0 meter, 0.001 kWh", "an error: below 1/512"),
    counter: (
        "a counter in Wh of twenty houses at 10 to 30 kWh a day",
        "at its end, 4,194,303, after 7 to 21 days; 300 houses: within a day and a half",
    ),
    apart: (
        "two groups of ten are apart for 1, 2, 8 hours, counting on",
        "2, 23, 43 % of what was counted meanwhile is missing afterwards",
    ),
    sites: (
        "two sites joined by one peer pair, the link down for two hours",
        "they stand 623 and 714 units short and unequal, without a warning",
    ),
    channel: (
        "a channel is added after half a year",
        "another mesh tag: another mesh. Values and journals are gone",
    ),
    crowd: (
        "300 nodes, 1 channel, defaults, three sessions long",
        "13.7 % lost; with 8 channels not exact after four minutes",
    ),
    formats: (
        "firmware with a newer journal format, and back",
        "zero both times, the old journal destroyed within 40 s",
    ),
    pico: ("a Pico W loses its power", "its profile has no journal"),
    restarts: ("a board that restarts every minute", "a new session and a new row each time"),
    sleeper: ("a sensor on a battery that deep-sleeps", "each waking is a start from nothing"),
}


def page(found):
    """The page's text. found: {name: (text, right)}."""
    lines = [
        "# An operator's days",
        "",
        "What an operator meets, what protocol 1 made of it (seen on the code of 2026-11-23), and"
        " what the present code does: measured by `make operator`, which writes this page, in"
        " simulated worlds, no row on boards, each from one seed. Days that are shorter in the"
        " simulator say so. Parameters are the defaults, but `rows = 160` where a board restarts"
        " every minute, the Pico W's in its row, and, in the crowd, sessions of 51 minutes and a"
        " horizon of 34: three of them take three hours, not nine days.",
        "",
        "| an operator's day | protocol 1 | now |",
        "|---|---|---|",
    ]
    for row, (day, before) in ROWS.items():
        text, right = found.get(row.__name__, (_LATER % row.__name__, True))
        lines.append("| %s | %s | %s%s |" % (day, before, "" if right else "**wrong**: ", text))
    return "\n".join(lines) + "\n"


def run(name):
    """Measure a row: (text, right, seconds)."""
    began = time.monotonic()
    (row,) = [row for row in ROWS if row.__name__ == name]
    return (*row(), time.monotonic() - began)


def main(argv=None):
    """Measure the rows; returns the exit code."""
    names = [row.__name__ for row in ROWS]
    parser = argparse.ArgumentParser(description=(__doc__ or "\n").splitlines()[0])
    parser.add_argument("--only", action="append", choices=names, help="this row")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args(argv)
    wanted = options.only or names
    found = {}
    kept = json.loads(_KEPT.read_text()) if _KEPT.exists() else {}
    with ProcessPoolExecutor(options.jobs) as pool:
        waiting = {pool.submit(run, name): name for name in wanted}
        for done in as_completed(waiting):
            name = waiting[done]
            text, right, seconds = done.result()
            found[name] = text, right
            print(
                "%2d of %d  %-9s %-5s %4.0f s  %s"
                % (len(found), len(wanted), name, "right" if right else "WRONG", seconds, text),
                flush=True,
            )
    kept.update(found)
    _KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(kept), encoding="utf-8")
    print("written: docs/operator.md")
    return int(not all(right for _, right in found.values()))


if __name__ == "__main__":
    sys.exit(main())
