"""`lvs sweep`: a scenario over a grid of settings and seeds; Dask, Parquet and a picture."""

import hashlib
import itertools
import json
import sys
import time
from pathlib import Path

import click
from rich.console import Console

import lvs
from lvs_tools import options, world
from lvs_tools.sim import engine, scenario
from lvs_tools.sim.workers import without_ctrl_c

_OUT = Console()
_RETRIES = 3  # of a run whose worker was lost or failed
_SAVE_S = 5  # results are on disk so many seconds after they came
_PANELS = (
    ("exact", "share of exact runs"),
    ("reach_p99", "cycles to reach 99 % (p99)"),
    ("bytes_mean", "bytes a node and minute"),
)


def run_one(task):
    """Run one checked scenario on a worker; returns a flat row."""
    name, varied, checked = task
    result = engine.run(checked)
    row = {"run": name, **varied, "seed": checked["seed"]}
    for key, value in result.items():
        if isinstance(value, dict) and key in ("reach_cycles", "bytes_per_node_per_min"):
            for part, number in value.items():
                row["%s_%s" % (key.split("_")[0], part)] = number
        elif isinstance(value, (bool, int, float, str)) and key not in row:
            row[key] = value
    return row


def _variations(texts):
    """[(key, [value texts])] from texts such as link.loss=0,0.1,0.3."""
    varied = []
    for text in texts:
        key, equals, values = text.partition("=")
        if not equals or not key.strip() or not values.strip():
            raise click.BadParameter(
                "%s: must be key=value,value,... such as link.loss=0,0.1" % text,
                param_hint="--vary",
            )
        varied.append((key.strip(), [value.strip() for value in values.split(",")]))
    return varied


def tasks_of(path, settings, adversaries, varied, seeds):
    """All runs of a sweep: (name, varied values, checked scenario); bad settings raise at once.

    The name is a hash of everything that decides the run, so that a result can be found again.
    """
    tasks = []
    code = _code()
    for values in itertools.product(*(values for _, values in varied)):
        chosen = dict(zip((key for key, _ in varied), values, strict=True))
        for seed in seeds:
            overrides = [*settings, *("%s=%s" % pair for pair in chosen.items()), "seed=%d" % seed]
            checked = scenario.load(path, overrides, adversaries)
            plan = json.dumps(scenario.plan(checked), sort_keys=True)
            liars = [Path(liar["path"]).read_text("utf-8") for liar in checked["adversary"]]
            text = "\n".join([code, checked["engine"], plan, *liars])
            name = hashlib.sha256(text.encode()).hexdigest()[:16]
            tasks.append((name, {key: _number(value) for key, value in chosen.items()}, checked))
    return tasks


def _code():
    """A hash of the core and of the world: results of other code are not results of this."""
    digest = hashlib.sha256()
    for folder in (Path(lvs.__file__).parent, Path(world.__file__).parent):
        for path in sorted(folder.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _number(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


class _Results:
    """Rows in a Parquet file that is replaced as a whole, so that a stop loses little."""

    def __init__(self, path):
        import pandas

        self._pandas = pandas
        self.path = path
        self.rows = pandas.read_parquet(path).to_dict("records") if path.is_file() else []
        self._saved = time.monotonic()

    def add(self, row):
        self.rows.append(row)
        if time.monotonic() - self._saved > _SAVE_S:
            self.save()

    def frame(self):
        return self._pandas.DataFrame(self.rows)

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        self.frame().to_parquet(part, index=False)
        part.replace(self.path)
        self._saved = time.monotonic()


def _run(tasks, results, scheduler, workers):
    """Run the tasks on a cluster; each result is kept as soon as it comes."""
    from dask.distributed import Client, LocalCluster, as_completed

    cluster = None
    if scheduler is None:
        with without_ctrl_c():
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address=None,  # pyright: ignore[reportArgumentType] - documents None
                silence_logs=50,
            )
    try:
        with (
            Client(cluster or scheduler, timeout="20s") as client,
            options.counting() as bar,
        ):
            shown = bar.add_task("sweep", total=len(tasks))
            futures = client.map(run_one, tasks, retries=_RETRIES, pure=False)
            for future in as_completed(futures):
                results.add(future.result())
                future.release()
                bar.advance(shown)
    finally:
        if cluster:
            cluster.close()


def picture(frame, keys, path):
    """Write a picture: figures over the first varied key, a line for each choice of the others."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    first, others = keys[0], keys[1:]
    figure, panels = pyplot.subplots(
        len(_PANELS), 1, sharex=True, figsize=(8, 9), layout="constrained"
    )
    groups = (
        [("", frame)]
        if not others
        else [
            (", ".join("%s=%s" % pair for pair in zip(others, choice, strict=True)), part)
            for choice, part in frame.groupby(list(others))
        ]
    )
    for axes, (column, label) in zip(panels, _PANELS, strict=True):
        for name, part in groups:
            by = part.dropna(subset=[column]).astype({column: float}).groupby(first)[column]
            middle = by.mean()
            if middle.empty:
                continue
            axes.plot(middle.index, middle.values, marker="o", label=name)
            axes.fill_between(middle.index, by.min().values, by.max().values, alpha=0.15)
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
    if others:
        panels[0].legend(fontsize="small")
    panels[-1].set_xlabel(first)
    figure.suptitle("%s: mean over seeds, shaded from least to most" % frame["scenario"].iloc[0])
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _summary(frame, keys):
    from rich.table import Table

    columns = [
        ("exact", "exact", "%.0f %%", 100),
        ("value_error_max", "error, most", "%.0f", 1),
        ("reach_p99", "reach p99", "%.0f", 1),
        ("bytes_mean", "KB/min", "%.1f", 0.001),
    ]
    table = Table()
    for name in [*keys, "runs", *(title for _, title, _, _ in columns)]:
        table.add_column(name, justify="right")
    for choice, part in frame.groupby(list(keys)):
        cells = [str(value) for value in choice] + [str(len(part))]
        for column, _, form, scale in columns:
            numbers = part[column].dropna().astype(float)
            figure = numbers.max() if column == "value_error_max" else numbers.mean()
            cells.append(form % (figure * scale) if len(numbers) else "-")
        table.add_row(*cells)
    _OUT.print(table)


@click.command("sweep")
@click.argument("path", metavar="SCENARIO")
@click.option(
    "--vary",
    "variations",
    multiple=True,
    required=True,
    metavar="KEY=A,B,...",
    help="Values to try for a key; several of these make a grid.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Runs of each point, with seeds from 1 on.",
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="As for `lvs sim`.")
@click.option(
    "--adversary",
    "adversaries",
    multiple=True,
    metavar="PATH.py:CLASS=SHARE",
    help="As for `lvs sim`.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="A Dask scheduler such as tcp://host:8786; by default workers on this machine.",
)
@options.WORKERS
@click.option(
    "--out",
    type=options.OutputFolder(),
    help="Folder for results.parquet and sweep.png [default: build/sweep/SCENARIO]",
)
@options.JSON
def command(path, variations, seeds, settings, adversaries, scheduler, workers, out, json_path):
    """Run SCENARIO over a grid of settings, several seeds each.

    Results that are in the folder already, of the same code, are not computed again: a sweep that
    was stopped goes on where it was.

    \b
    Examples:
      lvs sweep house --vary link.loss=0,0.1,0.3 --seeds 3
      lvs sweep house --vary nodes=10,20 --vary link.loss=0,0.3 --out grid
    """
    varied = _variations(variations)
    try:
        tasks = tasks_of(path, settings, adversaries, varied, range(1, seeds + 1))
    except scenario.ScenarioError as error:
        options.fail(error, 2)
    folder = out or Path("build/sweep") / Path(path).stem
    try:
        results = _Results(folder / "results.parquet")
        known = {row["run"] for row in results.rows}
        missing = [task for task in tasks if task[0] not in known]
        if len(missing) < len(tasks):
            options.ERRORS.print(
                "%d of %d runs are in %s already"
                % (len(tasks) - len(missing), len(tasks), results.path),
                highlight=False,
            )
        if missing:
            try:
                _run(missing, results, scheduler, min(workers, len(missing)))
            finally:
                results.save()
    except KeyboardInterrupt:
        options.ERRORS.print("stopped; the same command goes on from here")
        sys.exit(130)
    except OSError as error:
        options.fail("%s: %s" % (scheduler or folder, error), 2)
    except engine.EngineError as error:
        options.fail(error, 1)
    frame = results.frame()
    frame = frame[frame["run"].isin([task[0] for task in tasks])]
    keys = [key for key, _ in varied]
    if json_path != "-":
        _summary(frame, keys)
    picture(frame, keys, folder / "sweep.png")
    if options.write_json(json_path, json.loads(frame.to_json(orient="records") or "[]")):
        _OUT.print("%s and sweep.png" % results.path, highlight=False)


if __name__ == "__main__":
    command()
