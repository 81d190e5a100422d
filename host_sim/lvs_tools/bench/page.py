"""docs/figures.md and its pictures: what `lvs bench --docs` writes."""

import json
import os

from lvs_tools.bench.table import lines

_DATA = "bench.json"  # beside the pictures


def _machine(report):
    machine = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return (
        f"{machine['processors']} processors ({machine['processor']}), {machine['system']};"
        f" {versions}"
    )


def _goals(goals):
    yield "| goal | to be | is | |"
    yield "|---|---|---|---|"
    for goal in goals:
        verdict = "met" if goal.met else f"**missed**: {goal.why}"
        yield f"| {goal.what} | {goal.goal} | {goal.measured} | {verdict} |"


def _part(name, part, found):
    yield f"## {part.TITLE}"
    yield ""
    if found["skipped"] or found["failed"]:
        yield f"Not measured: {found['skipped'] or found['failed']}."
        yield ""
    if found["left_out"] or found["stale"]:
        yield (f"{found['left_out']} runs were not made, {found['stale']} are of earlier sources.")
        yield ""
    for table in part.tables(found["rows"]) if found["rows"] else ():
        yield f"**{table.title}**, by `{table.command}`:"
        yield ""
        yield from lines(table)
        yield ""
        for note in table.notes:
            yield note
            yield ""
    for file, words in part.PICTURES if found["rows"] else ():
        yield f"![{words}](figures/{file})"
        yield ""


def document(report, parts):
    """The text of docs/figures.md. parts: {name: module}."""
    shown = {name: report["parts"][name] for name in parts if name in report["parts"]}
    goals = [g for name, f in shown.items() if f["rows"] for g in parts[name].goals(f["rows"])]
    missed = sum(not goal.met for goal in goals)
    size = "" if report["size"] == "usual" else f" --{report['size']}"
    text = [
        "# Figures",
        "",
        "What a node costs, measured. This page and its pictures are written by",
        "",
        f"    lvs bench --docs{size}",
        "",
        "and each table by the command above it. What it was measured on stands in"
        f" [{_DATA}](figures/{_DATA}): {_machine(report)}.",
        "",
        "## Goals",
        "",
        f"{len(goals)} goals, {missed} missed.",
        "",
        *_goals(goals),
        "",
    ]
    for name, found in shown.items():
        text += _part(name, parts[name], found)
    return "\n".join(text).rstrip() + "\n"


def write(report, parts, docs):
    """Write the page, its data and its pictures; parts that were not measured stay as they were.

    docs: the folder. What is written is there whole, or not at all.
    """
    figures = docs / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    before = {}
    if (figures / _DATA).is_file():
        before = json.loads((figures / _DATA).read_text(encoding="utf-8"))["parts"]
    both = {**report, "parts": {**before, **report["parts"]}}
    _replace(figures / _DATA, json.dumps(both, indent=1) + "\n")
    for name, found in both["parts"].items():
        if found["rows"] and name in parts:
            parts[name].draw(found["rows"], figures)
    _replace(docs / "figures.md", document(both, parts))


def _replace(path, text):
    draft = path.with_suffix(".new")
    try:
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def picture(path, title, curves, across, up, size=(6.5, 4)):
    """Draw curves {name: [(x, y)]} on logarithmic axes to an SVG file."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "lvs"  # the same figures, the same file
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=size, layout="constrained")
    for i, (name, points) in enumerate(curves.items()):
        axis.plot(*zip(*points, strict=True), label=name, marker="os^Dv"[i % 5], markersize=5)
    axis.set(xscale="log", yscale="log", title=title, xlabel=across, ylabel=up)
    axis.grid(alpha=0.25)
    axis.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
