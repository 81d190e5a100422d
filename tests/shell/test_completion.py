"""The completion that is printed works in the shell that it is for."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lvs_tools import cli
from lvs_tools.shell import completion

ENV = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def call(*words, **more):
    return CliRunner().invoke(cli.main, list(words), prog_name="lvs", **more)


def bash(script):
    done = subprocess.run(
        ["bash", "--norc", "-c", script], capture_output=True, text=True, check=True, env=ENV
    )
    assert done.stderr == ""
    return done.stdout.split()


def completed(*words):
    """What bash offers for the last of these words."""
    shown = " ".join(f"'{word}'" for word in words)
    return bash(
        f'eval "$(lvs completion bash)"; complete -p lvs >/dev/null; COMP_WORDS=({shown});'
        f" COMP_CWORD={len(words) - 1}; _lvs_completion lvs; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_options_and_choices():
    assert completed("lvs", "mem") == ["members"]
    assert "--loss" in completed("lvs", "mesh", "--lo")
    assert completed("lvs", "fleet", "upd") == ["update"]
    assert completed("lvs", "completion", "f") == ["fish"]


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes_them_too(tmp_path):
    script = (
        "source (lvs completion fish | psub); complete -C 'lvs mem'; complete -C 'lvs mesh --lo'"
    )
    env = {**ENV, "HOME": str(tmp_path)}
    done = subprocess.run(["fish", "-c", script], capture_output=True, text=True, env=env)
    offered = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert done.stderr == "" and offered == ["members", "--loss"]


def test_tab_asks_no_subcommand_and_is_silent_where_an_extra_is_missing(monkeypatch):
    """Also where the program that completes could not run what is typed."""

    def forbidden(*_):
        raise AssertionError("imported")

    monkeypatch.setattr(importlib, "import_module", forbidden)
    env = {"_LVS_COMPLETE": "bash_complete", "COMP_WORDS": "lvs de", "COMP_CWORD": "1"}
    assert call(env=env).output.split() == ["plain,deploy"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    env = {"_LVS_COMPLETE": "bash_complete", "COMP_WORDS": "lvs deploy --", "COMP_CWORD": "2"}
    result = call(env=env)
    assert "needs" not in result.output and not isinstance(result.exception, cli.Missing)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_it_is_installed_where_the_shell_looks(shell, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    printed = call("completion", shell).output
    result = call("completion", shell, "--install")
    path = completion.place(shell, {"HOME": str(tmp_path)})
    assert result.exit_code == 0 and result.output.startswith(f"{path}: written; ")
    assert path.read_text() == printed.removesuffix("\n")
    if shutil.which(shell):
        subprocess.run([shell, "-n", str(path)], check=True)


def test_an_unwritable_home_is_one_line(tmp_path, monkeypatch):
    (tmp_path / ".zfunc").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    result = call("completion", "zsh", "--install")
    assert result.exit_code == 1 and result.output.count("\n") == 1
