"""`lvs restore`: the configuration with which a mesh starts anew from a backup's values."""

import sys
from decimal import Decimal

import click

from lvs import Config, ConfigError, decimal
from lvs.config_check import step
from lvs.fixed import LvsError
from lvs_tools import options
from lvs_tools.mesh import accounts, backup, changes, looking


def started(data, saved, rounded=False):
    """A configuration whose channels start with what a backup holds. rounded: to whole steps,
    where a value is finer. Raises ConfigError."""
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
        if value and decimal.number(value["value"])[0]:
            entry["start"] = _steps(entry, value, rounded)
        channels.append(entry)
    lost = [v["name"] for v in known.values() if v["raw"] != 0 or decimal.number(v["value"])[0]]
    if lost:
        raise ConfigError(
            f"channels {', '.join(lost)} are in the backup and not in the configuration: append"
            " them there, retired if you like"
        )
    return {**data, "channels": channels}


def _steps(entry, value, rounded):
    its = step(entry["step"]) if "step" in entry else decimal.STEP
    raw, rest = decimal.steps(value["value"], its)
    if rest and rounded:
        return decimal.text(raw + (2 * rest >= its[0] * 10**decimal.CARRY), its)
    if rest:
        raise ConfigError(
            f"channel '{entry['name']}': {value['value']} is no whole number of its steps, now"
            f" {entry.get('step', '0.001')}: give it a finer step, or round it (--round)"
        )
    return value["value"]


def _start(new, c, saved):
    """With what a channel starts, a dict, and what it was before it was rounded."""
    raw = new.starts.get(c, 0)
    start = looking.channel(new, c, raw)
    was = [v["value"] for v in saved["values"] if v["name"] == start["name"]]
    if was and Decimal(was[0]) != Decimal(accounts.units(new, c, raw)):
        start["rounded_from"] = was[0]
    return start


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.argument("config", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--round", "rounded", is_flag=True, help="Round values to whole steps, and say so.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a parameter.")
@changes.OUTPUT
@options.PRINT_JSON
def command(file, config, rounded, settings, output, as_json):
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
    about = config or file
    try:
        data = Config(changes.load(config)).data if config else None
        about = file
        saved = changes.load(file)
        was = saved["tag"]
        data = changes.changed(started(data or saved["config"], saved, rounded), settings)
        new = changes.write(output, data)
    except (KeyError, TypeError, AttributeError):
        options.fail(f"{file}: is no backup that 'lvs backup' wrote", changes.EXIT_UNABLE)
    except (LvsError, OSError) as error:
        options.fail(options.named(about, error), changes.EXIT_UNABLE)
    starts = [_start(new, c, saved) for c in range(len(new.channels))]
    if as_json:
        options.write_json("-", changes.told(output, new, was) | {"starts": starts})
    else:
        for start in starts:
            finer = f", rounded from {start['rounded_from']}" if "rounded_from" in start else ""
            plain = accounts.units(new, new.channels.index(start["name"]), start["raw"])
            text = f"{start['name']} starts with {plain} {start['unit']}".rstrip()
            shown = f", shown as {start['text']}" if start["text"] != plain else ""
            click.echo(text + shown + finer)
        click.echo(f"{output}: mesh '{new.mesh}', tag {new.tag:08x}, was {was}")
    if f"{new.tag:08x}" == was:
        options.warn(
            "the tag is the same as before: nodes would find their old journals; change the name"
            " (--set mesh=NAME), or delete the journals"
        )
    sys.exit(0)
