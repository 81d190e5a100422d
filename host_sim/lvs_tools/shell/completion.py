"""`lvs completion`: what makes a shell complete `lvs` at the Tab key."""

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from lvs_tools import options

_VARIABLE = "_LVS_COMPLETE"


def place(shell, environment):
    """Where a shell looks for it, without being told. environment: as os.environ."""
    home = Path(environment.get("HOME") or Path.home())
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    return {
        "bash": data / "bash-completion" / "completions" / "lvs",
        "zsh": home / ".zfunc" / "_lvs",
        "fish": config / "fish" / "completions" / "lvs.fish",
    }[shell]


# What has to be done beside, once.
_BESIDE = {
    "bash": "a new shell has it (it needs the package bash-completion)",
    "zsh": "in ~/.zshrc, once: fpath+=~/.zfunc; autoload -Uz compinit; compinit",
    "fish": "a new shell has it",
}


def script(shell):
    """The text that a shell is to run."""
    found = get_completion_class(shell)
    assert found
    # The group is asked only when Tab is pressed, by `lvs` itself.
    return found(click.Command("lvs"), {}, "lvs", _VARIABLE).source()


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("--install", is_flag=True, help="Write it where the shell looks for it, say where.")
def command(shell, install):
    """Print what makes SHELL complete `lvs`, its options and files at the Tab key.

    Its place is ~/.local/share/bash-completion/completions/lvs, ~/.zfunc/_lvs (in a folder of
    fpath) or ~/.config/fish/completions/lvs.fish: --install writes it there. `lvs` has to be in
    the PATH: activate the environment it is in, or link .venv/bin/lvs to ~/.local/bin.

    \b
    Examples:
      lvs completion bash --install
      lvs completion zsh > _lvs
    """
    text = script(shell)
    if not install:
        click.echo(text)
        return
    path = place(shell, os.environ)
    path.parent.mkdir(parents=True, exist_ok=True)
    with options.whole(path) as part:
        Path(part).write_text(text, encoding="utf-8")
    click.echo(f"{path}: written; {_BESIDE[shell]}")
