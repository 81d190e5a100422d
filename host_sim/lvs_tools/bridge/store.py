"""What a bridge must find again after it was killed: contributions that it accepted, and figures
below which it says nothing any more. One SQLite file; what a method returns from is durable.

A contribution and its key are accepted in one transaction, as part of a channel's total. The node
is brought up to that total afterwards (lvs_tools.bridge.feed): a total is a fact, however often it
is read, so that no moment of a kill makes it count twice or not at all.
"""

import contextlib
import secrets
import sqlite3
import time
from dataclasses import dataclass

from lvs import LvsError, decimal

ATTO = 18  # totals are whole numbers of 10**-18 units, as text
KEY_MOST = 200  # characters of a key
KEPT_S = 30 * 86400  # a key is remembered for so long after it was heard last
_FORGET_EVERY_S = 3600

_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accepted
  (key TEXT PRIMARY KEY, channel TEXT, amount TEXT, heard REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS total (channel TEXT PRIMARY KEY, atto TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fed
  (channel TEXT PRIMARY KEY, raw INTEGER, given INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS floor (channel TEXT PRIMARY KEY, raw INTEGER) WITHOUT ROWID;
"""


class StoreError(Exception):
    """The file cannot be used, or is something else's; the text says why and what to do."""


@dataclass(frozen=True)
class Contribution:
    """One that somebody wants to be accepted. amount: decimal text, units."""

    key: str
    channel: str
    amount: str


def atto(amount):
    """A decimal text as 10**-18 units. Raises LvsError: no number, negative, or finer."""
    n, x = decimal.number(amount)
    if n < 0:
        raise LvsError(f"amount {amount} is negative")
    if n and x + ATTO < 0:
        scale = 10 ** -(x + ATTO)
        if n % scale:
            raise LvsError(f"amount {amount} is finer than 18 decimals")
        return n // scale
    return n * 10 ** (x + ATTO) if n else 0


@contextlib.contextmanager
def opening(path, option):
    """What cannot be opened is a StoreError that names it, and the option for another."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}; give another {option}") from None


@contextlib.contextmanager
def transaction(db):
    """All of what follows is kept, or nothing, and that when this is left."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


class Store:
    """An open file. tag: of the mesh that it belongs to; before: of the mesh that this one goes on
    from, whose file it may be. Raises StoreError."""

    def __init__(self, path, tag, before=None):
        self.path = path
        with opening(path, "--state"):
            self._db = db = sqlite3.connect(path, isolation_level=None)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.executescript(_TABLES)
            known = self._about("tag", f"{tag:08x}")
            if before is not None and known == f"{before:08x}":
                db.execute("UPDATE about SET value = ? WHERE name = 'tag'", (f"{tag:08x}",))
            elif known != f"{tag:08x}":
                db.close()
                raise StoreError(
                    f"{path} belongs to the mesh with tag {known}, not {tag:08x}: give another"
                    " --state"
                )
            self.id = self._about("id", secrets.token_hex(4))
        self._forgot = 0.0
        self.version = 0  # rises whenever something was accepted

    def _about(self, name, value):
        """What is kept under a name; ``value`` from now on if nothing is."""
        self._db.execute("INSERT OR IGNORE INTO about VALUES (?, ?)", (name, value))
        return self._db.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()[0]

    def close(self):
        """Close the file."""
        self._db.close()

    # --- contributions --------------------------------------------------------------------------

    def accept(self, contributions, now=None):
        """Accept contributions, each once by its key; returns for each "counted", "known", or why
        not. In one transaction: all of them are durable when this returns."""
        now = time.time() if now is None else now
        with transaction(self._db):
            said = [self._accept(c, now) for c in contributions]
            if now - self._forgot > _FORGET_EVERY_S:
                self._forgot = now
                self._db.execute("DELETE FROM accepted WHERE heard < ?", (now - KEPT_S,))
        self.version += 1
        return said

    def _accept(self, c, now):
        try:
            amount = atto(c.amount)
        except LvsError as error:
            return str(error)
        db = self._db
        known = db.execute(
            "SELECT channel, amount FROM accepted WHERE key = ?", (c.key,)
        ).fetchone()
        if known:
            if known != (c.channel, str(amount)):
                return f"key '{c.key}' was used for another contribution"
            db.execute("UPDATE accepted SET heard = ? WHERE key = ?", (now, c.key))
            return "known"
        db.execute(
            "INSERT INTO accepted VALUES (?, ?, ?, ?)", (c.key, c.channel, str(amount), now)
        )
        total = self.total(c.channel) + amount
        db.execute("INSERT OR REPLACE INTO total VALUES (?, ?)", (c.channel, str(total)))
        return "counted"

    def total(self, channel):
        """All that was ever accepted for a channel, 10**-18 units."""
        row = self._db.execute("SELECT atto FROM total WHERE channel = ?", (channel,)).fetchone()
        return int(row[0]) if row else 0

    # --- what the node was given ----------------------------------------------------------------

    def fed(self, channel):
        """(raw of the total that the node was given, what its ledger had then), or None."""
        return self._db.execute(
            "SELECT raw, given FROM fed WHERE channel = ?", (channel,)
        ).fetchone()

    def set_fed(self, channel, raw, given):
        """Keep what ``fed`` returns."""
        self._db.execute("INSERT OR REPLACE INTO fed VALUES (?, ?, ?)", (channel, raw, given))

    # --- what was said --------------------------------------------------------------------------

    def floors(self):
        """The newest raw value that was said of each channel, by name."""
        return dict(self._db.execute("SELECT channel, raw FROM floor"))

    def set_floors(self, values):
        """Keep raw values by channel, before they are said."""
        with transaction(self._db):
            rows = list(values.items())
            self._db.executemany("INSERT OR REPLACE INTO floor VALUES (?, ?)", rows)
