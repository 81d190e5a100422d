"""Journals of version 1, format 1: the values of a mesh from those of its nodes, read at once.

A value of version 1 counts 1/256 VU. Its rows fold within half an hour, in epochs, so that nodes
cannot move one by one to a mesh that folds in grains: their journals are merged here, each row
once, whoever holds it, and a mesh of this version starts with the sums (`lvs restore`).
"""

import statistics
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from lvs import ConfigError
from lvs import journal_reader as kinds
from lvs.fixed import hash_text, serial_diff
from lvs.journal_files import Files
from lvs.journal_log import segment_name
from lvs.journal_replay import Found
from lvs.wire import SLOTS, get16, get30

ONE = 256  # raw in a VU
_FORMAT = 1
_BOUND = 0x8000  # in an entry's channel: how far it may have been told follows
_ROW = 14
_ENDING = segment_name(0, 0)[len("seg-000000") :]
# Mesh parameters with their defaults, in the order in which the tag has them.
_PARAMETERS = {
    "max_allowed_shift": 1024,
    "route_budget": 262144,
    "shard_budget": 4194304,
    "session_epochs": 48,
    "horizon_epochs": 32,
}


class _Files(Files):
    """Names without the mesh's tag, which version 1 had not: lvs.journal_replay wants one."""

    def names(self):
        return [name + _ENDING for name in super().names() if "." not in name]

    def size(self, name):
        return super().size(name[: -len(_ENDING)])

    def open(self, name):
        return super().open(name[: -len(_ENDING)])


@dataclass
class Session:
    """An own session. ``entries``: channel -> (contributed, how far it may have been told)."""

    alone: bool = False
    entries: dict = field(default_factory=dict)


class Journal:
    """What the journal of one node of version 1 holds, raw. Raises ConfigError.

    ``sessions``: (start, nonce) -> Session; ``waits``, ``owed`` (folded here alone): by channel;
    ``settled``: shard -> (horizon, vector); ``rows``: (shard, start, nonce, slot) -> credited.
    """

    def __init__(self, path):
        self.path = str(path)
        self.tag = self.channels = 0
        self.sessions = {}
        self.waits = {}
        self.owed = {}
        self.settled = {}
        self.rows = {}
        self.doubts = []
        files = _Files(self.path)
        if not Path(path).is_dir():
            raise ConfigError(f"{path}: there is no such folder")
        try:
            found = Found(files, 0)
            if not found.find():
                raise ConfigError(f"{path}: there is no journal of version 1 that can be read")
            found.replay(self._take)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from None
        except IndexError:
            raise ConfigError(f"{path}: a record makes no sense") from None
        self.bytes = {name: Path(path, name).read_bytes() for name in sorted(_own(path))}
        if found.fallback:
            lost = sum(self.waits.values()) + sum(self.owed.values())
            self.waits, self.owed = {}, {}
            self.doubts.append(
                f"the newest segment is damaged, an older one is taken; {_vu(lost)} VU that waited"
                " in it may be lost"
            )
        elif found.damaged:
            self.doubts.append(f"damaged in {found.damaged} places; the rest is taken")

    def _take(self, kind, b, at, end):
        if kind == kinds.CHECK:
            if b[at] != _FORMAT:
                raise ConfigError(f"{self.path}: format {b[at]}, not 1")
            self.tag, self.channels = get30(b, at + 1), get16(b, at + 5)
        elif kind == kinds.LEDGER:
            self.sessions = {}
            i = at + 6
            for _ in range(get16(b, at + 4)):
                i = self._session(b, i)
            self.waits, i = _amounts(b, i)
            self.owed, _ = _amounts(b, i)
        elif kind == kinds.LATEST:
            self.waits, _ = _amounts(b, self._session(b, at + 6))
        elif kind == kinds.SETTLED:
            vector = [get30(b, at + 12 + 4 * s) for s in range(b[at + 11])]
            self.settled[b[at]] = get30(b, at + 7), vector
        elif kind == kinds.ROWS:
            for i in range(at + 2, at + 2 + _ROW * b[at + 1], _ROW):
                slot = b[i + 3] >> 6 | b[i + 7] >> 6 << 2
                key = b[at], get16(b, i + 8), get30(b, i), slot
                self.rows[key] = max(self.rows.get(key, 0), get30(b, i + 10))

    def _session(self, b, i):
        entries = {}
        key = get16(b, i), get30(b, i + 2)
        self.sessions[key] = Session(bool(b[i + 5] >> 6), entries)
        at = i + 8
        for _ in range(get16(b, i + 6)):
            c = get16(b, at)
            target = bound = get30(b, at + 2)
            at += 6
            if c & _BOUND:
                bound = get30(b, at)
                at += 4
            entries[c & ~_BOUND] = target, bound
        return at


def _amounts(b, i):
    found = {}
    at = i + 2
    for _ in range(get16(b, i)):
        found[get16(b, at)] = get30(b, at + 2)
        at += 6
    return found, at


def _vu(raw):
    """Exact decimal text of raw units."""
    text = format(Decimal(raw) / ONE, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def tag_of(data, channels):
    """Tag that version 1 gave the mesh of a configuration with its first channels."""
    names = [c["name"] if isinstance(c, dict) else c for c in data["channels"][:channels]]
    numbers = [str(data.get(key, default)) for key, default in _PARAMETERS.items()]
    text = [data.get("mesh", "lvs"), *names, *numbers]
    return names, hash_text("\n".join(text)) or 1


def check(journals):
    """Raise ConfigError unless these are journals of different nodes of one mesh."""
    first = journals[0]
    seen = {}
    for j in journals:
        if (j.tag, j.channels) != (first.tag, first.channels):
            raise ConfigError(f"{j.path}: of another mesh than {first.path}")
        for other in journals[: journals.index(j)]:
            if other.bytes == j.bytes:
                raise ConfigError(f"{j.path}: the journal in {other.path} again; give each once")
        for key in j.sessions:
            if key in seen:
                raise ConfigError(
                    f"{j.path}: of the same node as {seen[key]}; give the newer one alone"
                )
            seen[key] = j.path


def values(journals):
    """(raw of each channel, doubts): what all of a mesh contributed, from its nodes' journals."""
    check(journals)
    doubts = [f"{j.path}: {why}" for j in journals for why in j.doubts]
    found = []
    for c in range(journals[0].channels):
        raw, unsure = _value(journals, c)
        found.append(raw)
        doubts += [f"channel {c + 1}: {why}" for why in unsure]
    return found, doubts


def _value(journals, c):
    """(raw of a channel, what is not sure about it)."""
    index, slot = divmod(c, SLOTS)
    known = [j for j in journals if slot < len(j.settled.get(index, (0, ()))[1])]
    if not known:
        return None, ["nobody of these nodes held it"]
    horizon = max(j.settled[index][0] for j in known)
    rows = {}
    for j in known:
        for (shard, start, nonce, s), credited in j.rows.items():
            if (shard, s) == (index, slot):
                rows[start, nonce] = max(rows.get((start, nonce), 0), credited)
    more = 0
    unsure = []
    for j in journals:
        rest, late = _own_part(j, c, horizon, rows)
        more += rest
        if late:
            unsure.append(
                f"{j.path} is older than the others; {_vu(late)} VU told there may not be counted"
            )
    settled = [_settled(j, index, slot, c, horizon, rows) for j in known]
    if len(set(settled)) > 1:
        spread = _vu(max(settled) - min(settled))
        unsure.append(f"the journals differ by {spread} VU; what most have is taken")
    live = sum(raw for (start, _), raw in rows.items() if _after(start, horizon))
    return max(statistics.multimode(settled)) + live + more, unsure


def _after(start, horizon):
    """Is a session not folded at a horizon?"""
    return serial_diff(start, horizon & 0xFFFF) > 0


def _own_part(j, c, horizon, rows):
    """(what a node has of its own beyond settled values and rows, what of it others may lack);
    its own live sessions join the rows."""
    rest = j.waits.get(c, 0) + j.owed.get(c, 0)
    late = 0
    for key, session in j.sessions.items():
        target, bound = session.entries.get(c, (0, 0))
        if _after(key[0], horizon):
            if target:
                rows[key] = max(rows.get(key, 0), target)
        elif session.alone:
            rest += target  # nobody ever heard of it
        else:
            rest += target - bound
            late += bound
    return rest, late


def _settled(j, index, slot, c, horizon, rows):
    """A node's settled value, as if it had folded up to a horizon and nothing alone."""
    folded, vector = j.settled[index]
    value = vector[slot] - j.owed.get(c, 0)
    for key, raw in rows.items():
        alone = key in j.sessions and j.sessions[key].alone
        if _after(key[0], folded) and not _after(key[0], horizon) and not alone:
            value += raw
    return value


def backup(data, folders):
    """(a backup's values, doubts) from the journals in folders. data: a configuration, of version
    1 or of a mesh with its name and first channels. Raises ConfigError."""
    journals = [Journal(folder) for folder in folders]
    raw, doubts = values(journals)
    names, tag = tag_of(data, journals[0].channels)
    if tag != journals[0].tag:
        raise ConfigError(
            f"mesh and channels are not those of the journals (tag {journals[0].tag:08x}): name"
            " the configuration that the nodes had"
        )
    said = [
        {"name": name, "value": _vu(n or 0), "unit": "", "raw": n}
        for name, n in zip(names, raw, strict=True)
    ]
    return {"tag": f"{tag:08x}", "values": said, "journals": [str(f) for f in folders]}, doubts


def _own(path):
    return [p.name for p in Path(path).iterdir() if p.name.startswith(("seg-", "tail-"))]
