"""The page and the picture of `lvs attack`: docs/liars.md and docs/figures/attack.*."""

import csv

from lvs import config_check
from lvs_tools.attack import baselines
from lvs_tools.attack.cases import MIXED, PROMISED, SHARES, STRATEGIES, TOPOLOGIES, VALUE
from lvs_tools.attack.stages import STAGES

_ORDER = tuple(STAGES)
_ROUTE_BUDGET = config_check.NUMBERS["route_budget"][0]
WORDS = {
    "error_low": "too low",
    "error_high": "too high",
    "missing_raw": "missing",
    "clock_spread": "clocks apart",
    "clock_off": "clock off",
    "holders": "holders",
    "healed": "equal from",
}


def summarise(rows):
    """{(nodes, cycles, topology, stage, strategy, share): figures over the seeds}."""
    groups = {}
    for row in rows:
        key = (
            row["nodes"],
            row["cycles"],
            row["topology"],
            row["stage"],
            row["strategy"],
            row["share"],
        )
        groups.setdefault(key, []).append(row)
    return {
        key: {
            "seeds": len(group),
            "shift_mean": sum(r["settled_shift_mean"] for r in group) / len(group),
            "shift_worst": max((r["settled_shift_mean"] for r in group), key=abs),
            "spread_worst": max(r["spread"] for r in group),
            "node_worst": max(r["settled_shift_max"] for r in group),
            "worst": _worst(group),
            "violations": sum(r["budget_violations"] + r["negative_values"] for r in group),
        }
        for key, group in sorted(groups.items(), key=str)
    }


def _worst(group):
    """The figures of the stages, of the worst seed each, as text; none of older results."""
    worst = {}
    for key in WORDS:
        found = [row[key] for row in group if key in row]
        if key == "healed":
            since = [row["equal_since"] for row in group if "equal_since" in row]
            worst[key] = "no" if None in since else "%d" % max(since, default=0)
        elif found:
            worst[key] = "%d" % (min if key in ("error_low", "holders") else max)(found)
    return worst


def panels(summary):
    """[(panel, its shares)], the longest runs first; a panel: (nodes, cycles, topology, stage)."""
    found = sorted(
        {key[:4] for key in summary},
        key=lambda p: (_ORDER.index(p[3]), -p[1], TOPOLOGIES.index(p[2]), p[0]),
    )
    return [(p, sorted({key[5] for key in summary if key[:4] == p})) for p in found]


def title(panel):
    """A panel in words."""
    nodes, cycles, topology, stage = panel
    return "%s, %s, %d nodes, %d cycles" % (
        topology,
        STAGES[stage].title,
        nodes,
        cycles,
    )


def allowed(share, cycles):
    """Raw by which G4 lets an established mesh shift; from a half on G3's speed."""
    if share < 0.34:
        return VALUE * 2 // 10000
    return VALUE // 1000 if share < 0.5 else cycles // 64 * (VALUE >> 10)


def added(liars, cycles):
    """Raw that G3 lets so many addresses add: `route_budget` each an epoch, begun or whole."""
    return liars * _ROUTE_BUDGET * (cycles // 64 + 1)


def table(summary, panel, shares, figure="shift_worst"):
    """Rows of text for one panel: a figure of the worst seed, per strategy and share."""
    rows = []
    for strategy in STRATEGIES:
        cells = [summary.get((*panel, strategy, share)) for share in shares]
        if any(cells):
            rows.append([strategy, *("%.4g" % c[figure] if c else "-" for c in cells)])
    return rows


def staged_table(summary, panel):
    """(head, rows of text) of a panel of another stage: strategies and shares by figures."""
    figures = STAGES[panel[3]].figures
    rows = []
    for key, f in summary.items():
        if key[:4] == panel:
            liars = round(key[5] * panel[0])
            worst = [f["worst"].get(w, "-") for w in figures]
            rows.append([key[4], "%d" % liars, "%d" % added(liars, panel[1]), *worst])
    return ["strategy", "liars", "G3 allows", *(WORDS[w] for w in figures)], rows


def beyond(summary):
    """[(panel, strategy, share, figures)] of established meshes that shift more than G4 has it."""
    return [
        (key[:4], key[4], key[5], figures)
        for key, figures in summary.items()
        if key[3] == "established" and abs(figures["shift_worst"]) >= allowed(key[5], key[1])
    ]


def harmed(summary):
    """[(panel, strategy, what, raw)] of the other stages: more is added than G3 has it, or what
    the honest gave is short."""
    found = []
    for key, figures in summary.items():
        worst = figures["worst"]
        if key[3] in ("established", "cold") or not worst:
            continue
        if int(worst["error_high"]) > added(round(key[5] * key[0]), key[1]):
            found.append((key[:4], key[4], "too high", int(worst["error_high"])))
        if int(worst["missing_raw"]):
            found.append((key[:4], key[4], "missing", int(worst["missing_raw"])))
        elif int(worst["error_low"]) < 0:
            found.append((key[:4], key[4], "too low", int(worst["error_low"])))
    return found


def _markdown(rows, shares):
    return _lines(["strategy", *("%g %%" % (100 * share) for share in shares)], rows)


def _lines(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def _seeds(summary, panel):
    """How many runs each cell of a panel had, in words."""
    counts = {}
    for key, figures in summary.items():
        if key[:4] == panel:
            counts.setdefault(figures["seeds"], []).append(key)
    words = []
    for seeds, keys in sorted(counts.items(), reverse=True):
        which = ", ".join("%g %%" % (100 * s) for s in sorted({k[5] for k in keys}))
        words.append(
            "%d seed%s a cell" % (seeds, "" if seeds == 1 else "s")
            + (" (%s; %d cells)" % (which, len(keys)) if len(counts) > 1 else "")
        )
    return "; ".join(words) + "."


def judgement(summary):
    """Lines that say what was promised and whether all cells of the summary keep it."""
    over, harm = beyond(summary), harmed(summary)
    lines = [
        "",
        "G4 promises, for the strategies %s: an established" % ", ".join(PROMISED),
        "mesh shifts by less than 0.02 % up to a third of liars, by less than 0.1 % at 45 %,",
        "and from a half on no faster than G3.",
    ]
    if over:
        lines += ["These cells exceed it:", ""]
    else:
        lines.append("All cells below keep it, those of the other strategies, too.")
    for panel, strategy, share, figures in over:
        lines.append(
            "- %s: %s at %g %%: %.4g raw of %d%s"
            % (
                title(panel),
                strategy,
                100 * share,
                figures["shift_worst"],
                allowed(share, panel[1]),
                "" if strategy in PROMISED else " (not among the strategies of the promise)",
            )
        )
    lines += [
        "",
        "On the other stages liars may add what G3 lets them; what the honest gave must be there.",
    ]
    if harm:
        lines += ["It is not so in these:", ""]
        lines += ["- %s: %s: %d raw %s" % (title(p), who, raw, w) for p, who, w, raw in harm]
    else:
        lines.append("So it is in all of them.")
    return lines


def _panel(summary, panel, shares):
    nodes, cycles, _, stage = panel
    lines = ["", "## " + title(panel).capitalize(), ""]
    if STAGES[stage].figures:
        return [*lines, *_lines(*staged_table(summary, panel)), "", _seeds(summary, panel)]
    if stage == "cold":
        lines += ["Nodes that start up to 1,000 raw apart, with no history to defend.", ""]
    lines += _markdown(table(summary, panel, shares), shares)
    lines += [
        "",
        _seeds(summary, panel)
        + " The speed limit would allow %d raw." % (cycles // 64 * (VALUE >> 10)),
    ]
    apart = table(summary, panel, shares, "spread_worst")
    apart = [row for row in apart if any(cell not in ("0", "-") for cell in row[1:])]
    if apart:
        lines += [
            "",
            "How far apart the honest nodes' settled values were at the end, where they",
            "were not equal (raw, worst seed):",
            "",
            *_markdown(apart, shares),
        ]
    return lines


def document(summary, words, missing=0, stale=0):
    """The text of docs/liars.md. words: the command; missing: runs of it that were not made;
    stale: of those shown, runs of earlier sources."""
    runs = sum(f["seeds"] for f in summary.values())
    violations = sum(f["violations"] for f in summary.values())
    lines = [
        "# Liars",
        "",
        "What liars do to a mesh, measured in the simulator. This file, the figures and the",
        "picture beside it are written by",
        "",
        "    " + words,
        "",
        "It shows %d runs%s."
        % (runs, "; %d runs of that command were not made" % missing if missing else ""),
        *(["%d of them are of slightly older sources." % stale] if stale else []),
        "Each is of a mesh at 20 %% loss, all settled values %d raw, cycles of about a second, the"
        % VALUE,
        "liars among the nodes. A cell is the mean shift of the honest nodes' settled value in",
        "raw, of the worst seed; 20 raw are 0.02 %, 100 raw are 0.1 %. A dash was not run.",
        "Steps beyond the budget and negative values in all runs: %d." % violations,
        "",
        "Strategies are the files of host_sim/lvs_tools/adversaries; `mixed` is a third each of "
        + ", ".join(MIXED)
        + ".",
        "`sleeper` and `patient` are honest until cycle 300, to be trusted first. Nobody "
        "contributes here,",
        "so `forger` finds no rows to forge and is silent: tests/security/test_attacks.py has it.",
        "`sybil` speaks under spoofed addresses, too, where G4 is no promise (docs/security.md).",
    ]
    lines += judgement(summary)
    lines += ["", "![shift against share of liars](figures/attack.svg)"]
    for panel, shares in panels(summary):
        lines += _panel(summary, panel, shares)
    lines += [
        "",
        "## Simpler rules against the same lies",
        "",
        "A model in %d rounds of one epoch each, without network or protocol (host_sim/"
        "lvs_tools/attack/baselines.py)." % baselines.ROUNDS,
        "`literal` is the specification word for word: apply every diff, average every packet.",
        "",
    ]
    rows = []
    for rule in baselines.RULES:
        for strategy in baselines.LIES:
            rows.append(
                [
                    "%s: %s" % (rule, strategy),
                    *(str(baselines.shift(rule, strategy, share)) for share in SHARES),
                ]
            )
    return "\n".join(lines + _markdown(rows, SHARES)) + "\n"


def figures(summary, folder):
    """Write attack.csv and attack.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "attack.csv").open("w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        writer.writerow(
            [
                "nodes",
                "cycles",
                "topology",
                "stage",
                "strategy",
                "share",
                "seeds",
                "shift_mean_raw",
                "shift_worst_seed_raw",
                "worst_node_raw",
                "spread_raw",
                "violations",
            ]
        )
        for key, figure in summary.items():
            writer.writerow(
                [
                    *key,
                    figure["seeds"],
                    round(figure["shift_mean"], 3),
                    figure["shift_worst"],
                    figure["node_worst"],
                    figure["spread_worst"],
                    figure["violations"],
                ]
            )
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "lvs"  # the same figures, the same file
    from matplotlib import pyplot

    shown = [panel for panel in panels(summary) if not STAGES[panel[0][3]].figures]
    columns = 2 if len(shown) > 1 else 1
    rows = (len(shown) + columns - 1) // columns
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(6.5 * columns, 3.8 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(shown) :]:
        axis.set_visible(False)
    styles = {
        s: {
            "color": "C%d" % (i % 10),
            "marker": "os^Dv"[i % 5],
            "linestyle": "-" if i < 10 else "--",
        }
        for i, s in enumerate(STRATEGIES)
    }
    for (panel, _), axis in zip(shown, axes.flat, strict=False):
        _draw(axis, summary, panel, styles)
    figure.suptitle("How far liars move the honest, of %d raw (worst seed)" % VALUE)
    figure.savefig(folder / "attack.svg", metadata={"Date": None})
    pyplot.close(figure)


def _draw(axis, summary, panel, styles):
    """One panel: a line for each strategy that moves anything, what is promised, the others."""
    still = []
    for strategy in STRATEGIES:
        points = sorted(
            (key[5] * 100, abs(f["shift_worst"]))
            for key, f in summary.items()
            if key[:4] == panel and key[4] == strategy
        )
        if any(y >= 1 for _, y in points):
            axis.plot(
                *zip(*points, strict=True),
                label=strategy,
                markersize=5,
                linewidth=1.4,
                **styles[strategy],
            )
        elif points:
            still.append(strategy)
    if still:
        axis.plot([], [], " ", label="below 1 raw:\n" + "\n".join(still))
    if panel[3] == "established":
        most = allowed(1, panel[1])
        axis.step(
            [0, 34, 50, 85],
            [20, 20, 100, most],
            where="pre",
            color="black",
            linestyle=":",
            linewidth=1.2,
            label="promised (G4)",
        )
    axis.set_yscale("symlog", linthresh=1)
    axis.set_ylim(-0.2, 10 * VALUE if panel[3] == "cold" else 4 * allowed(1, panel[1]))
    axis.set_xlim(0, 85)
    axis.set_title(title(panel), fontsize="medium")
    axis.set_xlabel("share of liars (%)")
    axis.set_ylabel("shift (raw)")
    axis.grid(alpha=0.25)
    axis.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1.01, 0.5))
