"""The command `lvs`: a table of subcommands, each imported only when it is called.

A subcommand is a module of its own with a click command object named `command`.
"""

import importlib
import importlib.util

import click

# name: (module, what `lvs --help` says of it); a name whose module is not there is not shown.
COMMANDS = {
    "mesh": ("host_sim.mesh", "Run a real mesh on this machine and judge it."),
    "node": ("host_sim.node", "Run one node from a configuration."),
    "init": ("host_sim.init", "Write the configuration of a mesh."),
    "sim": ("host_sim.sim", "Simulate a mesh in virtual time, faults and all."),
    "swarm": ("host_sim.swarm", "Simulate many seeds, and show those that fail."),
    "sweep": ("host_sim.sweep", "Simulate over a grid of parameters, on all cores."),
    "attack": ("host_sim.attack", "Let liars attack a simulated mesh, and measure the harm."),
    "measure": ("host_sim.measure", "Measure what a node costs in a board's memory."),
    "journal": ("host_sim.journal", "Show and check what a node keeps on flash."),
    "flash": ("host_sim.flash", "Put MicroPython on a board."),
    "deploy": ("host_sim.deploy", "Put the node and its configuration on a board."),
    "fleet": ("host_sim.fleet", "Deploy to several boards side by side."),
    "repl": ("host_sim.repl", "Talk to a board."),
    "logs": ("host_sim.logs", "Follow what a board says, or show its crash log."),
    "mip": ("host_sim.mip", "Build the packages that mpremote mip installs."),
    "standin": ("host_sim.standin", "Play a board on this machine, without hardware."),
    "emulate": ("host_sim.emulate", "Boot real firmware in an emulator."),
}


class LazyGroup(click.Group):
    """A group whose subcommands are looked up in COMMANDS and imported when called."""

    def list_commands(self, ctx):
        """The names of the subcommands whose modules are there."""
        return [name for name, (module, _) in COMMANDS.items() if importlib.util.find_spec(module)]

    def get_command(self, ctx, name):
        """Import a subcommand; None for an unknown name."""
        if name not in self.list_commands(ctx):
            return None
        return importlib.import_module(COMMANDS[name][0]).command

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
