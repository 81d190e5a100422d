"""`lvs backup`: what a mesh holds, who contributed it and its parameters, in one file."""

import sys

import click

from lvs_tools import options
from lvs_tools.mesh import accounts, audit, looking

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


@click.command("backup")
@click.argument("file", type=options.OutputFile(dash=True))
@looking.arguments(audit.SPREAD)
def command(file, config, port, broadcast, spread):
    """Write the values of a running mesh, its parameters, channels and an audit to FILE (JSON).

    CONFIG: of any of its nodes [./config.json or ./lvs.json]; what it says of the board
    (passwords) is left out. `lvs restore` starts a mesh anew from it. While nodes contribute, a
    backup is what the mesh held at a moment.

    \b
    Examples:
      lvs backup monday.json               # the mesh of ./config.json
      lvs backup monday.json house.json    # another one
      lvs backup -                         # printed
    """
    about, said = audit.audit(config, port, broadcast, spread)
    written = contents(about, said)
    options.write_json(file, written)
    unknown = [v["name"] for v in written["values"] if v["raw"] is None]
    differing = [c["name"] for c in said["channels"] if c["nodes_differ"]]
    if unknown:
        options.warn(f"nobody who answers holds {', '.join(unknown)}")
    if differing:
        options.warn(f"nodes differ in {', '.join(differing)}: wait until they agree")
    if file != "-":
        for value in written["values"]:
            unit = f" {value['unit']}" if value["unit"] else ""
            click.echo(f"{value['name']}: {value['value']}{unit}")
        click.echo(f"{file}: {len(written['values'])} channels, {len(said['nodes'])} nodes")
    sys.exit(looking.EXIT_APART if unknown or differing else 0)
