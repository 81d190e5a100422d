"""The command `lvs` lists what is there and imports only what is called."""

import subprocess
import sys

import click
from click.testing import CliRunner

from lvs_tools import cli


def test_help_imports_no_subcommand():
    code = (
        "import sys; from lvs_tools import cli; cli.main(['--help'], standalone_mode=False);"
        "print([m for m in sys.modules if m in {v[0] for v in cli.COMMANDS.values()}])"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert "  mesh" in printed
    assert printed.splitlines()[-1] == "[]"


def test_every_listed_command_has_help():
    runner = CliRunner()
    for name in cli.main.list_commands(None):
        result = runner.invoke(cli.main, [name, "--help"])
        assert result.exit_code == 0, result.output
        assert result.output.startswith(f"Usage: main {name}")


def test_missing_module_is_not_listed(monkeypatch):
    monkeypatch.setitem(cli.COMMANDS, "ghost", ("lvs_tools.no_such_module", "Nothing."))
    result = CliRunner().invoke(cli.main, ["--help"])
    assert "ghost" not in result.output
    result = CliRunner().invoke(cli.main, ["ghost"])
    assert result.exit_code == 2
    assert "No such command 'ghost'" in result.output


def test_listed_command_runs(monkeypatch):
    @click.command()
    def command():
        """Hello."""
        click.echo("called")

    monkeypatch.setitem(cli.COMMANDS, "hello", ("lvs_tools.interpreters", "Greets."))
    monkeypatch.setattr("lvs_tools.interpreters.command", command)
    result = CliRunner().invoke(cli.main, ["hello"])
    assert (result.exit_code, result.output) == (0, "called\n")


def test_version():
    result = CliRunner().invoke(cli.main, ["--version"], prog_name="lvs")
    assert (result.exit_code, result.output) == (0, "lvs 0.1.0\n")
