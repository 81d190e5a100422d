"""Shrinks a failing scenario: fewer nodes, events and faults, as long as it still fails."""

import copy
import time


def _fewer_nodes(data):
    for nodes in (3, data["nodes"] // 2, data["nodes"] * 3 // 4, data["nodes"] - 1):
        if 2 <= nodes < data["nodes"]:
            smaller = copy.deepcopy(data)
            smaller["nodes"] = nodes
            events = []
            for event in smaller["event"]:
                if "nodes" in event:
                    event["nodes"] = [i for i in event["nodes"] if i < nodes]
                    if not event["nodes"]:
                        continue
                events.append(event)
            smaller["event"] = events
            yield smaller


def _fewer_events(data):
    for i in range(len(data["event"])):
        smaller = copy.deepcopy(data)
        del smaller["event"][i]
        yield smaller


def _fewer_settings(data):
    if data.get("adversary"):
        smaller = copy.deepcopy(data)
        del smaller["adversary"]
        yield smaller
    for section in ("link", "topology", "start", "config"):
        for key in data.get(section, {}):
            smaller = copy.deepcopy(data)
            del smaller[section][key]
            yield smaller
    if data["workload"].get("channels", 1) > 1:
        smaller = copy.deepcopy(data)
        smaller["workload"]["channels"] = 1
        yield smaller


def mended(data):
    """True when a scenario's faults end: what is cut is healed, whose clock is wrong is set right
    (to 10 %), who is off or in another mesh is back.

    Without this, leaving out a "heal" would make anything fail.
    """
    cut = False
    wrong = set()
    down = set()
    for event in data["event"]:
        action, nodes = event["action"], event.get("nodes", ())
        if action in ("partition", "heal"):
            cut = action == "partition"
        elif action == "skew":
            right = 0.9 <= event["value"] <= 1.1
            wrong = wrong - set(nodes) if right else wrong | set(nodes)
        elif action in ("crash", "wipe", "stop") or action == "carry" and event.get("mesh"):
            down = down | set(nodes)
        elif action in ("restart", "carry"):
            down = down - set(nodes)
    return not cut and not wrong and not down


def shrink(data, fails, seconds):
    """Return the smallest scenario found that still fails, looking for at most `seconds`.

    data: the scenario as a dict; fails: a function that runs one and returns True if it fails.
    """
    end = time.monotonic() + seconds
    found = True
    while found:
        found = False
        for step in (_fewer_nodes, _fewer_events, _fewer_settings):
            for smaller in step(data):
                if time.monotonic() > end:
                    return data
                if mended(smaller) and fails(smaller):
                    data = smaller
                    found = True
                    break
    return data
