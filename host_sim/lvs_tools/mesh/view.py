"""How a mesh looks while it runs, and the verdict for people."""

import statistics

from rich import box
from rich.table import Table
from rich.text import Text

from lvs import decimal
from lvs_tools.mesh.plan import CALM_FROM
from lvs_tools.mesh.process import interpreter_name
from lvs_tools.mesh.verdict import waits_in_journals

_AROUND = 4  # lines of the live table that are no rows: title, headings, rule, the cursor's
_STATE_STYLES = {"ACTIVE": "green", "killed": "bold red", "gone": "bold red"}


def vu(raw):
    """Raw units as VU for people, exact; a dash for None."""
    if raw is None:
        return "-"
    whole, _, part = decimal.text(raw, decimal.STEP).partition(".")
    return f"{int(whole):,}.{part}".rstrip("0").rstrip(".")


def _values(mesh):
    """The newest reported values of every node that lives and has reported."""
    return [i.report["values"] for i in mesh.instances if i and i.alive and i.report]


def state(instance):
    """A node's state for people: its lifecycle state, or starting, killed, gone."""
    if instance is None:
        return "waiting"
    if instance.killed:
        return "killed"
    if not instance.alive and instance.pid:
        return "gone"
    return instance.report["state"] if instance.report else "starting"


def spreads(mesh):
    """The largest difference (raw) between two nodes' newest values, by channel."""
    values = _values(mesh)
    return {
        name: max(v[name] for v in values) - min(v[name] for v in values) if values else 0
        for name in mesh.plan.channels
    }


def phase(mesh):
    """What the mesh is doing, in a few words."""
    plan = mesh.plan
    if mesh.ready < plan.nodes and not mesh.elapsed():
        return f"starting {mesh.ready}/{plan.nodes} nodes"
    if mesh.elapsed() < plan.seconds * CALM_FROM:
        return "contributing"
    return "calm: converging" if any(spreads(mesh).values()) else "calm: all values equal"


def progress_line(mesh):
    """One plain line, for an output that is no terminal."""
    states = [state(i) for i in mesh.instances]
    spread = max(spreads(mesh).values())
    return (
        f"{mesh.elapsed():4.0f} s of {mesh.plan.seconds:g}  {phase(mesh)};"
        f" {states.count('ACTIVE')}/{mesh.plan.nodes} active;"
        f" counted {vu(sum(mesh.contributed().values()))} VU; spread {vu(spread)} VU"
    )


def _bytes_per_minute(instance):
    """Sent and received so far, per minute of the instance's life; None before the first."""
    seconds = instance.heard - instance.started
    if not instance.report or seconds <= 0:
        return None
    size = instance.report["sent_bytes"] + instance.report["received_bytes"]
    return 60 * size / seconds


def _differ(said):
    """How many of those that a node heard hold other values: "3 of 12", or nothing."""
    found = max(said.get("differ", ()), key=lambda d: d["others"], default=None)
    return found and f"{found['others']} of {found['with_me'] + found['others']}"


def _cells(mesh, node, middle):
    """(is all well with a node?, its row of the live table). middle: of the values, by channel."""
    instance = mesh.instances[node]
    word = state(instance)
    cells = [
        mesh.plan.address(node),
        interpreter_name(instance) if instance else "",
        Text(word, style=_STATE_STYLES.get(word, "yellow")),
    ]
    if not (instance and instance.alive and instance.report):
        return False, cells
    said = instance.report
    own = max(abs(said["values"][name] - middle[name]) for name in middle)
    rate = _bytes_per_minute(instance)
    cells += [
        vu(said["values"][mesh.plan.channels[0]]),
        Text(vu(own), style="yellow" if own else "green"),
        f"{said['peers']}",
        _differ(said),
        f"{said['trust_mean']:.0f}",
        "-" if rate is None else f"{rate / 1000:.1f}",
    ]
    return word == "ACTIVE" and not own, cells


def _summary(mesh, middle):
    """Each channel's value and spread, as lines of two."""
    words = [
        f"{name} {vu(middle[name])} (spread {vu(difference)})"
        for name, difference in spreads(mesh).items()
    ]
    return ["   ".join(words[i : i + 2]) for i in range(0, len(words), 2)]


def table(mesh, height=None):
    """The live table: one row a node; where the terminal's height leaves no room for all, those
    with whom something is the matter come first."""
    plan = mesh.plan
    values = _values(mesh)
    middle = {
        name: statistics.median_low([v[name] for v in values]) if values else 0
        for name in plan.channels
    }
    title = (
        f"{mesh.elapsed():.0f} s of {plan.seconds:g}   {phase(mesh)}   loss {plan.loss:.0%}"
        f"   restarted {mesh.restarted} of {plan.kill}"
    )
    caption = _summary(mesh, middle)
    rows = [_cells(mesh, node, middle) for node in range(plan.nodes)]
    room = plan.nodes if height is None else max(3, height - _AROUND - len(caption))
    shown = range(plan.nodes)
    if plan.nodes > room:
        room -= 1  # the line that says how many are left out
        shown = sorted(sorted(shown, key=lambda node: rows[node][0])[:room])
        left = [rows[node][0] for node in range(plan.nodes) if node not in shown]
        well = "all ACTIVE and equal" if all(left) else f"{left.count(True)} ACTIVE and equal"
        caption.insert(0, f"and {len(left)} more, {well}")
    # Without a frame it fits 80 columns.
    view = Table(
        title=title,
        caption="\n".join(caption),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        collapse_padding=True,
        show_edge=False,
    )
    for heading in ("node", "runs on", "state"):
        view.add_column(heading, no_wrap=True)
    for heading in (f"{plan.channels[0]} VU", "off by", "peers", "differ", "trust", "KB/min"):
        view.add_column(heading, justify="right", no_wrap=True)
    for node in shown:
        view.add_row(*rows[node][1])
    return view


def verdict_lines(account):
    """The verdict for people, a list of lines."""
    channels = account["contributed_raw"]
    first = (
        f"{account['verdict']}: {account['nodes']} nodes"
        f" ({account['micropython_nodes']} on MicroPython),"
        f" {account['restarted']} killed and started anew, loss {account['loss']:.0%},"
        f" seed {account['seed']}"
    )
    lines = [first]
    waits = account["journal"] and waits_in_journals(account["lost_raw"], account["pending_raw"])
    fate = "not told yet" if waits else "lost with killed nodes"
    width = max(len(name) for name in channels)
    for name, contributed in channels.items():
        value = account["values_raw"][name]
        same = value["min"] == value["max"]
        says = vu(value["min"]) if same else f"{vu(value['min'])} to {vu(value['max'])}"
        lost = account["lost_raw"][name]
        lost = f", {fate} {vu(lost)}" if lost else ""
        lines.append(f"  {name:{width}}  contributed {vu(contributed)}{lost}; all say {says} VU")
    lines += [f"  {reason}" for reason in account["reasons"]]
    lines += [f"  warning: {warning}" for warning in account["warnings"]]
    lines += [f"  lost, or may be: {text}" for text in account["lost_or_may_be"]]
    if account["convergence_ms"] is not None:
        lines.append(
            f"  all values were equal and exact {account['convergence_ms'] / 1000:.1f} s after"
            " the last contribution"
        )
    rate = account["bytes_per_node_per_min"]
    lines.append(
        f"  traffic per node (sent + received): mean {rate['mean'] / 1000:.1f} KB/min,"
        f" largest {rate['max'] / 1000:.1f}"
    )
    return lines
