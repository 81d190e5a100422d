"""`lvs init`: a short dialogue that writes lvs.json and secrets.json."""

import json
import os
import re
import secrets as random
import shlex
import unicodedata
from pathlib import Path

import click

from lvs import ConfigError, holders
from lvs.config import Config
from lvs_tools import options
from lvs_tools.board import profiles
from lvs_tools.board.profiles import BadArgument, BoardError

KINDS = ("pulse", "button", "adc")
SINKS = {  # kind: what follows the channel in --sink
    "pin": "PIN:above|below:LEVEL",
    "display": "SDA:SCL",
    "led_bar": "PIN,PIN,...:FULL",
}
PART = "lvs.json.part"  # the answers so far, until all are given
_HOST = re.compile(r"[A-Za-z0-9-]{1,32}")


# --- what is a good answer: each returns it, or raises click.BadParameter in one line ------------


def good_mesh(text):
    """A mesh's name."""
    return _checked({"mesh": text.strip(), "channels": ["a"]}, text.strip())


def good_channels(text):
    """Channels' names with commas between."""
    listed = [part.strip() for part in text.split(",") if part.strip()]
    return _checked({"mesh": "m", "channels": listed}, listed)


def good_ssid(text):
    """The name of a Wi-Fi; empty for none."""
    if len(text.encode()) > 32:
        raise click.BadParameter("a Wi-Fi's name has at most 32 bytes")
    return text


def good_password(text):
    """A Wi-Fi's password; empty for an open one."""
    if 0 < len(text) < 8:
        raise click.BadParameter("a Wi-Fi password has at least 8 characters")
    return text


def good_name(text):
    """What the router and `lvs fleet list` call the board."""
    if not _HOST.fullmatch(text):
        raise click.BadParameter(f"{text!r}: 1 to 32 letters, digits and hyphens")
    return text


def good_number(text):
    """A number above 0, as text where it is no whole one."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise click.BadParameter(f"{text!r} is not a number above 0")
    return int(text) if text.isdigit() else text


def good_pin(text, profile, kind, taken):
    """A pin that the board has, that suits, and that is free."""
    usable = profiles.gpio(profile, "analog" if kind == "adc" else "digital")
    shown = profile["gpio"]["analog" if kind == "adc" else "digital"]
    lack = profile["gpio"]["no_pull"]
    if kind == "sink" and lack:  # an ESP32's without a resistor are inputs only
        usable = [pin for pin in usable if pin not in profiles.gpio(profile, "no_pull")]
        shown += f" without {lack}"
    if not text.isdigit() or int(text) not in usable:
        raise click.BadParameter(f"{text}: this board has {shown} for it")
    if int(text) in taken:
        raise click.BadParameter(f"{text} is in use already")
    return int(text)


def _checked(config, answer):
    try:
        Config(config)
    except ConfigError as error:
        raise click.BadParameter(str(error)) from None
    return answer


def good(answer, check, *more):
    """The same for what was given as an option. Raises BadArgument."""
    try:
        return check(answer, *more)
    except click.BadParameter as error:
        raise BadArgument(error.message) from None


# --- sources -------------------------------------------------------------------------------------


def source_settings(kind, channel, pin, per=None, bounces=True, pull=True):
    """One entry of board.sources. pull: whether the pin has a resistor of its own."""
    entry = {"kind": kind, "channel": channel, "pin": pin}
    if kind == "pulse":
        entry.update(units=1, pulses=per)
        if not bounces:
            entry["debounce_ms"] = 0
    elif kind == "adc":
        entry["per_hour"] = per
    if not pull and kind != "adc":
        entry["pull"] = "none"
    return entry


def parse_source(text, profile, channels, taken):
    """An entry from KIND:CHANNEL[:PIN[:NUMBER]]. Raises BadArgument."""
    kind, _, rest = text.partition(":")
    if kind not in KINDS:
        raise BadArgument(f"--source {text}: the kind must be one of {', '.join(KINDS)}")
    channel, _, rest = rest.partition(":")
    if channel not in channels:
        raise BadArgument(f"--source {text}: '{channel}' is not in --channels")
    pin, _, per = rest.partition(":")
    try:
        pin = good_pin(pin or str(profile["pins"][kind]), profile, kind, taken)
        per = good_number(per or ("1000" if kind == "adc" else "1"))
    except click.BadParameter as error:
        raise BadArgument(f"--source {text}: {error.message}") from None
    pull = pin not in profiles.gpio(profile, "no_pull")
    return source_settings(kind, channel, pin, per, pull=pull)


def ask_source(profile, channels, taken):
    """Ask for one source; None when there are no more."""
    kind = click.prompt(
        "  What counts? (pulse, button, adc; nothing more: none)",
        default="none",
        type=click.Choice([*KINDS, "none"]),
        show_choices=False,
    )
    if kind == "none":
        return None
    channel = channels[0]
    if len(channels) > 1:
        channel = click.prompt("  into channel", type=click.Choice(channels), default=channel)
    default = profile["pins"].get(kind)
    pin = click.prompt(
        "  on pin",
        default=None if default in taken else str(default),
        value_proc=lambda text: good_pin(text, profile, kind, taken),
    )
    pull = pin not in profiles.gpio(profile, "no_pull")
    if not pull and kind != "adc":
        click.echo(f"  pin {pin} has no resistor of its own: it needs 10 kOhm to 3.3 V")
    per, bounces = None, True
    if kind == "pulse":
        per = click.prompt(f"  pulses per unit of {channel}", default="1", value_proc=good_number)
        bounces = click.confirm("  from a contact that bounces (reed, relay)", default=True)
    elif kind == "adc":
        per = click.prompt(
            f"  units of {channel} an hour at full scale", default="1000", value_proc=good_number
        )
    return source_settings(kind, channel, pin, per, bounces, pull)


# --- sinks ---------------------------------------------------------------------------------------


def sink_settings(kind, channel, pins, *rest):
    """One entry of board.sinks. rest: of a pin the side and the level, of LEDs what is full."""
    entry = {"kind": kind, "channel": channel}
    if kind == "pin":
        side, level = rest
        return {**entry, "pin": pins[0], side: level}
    if kind == "display":
        return {**entry, "sda": pins[0], "scl": pins[1]}
    return {**entry, "pins": pins, "full": rest[0]}


def good_pins(text, profile, taken):
    """Pins with commas between that the board has and that are free."""
    found = []
    for part in text.replace(" ", "").split(","):
        found.append(good_pin(part, profile, "sink", [*taken, *found]))
    return found


def good_side(text):
    """Which side of its level a pin is on."""
    if text not in ("above", "below"):
        raise click.BadParameter(f"{text!r}: must be above or below")
    return text


def parse_sink(text, profile, channels, taken):
    """An entry from what --sink has. Raises BadArgument."""
    kind, _, rest = text.partition(":")
    if kind not in SINKS:
        raise BadArgument(f"--sink {text}: the kind must be one of {', '.join(SINKS)}")
    channel, *parts = rest.split(":")
    if channel not in channels:
        raise BadArgument(f"--sink {text}: '{channel}' is not in --channels")
    if len(parts) != SINKS[kind].count(":") + 1:
        raise BadArgument(f"--sink {text}: must be {kind}:CHANNEL:{SINKS[kind]}")
    try:
        if kind == "display":
            return sink_settings(kind, channel, good_pins(",".join(parts), profile, taken))
        pins = good_pins(parts[0], profile, taken)
        if kind == "led_bar":
            return sink_settings(kind, channel, pins, good_number(parts[1]))
        if len(pins) > 1:
            raise click.BadParameter(f"{parts[0]}: must be one pin")
        return sink_settings(kind, channel, pins, good_side(parts[1]), good_number(parts[2]))
    except click.BadParameter as error:
        raise BadArgument(f"--sink {text}: {error.message}") from None


def ask_sink(profile, channels, taken):
    """Ask for one sink; None when there are no more."""
    kind = click.prompt(
        "  What does it switch or show? (pin, display, led_bar; nothing more: none)",
        default="none",
        type=click.Choice([*SINKS, "none"]),
        show_choices=False,
    )
    if kind == "none":
        return None
    channel = channels[0]
    if len(channels) > 1:
        channel = click.prompt("  by channel", type=click.Choice(channels), default=channel)

    def some(count):
        def check(text):
            pins = good_pins(text, profile, taken)
            if count and len(pins) != count:
                raise click.BadParameter(f"{text}: must be {count} pin{'s' * (count > 1)}")
            return pins

        return check

    if kind == "display":
        pins = click.prompt("  on pins SDA,SCL", value_proc=some(2))
        return sink_settings(kind, channel, pins)
    if kind == "led_bar":
        pins = click.prompt("  on pins, with commas between", value_proc=some(0))
        full = click.prompt(f"  all are lit at so many units of {channel}", value_proc=good_number)
        return sink_settings(kind, channel, pins, full)
    pins = click.prompt("  on pin", value_proc=some(1))
    side = click.prompt("  on above or below a value", default="below", value_proc=good_side)
    level = click.prompt(f"  of so many units of {channel}", value_proc=good_number)
    return sink_settings(kind, channel, pins, side, level)


def used_pins(entries):
    """Numbers of the pins of entries of sources and sinks."""
    found = []
    for entry in entries:
        found += [entry[key] for key in ("pin", "sda", "scl") if key in entry]
        found += entry.get("pins", [])
    return found


def ask_sinks(answers, profile, channels, sources):
    """All sinks: those that were answered, and more."""
    found = answers.given.get("sinks", [])
    while True:
        entry = ask_sink(profile, channels, used_pins([*sources, *found]))
        if entry is None:
            return found
        found.append(entry)
        answers.keep("sinks", found)


# --- files ---------------------------------------------------------------------------------------


def build(mesh, channels, profile, ssid, sources, name=None, sinks=()):
    """The configuration as a dict, in the order in which a person reads it. Raises ConfigError."""
    wifi = {"ssid": ssid, **({"hostname": name} if name else {})} if ssid else False
    config = {
        "mesh": mesh,
        "channels": channels,
        "board": {"wifi": wifi, "sources": sources, **({"sinks": sinks} if sinks else {})},
    }
    holders.check(Config({**profile["config"], **config}).data)
    return config


def write(path, data, private=False):
    """Write JSON that a person can edit; private: for the owner's eyes only."""
    with options.whole(path) as part:
        mode = 0o600 if private else 0o644
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(data, indent=4, ensure_ascii=False) + "\n")
    if private:
        os.chmod(path, 0o600)


def offered_name(mesh):
    """A name for a board that no other of the mesh is likely to have."""
    plain = unicodedata.normalize("NFKD", mesh).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:20]
    return f"lvs-{plain}-{random.token_hex(2)}" if plain else f"lvs-{random.token_hex(2)}"


def _answered(given):
    """Is it what `Answers` wrote, no file that somebody broke?"""
    kinds = {"channels": list, "sources": list}
    return (
        isinstance(given, dict)
        and all(isinstance(value, kinds.get(key, str)) for key, value in given.items())
        and all(isinstance(s, dict) and "pin" in s for s in given.get("sources", ()))
    )


class Answers:
    """What was answered so far, kept in a file beside lvs.json until all is: a dialogue that was
    broken off goes on where it stopped. A password is never kept."""

    def __init__(self, folder, kept=True):
        self._path = folder / PART
        self._kept = kept
        self.given = {}
        if kept and self._path.exists():
            try:
                self.given = json.loads(self._path.read_text(encoding="utf-8"))
            except (ValueError, RecursionError):
                self.given = {}
            if not _answered(self.given):
                self.given = {}
            if self.given:
                click.echo(f"(going on where it was broken off; {self._path} has the answers)")

    def get(self, key, option, check, ask):
        """The answer: as an option, from before, or by asking."""
        if option is not None:
            answer = good(option, check)
        elif key in self.given:
            return self.given[key]
        else:
            answer = ask()
        self.keep(key, answer)
        return answer

    def keep(self, key, answer):
        """Keep an answer."""
        self.given[key] = answer
        if self._kept:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write(self._path, self.given)

    def done(self):
        """All are given, and written elsewhere."""
        self._path.unlink(missing_ok=True)


def ask(text, check, **more):
    """Ask until the answer is good."""
    return click.prompt(text, value_proc=lambda answer: check(normal(answer)), **more)


def normal(text):
    """Composed letters: the same name is the same bytes everywhere."""
    return unicodedata.normalize("NFC", text)


def ask_board():
    """Ask which board it is for; returns its profile's name."""
    for known in profiles.names():
        click.echo(f"  {known:18} {profiles.load(known)['title']}")
    return click.prompt("Board, by name", type=click.Choice(profiles.names()), show_choices=False)


def ask_sources(answers, profile, channels):
    """All sources: those that were answered, and more."""
    found = answers.given.get("sources", [])
    while True:
        entry = ask_source(profile, channels, [s["pin"] for s in found])
        if entry is None:
            return found
        found.append(entry)
        answers.keep("sources", found)


def dialogue(answers, given, password, sources, sinks, yes):
    """(profile, configuration, password) from options and answers. given: options by name."""
    name = answers.get("board", given["board"], lambda n: profiles.load(n)["name"], ask_board)
    profile = profiles.load(name)
    mesh = answers.get(
        "mesh",
        given["mesh"],
        good_mesh,
        lambda: ask("Name of the mesh, the same on all of its nodes", good_mesh),
    )
    channels = answers.get(
        "channels",
        given["channels"],
        good_channels,
        lambda: ask("Channels, with commas between (water,people)", good_channels),
    )
    ssid = answers.get(
        "ssid",
        given["ssid"],
        good_ssid,
        lambda: ask("Name of your Wi-Fi (empty: none)", good_ssid, default="", show_default=False),
    )
    if password is not None:
        password = good(password, good_password)
    elif ssid and not yes:
        password = ask(
            "Its password (empty: it has none)",
            good_password,
            default="",
            show_default=False,
            hide_input=True,
        )
    hostname = None
    if ssid:
        hostname = answers.get(
            "name",
            given["name"] or (offered_name(mesh) if yes else None),
            good_name,
            lambda: ask("Name of this board", good_name, default=offered_name(mesh)),
        )
    entries = []
    for text in sources:
        entries.append(parse_source(text, profile, channels, [e["pin"] for e in entries]))
    if not sources and not yes:
        entries = ask_sources(answers, profile, channels)
    led = profile["board"].get("led") or {}
    wired = []
    for text in sinks:
        wired.append(parse_sink(text, profile, channels, used_pins([led, *entries, *wired])))
    if not sinks and not yes:
        wired = ask_sinks(answers, profile, channels, [led, *entries])
    return profile, build(mesh, channels, profile, ssid, entries, hostname, wired), password


@click.command()
@click.option("--board", "name", metavar="NAME", help="The board's profile.")
@click.option("--mesh", help="The mesh's name: the same on all of its nodes.")
@click.option("--channels", help="Channels with commas between: the same on all, in this order.")
@click.option("--ssid", help='The Wi-Fi\'s name; "" for none.')
@click.option("--password", help="The Wi-Fi's password; better answered than given here.")
@click.option("--name", "hostname", help="This board's name, for the router and lvs fleet.")
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="KIND:CHANNEL[:PIN[:NUMBER]]",
    help="What it counts, as often as needed: pulse:water:27:450 (450 pulses a unit), "
    "button:people, adc:energy:34:2300 (units an hour at full scale).",
)
@click.option(
    "--sink",
    "sinks",
    multiple=True,
    metavar="KIND:CHANNEL:...",
    help="What it switches or shows, as often as needed: pin:water:16:below:500, "
    "display:water:4:5 (SDA, SCL), led_bar:water:10,11,12:500 (all lit at 500).",
)
@click.option(
    "--out",
    default=".",
    type=options.OutputFolder(),
    help="Folder for lvs.json and secrets.json.",
    show_default=True,
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--yes", is_flag=True, help="Ask nothing: take the options.")
@options.PRINT_JSON
def command(
    name, mesh, channels, ssid, password, hostname, sources, sinks, out, force, yes, as_json
):
    """Write the configuration of a node, by asking a few questions.

    A dialogue that is broken off goes on where it stopped. Every key is explained in
    docs/boards/configuration.md; the file can be edited by hand.

    \b
    Examples:
      lvs init
      lvs init --board ESP32_GENERIC --source pulse:water:27:450
      lvs init --yes --board RPI_PICO_W --mesh garden --channels water --ssid ""
    """
    given = {"board": name, "mesh": mesh, "channels": channels, "ssid": ssid, "name": hostname}
    given = {key: value and normal(value) for key, value in given.items()}
    with options.ending("init", BoardError, ConfigError, OSError):
        for file in ("lvs.json", "secrets.json"):
            if (out / file).exists() and not force:
                raise BoardError(f"{out / file} is there already; edit it, or give --force")
        if yes and not (name and mesh and channels and ssid is not None):
            raise BadArgument("--yes needs --board, --mesh, --channels and --ssid")
        answers = Answers(out, not yes)
        profile, config, password = dialogue(answers, given, password, sources, sinks, yes)
        out.mkdir(parents=True, exist_ok=True)
        write(out / "lvs.json", config)
        if config["board"]["wifi"]:
            write(out / "secrets.json", {"wifi_password": password or ""}, private=True)
        if config["board"]["wifi"] and password is None:
            click.echo(
                f"init: no --password, so '{ssid}' is taken as an open network; if it has one, "
                f"write it in {out / 'secrets.json'} before the next step",
                err=True,
            )
        answers.done()
    written = [str(out / "lvs.json")]
    if config["board"]["wifi"]:
        written.append(str(out / "secrets.json"))
    if as_json:
        click.echo(json.dumps({"board": profile["name"], "written": written}))
        return
    following = f"lvs deploy --board {profile['name']}"
    if out != Path("."):  # deploy looks there alone
        for option, path in zip(("--config", "--secrets"), written, strict=False):
            following += f" {option} {shlex.quote(path)}"
    click.echo(" and ".join(written) + f" written; next: {following}")
