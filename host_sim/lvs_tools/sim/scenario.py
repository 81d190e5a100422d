"""Scenario files: what is simulated, checked before anything runs.

A scenario is a TOML file; every key is optional and has the default of the tables below.  `load`
returns it checked and complete; `plan` turns it into the plain integers that the world takes.
Errors name the file, the line or key, what was found, what is allowed and the nearest known key.
"""

import difflib
import os
import re
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from lvs import decimal
from lvs.config import CYCLE_MS, EPOCH_CYCLES, Config
from lvs.config_check import NUMBERS
from lvs.fixed import LvsError
from lvs.wide import MOST
from lvs_tools.places import PACKAGE
from lvs_tools.plan import fit

SCENARIOS = PACKAGE / "scenarios"
ADVERSARIES = PACKAGE / "adversaries"

CERTAIN = 1 << 30  # a probability of 1 in the world's integers
_RAW_MAX = (1 << 30) - 1

KINDS = ("lan", "geometric", "ring", "islands")
ENGINES = ("cpython", "micropython", "pypy")
ACTIONS = (
    "partition",
    "heal",
    "crash",
    "restart",
    "join",
    "leave",
    "corrupt",
    "skew",
    "low_power",
    "loss",
    "contribute",
    "stop",
    "wipe",
    "clone",
    "carry",
    "list",
    "retire",
)

# section -> key -> (type, default, least or choices, most, meaning)
FIELDS = {
    "": {
        "name": (str, None, None, None, "shown in reports; the file's name by default"),
        "nodes": (int, 12, 1, 100000, "nodes in the world, liars included"),
        "cycles": (int, 300, 1, 10000000, "length of the run in cycles of one second"),
        "seed": (int, 1, 0, (1 << 62) - 1, "decides everything that chance decides"),
        "engine": (str, "cpython", ENGINES, None, "interpreter that runs world and nodes"),
    },
    "topology": {
        "kind": (
            str,
            "lan",
            KINDS,
            None,
            "lan: one broadcast cell; geometric: radio range in a "
            "unit square, connected; ring: neighbours on a circle; islands: broadcast cells "
            "that configured unicast peers join",
        ),
        "degree": (
            int,
            8,
            1,
            100000,
            "geometric: mean number of neighbours; ring: neighbours; "
            "islands: bridges from each island to the next",
        ),
        "islands": (int, 3, 1, 10000, "islands: how many; node i lives on island i modulo them"),
    },
    "link": {
        "loss": (float, 0.0, 0, 1, "probability that a receiver misses a frame"),
        "duplicate": (float, 0.0, 0, 1, "probability that a receiver gets a frame twice"),
        "reorder": (float, 0.0, 0, 1, "probability that a frame is held back, up to 2 s"),
        "latency_ms": (int, 5, 0, 60000, "delay of every frame"),
        "jitter_ms": (int, 10, 0, 60000, "most that chance adds to it"),
        "queue": (
            int,
            4,
            1,
            1000,
            "datagrams that a receiver queues until it polls, each 20 ms (RP2: 4, ESP32: 6)",
        ),
        "bandwidth_kbps": (
            int,
            0,
            0,
            1000000,
            "kbit/s that a broadcast cell, or a sender of unicast, carries; 0: no limit",
        ),
        "one_way": (float, 0.0, 0, 1, "share of directed links that carry nothing"),
    },
    "workload": {
        "contributions_per_minute": (float, 1.0, 0, 6000, "of each node"),
        "budget_share": (
            float,
            None,
            0,
            1,
            "or as many as make this share of route_budget, of each node",
        ),
        "steady": (
            bool,
            False,
            None,
            None,
            "at even intervals, each to every channel; not drawn at random",
        ),
        "amount": ("amount", 1, None, None, "VU of each contribution; decimals allowed"),
        "channels": (int, 1, 1, 480, "channels of the mesh, drawn at random"),
        "durable": (bool, False, None, None, "each returns when the journal has it"),
        "listed": (int, None, 1, 480, "of these in nodes' lists at the start; all by default"),
        "until_cycle": (
            int,
            None,
            0,
            10000000,
            "no contribution from then on; by default the "
            "last half, but at most the last 120 cycles, are calm",
        ),
    },
    "start": {
        "spread": (int, 0, 0, _RAW_MAX, "raw; settled values differ by up to this, both ways"),
        "value": (int, 0, 0, MOST, "raw; settled value of every channel at the start"),
        "established": (bool, False, None, None, "confident and trusted from the start"),
    },
    "leaves": {
        "count": (int, 0, 0, 10000, "nodes that hold nothing, beside the others"),
        "awake_s": (float, 3.0, 0.1, 3600, "longest waking"),
        "every_s": (float, 300.0, 1, 1000000, "from one waking to the next, within 1 %"),
        "from_cycle": (int, 0, 0, 10000000, "they wake first within every_s from then on"),
    },
    "event": {
        "at_cycle": (int, 0, 0, 10000000, "when"),
        "action": (str, None, ACTIONS, None, "what happens"),
        "nodes": (
            list,
            None,
            None,
            None,
            "to which nodes: numbers from 0, or ranges such as '2-5'",
        ),
        "fraction": (float, None, 0, 1, "or to what share of the nodes, drawn by the seed"),
        "island": (int, None, 0, 9999, "or to those of this island"),
        "value": (
            float,
            None,
            0,
            1000000,
            "corrupt: bits flipped; skew: clock rate, 1 is true and "
            "0 frozen; low_power: 1 on, 0 off; loss: probability; contribute: VU; list: channels",
        ),
        "every": (int, None, 1, 10000000, "it happens again after so many cycles ..."),
        "times": (int, None, 1, 100000, "... so many times in all"),
        "channel": (int, 0, 0, 479, "contribute, retire: which channel"),
        "durable": (bool, False, None, None, "contribute: it returns when the journal has it"),
        "source": (int, None, 0, 99999, "clone: the node whose journal is copied"),
        "mesh": (str, None, None, None, "carry: name of the other mesh; home again without"),
    },
    "adversary": {
        "class": (str, None, None, None, "'path.py:Class', or the class of one that comes along"),
        "fraction": (float, None, 0, 1, "share of the nodes that are such liars"),
        "count": (int, None, 1, 100000, "or how many"),
        "from_cycle": (int, 0, 0, 10000000, "they keep silent before"),
    },
    "config": {},
}
_LISTS = ("event", "adversary")
_UNTARGETED = ("heal", "loss")  # without nodes they mean all
_TARGETS = ("nodes", "fraction", "island")
_OWN_KEYS = {
    "contribute": ("channel", "durable"),
    "retire": ("channel",),
    "clone": ("source",),
    "carry": ("mesh",),
}
_OF_LEAVES = ("crash", "restart", "leave", "wipe", "clone")
_VALUED = {
    "skew": "the clock rate",
    "loss": "the probability",
    "contribute": "the amount in VU",
    "list": "the number of channels",
}


class ScenarioError(ValueError):
    """A scenario that cannot be run; the text says where, what and what is allowed."""


class _Source:
    """Where a scenario came from: names the place of a key in error messages."""

    def __init__(self, name, text):
        self.name = name
        self.lines = text.splitlines()

    def error(self, where, text):
        """The ScenarioError for a dotted key such as ``link.loss`` or ``event.2.action``."""
        line = self._line(where)
        place = "%s, line %d" % (self.name, line) if line else self.name
        return ScenarioError(
            "%s: %s: %s" % (place, where, text) if where else "%s: %s" % (place, text)
        )

    def _line(self, where):
        parts = where.split(".")
        section = parts[0] if len(parts) > 1 else ""
        turn = int(parts[1]) if len(parts) > 2 and parts[1].isdigit() else 0
        now, seen = "", -1
        header = 0
        for number, line in enumerate(self.lines, 1):
            head = re.match(r"\s*\[+\s*([\w.-]+)\s*\]+", line)
            if head:
                now = head.group(1)
                seen += now == section
                if now == parts[0] and (len(parts) < 3 or seen == turn):
                    header = header or number
            elif now == section and (section not in _LISTS or seen == turn):
                if re.match(r"\s*[\"']?%s[\"']?\s*[=.]" % re.escape(parts[-1]), line):
                    return number
        return header


def _nearest(word, words):
    close = difflib.get_close_matches(word, list(words), 1, 0.4)
    return "; did you mean '%s'?" % close[0] if close else ""


def _allowed(kind, least, most):
    if kind is bool:
        return "true or false"
    if kind is list:
        return "a list of node numbers"
    if isinstance(least, tuple):
        return "one of " + ", ".join(least)
    if kind is str:
        return "a text"
    what = "a whole number" if kind is int else "a number"
    return "%s from %s to %s" % (what, least, most)


def _value(source, where, value, field):
    """One checked value, or a ScenarioError."""
    kind, _, least, most, _ = field
    if kind == "amount":
        try:
            if decimal.steps(value, decimal.STEP)[0] > 0:
                return str(value)
        except LvsError as error:
            raise source.error(where, str(error)) from None
        raise source.error(where, "%r; must be 0.001 VU or more" % (value,))
    good = isinstance(value, (int, float) if kind is float else kind)
    if isinstance(value, bool) and kind is not bool:
        good = False
    if good and isinstance(least, tuple):
        good = value in least
        if not good:
            hint = _nearest(value, least)
            raise source.error(
                where, "%r; must be %s%s" % (value, _allowed(kind, least, most), hint)
            )
    elif good and least is not None:
        good = least <= value <= most  # NaN fails, too
    if not good:
        raise source.error(where, "%r; must be %s" % (value, _allowed(kind, least, most)))
    return value


def _table(source, section, data, where) -> dict[str, Any]:
    """The table `data` of a section, checked, with defaults."""
    if not isinstance(data, dict):
        raise source.error(where, "%r; must be a table" % (data,))
    fields = FIELDS[section]
    prefix = where + "." if where else ""
    for key in data:
        if key not in fields and not (section == "" and key in FIELDS):
            known = list(fields) + ([s for s in FIELDS if s] if section == "" else [])
            raise source.error(
                prefix + key,
                "unknown key; allowed are %s%s" % (", ".join(known), _nearest(key, known)),
            )
    return {
        key: _value(source, prefix + key, data[key], field) if key in data else field[1]
        for key, field in fields.items()
    }


def _config(source, data):
    """The [config] table: numbers of the protocol, checked by the protocol's own rules."""
    if not isinstance(data, dict):
        raise source.error("config", "%r; must be a table" % (data,))
    for key in data:
        if key not in NUMBERS or key == "port":
            known = [name for name in NUMBERS if name != "port"]
            raise source.error(
                "config." + key,
                "unknown protocol parameter; allowed are %s%s"
                % (", ".join(known), _nearest(key, known)),
            )
    try:
        Config(dict(data, channels=["a"]))
    except LvsError as error:
        key, _, text = str(error).partition(": ")
        raise source.error("config." + key, text) from None
    return dict(data)


def _numbers(source, where, given, nodes):
    """The node numbers of a list in which a text such as "1-299" stands for a range."""
    numbers = []
    for item in given:
        ends = re.fullmatch(r"(\d+)-(\d+)", item) if isinstance(item, str) else None
        if ends:
            some = list(range(int(ends.group(1)), int(ends.group(2)) + 1))
        else:
            some = [item]
        for node in some or [item]:
            if isinstance(node, bool) or not isinstance(node, int) or not 0 <= node < nodes:
                raise source.error(
                    where,
                    "%r; must be node numbers from 0 to %d, or ranges of "
                    'them such as "2-5"' % (item, nodes - 1),
                )
        numbers += some
    return numbers


def _event(source, where, data, scenario):
    """One checked event, its targets as node numbers or a fraction."""
    event = _table(source, "event", data, where)
    if event["action"] is None:
        raise source.error(where, "has no action; allowed are " + ", ".join(ACTIONS))
    _targets(source, where, event, scenario)
    _event_value(source, where, event, scenario)
    _own_keys(source, where, event, scenario)
    if (event["every"] is None) != (event["times"] is None):
        raise source.error(where, "every and times go together")
    if event["every"] and event["action"] in ("join", "clone"):
        raise source.error(where + ".every", "%s happens once" % event["action"])
    return event


def _targets(source, where, event, scenario):
    """Turn what an event says of its targets into node numbers, unless it is a fraction."""
    given = [key for key in _TARGETS if event[key] is not None]
    if len(given) > 1:
        raise source.error(where, "has %s; give one of them" % " and ".join(given))
    if event["action"] not in _UNTARGETED and not given:
        raise source.error(
            where, "%s needs nodes = [..], a fraction or an island" % event["action"]
        )
    if event["nodes"] is not None:
        known = scenario["nodes"]
        known += scenario["leaves"]["count"] if event["action"] in _OF_LEAVES else 0
        event["nodes"] = _numbers(source, where + ".nodes", event["nodes"], known)
    if event["island"] is not None:
        islands = scenario["topology"]["islands"]
        if scenario["topology"]["kind"] != "islands" or event["island"] >= islands:
            raise source.error(where + ".island", "there is no such island: see topology")
        event["nodes"] = list(range(event["island"], scenario["nodes"], islands))


def _event_value(source, where, event, scenario):
    action, value = event["action"], event["value"]
    if value is None and action in _VALUED:
        raise source.error(where, "%s needs a value: %s" % (action, _VALUED[action]))
    where += ".value"
    if action == "loss" and (value or 0) > 1:
        raise source.error(where, "%r; must be a probability from 0 to 1" % value)
    if action == "corrupt" and value is not None and value != int(value):
        raise source.error(where, "%r; must be a whole number of bits" % value)
    if action == "contribute":
        _value(source, where, repr(value), ("amount", None, None, None, ""))
    if action == "list":
        most = scenario["workload"]["channels"]
        if value not in range(1, most + 1):
            raise source.error(where, "%r; must be a whole number from 1 to %d" % (value, most))


def _own_keys(source, where, event, scenario):
    """Check the keys that only one action has."""
    channels = scenario["workload"]["channels"]
    if event["action"] in ("contribute", "retire") and event["channel"] >= channels:
        raise source.error(where + ".channel", "there is no such channel: see workload")
    if event["action"] == "clone" and (event["nodes"] is None or event["source"] is None):
        raise source.error(where, "clone needs nodes = [..] and the source that they copy")
    if event["source"] is not None:
        nodes = scenario["nodes"]
        if event["source"] >= nodes + scenario["leaves"]["count"]:
            raise source.error(where + ".source", "there is no such node")
        if any((node >= nodes) != (event["source"] >= nodes) for node in event["nodes"]):
            raise source.error(where, "a leaf is a copy of a leaf, and a node of a node")


def _events(source, given, scenario):
    if not isinstance(given, list):
        raise source.error("event", "%r; write each event under [[event]]" % (given,))
    return [_event(source, "event.%d" % i, data, scenario) for i, data in enumerate(given)]


def find_adversary(text, folder):
    """Split 'path.py:Class' (or the bare class of one that comes along) into (Path, class).

    Raises ScenarioError when there is no such file, or no such class in it.
    """
    path, colon, name = text.rpartition(":")
    if not colon:
        name = text.strip()
        path = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() + ".py"
    tried = [Path(folder) / path, Path.cwd() / path, ADVERSARIES / path]
    known = sorted(p.name for p in ADVERSARIES.glob("*.py") if p.name != "__init__.py")
    for candidate in tried:
        if candidate.is_file():
            classes = re.findall(r"^class (\w+)", candidate.read_text(encoding="utf-8"), re.M)
            if name in classes:
                return candidate.resolve(), name
            raise ScenarioError(
                "%s has no class '%s'; it has %s%s"
                % (path, name, ", ".join(classes) or "none", _nearest(name, classes))
            )
    raise ScenarioError(
        "no file '%s'; those that come along are %s%s"
        % (path, ", ".join(known), _nearest(os.path.basename(path), known))
    )


def _liars(source, given, scenario, folder):
    if not isinstance(given, list):
        raise source.error("adversary", "%r; write each kind under [[adversary]]" % (given,))
    liars = []
    for i, data in enumerate(given):
        where = "adversary.%d" % i
        liar = _table(source, "adversary", data, where)
        if liar["class"] is None:
            raise source.error(where, "has no class; give 'path.py:Class'")
        try:
            path, name = find_adversary(liar["class"], folder)
        except ScenarioError as error:
            raise source.error(where + ".class", str(error)) from None
        if (liar["fraction"] is None) == (liar["count"] is None):
            raise source.error(where, "needs a fraction or a count, and not both")
        if liar["count"] is None:
            liar["count"] = int(scenario["nodes"] * liar["fraction"] + 0.5)
        liar["path"] = str(path)
        liar["name"] = name
        liars.append(liar)
    if sum(liar["count"] for liar in liars) >= scenario["nodes"]:
        raise source.error(
            "adversary",
            "%d liars among %d nodes; one honest node must be left"
            % (sum(liar["count"] for liar in liars), scenario["nodes"]),
        )
    return liars


def check(data, name="scenario", text="", folder="."):
    """Return the scenario in the dict `data` (as read from TOML) checked and complete.

    name and text are of the file that it came from, for error messages; folder is where paths of
    adversaries begin.  Raises ScenarioError.
    """
    source = _Source(name, text)
    scenario = _table(source, "", data, "")
    if scenario["name"] is None:
        scenario["name"] = Path(name).stem
    for section in ("topology", "link", "workload", "start", "leaves"):
        scenario[section] = _table(source, section, data.get(section, {}), section)
    scenario["config"] = _config(source, data.get("config", {}))
    scenario["event"] = _events(source, data.get("event", []), scenario)
    scenario["adversary"] = _liars(source, data.get("adversary", []), scenario, folder)
    if scenario["start"]["spread"] > scenario["start"]["value"]:
        # Settled values below zero do not exist: the middle moves up instead.
        scenario["start"]["value"] = scenario["start"]["spread"]
    workload = scenario["workload"]
    if workload["until_cycle"] is None:
        workload["until_cycle"] = max(scenario["cycles"] // 2, scenario["cycles"] - 120)
    return scenario


def _override(data, setting):
    """Put one ``key=value`` of the command line into the dict `data`."""
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise ScenarioError("--set %s: must be key=value, such as link.loss=0.3" % setting)
    try:
        value = tomllib.loads("x = " + text)["x"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    parts = key.strip().split(".")
    place = data
    for part in parts[:-1]:
        if isinstance(place, list):
            if not part.isdigit() or int(part) >= len(place):
                raise ScenarioError("--set %s: there is no number %s" % (setting, part))
            place = place[int(part)]
        else:
            place = place.setdefault(part, {})
        if not isinstance(place, (dict, list)):
            raise ScenarioError("--set %s: '%s' is no table" % (setting, part))
    if not isinstance(place, dict):
        raise ScenarioError("--set %s: give the number of one, as in event.0.at_cycle" % setting)
    place[parts[-1]] = value


def _extra_adversary(text):
    """The [[adversary]] table for ``path.py:Class=0.2`` (a share) or ``=3`` (a number)."""
    name, equals, amount = text.rpartition("=")
    if not equals:
        raise ScenarioError("--adversary %s: must be path.py:Class=0.2 (or =3 liars)" % text)
    key, kind = ("count", int) if amount.strip().isdigit() else ("fraction", float)
    try:
        return {"class": name.strip(), key: kind(amount)}
    except ValueError:
        raise ScenarioError(
            "--adversary %s: '%s' is neither a share such as 0.2 nor a number" % (text, amount)
        ) from None


def find(path):
    """The Path of a scenario: a file, or the name of one that comes along."""
    given = Path(path)
    if given.is_file():
        return given
    along = SCENARIOS / (given.name if given.suffix == ".toml" else given.name + ".toml")
    if along.is_file() and given.parent == Path("."):
        return along
    known = sorted(p.stem for p in SCENARIOS.glob("*.toml"))
    raise ScenarioError(
        "%s: no such scenario%s ('lvs sim --list' names those that come along)"
        % (path, _nearest(given.stem, known))
    )


def along():
    """(name, what happens in it) of each scenario that comes along."""
    for path in sorted(SCENARIOS.glob("*.toml")):
        said = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                break
            said.append(line.lstrip("# "))
        yield path.stem, " ".join(said)


def load(path, settings=(), adversaries=()):
    """Read, override and check a scenario file.

    settings: texts ``key=value`` with dotted keys; adversaries: texts ``path.py:Class=0.2``.
    Raises ScenarioError.
    """
    place = find(path)
    try:
        text = place.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ScenarioError("%s: %s" % (path, error)) from None
    for setting in settings:
        _override(data, setting)
    for extra in adversaries:
        if not isinstance(data.setdefault("adversary", []), list):
            raise ScenarioError("%s: adversary: write each kind under [[adversary]]" % path)
        data["adversary"].append(_extra_adversary(extra))
    return check(data, str(path), text, str(place.parent))


def _probability(p):
    return int(p * CERTAIN + 0.5)


def _event_plans(event):
    """An event as the world takes it, once for each time that it happens."""
    action, value = event["action"], event["value"]
    if action == "skew":
        value = int(value * 1000000 + 0.5)
    elif action == "loss":
        value = _probability(value)
    elif action == "contribute":
        value = repr(value)
    else:  # corrupt: bits; low_power: on or off; list: how many
        value = 1 if value is None else int(value)
    planned = {
        "action": action,
        "nodes": event["nodes"],
        "fraction": None if event["fraction"] is None else _probability(event["fraction"]),
        "value": value,
    }
    for action, keys in _OWN_KEYS.items():
        if event["action"] == action:
            planned.update({key: event[key] for key in keys})
    for time in range(event["times"] or 1):
        at = event["at_cycle"] + time * (event["every"] or 0)
        yield dict(planned, at_ms=at * CYCLE_MS)


def _gap_ms(scenario):
    """Milliseconds between two contributions of a node (with `steady` each to all channels)."""
    workload = scenario["workload"]
    share = workload["budget_share"]
    if share is None:
        rate = workload["contributions_per_minute"]
        return max(1, int(60000 / rate + 0.5)) if rate else 0
    budget = scenario["config"].get("route_budget", NUMBERS["route_budget"][0])
    raw, _ = decimal.steps(workload["amount"], decimal.STEP)
    raw *= workload["channels"] if workload["steady"] else 1
    return max(1, int(raw * EPOCH_CYCLES * CYCLE_MS / (share * budget) + 0.5)) if share else 0


def problems(scenario):
    """What of a checked scenario does not fit, as `lvs plan` would say it: a list of texts."""
    nodes, topology, workload = scenario["nodes"], scenario["topology"], scenario["workload"]
    names = ["c%d" % c for c in range(workload["channels"])]
    rows = min(10000, nodes + scenario["leaves"]["count"])
    config = Config(dict({"nodes": rows}, **scenario["config"], channels=names))
    heard = {"lan": nodes, "islands": -(-nodes // topology["islands"])}
    gap_ms = _gap_ms(scenario)
    raw, _ = decimal.steps(workload["amount"], decimal.STEP)
    raw *= len(names) if workload["steady"] else 1
    fitting = fit.mesh(
        config,
        round(60000 / gap_ms, 3) if gap_ms else 0,
        raw,
        heard=heard.get(topology["kind"], min(nodes, topology["degree"] + 1)),
        minutes=scenario["cycles"] * CYCLE_MS / 60000,
    )
    return fitting["problems"]


def plan(scenario):
    """The integers and texts that a `lvs_tools.world.world.World` is made from (JSON-able).

    Probabilities are in 1/2**30, times in ms, clock rates in millionths.
    """
    link, workload, start = scenario["link"], scenario["workload"], scenario["start"]
    return {
        "name": scenario["name"],
        "seed": scenario["seed"],
        "nodes": scenario["nodes"],
        "cycles": scenario["cycles"],
        "topology": scenario["topology"],
        "link": {
            "loss": _probability(link["loss"]),
            "duplicate": _probability(link["duplicate"]),
            "reorder": _probability(link["reorder"]),
            "one_way": _probability(link["one_way"]),
            "latency_ms": link["latency_ms"],
            "jitter_ms": link["jitter_ms"],
            "queue": link["queue"],
            "bandwidth_kbps": link["bandwidth_kbps"],
        },
        "workload": {
            "gap_ms": _gap_ms(scenario),
            "steady": workload["steady"],
            "durable": workload["durable"],
            "amount": workload["amount"],
            "channels": workload["channels"],
            "listed": min(workload["listed"] or workload["channels"], workload["channels"]),
            "until_ms": min(workload["until_cycle"], scenario["cycles"]) * CYCLE_MS,
        },
        "start": start,
        "leaves": {
            "count": scenario["leaves"]["count"],
            "awake_ms": int(scenario["leaves"]["awake_s"] * 1000),
            "every_ms": int(scenario["leaves"]["every_s"] * 1000),
            "from_ms": scenario["leaves"]["from_cycle"] * CYCLE_MS,
        },
        "events": sorted(
            (planned for event in scenario["event"] for planned in _event_plans(event)),
            key=lambda planned: planned["at_ms"],
        ),
        "adversaries": [
            {
                "path": liar["path"],
                "class": liar["name"],
                "count": liar["count"],
                "from_ms": liar["from_cycle"] * CYCLE_MS,
            }
            for liar in scenario["adversary"]
        ],
        "config": scenario["config"],
    }
