"""What `lvs ... --help` says can be done as it is written, and `--json` is where it should be."""

import re
import shutil
import subprocess
import textwrap

import click
import pytest

from lvs_tools import cli
from lvs_tools.places import PACKAGE
from lvs_tools.shell import codes

NEXT = ("deploy", "flash")  # what follows on another command
# Notes what it is called with, and does nothing.
RECORDER = r"""lvs() { printf '%s\0' "$@" $'\n' >>"$CALLS"; }"""
# Commands that talk as long as they run, or whose result is JSON or a script itself.
WITHOUT_JSON = {
    "bridge",
    "repl",
    "logs",
    "standin",
    "backup",
    "config get",
    "completion",
}


def every(name="", command=cli.main, above=None):
    """(words, command) of each command, those of groups and the groups among them."""
    context = click.Context(command, info_name=name or "lvs", parent=above)
    yield name, command
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found
            yield from every(f"{name} {below}".strip(), found, context)


COMMANDS = dict(every())
LEAVES = [name for name, command in COMMANDS.items() if not isinstance(command, click.Group)]


def examples(command):
    """The lines below "Examples:" in a command's help."""
    text = textwrap.dedent(command.help.partition("\n")[2])
    _, found, rest = text.partition("\nExamples:\n")
    return [line.strip() for line in rest.partition("\n\n")[0].splitlines()] if found else []


def parsed(words):
    """Let click read a command line as it would, files and types checked, without running it."""
    name, command, context = "lvs", cli.main, None
    while isinstance(command, click.Group):
        context = click.Context(command, context, name)
        name, command, words = command.resolve_command(context, words)
        assert command
    command.make_context(name, list(words), context)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_examples(name):
    found = examples(COMMANDS[name])
    assert found
    for line in found:
        assert line.startswith(f"lvs {name}".strip()) or line.split()[1] in NEXT, line


def test_every_example_is_taken_as_it_is_written(tmp_path, monkeypatch):
    """By a shell, and by the command with that name; files that it names are there."""
    lines = [line for command in COMMANDS.values() for line in examples(command)]
    calls = tmp_path / "calls"
    # One after the other, also what is started with "&": they write to one file.
    script = "\nwait\n".join([RECORDER, "jq() { :; }", *lines, ""])
    subprocess.run(["bash", "-ec", script], cwd=tmp_path, env={"CALLS": str(calls)}, check=True)
    said = [call.split("\0")[:-1] for call in calls.read_text().split("\n\0")[:-1]]
    assert len(said) == len(lines)
    monkeypatch.chdir(tmp_path)
    for words in said:
        for word in words:
            if re.fullmatch(r"(\w[\w.-]*/)*[\w.-]+\.(json|bin|uf2)", word):
                (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / word).touch()
    (tmp_path / "history").mkdir()
    shutil.copy(PACKAGE / "scenarios" / "house.toml", "my.toml")
    for words in said:
        try:
            parsed(words)
        except click.exceptions.Exit as done:  # --keys, --help
            assert done.exit_code == 0
        except click.ClickException as error:
            pytest.fail(f"lvs {' '.join(words)}: {error.format_message()}")


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_has_json(name):
    options = {option for param in COMMANDS[name].params for option in param.opts}
    assert ("--json" in options) == (name not in WITHOUT_JSON)


@pytest.mark.parametrize("name", LEAVES)
def test_every_help_ends_with_the_exit_codes_of_the_table(name):
    shown = click.Context(COMMANDS[name], info_name="x").get_help()
    words = codes.line(name)
    assert words and " ".join(shown.split()).endswith(words)


def test_the_table_has_no_command_that_is_none():
    assert set(codes.TABLE) == set(LEAVES)
