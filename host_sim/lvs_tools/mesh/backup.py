"""`lvs backup`: what a mesh holds, who contributed it and its parameters, in one file."""

import sys
from datetime import datetime
from pathlib import Path

import click

from lvs import ConfigError
from lvs_tools import options
from lvs_tools.mesh import accounts, audit, changes, looking

FORMAT = 1
PARAMETERS = ("max_allowed_shift", "route_budget", "session_epochs", "horizon_epochs")


def contents(config, said):
    """A backup as a dict. said: an audit's figures."""
    return {
        "format": FORMAT,
        "time": said["time"],
        "mesh": config.mesh,
        "tag": said["tag"],
        "parameters": {key: getattr(config, key) for key in PARAMETERS},
        "values": [
            {
                "name": channel["name"],
                "value": accounts.units(config, c, channel["value_raw"] or 0),
                "unit": channel["unit"],
                "raw": channel["value_raw"],
            }
            for c, channel in enumerate(said["channels"])
        ],
        # No secrets: what the board needs is in its own file.
        "config": {key: value for key, value in config.data.items() if key != "board"},
        "audit": said,
    }


def _write(file, written, count):
    """Write a backup, and say what is in it."""
    options.write_json(file, written)
    if file != "-":
        for value in written["values"]:
            unit = f" {value['unit']}" if value["unit"] else ""
            click.echo(f"{value['name']}: {value['value']}{unit}")
        channels = options.number(len(written["values"]), "channel", "channels")
        click.echo(f"{file}: {channels}, {count}")


def _carry(file, path, folders):
    """A backup of the journals of version 1 in folders; ends the program."""
    from lvs_tools.mesh import version1

    try:
        path = path or next(name for name in looking.DEFAULTS if Path(name).exists())
        data = changes.load(path)
        saved, doubts = version1.backup(data, folders)
    except StopIteration:
        options.fail("name the configuration that the nodes had", looking.EXIT_UNABLE)
    except (ConfigError, KeyError, TypeError) as error:
        options.fail(error, looking.EXIT_UNABLE)
    time = datetime.now().astimezone().isoformat(timespec="seconds")
    config = {key: data[key] for key in ("mesh", "channels") if key in data}
    mesh = data.get("mesh", "lvs")
    written = {"format": FORMAT, "time": time, "mesh": mesh, **saved, "config": config}
    for doubt in doubts:
        options.warn(doubt)
    _write(file, written, f"journals of {options.number(len(folders), 'node', 'nodes')}")
    if file != "-":
        click.echo("what other nodes contributed in their last 17 minutes may not be in it")
    sys.exit(looking.EXIT_APART if doubts else 0)


@click.command("backup")
@click.argument("file", type=options.OutputFile(dash=True))
@click.option(
    "--journal",
    "folders",
    multiple=True,
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Of version 1, a node's: read this instead. Once for each node.",
)
@looking.arguments(audit.SPREAD)
def command(file, config, port, broadcast, spread, folders):
    """Write the values of a running mesh, its parameters, channels and an audit to FILE (JSON).

    CONFIG: of any of its nodes [./config.json or ./lvs.json]; what it says of the board
    (passwords) is left out. `lvs restore` starts a mesh anew from it. While nodes contribute, a
    backup is what the mesh held at a moment.

    A mesh of version 1 is carried over from its nodes' journals: stop all nodes, fetch each's
    /journal, and name the configuration that they had. The journals stay as they are.

    \b
    Examples:
      lvs backup monday.json               # the mesh of ./config.json
      lvs backup monday.json house.json    # another one
      lvs backup -                         # printed
      lvs backup old.json old-config.json --journal node1 --journal node2
    """
    if folders:
        _carry(file, config, folders)
    about, said = audit.audit(config, port, broadcast, spread)
    written = contents(about, said)
    unknown = [v["name"] for v in written["values"] if v["raw"] is None]
    differing = [c["name"] for c in said["channels"] if c["nodes_differ"]]
    if unknown:
        options.warn(f"nobody who answers holds {', '.join(unknown)}")
    if differing:
        options.warn(f"nodes differ in {', '.join(differing)}: wait until they agree")
    _write(file, written, options.number(len(said["nodes"]), "node", "nodes"))
    sys.exit(looking.EXIT_APART if unknown or differing else 0)
