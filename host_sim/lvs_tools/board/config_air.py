"""`lvs config`: look at a board's lvs.json over the air, and change it."""

import json
from pathlib import Path

import click

from lvs_tools import options
from lvs_tools.board import air, deploy_air
from lvs_tools.board.air import HOST, SECRETS, AirBoard
from lvs_tools.board.profiles import BadArgument, BoardError

HOLD = click.option(
    "--hold",
    type=click.IntRange(1, air.HOLD_S),
    default=air.HOLD_S,
    show_default=True,
    metavar="SECONDS",
    help="How long what is new must do before the board keeps it.",
)


def find(config, key):
    """The value of a dotted key. Raises BoardError."""
    value = config
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            raise BoardError(f"{key}: not in this board's lvs.json")
        value = value[part]
    return value


def change(config, assignment):
    """Carry out "KEY=VALUE" in a configuration: VALUE is JSON, or else text; without one the key
    is removed. Raises BadArgument."""
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise BadArgument(f"'{assignment}': must be KEY=VALUE, such as board.led=false")
    *above, last = key.split(".")
    place = config
    for part in above:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise BadArgument(f"{key}: {part} is no object with keys")
    try:
        value = json.loads(text) if text else None
    except ValueError:
        value = text
    if text:
        place[last] = value
    else:
        place.pop(last, None)


@click.group()
def command():
    """Look at a board's lvs.json over the air, or change it.

    What is changed is checked here and again on the board. The board then starts with it on trial:
    unless it joins its mesh and hears a peer that it had heard before, the old file comes back.

    \b
    Examples:
      lvs config get --host 192.168.1.40
      lvs config set --host 192.168.1.40 board.led=false
    """


@command.command()
@click.argument("key", required=False)
@HOST
@SECRETS
def get(key, host, secrets):
    """Print the board's lvs.json, or one value of it: board.led.

    \b
    Examples:
      lvs config get --host 192.168.1.40
      lvs config get --host 192.168.1.40 board.led
    """
    with options.ending("config", BoardError):
        config = deploy_air.read_config(AirBoard(needed(host), air.admin_key(secrets)))
        value = find(config, key) if key else config
    click.echo(json.dumps(value, indent=4, ensure_ascii=False))


def needed(host):
    """The value of --host. Raises BadArgument."""
    if not host:
        raise BadArgument("which board? --host ADDR; `lvs fleet list` finds them")
    return host


@command.command(name="set")
@click.argument("assignments", nargs=-1, metavar="KEY=VALUE...")
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False),
    help="A whole lvs.json instead.",
)
@HOST
@SECRETS
@HOLD
@options.PRINT_JSON
def set_(assignments, path, host, secrets, hold, as_json):
    """Change values: board.led=false "board.wifi.ssid=my net"; KEY= removes a key.

    \b
    Examples:
      lvs config set --host 192.168.1.40 board.led=false
      lvs config set --host 192.168.1.40 "board.wifi.ssid=my net"
      lvs config set --host 192.168.1.40 --file lvs.json
    """
    with options.ending("config", BoardError, interrupted=air.BY_ITSELF):
        board = AirBoard(needed(host), air.admin_key(secrets))
        if bool(path) == bool(assignments):
            raise BadArgument("give KEY=VALUE, or --file FILE")
        try:
            config = json.loads(Path(path).read_text(encoding="utf-8")) if path else None
        except ValueError as error:
            raise BadArgument(f"{path}: is not JSON ({error})") from None
        config = deploy_air.read_config(board) if config is None else config
        for assignment in assignments:
            change(config, assignment)
        changed = deploy_air.write_config(
            board, config, hold, lambda line: click.echo(line, err=True)
        )
    said = f"{host}: {'kept' if changed else 'nothing to change'}"
    click.echo(json.dumps({"host": host, "changed": changed}) if as_json else said)
