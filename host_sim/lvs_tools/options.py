"""What commands have in common: options, and the file that --json names."""

import json
import os
from pathlib import Path

import click

JSON = click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write the figures as JSON to this file (- for standard output).",
)
WORKERS = click.option(
    "--workers",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    show_default=True,
    help="Processes on this machine.",
)


def write_json(path, figures):
    """Write figures to the file of --json; returns whether standard output is free for people.

    path: None for no file, "-" for standard output.
    """
    text = json.dumps(figures, indent=2)
    if path == "-":
        click.echo(text)
    elif path:
        Path(path).write_text(text + "\n", encoding="utf-8")
    return path != "-"
