"""Draws the street's night from what its own run left: `python -m examples.street.pictures`.

The values of the history (history.db), each as a share of what it ended at, with the moments of
the story (story.json). The simulated night draws itself: `lvs sim --plot`.
"""

import json
import sqlite3
from pathlib import Path

import click

from examples.street.story import SHOWN
from lvs_tools import options
from lvs_tools.bridge import export
from lvs_tools.bridge.history import History
from lvs_tools.places import ROOT

FILE = "street.png"
NIGHT = "night.png"  # of `lvs sim`
FIGURES = ROOT / "docs" / "figures"


def curves(history):
    """Yields (heading, times in seconds, values in units) of each channel of a History."""
    first, last = history.span()
    rows = list(history.rows(first, last))
    for channel in history.channels:
        known = [(at / 1000, values[channel[0]]) for at, values in rows if channel[0] in values]
        times, raw = zip(*known, strict=True)
        yield export.heading(channel), times, [float(export.text(channel, r)) for r in raw]


def draw(folder, path):
    """Draw the picture of a story's folder. Raises OSError, ValueError, sqlite3.Error."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    story = json.loads((folder / "story.json").read_text(encoding="utf-8"))
    found = list(curves(History(folder / "history")))
    begin = min(times[0] for _, times, _ in found)
    figure, axes = pyplot.subplots(
        len(found), 1, sharex=True, figsize=(9, 2.2 * len(found)), layout="constrained"
    )
    for axis, (heading, times, values) in zip(axes, found, strict=True):
        axis.step([t - begin for t in times], values, where="post")
        axis.set_title(heading, loc="left", fontsize=10)
        axis.set_ylim(0, None)
        axis.grid(alpha=0.3)
        for at, _ in story["marks"]:
            axis.axvline(at - begin, color="gray", linestyle=":", linewidth=1)
    for n, (at, text) in enumerate(story["marks"]):
        axes[0].annotate(
            text,
            (at - begin, 0),
            xycoords=("data", "axes fraction"),
            xytext=(3, 4 + 10 * (len(story["marks"]) - 1 - n)),
            textcoords="offset points",
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    axes[-1].set_xlabel("seconds since the first value")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _small(path, to):
    """A copy of a picture, 900 pixels wide, in 64 colours."""
    from PIL import Image  # matplotlib brings it

    with Image.open(path) as picture:
        size = (900, picture.height * 900 // picture.width)
        small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        small.quantize(64).save(to, optimize=True)


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / SHOWN,
    help=f"That of a story which has ended. [{SHOWN}]",
)
@click.option("--docs", is_flag=True, help="Put both pictures into docs/figures, too.")
def main(folder, docs):
    """Draw street.png in the story's folder.

    Exit codes: 0 drawn; 2 there is nothing to draw.
    """
    try:
        draw(folder, folder / FILE)
        for name in (FILE, NIGHT) if docs else ():
            _small(folder / name, FIGURES / name)
    except (OSError, ValueError, sqlite3.Error) as error:
        options.fail(f"{folder}: no story that has ended: {error}", 2)
    click.echo(folder / FILE)


if __name__ == "__main__":
    main(prog_name="python -m examples.street.pictures")
