"""Boards over the air, several: found by listening, compared, updated one after another."""

import asyncio
import errno
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lvs import Config, ConfigError
from lvs_tools import options
from lvs_tools.board import deploy_air
from lvs_tools.board.air import HOLD_S, PORT, AirBoard
from lvs_tools.board.profiles import BadArgument, BoardError
from lvs_tools.mesh import listen

_STAGES = {  # what a board's "update" says, for people
    "try": "an update is about to be tried",
    "trial": "an update is on trial",
    "tidying": "an update was kept and is being tidied up",
    "failed": "its last update was taken back: lvs logs --host ADDR --crash may tell why",
}
_ROUND_S = 2  # between two looks at all values
_EXACT_S = 180  # until all boards must agree again after an update


@dataclass
class Member:
    """A board that answers, and what it last said of itself."""

    board: AirBoard
    status: dict

    @property
    def name(self):
        """Its name and address, for people."""
        return f"{self.status['name']} ({self.board.host})"


def settings(path):
    """The Config of a lvs.json, None if there is none and none was named. Raises BoardError."""
    path = path or ("lvs.json" if Path("lvs.json").exists() else None)
    try:
        return Config(path) if path else None
    except (ConfigError, OSError) as error:
        raise BadArgument(options.named(path, error)) from None


async def _listen(seconds, tag, port, broadcast, enough):
    """Addresses heard on a mesh's port, until they are ``enough`` (a function) or time is up."""
    about = {"tag": tag} if tag is not None else {}
    try:
        ear = listen.listening(port, **about)
        opened = await ear.__aenter__()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        # A node of this machine has the port: hear the broadcasts beside it.
        ear = listen.listening(port, broadcast=broadcast, speak_from=0, **about)
        opened = await ear.__aenter__()
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.sleep(0.2)
            heard = sorted({addr[0] for addr in opened.members})
            if enough(heard):
                break
        return sorted({addr[0] for addr in opened.members})
    finally:
        await ear.__aexit__(None, None, None)


def listen_for(config, seconds, enough: Callable = bool):
    """Addresses heard, by default until there is one, which knows others. Raises BoardError."""
    tag, port, broadcast = (
        (config.tag, config.port, config.broadcast) if config else (None, PORT, listen.EVERYBODY)
    )
    try:
        return asyncio.run(_listen(seconds, tag, port, broadcast, enough))
    except OSError as error:
        raise BoardError(f"cannot listen on UDP {port}: {error}") from None


def neighbours(board):
    """The addresses that a board hears: UDP's alone, without the port."""
    found, start = [], 0
    with board.connected() as talk:
        while start is not None:
            answer = talk.ask("peers", **{"from": start})
            found += answer["peers"]
            start = answer["next"]
    return [name.rpartition(":")[0] for name in found if name.count(":") == 1]


def find(hosts, path, seconds, key):
    """The boards at these hosts; without any, all of a mesh: heard on its port, or heard by one of
    them. Returns (Members, {address that is none: BoardError}). Raises BoardError."""
    config = None if hosts else settings(path)
    port = config.port if config else PORT
    members, silent, seen = [], {}, set()

    def ask(waiting):
        while waiting:
            host = waiting.pop(0)
            if host in seen:
                continue
            seen.add(host)
            board = AirBoard(host, key, patience=3)
            try:
                members.append(Member(board, board.status()))
                if not hosts:
                    waiting += [f"{a}:{port}" for a in neighbours(board)]
            except BoardError as error:
                silent[host] = error
            board.patience = 10

    ask(list(hosts))
    end = time.monotonic() + seconds
    # Whoever is heard first may be a computer or a leaf: listen on, for somebody else.
    while not hosts and not members and time.monotonic() < end:
        heard = listen_for(
            config,
            end - time.monotonic(),
            lambda found: any(f"{a}:{port}" not in seen for a in found),
        )
        ask([f"{a}:{port}" for a in heard])
    return sorted(members, key=lambda member: options.counted(member.board.host)), silent


def look(members):
    """Ask all of them again."""
    for member in members:
        member.status = member.board.status()


def most_of(members):
    """{mesh tag: the highest raw value that any has, by channel}; -1 for what none holds."""
    most = {}
    for status in (member.status for member in members):
        highest = most.setdefault(status["tag"], [])
        highest += [-1] * (len(status["raw"]) - len(highest))
        for c, raw in enumerate(status["raw"]):
            highest[c] = max(highest[c], -1 if raw is None else raw)
    return most


def lacks(status, most):
    """What a board lacks that others had, as text; "" if nothing."""
    found = [] if status["state"] in ("ACTIVE", "LOW_POWER") else [status["state"]]
    if status["diverged"]:
        found.append("most of its peers hold other values")
    for name, raw, highest in zip(status["channels"], status["raw"], most, strict=False):
        if raw is not None and raw < highest:
            found.append(f"{name}: {raw} of {highest}")
    return ", ".join(found)


def settle(members, seconds):
    """Compare until all agree, for so many seconds; {host: what it lacks, as text} at the end.

    Values grow while they are asked for, one board after another. So each must have, channel by
    channel, at least what any had a round before; where nothing grows, that is equality.
    """
    end = time.monotonic() + seconds
    look(members)
    while True:
        most = most_of(members)
        if any(lacks(m.status, most[m.status["tag"]]) for m in members):
            time.sleep(_ROUND_S)
            look(members)
        lagging = {}
        for member in members:
            text = lacks(member.status, most.get(member.status["tag"], []))
            if text:
                lagging[member.board.host] = text
        if not lagging or time.monotonic() > end:
            return lagging


def _untried(count):
    boards = f"{count or 'no'} other board{'s' * (count != 1)}"
    return f"{boards} left; the same command goes on where it stopped"


def update(members, results, *, compiled=True, hold=HOLD_S, says=None):
    """Update one after another; results {host: Result} fills as they are done.

    Raises BoardError at the first that goes back, or after which the values differ.
    """
    says = says or (lambda text: None)
    for n, member in enumerate(members, 1):
        host = member.board.host
        says(f"{member.name}: board {n} of {len(members)}")
        try:
            result = deploy_air.deploy_air(member.board, compiled=compiled, hold=hold, says=says)
        except BoardError as error:
            raise BoardError(f"stopped: {error}; {_untried(len(members) - n)}") from None
        results[host] = result
        says(f"{member.name}: {'kept' if result.restarted else 'up to date'}: {result.says}")
        if not result.restarted:
            continue
        lagging = settle(members, _EXACT_S)
        if lagging:
            worst, text = next(iter(lagging.items()))
            raise BoardError(
                f"stopped after {host}: {worst} does not agree with the others ({text}); "
                f"{_untried(len(members) - n)}"
            )


def row(member, lagging):
    """What `lvs fleet list` shows of a board, a dict."""
    status = member.status
    return {
        "name": status["name"],
        "address": member.board.host,
        "board": status["board"],
        "lvs": status["lvs"],
        "protocol": status["protocol"],
        "mesh": status["mesh"],
        "uptime_s": status["uptime_s"],
        "rssi": status["rssi"],
        "heap_free": status["heap_free"],
        "state": status["state"],
        "peers": status["peers"],
        "update": status["update"],
        "refused": {k: n for k, n in status["counts"].items() if k != "served"},
        "agrees": member.board.host not in lagging,
        "lacks": lagging.get(member.board.host, ""),
    }


def duration(seconds):
    """Seconds as people say it: 3 d, 5 h, 7 min, 9 s."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def table(rows):
    """The rows as text for a terminal of 80 columns."""
    form = "{:10} {:15} {:16} {:6} {:>4} {:6} {:>4} {:>5}  {}"
    lines = [form.format("name", "address", "board", "lvs", "wire", "up", "dBm", "heap", "agree")]
    for r in rows:
        cells = (
            name if len(name := r["name"]) <= 10 else f"{name[:4]}..{name[-4:]}",
            r["address"].partition(":")[0][:15],
            r["board"][:16],
            r["lvs"][:6],
            r["protocol"],
            duration(r["uptime_s"]),
            "" if r["rssi"] is None else r["rssi"],
            "" if r["heap_free"] is None else f"{r['heap_free'] >> 10}K",
            "yes" if r["agrees"] else "no",
        )
        lines.append(form.format(*cells))
        for what in (r["lacks"], _STAGES.get(r["update"], r["update"])):
            if what:
                lines.append(f"  {what}")
    return "\n".join(line.rstrip() for line in lines)
