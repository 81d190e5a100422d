"""`lvs init`: a short dialogue that writes lvs.json and secrets.json."""

import json
import os
import sys
from pathlib import Path

import click

from lvs import ConfigError
from lvs.config import Config
from lvs_tools.board import profiles
from lvs_tools.board.profiles import BoardError


def source_settings(kind, channel, pin, per=None):
    """One entry of board.sources."""
    entry = {"kind": kind, "channel": channel, "pin": pin}
    if kind == "pulse":
        entry.update(units=1, pulses=per)
    elif kind == "adc":
        entry["per_hour"] = per
    return entry


def build(mesh, channels, profile, ssid, sources):
    """The configuration as a dict, in the order in which a person reads it. Raises ConfigError."""
    config = {
        "mesh": mesh,
        "channels": channels,
        "board": {"wifi": {"ssid": ssid} if ssid else False, "sources": sources},
    }
    Config({**profile["config"], **config})
    return config


def write(path, data, private=False):
    """Write JSON that a person can edit; private: for the owner's eyes only."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if private else 0o644)
    with open(descriptor, "w") as file:
        file.write(json.dumps(data, indent=4) + "\n")
    if private:
        os.chmod(path, 0o600)


def ask_board():
    """Ask which board it is for; returns its profile's name."""
    for known in profiles.names():
        click.echo(f"  {known:18} {profiles.load(known)['title']}")
    return click.prompt("Which board", type=click.Choice(profiles.names()), show_choices=False)


def ask_source(profile, channels):
    """Ask for one source; None when there are no more."""
    kind = click.prompt(
        "  What counts? (pulse, button, adc; nothing more: none)",
        default="none",
        type=click.Choice(["pulse", "button", "adc", "none"]),
        show_choices=False,
    )
    if kind == "none":
        return None
    channel = channels[0]
    if len(channels) > 1:
        channel = click.prompt("  into channel", type=click.Choice(channels), default=channel)
    pin = click.prompt("  on pin", type=int, default=profile["pins"].get(kind))
    per = None
    if kind == "pulse":
        per = click.prompt(f"  pulses per unit of {channel}", type=click.IntRange(1), default=1)
    elif kind == "adc":
        per = click.prompt(
            f"  units of {channel} an hour at full scale", type=click.IntRange(1), default=1000
        )
    return source_settings(kind, channel, pin, per)


@click.command()
@click.option("--board", "name", metavar="NAME", help="The board's profile.")
@click.option("--mesh", help="The mesh's name: the same on all of its nodes.")
@click.option("--channels", help="Channels with commas between: the same on all, in this order.")
@click.option("--ssid", help='The Wi-Fi\'s name; "" for none.')
@click.option("--password", help="The Wi-Fi's password; better answered than given here.")
@click.option(
    "--out",
    default=".",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for lvs.json and secrets.json.",
    show_default=True,
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--yes", is_flag=True, help="Ask nothing: take the options and no sources.")
def command(name, mesh, channels, ssid, password, out, force, yes):
    """Write the configuration of a node, by asking a few questions.

    Every key is explained in docs/boards/configuration.md; the file can be edited by hand.
    """
    try:
        for file in ("lvs.json", "secrets.json"):
            if (out / file).exists() and not force:
                raise BoardError(f"{out / file} is there already; edit it, or give --force")
        if yes and not (name and mesh and channels and ssid is not None):
            raise BoardError("--yes needs --board, --mesh, --channels and --ssid")
        name = name or ask_board()
        profile = profiles.load(name)
        mesh = mesh or click.prompt("Name of the mesh, the same on all of its nodes")
        channels = channels or click.prompt("Channels, with commas between (water,people)")
        listed = [c.strip() for c in channels.split(",") if c.strip()]
        if ssid is None:
            ssid = click.prompt("Name of your Wi-Fi (empty: none)", default="", show_default=False)
        if ssid and password is None and not yes:
            password = click.prompt(
                "Its password", hide_input=True, default="", show_default=False
            )
        sources = [] if yes else list(iter(lambda: ask_source(profile, listed), None))
        config = build(mesh, listed, profile, ssid, sources)
        if ssid and password and len(password) < 8:
            raise BoardError("a Wi-Fi password has at least 8 characters")
        out.mkdir(parents=True, exist_ok=True)
        write(out / "lvs.json", config)
        if ssid:
            write(out / "secrets.json", {"wifi_password": password or ""}, private=True)
    except (BoardError, ConfigError, OSError) as error:
        click.echo(f"init: {error}", err=True)
        sys.exit(1)
    click.echo(
        f"{out / 'lvs.json'}"
        + (f" and {out / 'secrets.json'}" if ssid else "")
        + f" written; next: lvs deploy --board {name}"
    )
