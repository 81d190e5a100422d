"""What a simulation showed: a summary for people, and a picture."""

from rich.table import Table

from lvs import decimal
from lvs_tools.plan import fit

_TOLD = 3  # nodes whose words are shown


def duration(seconds):
    """Seconds as a short text: 45 s, 12 min, 3.5 h, 2.1 d."""
    for size, unit, digits in ((86400, "d", 1), (3600, "h", 1), (60, "min", 0)):
        if seconds >= 2 * size:
            return "%.*f %s" % (digits, seconds / size, unit)
    return "%d s" % seconds


def _vu(raw):
    return "%s VU (%d raw)" % (decimal.text(raw, decimal.STEP), raw)


def summary(result, checked, console, same=None):
    """Print the result on a rich Console. same: whether two runs agreed, None after one."""
    table = Table(
        title="%s, seed %d" % (result["scenario"], result["seed"]),
        show_header=False,
        title_justify="left",
    )
    table.add_column(style="bold")
    table.add_column()
    for name, text in _lines(result, checked):
        table.add_row(name, text)
    if same is not None:
        table.add_row("twice", "the same trace" if same else "[red]two different traces[/]")
    console.print(table)
    for why in result["why"]:
        console.print("  " + why, markup=False, highlight=False)
    for d in result["differ"][:_TOLD]:
        said = "  node %d says: %s" % (d["node"], d["text"])
        console.print(said, markup=False, highlight=False)
    for node, text in result["lost_or_may_be"][:_TOLD]:
        said = "  node %d says what was lost, or may be: %s" % (node, text)
        console.print(said, markup=False, highlight=False)
    for text, nodes in result["warnings"]:
        said = "  warning of %d nodes: %s" % (nodes, text)
        console.print(said, markup=False, highlight=False)


def _lines(result, checked):
    """(name, text) of each row of the summary: the run, what came of it, what it took."""
    yield from _run_lines(result, checked)
    yield from _outcome_lines(result)
    traffic = result["bytes_per_node_per_min"]
    yield (
        "traffic",
        "%.1f KB/min a node (p99 %.1f, most %.1f), sent + received"
        % (traffic["mean"] / 1000, traffic["p99"] / 1000, traffic["max"] / 1000),
    )
    leaves = result["leaves"]
    if leaves:
        yield (
            "leaves",
            "%d, awake %d s a day, %d KB a day; %.2f %% of %d contributions with everybody within "
            "two wakings, most %s; state %d bytes"
            % (
                leaves["count"],
                leaves["awake_s_per_day"],
                leaves["kb_per_day"],
                leaves["within_two_wakings"] * 100,
                leaves["contributions"],
                leaves["wakings_max"],
                leaves["state_bytes"],
            ),
        )
    yield (
        "rows",
        "%d in a channel of one node at most; %d refused, %d expired; %d recoveries"
        % (result["rows_of_one"], result["refused"], result["expired"], result["recoveries"]),
    )
    yield "trace", result["trace_hash"]


def _run_lines(result, checked):
    liars = ", %d of them liars" % result["liars"] if result["liars"] else ""
    yield (
        "mesh",
        "%d nodes%s, %s; %d honest alive at the end"
        % (result["nodes"], liars, checked["topology"]["kind"], result["alive"]),
    )
    yield (
        "simulated",
        "%s in %.1f s on %s: %.0f x real time"
        % (
            duration(result["simulated_s"]),
            result["wall_s"],
            checked["engine"],
            result["simulated_s"] / max(result["wall_s"], 1e-6),
        ),
    )
    yield (
        "memory",
        "%.0f MB in all, %.0f KB a node at most"
        % (result["memory_mb"], result["memory_mb"] * 1000 / result["nodes"]),
    )
    faults = ["%d %s" % (n, name) for name, n in sorted(result["faults"].items()) if n]
    yield "faults", ", ".join(faults) or "none"


def _outcome_lines(result):
    yield "contributed", _vu(result["contributed_raw"])
    off = result["value_error_max"]
    meaning = {
        "exact": "[green]exact[/]: every honest node has it to the bit",
        "not yet": "[yellow]not yet[/]: off by up to %d raw" % off,
        "not exact": "[red]not exact[/]: off by up to %d raw, and nothing moves" % off,
        "apart": "[red]apart[/]: nodes differ, by up to %d raw, and nothing moves" % off,
    }
    verdict = meaning[result["verdict"]]
    if result["lost_raw"]:
        verdict += "; %s lost with nodes that had told nobody" % _vu(result["lost_raw"])
    yield "verdict", verdict
    if result["needed"]:
        yield "needed", result["needed"]
    within, exact = result["cycles_to_within_2"], result["cycles_to_exact"]
    yield "settled values", "within 2 raw %s, equal %s" % (_since(within), _since(exact))
    reach = result["reach_cycles"]
    if reach["p50"] is not None:
        yield (
            "reach",
            "99 %% of the nodes after %d cycles (median), %d (p99), %d (most)"
            % (reach["p50"], reach["p99"], reach["max"]),
        )
    yield (
        "settled shift",
        "mean %.1f, most %d raw; largest step %d raw"
        % (result["settled_shift_mean"], result["settled_shift_max"], result["max_step"]),
    )
    negative, violations = result["negative_values"], result["budget_violations"]
    broken = "[red]%d negative values, %d steps beyond the budget[/]" % (negative, violations)
    yield "invariants", broken if negative or violations else "held"


def _since(cycle):
    return "not at the end" if cycle is None else "from cycle %d on" % cycle


_SHADES = {
    "partition": "tab:orange",
    "heal": "tab:green",
    "crash": "tab:red",
    "restart": "tab:green",
    "join": "tab:blue",
    "leave": "tab:red",
    "corrupt": "tab:purple",
    "skew": "tab:brown",
    "low_power": "tab:gray",
    "loss": "tab:orange",
    "contribute": "tab:cyan",
    "stop": "tab:red",
    "wipe": "tab:red",
    "clone": "tab:pink",
    "carry": "tab:olive",
}


def _apart(values):
    """How far apart the values are that are there; None without any."""
    there = [value for value in values if value is not None]
    return max(there) - min(there) if there else None


def picture(result, history, checked, path):
    """Write a picture: values, spread and traffic over the cycles, with the faults marked."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        3, 1, sharex=True, figsize=(10, 9), height_ratios=(3, 2, 1.5), layout="constrained"
    )
    values, spread, traffic = panels
    values.set_title(
        "%s: %d nodes, %d liars, seed %d: %s"
        % (
            result["scenario"],
            result["nodes"],
            result["liars"],
            result["seed"],
            result["verdict"],
        )
    )
    _draw_values(values, history)
    _draw_spread(spread, history)
    traffic.plot(
        history["cycles"], [b / 1000 for b in history["bytes_per_min"]], color="tab:green"
    )
    traffic.axhline(50, color="black", linestyle=":", linewidth=0.8)
    traffic.set_ylim(bottom=0)
    traffic.set_ylabel("KB/min a node")
    traffic.set_xlabel("cycles (s)")
    traffic.set_xlim(0, checked["cycles"])
    _draw_events(panels, checked)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _draw_values(axes, history):
    curves = list(zip(*history["values_raw"], strict=True))
    thin = max(0.1, min(1.0, 8 / max(1, len(curves))))
    for curve in curves:
        axes.plot(
            history["cycles"],
            [None if v is None else v / fit.ONE for v in curve],
            color="tab:blue",
            alpha=max(0.15, thin),
            linewidth=0.9,
        )
    axes.set_ylabel("value of the first channel (VU)")


def _draw_spread(axes, history):
    apart = [_apart(point) for point in history["values_raw"]]
    axes.plot(history["cycles"], apart, color="tab:blue", label="values, first channel")
    axes.plot(
        history["cycles"], history["spread_raw"], color="tab:red", label="settled, widest channel"
    )
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(0, 3 + 2 * max((n for n in apart + history["spread_raw"] if n), default=0))
    axes.set_ylabel("spread (raw)")
    axes.legend(loc="best", fontsize="small")


def _draw_events(panels, checked):
    """A line across all panels for each event; the first panel's legend names them."""
    seen = set()
    for event in checked["event"]:
        action = event["action"]
        for time in range(event["times"] or 1):
            at = event["at_cycle"] + time * (event["every"] or 0)
            if at > checked["cycles"]:
                break
            for axes in panels:
                axes.axvline(
                    at,
                    color=_SHADES[action],
                    linestyle="--",
                    linewidth=0.9,
                    label=action if axes is panels[0] and action not in seen else None,
                )
            seen.add(action)
    if seen:
        panels[0].legend(loc="best", fontsize="small")
