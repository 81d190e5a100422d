"""What `lvs status`, `lvs members` and `lvs doctor` have in common: how they look, and figures."""

import asyncio
import socket
import statistics
import sys
import textwrap
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import NoReturn

import click

from lvs import ConfigError, decimal
from lvs.config import Config
from lvs.wire import VERSION
from lvs_tools import options
from lvs_tools.mesh import ask, listen

DEFAULTS = ("config.json", "lvs.json")  # of a node, of a board
EXIT_APART = 1
EXIT_UNABLE = 2
CLOCKS = 2  # cycles of difference that are only phase


SECONDS = click.option(
    "--seconds",
    type=options.Number(1, 60),
    default=8.0,
    show_default=True,
    help="How long to ask on while nodes differ.",
)


def arguments(*own):
    """The arguments of a command that asks a mesh: which it is, after the command's own."""

    def decorate(function):
        for add in (
            *own,
            click.option(
                "--broadcast", metavar="ADDRESS", help="Where broadcasts go [the file's]."
            ),
            click.option("--port", type=click.IntRange(1, 65535), help="UDP port [the file's]."),
            click.argument("config", required=False, type=click.Path(dir_okay=False)),
        ):
            function = add(function)
        return function

    return decorate


def configuration(path):
    """The Config of a file, of the first of DEFAULTS that is here where none is named, or None.
    Raises ConfigError."""
    found = [path] if path else [name for name in DEFAULTS if Path(name).exists()]
    try:
        return Config(found[0]) if found else None
    except ConfigError as error:
        raise ConfigError(options.named(found[0], error)) from None


def place(path, port, broadcast):
    """(Config or None, port, where broadcasts go): what is given, else the file's. Raises
    ConfigError."""
    config = configuration(path)
    port = port or (config.port if config else listen.PORT)
    broadcast = broadcast or (config.broadcast if config else listen.EVERYBODY)
    try:
        socket.getaddrinfo(broadcast, port, socket.AF_INET)
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"broadcast '{broadcast}': {options.words(error)}; give one such as 192.168.1.255"
        ) from None
    return config, port, broadcast


def peers(config, port):
    """(host, port) of the configured peers."""
    found = []
    for text in config.peers if config else ():
        host, _, own = text.partition(":")
        if not own or own.isdigit():
            found.append((host, int(own or port)))
    return found


def asked(question, config, port, answers):
    """What a question to a mesh, a coroutine, returns; answers: (that) -> the answers in it. Ends
    the program in one line where there are none."""
    try:
        found = asyncio.run(question)
    except OSError as error:
        options.fail(f"port {port}: {error.strerror or error}; 'lvs doctor' says why", EXIT_UNABLE)
    if found is None or not answers(found):
        who = f"mesh '{config.mesh}'" if config else "any mesh"
        options.fail(
            f"nobody of {who} answers on port {port}; 'lvs doctor' says why",
            EXIT_UNABLE,
        )
    return found


def show(lines, path, port, broadcast, seconds, json_path) -> NoReturn:
    """The whole of a command: look, and say it: lines: (figures) -> text for people."""
    try:
        config, port, broadcast = place(path, port, broadcast)
    except ConfigError as error:
        options.fail(error, EXIT_UNABLE)
    if config is None:
        options.warn("no configuration: whichever mesh is heard first, its channels by number")
    tag = config.tag if config else None
    question = ask.look(tag, port, broadcast, peers(config, port), seconds)
    said = figures(config, port, asked(question, config, port, ask.Look.answered))
    if options.write_json(json_path, said):
        for line in lines(said):
            click.echo(line)
    sys.exit(0 if said["one_mesh"] else EXIT_APART)


# --- figures ----------------------------------------------------------------------------------


def channel(config, c, raw):
    """What is shown of a channel, a dict: name, text, unit, raw and what its configuration has."""
    if config is None or c >= len(config.channels):
        return {"name": f"#{c}", "text": str(raw), "unit": "steps", "raw": raw}
    shown = {"name": config.channels[c], "text": config.text(c, raw)}
    shown |= {"unit": config.about(c, "unit"), "raw": raw}
    for key in ("label", "class", "retired"):
        if config.about(c, key):
            shown[key] = config.about(c, key)
    return shown


def amount(config, c, raw):
    """A difference as text, with its unit."""
    if config is None or c >= len(config.channels):
        return f"{raw} steps"
    return f"{decimal.text(raw, config.steps[c])} {config.about(c, 'unit')}".strip()


def channels(config, seen):
    """What the mesh shows, a list of dicts: what most nodes say, and from where to where."""
    said = {}
    for member in seen.answered():
        for c, raw in seen.values(member).items():
            said.setdefault(c, []).append(raw)
    listed = len(config.channels) if config else 0
    found = []
    for c in sorted(said):
        values = said[c]
        if c >= listed and not any(values):
            continue  # a slot that nobody counts in
        raw = max(statistics.multimode(values))
        shown = channel(config, c, raw)
        shown["least_raw"], shown["most_raw"] = min(values), max(values)
        shown["spread"] = amount(config, c, max(values) - min(values))
        found.append(shown)
    return found


def clocks(seen):
    """(the mesh's cycle now, cycles that each member is ahead, by address)."""
    now = time.monotonic()
    cycles = {m.addr: m.cycle + int(now - m.last) for m in seen.answered() if m.cycle is not None}
    if not cycles:
        return 0, {}
    middle = statistics.median_low(cycles.values())
    return middle, {addr: cycle - middle for addr, cycle in cycles.items()}


def other_list(config, member):
    """Does a member's list of channels contradict the configuration's?"""
    return config is not None and any(
        config.contradicts(index, member.channels or 0, shown.prints)
        for index, shown in (member.shards | member.answers).items()
    )


def members(config, seen, port):
    """Everybody who was heard, a list of dicts."""
    _, ahead = clocks(seen)
    now = time.monotonic()
    groups = seen.groups()
    number = {m.addr: n for n, group in enumerate(groups, 1) for m in group if len(groups) > 1}
    found = []
    for m in seen.members:
        lacks = {c: amount(config, c, raw) for c, raw in sorted(seen.behind(m).items())}
        names = {channel(config, c, 0)["name"]: text for c, text in lacks.items()}
        found.append(
            {
                "address": m.addr[0] if m.addr[1] == port else m.address,
                "state": m.state or ("UNKNOWN" if m.version == VERSION else "OTHER VERSION"),
                "answered": m in seen.answered(),
                "agrees": not lacks and number.get(m.addr, 1) == 1,
                "behind": names,
                "group": number.get(m.addr),
                "session": m.session,
                "held": [i for i in range(30) if m.held >> i & 1],
                "channels": m.channels,
                "other_list": other_list(config, m),
                "cycle": m.cycle,
                "ahead_cycles": ahead.get(m.addr),
                "load_percent": round(100 * m.load / 255),
                "wire_version": m.version,
                "heard_s_ago": round(now - m.last, 1),
            }
        )
    return found


def warnings(config, seen, port):
    """What is not as it should be, a line each, with the mend."""
    said = []
    told = [m for m in members(config, seen, port) if m["state"] != "READER"]
    behind = [m["address"] for m in told if m["behind"]]
    if behind:
        said.append(
            f"{len(behind)} of {len(told)} nodes lack what others showed {seen.seconds:.0f} s ago"
            f" ({', '.join(behind[:3])}{', ...' if len(behind) > 3 else ''}):"
            " 'lvs members' shows what; look for a link that is down"
        )
    groups = {}
    for m in told:
        groups.setdefault(m["group"], []).append(m["address"])
    if len(groups.keys() - {None}) > 1:
        firsts = [groups[n][0] for n in sorted(groups.keys() - {None})]
        said.append(
            f"{len(firsts)} groups (about {', '.join(firsts[:3])}) hold different contributions,"
            " whatever their sums: 'lvs members' shows who; look for a link that is down"
        )
    contradicting = [m["address"] for m in told if m["other_list"]]
    if contradicting:
        said.append(
            f"another list of channels at {', '.join(contradicting[:3])}: what is counted there"
            " mixes; give all nodes the same names and steps"
        )
    listed = max([m.channels or 0 for m in seen.members] or [0])
    if config and listed > len(config.channels):
        said.append(
            f"nodes list {listed} channels, this configuration {len(config.channels)}: append"
            " what is missing at its end"
        )
    late = [m["address"] for m in told if abs(m["ahead_cycles"] or 0) > CLOCKS]
    if late:
        said.append(f"clocks differ at {', '.join(late[:3])}: they come together by themselves")
    versions = {m.version for m in seen.members} - {VERSION}
    if versions:
        said.append(
            f"nodes speak version {', '.join(map(str, sorted(versions)))} of the protocol, this"
            f" program {VERSION}: bring all to one release"
        )
    return said


def warned(said, indent=""):
    """What figures warn of, lines of 80 columns."""
    for warning in said["warnings"]:
        yield from textwrap.wrap(
            f"{indent}warning: {warning}",
            80,
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def figures(config, port, seen):
    """All of a look as a dict for programs: text values, units, time."""
    cycle, ahead = clocks(seen)
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "mesh": config.mesh if config else None,
        "tag": f"{seen.tag:08x}",
        "port": port,
        "one_mesh": not seen.apart(),
        "nodes": len(seen.nodes()),
        "answered": len(seen.answered()),
        "seconds": round(seen.seconds, 1),
        "cycle": cycle,
        "clocks_differ_cycles": max(ahead.values(), default=0) - min(ahead.values(), default=0),
        "channels": channels(config, seen),
        "members": members(config, seen, port),
        "other_meshes": {
            f"{tag:08x}": n for tag, n in sorted(seen.ear.tags.items()) if tag != seen.tag
        },
        "warnings": warnings(config, seen, port),
    }
