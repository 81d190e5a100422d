"""The command `lvs`: a table of subcommands, each imported only when it is called.

A subcommand is a module of its own with a click command object named `command`.
"""

import importlib
import importlib.util

import click

# name: (module, what `lvs --help` says of it); a name whose module is not there is not shown.
COMMANDS = {
    "mesh": ("lvs_tools.mesh.command", "Run a real mesh on this machine and judge it."),
    "node": ("lvs_tools.mesh.node", "Run one node from a configuration."),
    "init": ("lvs_tools.board.init", "Write the configuration of a mesh."),
    "sim": ("lvs_tools.sim.command", "Simulate a mesh in virtual time, faults and all."),
    "swarm": ("lvs_tools.sim.swarm.command", "Simulate many seeds, and show those that fail."),
    "sweep": ("lvs_tools.sim.sweep", "Simulate over a grid of parameters, on all cores."),
    "attack": (
        "lvs_tools.attack.command",
        "Let liars attack a simulated mesh, and measure the harm.",
    ),
    "measure": ("lvs_tools.board.measure", "Measure what a node costs in a board's memory."),
    "journal": ("lvs_tools.mesh.journal", "Show and check what a node keeps on flash."),
    "flash": ("lvs_tools.board.flash", "Put MicroPython on a board."),
    "deploy": ("lvs_tools.board.deploy", "Put the node and its configuration on a board."),
    "fleet": ("lvs_tools.board.fleet", "Deploy to several boards side by side."),
    "repl": ("lvs_tools.board.repl", "Talk to a board."),
    "logs": ("lvs_tools.board.logs", "Follow what a board says, or show its crash log."),
    "mip": ("lvs_tools.board.mip", "Build the packages that mpremote mip installs."),
    "standin": ("lvs_tools.board.standin", "Play a board on this machine, without hardware."),
    "emulate": ("lvs_tools.board.emulate", "Boot real firmware in an emulator."),
}


class LazyGroup(click.Group):
    """A group whose subcommands are looked up in COMMANDS and imported when called."""

    def list_commands(self, ctx):
        """The names of the subcommands whose modules are there."""
        return [name for name, (module, _) in COMMANDS.items() if importlib.util.find_spec(module)]

    def get_command(self, ctx, cmd_name):
        """Import a subcommand; None for an unknown name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return importlib.import_module(COMMANDS[cmd_name][0]).command

    def format_commands(self, ctx, formatter):
        """List the subcommands from the table, without importing them."""
        rows = [(name, COMMANDS[name][1]) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lvs", message="%(prog)s %(version)s")
def main():
    """LVS: a mesh of small nodes that agree on shared values without a server."""
