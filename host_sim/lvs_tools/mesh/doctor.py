"""`lvs doctor`: why a mesh is not heard from this machine, and what mends it."""

import asyncio
import os
import platform
import socket
import sys
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

import click
import psutil

import lvs
from lvs import ConfigError
from lvs.wire import VERSION
from lvs_tools import interpreters, options
from lvs_tools.mesh import ask, listen, looking

GOOD, NOTE, WRONG = "ok", "note", "WRONG"
# How interfaces are called that lead to no mesh: beginnings of names.
_VPNS = ("tun", "tap", "wg", "utun", "tailscale", "zt", "ppp", "nordlynx", "ipsec")
_CONTAINERS = ("docker", "br-", "veth", "podman", "cni", "virbr", "lxc", "lxd", "vmnet", "vboxnet")
_IN_A_CONTAINER = (".dockerenv", "run/.containerenv")  # files of Docker, of Podman
# What is called how, and who needs it.
_INTERPRETERS = {
    "micropython": ("MicroPython", "'lvs mesh' and 'lvs node --micropython' need it"),
    "wasm": ("MicroPython for WebAssembly", "'lvs measure' needs it"),
    "pypy": ("PyPy", "long simulations take several times as long"),
}
_BUILT = 1735689600  # 2025-01-01: a clock before that was never set


@dataclass
class Finding:
    """One thing that was looked at. how: ok, note or WRONG; mend: what to do, if anything."""

    about: str
    how: str
    text: str
    mend: str = ""


@dataclass
class Interface:
    """An IPv4 address of this machine."""

    name: str
    address: str
    broadcast: str

    @property
    def kind(self):
        """ "loopback", "vpn", "container" or "network"."""
        if self.address.startswith("127."):
            return "loopback"
        if self.name.lower().startswith(_VPNS):
            return "vpn"
        return "container" if self.name.lower().startswith(_CONTAINERS) else "network"


# --- what this machine says -------------------------------------------------------------------


def interfaces():
    """The interfaces that are up, with an IPv4 address."""
    up = psutil.net_if_stats()
    return [
        Interface(name, a.address, a.broadcast or "")
        for name, addresses in psutil.net_if_addrs().items()
        for a in addresses
        if a.family == socket.AF_INET and name in up and up[name].isup
    ]


def source(broadcast):
    """The address from which a broadcast leaves this machine, or the reason why none does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        try:
            s.connect((broadcast, 9))
            return s.getsockname()[0], ""
        except OSError as error:
            return "", error.strerror or str(error)


def holder(port):
    """Who has a UDP port on this machine, as text; "" if nobody, None if it cannot be bound for
    another reason."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((listen.ANY, port))
            return ""
    except PermissionError:
        return None
    except OSError:
        pass
    try:
        for c in psutil.net_connections("udp4"):
            if c.laddr and c.laddr[1] == port and c.pid:
                return f"{psutil.Process(c.pid).name()} (process {c.pid})"
    except psutil.Error:
        pass
    return "another program (of another user: look as root)"


# --- what is made of it -----------------------------------------------------------------------


def programs():
    """The versions of what runs here."""
    said = f"lvs {lvs.__version__}, protocol {VERSION}, {platform.python_implementation()}"
    yield Finding("versions", GOOD, f"{said} {platform.python_version()}")
    here = []
    for name, (title, use) in _INTERPRETERS.items():
        why = ""
        try:
            if interpreters.command(name) is None:
                why = interpreters.mend(name)
            elif name == "micropython":
                release = interpreters.micropython_release()
                title = f"{title} {release}"
                why = "" if release else "what MICROPYTHON names is none: correct it, or unset it"
        except interpreters.InterpreterMissing as error:
            why = str(error)
        if why:
            yield Finding("interpreters", NOTE, f"no {title.strip()}: {use}", why)
        else:
            here.append(title)
    if here:
        yield Finding("interpreters", GOOD, ", ".join(here))


def clock(now):
    """Is this machine's clock set? now: seconds since 1970."""
    when = datetime.fromtimestamp(now, timezone.utc)
    if now < _BUILT:
        text = f"it is {when.date()} here"
        yield Finding("clock", WRONG, text, "set the time, or let NTP do it")
    else:
        yield Finding("clock", GOOD, f"{when:%Y-%m-%d %H:%M:%S} UTC")


def inside(release, found, root="/"):
    """Is this a container, or a machine inside a machine, with a network of its own? release: the
    kernel's; found: of ``interfaces``; root: of the file system."""
    boxed = any(os.path.exists(os.path.join(root, name)) for name in _IN_A_CONTAINER)
    own = [i for i in found if i.kind != "loopback"]
    if boxed and len(own) < 2:  # with the host's network its bridges are seen, too
        text = "this is a container; broadcasts do not reach the network of its own"
        yield Finding("container", NOTE, text, "start it with the host's: --network host")
    if "microsoft" in release.lower():
        text = "this is Windows' Linux (WSL); broadcasts do not reach its network"
        mend = 'networkingMode=mirrored in .wslconfig, or name "peers" in the configuration'
        yield Finding("WSL", NOTE, text, mend)


def port(number, who):
    """The mesh's UDP port. who: of ``holder``."""
    if who is None:
        mend = "choose one above 1023, or run as root"
        yield Finding("port", WRONG, f"{number} may not be used by this user", mend)
    elif who:
        mend = "a node of this mesh is well there; else stop it, or choose another port"
        yield Finding("port", NOTE, f"UDP {number} is taken by {who}", mend)
    else:
        yield Finding("port", GOOD, f"UDP {number} is free on this machine")


def roads(found, leaves, why, broadcast):
    """By which interface broadcasts leave. found: of ``interfaces``; leaves, why: of ``source``;
    broadcast: where they go."""
    for kind, word in (("vpn", "VPN"), ("container", "container or VM bridge")):
        names = sorted({i.name for i in found if i.kind == kind})
        if names:
            yield Finding("interfaces", NOTE, f"{word}: {', '.join(names)}: no mesh is there")
    networks = [i for i in found if i.kind == "network"]
    if not networks and not broadcast.startswith("127."):
        mend = "connect this machine to the boards' network"
        yield Finding("interfaces", WRONG, "no network but this machine's own", mend)
    if why:
        mend = 'set "broadcast" to that of the boards\' network' + _example(networks)
        yield Finding("broadcast", WRONG, f"{broadcast} cannot be reached: {why}", mend)
        return
    used = next((i for i in found if i.address == leaves), None)
    kind = used.kind if used else "network"
    name = f"{used.name} ({leaves})" if used else leaves
    mend = 'set "broadcast" in the configuration' + _example(networks)
    if kind in ("vpn", "container") or kind == "loopback" and not broadcast.startswith("127."):
        yield Finding("broadcast", WRONG, f"{broadcast} leaves by {name}, a {kind}", mend)
    elif len(networks) > 1 and broadcast == listen.EVERYBODY:
        others = ", ".join(i.name for i in networks if i.address != leaves)
        text = f"it leaves by {name} alone, not by {others}"
        yield Finding("broadcast", NOTE, text, f"if the boards are there, {mend}")
    else:
        yield Finding("broadcast", GOOD, f"{broadcast} leaves by {name}")


def _example(networks):
    some = [i.broadcast for i in networks if i.broadcast]
    return f", such as {some[0]}" if some else ""


def heard(seen, config, number, leaves=True):
    """What a look found. seen: an ask.Look, or None; number: the port; leaves: can broadcasts
    leave this machine?"""
    who = f"mesh '{config.mesh}'" if config else "a mesh"
    if seen is not None:
        yield from _strangers(seen)
    if seen is None or not seen.nodes():
        if leaves and seen is not None and not seen.echo and not seen.deaf:
            mend = f"let UDP {number} through this machine's firewall"
            text = "not even my own broadcast comes back: something here blocks it"
            yield Finding("broadcast", WRONG, text, mend)
        mend = (
            "is a board on, in this network, on this port? If so, the access point keeps its"
            " clients apart (client or AP isolation, guest network): switch that off"
        )
        yield Finding("members", WRONG, f"nobody of {who} is heard on UDP {number}", mend)
        return
    answered = seen.answered()
    if not answered:
        mend = (
            f"let UDP {number} in through this machine's firewall; switch off client isolation,"
            " which lets broadcasts through and no answers"
        )
        text = f"{len(seen.nodes())} nodes are heard, and none answers"
        yield Finding("members", WRONG, text, mend)
        return
    text = f"{len(answered)} of {len(seen.nodes())} nodes that are heard answer"
    silent = len(answered) < len(seen.nodes())
    mend = "they are busy, or far away: look again" if silent else ""
    yield Finding("members", NOTE if silent else GOOD, text, mend)
    broadcasts = [m for m in seen.members if m.frames.get("ep", 0) > 1 or m.frames.get("sdm")]
    if seen.deaf:
        yield Finding("listening", NOTE, f"{seen.deaf}: answers are heard, broadcasts are not")
    elif not seen.echo and not broadcasts:
        mend = 'the access point drops broadcasts: allow them, or configure "peers"'
        yield Finding("broadcast", WRONG, "answers come, and no broadcast does", mend)
    for warning in looking.warnings(config, seen, number):
        text, _, mend = warning.partition(": ")
        yield Finding("mesh", WRONG, text, mend)
    if not seen.apart():
        yield Finding("mesh", GOOD, "one: all that answer show the same")


def _strangers(seen):
    for tag, n in sorted(seen.ear.tags.items()):
        if tag != seen.tag:
            mend = (
                'if they are meant to be one, give all the same "mesh", max_allowed_shift,'
                " route_budget, session_epochs and horizon_epochs"
            )
            text = f"{n} frames of another (tag {tag:08x}) were heard"
            yield Finding("other mesh", NOTE, text, mend)


# --- the command ------------------------------------------------------------------------------


def examine(path, port_option, broadcast_option, seconds):
    """All findings, as they are found."""
    yield from programs()
    yield from clock(time.time())
    try:
        config, number, broadcast = looking.place(path, port_option, broadcast_option)
    except ConfigError as error:
        yield Finding(
            "configuration", WRONG, options.words(error), "mend the file; 'lvs init' writes one"
        )
        return
    if config:
        named = ", ".join(config.channels[:4]) + (", ..." if len(config.channels) > 4 else "")
        text = f"mesh '{config.mesh}', tag {config.tag:08x}, channels {named}"
        yield Finding("configuration", GOOD, text)
    else:
        mend = "name one: 'lvs doctor CONFIG'"
        yield Finding("configuration", NOTE, "none: for a minute any mesh is listened for", mend)
    yield from port(number, holder(number))
    leaves, why = source(broadcast)
    found = interfaces()
    if not broadcast.startswith("127."):
        yield from inside(platform.release(), found)
    yield from roads(found, leaves, why, broadcast)
    tag = config.tag if config else None
    peers = looking.peers(config, number)
    try:
        seen = asyncio.run(ask.look(tag, number, broadcast, peers, seconds))
    except OSError as error:
        yield Finding("port", WRONG, f"UDP {number}: {error.strerror or error}", "see above")
        return
    yield from heard(seen, config, number, bool(leaves))


def _print(finding):
    text = finding.text
    head = f"{finding.how:5}  {finding.about:13}  "
    options.wrapped(head, text)
    if finding.mend:
        options.wrapped(" " * 7 + "mend           ", finding.mend)


@click.command("doctor")
@looking.arguments(options.JSON, looking.SECONDS)
def command(config, port, broadcast, seconds, json_path):
    """Say what keeps this machine from hearing a mesh, and what mends it.

    Looks at versions, interpreters, clock, configuration, port, interfaces (VPNs and container
    bridges among them) and by which of them broadcasts leave; then at who is heard, who answers,
    other meshes, other lists of channels, other versions, and whether all agree.

    \b
    Examples:
      lvs doctor                        # for the mesh of ./config.json
      lvs doctor house.json --json -    # for programs
    """
    found = []
    for finding in examine(config, port, broadcast, seconds):
        found.append(finding)
        if json_path != "-":
            _print(finding)
    wrong = sum(f.how == WRONG for f in found)
    figures = {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "host": os.uname().nodename,
        "wrong": wrong,
        "findings": [asdict(f) for f in found],
    }
    if options.write_json(json_path, figures):
        click.echo("nothing is wrong" if not wrong else f"{wrong} to mend")
    sys.exit(1 if wrong else 0)
