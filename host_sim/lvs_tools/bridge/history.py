"""The history of a mesh's values: one SQLite file, a row for each value that was recorded.

A row says since when (ms since 1970) a channel stood at so many raw. Times of a channel only rise,
whatever the machine's clock does; so do its values, unless the mesh itself fell.
"""

import contextlib
import sqlite3
import time
from pathlib import Path

from lvs import decimal
from lvs_tools.bridge.store import StoreError, opening, transaction

FILE = "history.db"

_TABLES = """
CREATE TABLE IF NOT EXISTS channel
  (id INTEGER PRIMARY KEY, name TEXT UNIQUE, unit TEXT, m INTEGER, e INTEGER, offset TEXT);
CREATE TABLE IF NOT EXISTS value
  (channel INTEGER, at INTEGER, raw INTEGER, PRIMARY KEY (channel, at)) WITHOUT ROWID;
"""


def check(folder, config):
    """Raise StoreError if a history that is there cannot go on with this configuration. No row is
    written."""
    path = Path(folder) / FILE
    if not path.exists():
        return
    with opening(path, "--history"):
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
        with contextlib.closing(db):
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'channel'").fetchone():
                return
            steps = {name: (m, e) for name, m, e in db.execute("SELECT name, m, e FROM channel")}
    for c, name in enumerate(config.channels):
        if steps.get(name, config.steps[c]) != config.steps[c]:
            raise StoreError(
                f"{folder}: its channel '{name}' has steps of {decimal.text(1, steps[name])}, now"
                f" {decimal.text(1, config.steps[c])}: give another --history"
            )


class Recorder:
    """Writes a history. folder: where it is, made if it is not there; every_s: least seconds
    between two rows of a channel. Raises StoreError where it cannot be used or its rows count
    other steps, OSError."""

    def __init__(self, folder, config, every_s=60.0):
        check(folder, config)
        Path(folder).mkdir(parents=True, exist_ok=True)
        path = Path(folder) / FILE
        self._every_ms = int(every_s * 1000)
        self._ids = {}
        self._last = {}  # (at, raw) by channel name
        with opening(path, "--history"):
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            # A power cut may cost the newest rows, no more.
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_TABLES)
            for c, name in enumerate(config.channels):
                self._resume(config, c, name)

    def _resume(self, config, c, name):
        """Go on with a channel where the file ends."""
        db = self._db
        db.execute(
            "INSERT OR IGNORE INTO channel (name, m, e) VALUES (?, ?, ?)",
            (name, *config.steps[c]),
        )
        row = db.execute("SELECT id FROM channel WHERE name = ?", (name,)).fetchone()
        shown = (config.about(c, "unit"), str(config.about(c, "offset", 0)))
        db.execute("UPDATE channel SET unit=?, offset=? WHERE id=?", (*shown, *row))
        self._ids[name] = row[0]
        self._last[name] = db.execute(
            "SELECT at, raw FROM value WHERE channel = ? ORDER BY at DESC LIMIT 1", row
        ).fetchone()

    def record(self, values, now=None, at_once=False):
        """Record raw values by channel name where they changed, each no more often than it may;
        at_once: all that changed. now: seconds since 1970. Returns how many rows were written."""
        at = int((time.time() if now is None else now) * 1000)
        rows, newest = [], {}
        for name, raw in values.items():
            last = self._last[name]
            if last and last[1] == raw:
                continue
            if last and not at_once and 0 <= at - last[0] < self._every_ms:
                continue
            when = max(at, last[0] + 1) if last else at
            rows.append((self._ids[name], when, raw))
            newest[name] = (when, raw)
        if rows:
            with transaction(self._db):
                self._db.executemany("INSERT INTO value VALUES (?, ?, ?)", rows)
            self._last.update(newest)
        return len(rows)

    def close(self):
        """Close the file."""
        self._db.close()


class History:
    """Reads a history, also while it is being written. Raises FileNotFoundError, sqlite3.Error."""

    def __init__(self, folder):
        path = Path(folder) / FILE
        if not path.is_file():
            raise FileNotFoundError(
                f"{folder}: there is no {FILE}; 'lvs bridge --history' makes it"
            )
        self._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.channels = self._db.execute(
            "SELECT id, name, unit, m, e, offset FROM channel ORDER BY id"
        ).fetchall()

    def span(self):
        """(first, last) ms since 1970, or (None, None) of an empty history."""
        return self._db.execute("SELECT min(at), max(at) FROM value").fetchone()

    def changes(self, start, end):
        """(at, channel id, raw) in order of time, from start to end (ms), inclusive."""
        return self._db.execute(
            "SELECT at, channel, raw FROM value WHERE at BETWEEN ? AND ? ORDER BY at", (start, end)
        )

    def at(self, when):
        """The newest raw of each channel at a time (ms), by id."""
        return dict(
            self._db.execute(
                "SELECT channel, raw FROM value v WHERE at ="
                " (SELECT max(at) FROM value WHERE channel = v.channel AND at <= ?)",
                (when,),
            )
        )

    def rows(self, start, end, every=None):
        """(ms, {channel id: raw}) from start to end: at each change, or every so many ms, with
        what was the newest then."""
        known = self.at(start - 1)
        changes = self.changes(start, end)
        if every is None:
            pending = None
            for at, channel, raw in changes:
                if pending is not None and at != pending:
                    yield pending, dict(known)
                known[channel] = raw
                pending = at
            if pending is not None:
                yield pending, dict(known)
            return
        change = changes.fetchone()
        for when in range(start, end + 1, every):
            while change and change[0] <= when:
                known[change[1]] = change[2]
                change = changes.fetchone()
            yield when, dict(known)
