"""Runs a world that somebody watches: so many cycles at a time, with faults when a button says so.

    pypy3 live.py LIB

with LIB the folder that holds lvs. It reads one JSON object a line, the first with the name of a
plan's file, {"plan": name}; each other, {"cycles": n, "events": [...]}, is answered by one line:
{"look": {...}}, with {"result": {...}} in it after the last cycle.
"""

import json
import sys

_STATES = ("WAITING", "UP", "DOWN", "GONE")


def look(world):
    """What there is to see of a world, JSON-able: its cycle, a row for each machine that is a node
    (number, state, raw values or None, cut off into which group, loss of its own or None, load of
    255, bytes so far), what nodes refused,
    and what was contributed and not lost, raw a channel; None where nodes began apart."""
    refused, nodes = {}, []
    for machine in world.machines[: world.plan["nodes"]]:
        node = machine.node
        values = load = None
        state = "LIAR" if machine.liar else _STATES[machine.state]
        if node:
            state = node.state
            load = node.governor.busy()
            values = [_value(node, c) for c in range(len(node.config.channels))]
            for reason, n in node.reception.dropped.items():
                refused[reason] = refused.get(reason, 0) + n
            crowded = sum([r.refused for r in node.replicas])
            if crowded:
                refused["crowded"] = refused.get("crowded", 0) + crowded
        deaf = None if machine.deaf < 0 else machine.deaf / (1 << 30)
        size = machine.sent_bytes + machine.received_bytes
        nodes.append([machine.index, state, values, machine.group, deaf, load, size])
    account, start = world.account, world.plan["start"]
    there = None
    if not start["spread"]:
        listed = range(world.plan["workload"]["listed"])
        there = [start["value"] + account.given[c] - account.lost(c) for c in listed]
    return {
        "cycle": world.cycle,
        "cycles": world.plan["cycles"],
        "loss": world.network.loss / (1 << 31),
        "nodes": nodes,
        "refused": refused,
        "there": there,
    }


def _value(node, c):
    from lvs.wire import SLOTS

    replica = node.placement.find(c // SLOTS)
    return replica.shard.value(c % SLOTS) if replica else None


class Live:
    """A world that is watched. plan: as World's."""

    def __init__(self, plan):
        from lvs_tools.world.world import World

        self.world = World(plan)

    def obey(self, order):
        """Carry out an order; returns the answer."""
        world = self.world
        for event in order.get("events", ()):
            self._strike(event)
        last = world.plan["cycles"]
        for _ in range(min(order["cycles"], last - world.cycle)):
            world.run_cycle()
        answer = {"look": look(world)}
        if world.cycle == last:
            answer["result"] = world.result()
        return answer

    def _strike(self, event):
        world = self.world
        if event["action"] == "liars":
            for machine in [m for m in world.honest if m.node][: event["count"]]:
                world.turn(machine, event["path"], event["class"])
        else:
            world.faults.happen(event)


def _tell(answer):
    print(json.dumps(answer))
    if hasattr(sys.stdout, "flush"):
        sys.stdout.flush()


def main(orders):
    """Obey orders, texts, until there are no more."""
    live = None
    for text in orders:
        order = json.loads(text)
        if live:
            _tell(live.obey(order))
        else:
            with open(order["plan"]) as f:
                live = Live(json.load(f))


if __name__ == "__main__":
    # In place of this folder, whose file names could hide modules: the project and its library.
    _root = (__file__.rpartition("/")[0] or ".") + "/../.."
    sys.path[0] = _root
    sys.path.insert(1, sys.argv[1])
    main(sys.stdin)
