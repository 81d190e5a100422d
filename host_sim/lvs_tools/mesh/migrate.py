"""`lvs migrate`: change a parameter of a running mesh, node by node, and lose nothing."""

import click

from lvs import ConfigError
from lvs.config import Config
from lvs_tools import options
from lvs_tools.mesh import changes

_EPOCHS_H = 56.25


def migrated(data, settings):
    """(new configuration, old Config): of a mesh that goes on under other parameters. Raises
    ConfigError."""
    old = Config(data)
    new = changes.changed({k: v for k, v in data.items() if k != "before"}, settings)
    config = Config(new)
    if config.tag == old.tag:
        raise ConfigError("nothing of that belongs to the mesh: write it into the configuration")
    if config.starts != old.starts:
        raise ConfigError("start: a mesh that goes on keeps it; `lvs restore` starts anew")
    if config.route_budget < old.route_budget:
        raise ConfigError(
            f"route_budget: {config.route_budget} is less than {old.route_budget}: rows that were"
            " told faster would not be believed; start anew ('lvs restore')"
        )
    new["before"] = {
        "tag": f"{old.tag:08x}",
        "session_epochs": old.session_epochs,
        "horizon_epochs": old.horizon_epochs,
    }
    Config(new)
    return new, old


@click.command("migrate")
@click.argument("config", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--set", "settings", multiple=True, required=True, metavar="KEY=VALUE", help="What changes."
)
@changes.OUTPUT
@options.PRINT_JSON
def command(config, settings, output, as_json):
    """Change the name, budgets, or longer spans of a mesh while it runs, node by node.

    Writes the configuration CONFIG of a node with the new parameters and the tag of the mesh
    before. Give it to one node after another, and start each anew: with it a node takes its
    journal over into the new mesh, rows, values and all that it contributed. Old and new nodes do
    not hear each other meanwhile: to the mesh it is a partition, so that nothing is lost while it
    takes less than half of the old horizon. A node without a journal brings what others know.

    \b
    Examples:
      lvs migrate node3.json --set horizon_h=168 -o node3-new.json
      lvs migrate node3.json --set mesh=cellar -o node3-new.json
    """
    try:
        data, old = migrated(changes.load(config), settings)
        new = changes.write(output, data)
    except (ConfigError, OSError) as error:
        options.fail(options.named(config, error), changes.EXIT_UNABLE)
    hours = old.horizon_epochs / _EPOCHS_H / 2
    if as_json:
        said = changes.told(output, new, f"{old.tag:08x}") | {"within_hours": round(hours, 1)}
        options.write_json("-", said)
        return
    click.echo(f"{output}: mesh '{new.mesh}', tag {new.tag:08x}, after {old.tag:08x}")
    click.echo(f"bring all nodes to it within {hours:.1f} hours, one after another")
