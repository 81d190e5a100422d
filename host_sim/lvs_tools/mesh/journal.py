"""`lvs journal`: what a node keeps on flash, if it is sound, and what a restart would find."""

import json
import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from lvs.config import EPOCH_CYCLES
from lvs.journal_files import Files
from lvs.journal_log import segment_name, segments, tail_name
from lvs.journal_reader import (
    CHECK,
    END,
    FORMAT,
    LATEST,
    LEDGER,
    ROUTES,
    ROWS,
    SETTLED,
    Reader,
)
from lvs.journal_replay import Found, read
from lvs.status import session_name
from lvs.wire import SLOTS

_KINDS = {
    CHECK: "checkpoint",
    LEDGER: "ledger",
    LATEST: "latest",
    SETTLED: "settled",
    ROWS: "rows",
    ROUTES: "routes",
    END: "end",
}


_FATES = ("spoken", "sure", "taken", "late")  # of a session, by number


class JournalError(Exception):
    """There is no journal to show; the text says why and what to do."""


class Contents:
    """What the records say, gathered as a starting node would, but for any mesh.

    Merged by the same rules as lvs.journal_restore: the last ledger counts, rows by the larger.
    """

    def __init__(self):
        self.format = self.tag = self.channels = None
        self.cycle = self.since = 0
        self.sessions = {}
        self.waiting = {}
        self.spent = {}
        self.doubts = {}
        self.shards = {}
        self.routes = []
        self.records = 0

    def take(self, kind, buf, at, end):
        """One record."""
        self.records += 1
        if kind == CHECK or self.format == FORMAT:
            read(kind, buf, at, end, self)

    def check(self, version, tag, channels, cycle):
        """A checkpoint begins."""
        self.format, self.tag, self.channels = version, tag, channels
        self.cycle = max(self.cycle, cycle)

    def ledger(self, cycle, near, lineage):
        """What follows replaces what waits and, with a lineage, all sessions."""
        self.cycle = max(self.cycle, cycle)
        self.waiting = {}
        if lineage is not None:
            self.sessions = {}
            self.spent = {}
            self.doubts = {}

    def account(self, since):
        """Since when there is an account of what the node contributed."""
        self.since = since

    def gone(self, channel, amount):
        """What it contributed in sessions that are gone."""
        self.spent[channel] = amount

    def doubt(self, channel, amount):
        """What of it may be lost."""
        self.doubts[channel] = amount

    def given(self):
        """All that the node contributed since then (raw), by channel."""
        given = dict(self.spent)
        told = [row for s in self.sessions.values() for row in s["rows"].items()]
        for channel, raw in [(c, total) for c, (total, _) in told] + list(self.waiting.items()):
            given[channel] = given.get(channel, 0) + raw
        return given

    def session(self, start, nonce, fate, heard):
        """A session's entries follow."""
        self._entries = self.sessions.setdefault((start, nonce), {"rows": {}})
        self._entries["fate"] = fate

    def entry(self, channel, total, known):
        """What was told in it, and what of that is known."""
        self._entries["rows"][channel] = (total, known)

    def waits(self, channel, amount):
        """What is not told yet."""
        self.waiting[channel] = amount

    def carries(self, channel, amount):
        """What is less than a step."""

    def settled(self, shard, cycle, horizon, confidence, established, vector):
        """A shard's settled vector; rows that it contains go."""
        self.cycle = max(self.cycle, cycle)
        known = self.shards.setdefault(shard, {"rows": {}})
        known.update(
            epoch=cycle // EPOCH_CYCLES,
            horizon=horizon,
            confidence=confidence,
            established=established,
            settled=list(vector),
        )
        known["rows"] = {key: row for key, row in known["rows"].items() if key[0] > horizon}

    def row(self, shard, start, nonce, slot, claimed, credited):
        """A row of a shard."""
        rows = self.shards.setdefault(shard, {"rows": {}})["rows"]
        old = rows.get((start, nonce, slot), (0, 0))
        rows[start, nonce, slot] = (max(old[0], claimed), max(old[1], credited))

    def route(self, text):
        """An address to try."""
        self.routes.append(text)


def _file_account(files, name, tail):
    """What is in one file: bytes, sound records by kind, damaged places, torn end, format."""
    kinds = {}
    version = None
    reader = Reader(files, name, tail)
    try:
        while reader.next():
            word = _KINDS[reader.kind]
            kinds[word] = kinds.get(word, 0) + 1
            if reader.kind == CHECK:
                version = reader.buf[reader.at]
        # A tail's only record has the index that says where it belongs.
        damaged = 0 if tail else reader.damaged
        return {
            "name": name,
            "bytes": files.size(name),
            "records": kinds,
            "damaged": damaged,
            "torn": reader.torn,
            "format": version,
        }
    finally:
        reader.close()


def _tag(path, files, tag):
    """Tag of the mesh whose journal is meant; raises JournalError."""
    there = sorted(
        {
            name[-8:]
            for name in files.names()
            if name.startswith(("seg-", "tail-")) and name[-9:-8] == "."
        }
    )
    if tag is None and len(there) == 1:
        tag = there[0]
    if tag and tag in there:
        return int(tag, 16)
    if not there:
        raise JournalError(f"{path}: no journal in there (no files seg-... or tail-...)")
    raise JournalError(
        f"{path}: there are journals of the meshes {', '.join(there)}; name one with --tag"
    )


def account(path, tag=None):
    """Everything about the journal in a folder, as a dict; tag: of the mesh, as hex, where there
    are several. Raises JournalError."""
    folder = Path(path)
    if not folder.exists():
        raise JournalError(
            f"{path}: there is no such folder; name the folder that the node's Journal was given"
        )
    if not folder.is_dir():
        raise JournalError(f"{path} is a file; name the folder that it is in")
    files = Files(str(folder))
    contents = Contents()
    try:
        mesh = _tag(path, files, tag)
        numbers = segments(files, mesh)
        tails = [name for name in map(tail_name, (0, 1), (mesh, mesh)) if name in files.names()]
        listed = [_file_account(files, segment_name(n, mesh), False) for n in reversed(numbers)]
        listed += [_file_account(files, name, True) for name in tails]
        found = Found(files, mesh)
        chosen = found.find()
        if chosen:
            found.replay(contents.take)
    except OSError as error:
        raise JournalError(f"{path}: cannot be read ({error.strerror or error})") from None
    for entry in listed:
        entry["used"] = entry["name"] == segment_name(chosen, mesh)
    problems = _problems(chosen, found.fallback, contents, listed)
    return {
        "path": str(folder),
        "files": listed,
        "segment": chosen,
        "sound": not problems,
        "problems": problems,
        "restart": _restart(contents, found.fallback)
        if chosen and contents.format == FORMAT
        else None,
    }


def _problems(chosen, fallback, contents, listed):
    """What is wrong, one line each. What a power cut leaves is not wrong."""
    wrong = []
    if not chosen:
        wrong.append("no segment has a whole checkpoint: a restart would begin empty")
    elif contents.format != FORMAT:
        wrong.append(
            "its format is %d, this version's is %d: a restart would begin empty"
            % (contents.format, FORMAT)
        )
    if fallback and chosen:
        wrong.append(
            "the segment that was in use is damaged: a restart would take an older one,"
            " and treat all that it holds as told"
        )
    for entry in listed:
        if entry["damaged"]:
            wrong.append(
                "%s is damaged in %d place%s"
                % (entry["name"], entry["damaged"], "s" * (entry["damaged"] > 1))
            )
    return wrong


def _restart(contents, careful):
    """What a node would have after a restart."""
    own = [
        {
            "session": session_name(start, nonce),
            "channel": channel,
            "told_raw": total,
            "known_raw": total if careful else known,
            "fate": _FATES[session["fate"]],
        }
        for (start, nonce), session in contents.sessions.items()
        for channel, (total, known) in sorted(session["rows"].items())
    ]
    return {
        "tag": "%08x" % contents.tag,
        "channels": contents.channels,
        "cycle": contents.cycle,
        "epoch": contents.cycle // EPOCH_CYCLES,
        "own": own,
        "waiting_raw": {} if careful else contents.waiting,
        "given_raw": contents.given(),
        "perhaps_lost_raw": contents.doubts,
        "since": contents.since,
        "shards": [
            {
                "shard": index,
                "epoch": shard.get("epoch"),
                "horizon": shard.get("horizon"),
                "confidence": shard.get("confidence"),
                "established": shard.get("established"),
                "settled_raw": shard.get("settled", []),
                "rows": len(shard["rows"]),
                "values_raw": _values(index, shard, contents.sessions),
            }
            for index, shard in sorted(contents.shards.items())
        ],
        "routes": contents.routes,
    }


def _values(index, shard, sessions):
    """A shard's values (raw): what is settled, the rows, and what was contributed in sessions."""
    values = list(shard.get("settled", []))
    credit = {key: credited for key, (_, credited) in shard["rows"].items()}
    for (start, nonce), session in sessions.items():
        for channel, (total, _) in session["rows"].items():
            key = (start, nonce, channel - index * SLOTS)
            if start > shard.get("horizon", 0) and 0 <= key[2] < len(values):
                credit[key] = max(credit.get(key, 0), total)
    for (_, _, slot), credited in credit.items():
        if slot < len(values):
            values[slot] += credited
    return values


def _print(result, console):
    """The account for people."""
    console.print(_table(result))
    if result["restart"]:
        _print_restart(result["restart"], console)
    for line in result["problems"]:
        console.print(line, style="red")
    if result["sound"]:
        console.print("sound", style="green")


def _table(result):
    """The files, one a row."""
    table = Table(title=result["path"], title_justify="left")
    for heading in ("file", "bytes", "records", "state"):
        table.add_column(heading, justify="right" if heading == "bytes" else "left")
    for entry in result["files"]:
        unfinished = entry["name"].startswith("seg-") and "end" not in entry["records"]
        words = {
            "in use": entry["used"],
            f"damaged: {entry['damaged']}": entry["damaged"],
            "torn end": entry["torn"],
            "unfinished": unfinished,
        }
        table.add_row(
            entry["name"],
            str(entry["bytes"]),
            ", ".join(f"{n} {kind}" for kind, n in entry["records"].items()),
            "; ".join(word for word, applies in words.items() if applies),
        )
    return table


def _print_restart(restart, console):
    """What a node would have after a restart."""
    console.print(
        "A restart would begin at cycle %d (epoch %d) of mesh tag %s with:"
        % (restart["cycle"], restart["epoch"], restart["tag"])
    )
    for row in restart["own"]:
        unknown = row["told_raw"] - row["known_raw"]
        console.print(
            "  own    session %s, channel %d: %d raw%s"
            % (
                row["session"],
                row["channel"],
                row["told_raw"],
                f", of which nobody else was seen to hold {unknown}" if unknown else "",
            )
        )
    for channel, raw in sorted(restart["waiting_raw"].items()):
        console.print("  waits  channel %d: %d raw" % (channel, raw))
    for channel, raw in sorted(restart["given_raw"].items()):
        console.print(
            "  given  channel %d: %d raw since cycle %d" % (channel, raw, restart["since"])
        )
    for channel, raw in sorted(restart["perhaps_lost_raw"].items()):
        console.print("  lost?  channel %d: %d raw that nobody was seen to hold" % (channel, raw))
    for shard in restart["shards"]:
        values = " ".join(str(raw) for raw in shard["values_raw"]) or "no settled vector"
        console.print(
            "  shard  %d: %d rows, horizon %s, confidence %s; values %s raw"
            % (shard["shard"], shard["rows"], shard["horizon"], shard["confidence"], values)
        )
    if restart["routes"]:
        console.print("  peers to try: " + ", ".join(restart["routes"]))


@click.command("journal")
@click.argument("path", metavar="PATH")
@click.option("--tag", help="Tag of the mesh, where a folder has journals of several.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(path, tag, as_json):
    """Show and check the journal in PATH, the folder a node keeps it in.

    A board's journal can be fetched first: `mpremote resume cp -r :/journal . + reset`. Reading it
    stops the board's node, and the reset starts it again. Channels are numbers, in the order of
    the configuration. What a power cut leaves is no damage: an unfinished
    checkpoint, a torn last record.

    \b
    Examples:
      lvs journal journal           # that of lvs node --journal journal
      lvs journal journal --json    # for programs
    """
    try:
        result = account(path, tag)
    except JournalError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    if as_json:
        click.echo(json.dumps(result, indent=1))
    else:
        width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", 80))
        _print(result, Console(width=width, soft_wrap=True, highlight=False))
    sys.exit(0 if result["sound"] else 1)
