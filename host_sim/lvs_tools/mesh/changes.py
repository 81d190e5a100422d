"""Configurations that are made of others: how they are read, changed and written."""

import json
from pathlib import Path

import click

from lvs import ConfigError
from lvs.config import Config
from lvs.config_check import parse
from lvs_tools import options

EXIT_UNABLE = 2
OUTPUT = click.option(
    "-o",
    "--output",
    type=options.OutputFile(),
    required=True,
    help="The configuration that is written.",
)


def load(path):
    """What a JSON file has, a dict. Raises ConfigError."""
    try:
        data = parse(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON ({error})") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: must be a JSON object")
    return data


def changed(data, settings):
    """A configuration with some keys changed. settings: texts like "horizon_h=240"; a value is
    JSON, or a text. Raises ConfigError."""
    data = dict(data)
    for setting in settings:
        key, mark, value = setting.partition("=")
        if not mark or not key:
            raise ConfigError(f"{setting}: write KEY=VALUE, such as horizon_h=240")
        if key == "horizon_h":
            data.pop("session_epochs", None)
            data.pop("horizon_epochs", None)
        elif key in ("session_epochs", "horizon_epochs"):
            data.pop("horizon_h", None)
        try:
            data[key] = json.loads(value)
        except (ValueError, RecursionError):
            data[key] = value
    return data


def write(path, data):
    """Write a configuration that is sound; returns its Config. Raises ConfigError, OSError."""
    config = Config(data)
    text = json.dumps(data, indent=4, ensure_ascii=False)
    with options.whole(path) as part:
        Path(part).write_text(text + "\n", encoding="utf-8")
    return config


def told(path, config, before):
    """What --json says of a configuration that was written. before: the tag of the mesh before."""
    return {"file": path, "mesh": config.mesh, "tag": f"{config.tag:08x}", "before": before}
