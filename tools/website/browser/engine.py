"""The simulator in a browser: one world, run a cycle at a time. Runs in MicroPython.

`begin` makes the world, `step` runs a cycle and tells what is to be seen, `act` takes what was
clicked, `finish` ends it: with a scenario file that brings `lvs sim` to the very same bits.
"""

import gc
import json

from lvs import decimal
from lvs_tools.world.world import World

_FIRST = 1000  # frames of a cycle that are shown

world = None
_acts = []  # what was done: (at_cycle, event or None, liar or None)
_waiting = []  # what happens before the next cycle
_frames = []


def begin(text):
    """Make a world from a plan (JSON); tells how many are honest, and how many there are."""
    global world
    plan = json.loads(text)
    world = World(plan)
    _acts.clear()
    _waiting.clear()
    carry = world.network.send

    def send(sender, frame, addr, source):
        if len(_frames) < _FIRST:
            at = world.timeline.now % 1000
            _frames.append([at, sender.index, -1 if addr is None else addr - 1])
        return carry(sender, frame, addr, source)

    world.network.send = send
    return json.dumps({"honest": len(world.honest), "nodes": len(world.machines)})


def act(text):
    """Have something happen before the next cycle: {"action", "nodes", "value"} (JSON) as an
    event of a scenario, or "lie" with the strangers in "nodes"."""
    _waiting.append(json.loads(text))


def _event(done):
    """An event as plans have it, at the present cycle."""
    action, value = done["action"], done.get("value", 1)
    if action == "loss":
        value = int(value * (1 << 30) + 0.5)
    elif action == "contribute":
        value = repr(float(value))
    nodes = done.get("nodes")
    event = {"action": action, "nodes": nodes, "fraction": None, "value": value}
    if action == "contribute":
        event["channel"] = 0
        event["durable"] = None
    event["at_ms"] = world.cycle * 1000
    return event


def _happen():
    """What waits, in the order in which a scenario has it: liars by number, then events."""
    events = [done for done in _waiting if done["action"] != "lie"]
    lies = [i for done in _waiting if done["action"] == "lie" for i in done["nodes"]]
    lying = [i for _, _, i in _acts if i is not None]
    lies = sorted([i for i in lies if i >= len(world.honest) and i not in lying])
    lies = [i for k, i in enumerate(lies) if i not in lies[:k]]
    _waiting.clear()
    for done in reversed(events):
        world.faults.add(_event(done))
    for i in reversed(lies):
        world.machines[i].liar.begin(world.cycle * 1000)
    _acts.extend([(world.cycle, done, None) for done in events])
    _acts.extend([(world.cycle, None, i) for i in lies])


def step():
    """Run a cycle. Tells (JSON) the cycle, what was contributed, each honest node as [state,
    value, text, group, settled value], the frames as [ms, from, to or -1]."""
    _happen()
    _frames.clear()
    world.run_cycle()
    nodes = []
    for machine in world.honest:
        node = machine.node
        if node is None:
            nodes.append(["OFF", None, "", machine.group, None])
            continue
        shard = node.replicas[0].shard
        raw = shard.value(0)
        shown = [node.state, raw, node.config.text(0, raw), machine.group, shard.settled[0]]
        nodes.append(shown)
    total = world.plan["start"]["value"] + world.account.given[0]
    seen = {
        "cycle": world.cycle,
        "total": total,
        "text": decimal.text(total, decimal.STEP),
        "nodes": nodes,
        "lying": [i for _, _, i in _acts if i is not None],
        "frames": _frames,
        "violations": world.tally.budget_violations,
    }
    said = json.dumps(seen)
    gc.collect()
    return said


def finish():
    """End the world. Tells (JSON) its trace hash, its verdict, and the same as a scenario."""
    result = world.result()
    kept = ("trace_hash", "verdict", "cycles", "settled_shift_max", "budget_violations")
    told = {key: result[key] for key in kept}
    told["scenario"] = _scenario(world.plan)
    return json.dumps(told)


def _scenario(plan):
    """The text of a scenario file for the world as it became."""
    work, start = plan["workload"], plan["start"]
    began = {i: cycle for cycle, _, i in _acts if i is not None}
    lines = [
        'name = "%s"' % plan["name"],
        "nodes = %d\ncycles = %d\nseed = %d" % (plan["nodes"], world.cycle, plan["seed"]),
        "\n[link]\nloss = %r" % (plan["link"]["loss"] / (1 << 30)),
        "\n[workload]\ncontributions_per_minute = %r" % (60000 / work["gap_ms"]),
        "until_cycle = %d" % (work["until_ms"] // 1000),
        "\n[start]\nvalue = %d" % start["value"],
        "established = %s" % ("true" if start["established"] else "false"),
    ]
    for i in range(len(world.honest), plan["nodes"]):
        kind = plan["adversaries"][0]
        from_cycle = began.get(i, kind["from_ms"] // 1000)
        lines.append(
            '\n[[adversary]]\nclass = "%s"\ncount = 1\nfrom_cycle = %d'
            % (kind["class"], from_cycle)
        )
    for cycle, done, _ in _acts:
        if done is None:
            continue
        lines.append('\n[[event]]\nat_cycle = %d\naction = "%s"' % (cycle, done["action"]))
        for key in ("nodes", "value"):
            if key in done:
                lines.append("%s = %s" % (key, json.dumps(done[key])))
    return "\n".join(lines) + "\n"
