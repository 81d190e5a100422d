"""`lvs restore`: the configuration with which a mesh starts anew from a backup's values."""

import sys

import click

from lvs import ConfigError, decimal
from lvs.config_check import step
from lvs_tools import options
from lvs_tools.mesh import backup, changes, looking


def started(data, saved):
    """A configuration whose channels start with what a backup holds. Raises ConfigError."""
    if saved.get("format") != backup.FORMAT:
        raise ConfigError(f"format {saved.get('format')!r}: not one of this version's backups")
    data = {key: value for key, value in data.items() if key != "before"}
    known = {v["name"]: v for v in saved["values"]}
    channels = []
    for entry in data["channels"]:
        entry = dict(entry) if isinstance(entry, dict) else {"name": entry}
        entry.pop("start", None)
        value = known.pop(entry["name"], None)
        if value and value["raw"] is None:
            raise ConfigError(f"channel '{entry['name']}': its value was not known")
        if value and value["raw"]:
            entry["start"] = _steps(entry, value)
        channels.append(entry)
    lost = [v["name"] for v in known.values() if v["raw"] != 0]
    if lost:
        raise ConfigError(
            f"channels {', '.join(lost)} are in the backup and not in the configuration: append"
            " them there, retired if you like"
        )
    return {**data, "channels": channels}


def _steps(entry, value):
    its = step(entry["step"]) if "step" in entry else decimal.STEP
    if decimal.steps(value["value"], its)[1]:
        raise ConfigError(
            f"channel '{entry['name']}': {value['value']} is no whole number of its steps, now"
            f" {entry.get('step', '0.001')}: give it a finer step"
        )
    return value["value"]


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.argument("config", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a parameter.")
@changes.OUTPUT
@options.PRINT_JSON
def command(file, config, settings, output, as_json):
    """Make of FILE, which `lvs backup` wrote, a configuration of a mesh that starts anew.

    All nodes get it; in which order they start does not matter. Each begins with the values of the
    backup, also one that is alone. Any parameter may be another than before, channels may be in
    another order and have other steps. CONFIG is what a node has now, its board included [what the
    backup has].

    The mesh's tag changes: old journals are kept aside, and old and new nodes do not mix. What is
    contributed after the backup is not in it: let all nodes stop first (docs/operations.md).

    \b
    Examples:
      lvs restore monday.json -o new.json
      lvs restore monday.json node3.json --set horizon_h=24 -o node3-new.json
    """
    try:
        saved = changes.load(file)
        data = changes.load(config) if config else dict(saved.get("config", {}))
        data = changes.changed(started(data, saved), settings)
        new = changes.write(output, data)
    except (ConfigError, KeyError, TypeError, OSError) as error:
        options.fail(f"{file}: {error}", changes.EXIT_UNABLE)
    starts = [looking.channel(new, c, new.starts.get(c, 0)) for c in range(len(new.channels))]
    if as_json:
        options.write_json("-", changes.told(output, new, saved["tag"]) | {"starts": starts})
    else:
        for start in starts:
            click.echo(f"{start['name']} starts with {start['text']} {start['unit']}".rstrip())
        click.echo(f"{output}: mesh '{new.mesh}', tag {new.tag:08x}, was {saved['tag']}")
    if f"{new.tag:08x}" == saved["tag"]:
        options.warn(
            "the tag is the same as before: nodes would find their old journals; change the name"
            " (--set mesh=NAME), or delete the journals"
        )
    sys.exit(0)
