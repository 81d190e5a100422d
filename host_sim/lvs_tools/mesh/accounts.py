"""What each node of a running mesh contributed itself: asked, and held against the mesh's value.

``gather`` asks; ``figures`` reckons, and knows what is explained and what is not.
"""

import asyncio
import contextlib
import random
import statistics
import time
from dataclasses import dataclass, field
from datetime import datetime

from rich.progress import TextColumn

from lvs import audit, decimal
from lvs.config import EPOCH_CYCLES
from lvs.wire import AUDIT, MAX_FRAME, SLOTS
from lvs_tools import options
from lvs_tools.mesh import ask, looking

_SLACK_S = 6.0  # after the seconds that answers may take: others may ask, too
_ROUNDS = 3  # of questions, before the last of which everybody should have answered
_LEAF_S = 0.3  # from one question to a leaf to the next ...
_LEAF_ASKS = 4  # ... and how many of them at once: it answers no more in a waking,
_LEAF_SLOTS = 8  # each for so many slots: their answer always fits
_WAKING_S = 10.0  # a leaf that was heard so long after its answer woke again, and may have more
_MOST = 6  # of them, while sum and value are not equal
_LATER = EPOCH_CYCLES  # cycles by which accounts of one start differ


@dataclass
class Account:
    """What one node answered. number: the account's, which a copied journal has, too; since: cycle
    in which it began, 0: not yet; cycle: the node's, at ``when`` (seconds, monotonic); ``given``,
    ``waits``, ``values``: raw by channel number, values only of shards that it holds."""

    address: str
    number: int
    since: int
    cycle: int
    when: float
    given: dict = field(default_factory=dict)
    waits: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)

    def began(self):
        """Seconds since it began (about a second a cycle)."""
        return self.cycle - self.since + time.monotonic() - self.when


class Book:
    """What was answered: ``accounts`` by address; ``deaf``: why broadcasts are not heard;
    ``differed``: least and largest difference of value and sum (raw) by channel, in all rounds."""

    def __init__(self, ear, deaf):
        self.ear = ear
        self.deaf = deaf
        self.accounts = {}
        self.differed = {}
        self.waiting = set()  # addresses of whom this round's answer is not here yet
        self.rest = []  # (addr, shard, first slot) of answers that went on

    def take(self, member, frame, address):
        """An answer, or nothing of the kind."""
        said = audit.decode(frame.body) if frame.kind == AUDIT else None
        if said is None:
            return
        what, since, number, first, slots = said
        now = time.monotonic()
        known = self.accounts.setdefault(address, Account(address, number, since, 0, now))
        known.number, known.since, known.cycle, known.when = number, since, frame.cycle, now
        c = frame.shard * SLOTS + first
        for i, (given, waits, value) in enumerate(slots):
            known.given[c + i] = given
            known.waits[c + i] = waits
            if what == audit.HOLDER:
                known.values[c + i] = value
        self.waiting.discard(address)
        end = first + len(slots)
        if sleeps(member):
            return  # asleep by now
        if slots and end < min(SLOTS, (member.channels or SLOTS) - frame.shard * SLOTS):
            self.rest.append((member.addr, frame.shard, end))


def _question(tag, nonce, shard, first, spread):
    buf = bytearray(MAX_FRAME)
    n = audit.question(buf, tag, nonce, shard, first, spread)
    return bytes(buf[:n])


def sleeps(member):
    """Is it a leaf, as far as its EPs say? It holds nothing, and answers while it is awake."""
    return member.flags is not None and not member.held and bool(member.channels)


def _ask_leaf(book, config, nonce, member, asked):
    """A leaf was heard: it is awake for a second or so."""
    now = time.monotonic()
    if now - asked.get(member.addr, 0) < _LEAF_S:
        return
    asked[member.addr] = now
    parts = range(0, len(config.channels), _LEAF_SLOTS)
    # Those that were asked for longest ago: of many it answers some a waking.
    for c in sorted(parts, key=lambda c: asked.get((member.addr, c), 0))[:_LEAF_ASKS]:
        asked[member.addr, c] = now
        with contextlib.suppress(OSError):
            shard, first = divmod(c, SLOTS)
            book.ear.send(_question(config.tag, nonce, shard, first, 0), member.addr)


async def gather(config, port, broadcast, spread, leaves=0):
    """Ask all nodes of a mesh that can be heard; returns a Book. Raises OSError.

    spread: seconds over which answers come; leaves: seconds to wait for leaves before.
    """
    nonce = random.getrandbits(30) | 1
    own = f"-{nonce:08x}"
    where = [(b, port) for b in ask.broadcasts(broadcast)] + looking.peers(config, port)
    async with ask.opened(port, broadcast, tag=config.tag, grain=config.grain) as (ear, deaf):
        book = Book(ear, deaf)

        asked = {}

        def hear(member, frame, _):
            if member.session.endswith(own):
                del ear.members[member.addr]
                return
            book.take(member, frame, name(member, port))
            if frame.kind != AUDIT and sleeps(member):
                _ask_leaf(book, config, nonce, member, asked)

        ear.on_frame = hear
        if leaves and deaf:
            options.warn(
                f"leaves: {deaf}, so none is heard; ask from another, or stop what uses it"
            )
        else:
            await _wait(book, leaves)
        for turn in range(_MOST):
            book.waiting = {name(m, port) for m in ear.members.values() if not sleeps(m)}
            for shard in range(-(-len(config.channels) // SLOTS)):
                await _ask(book, where, config.tag, nonce, shard, spread)
            reckon(config, book)
            exact = all(min(map(abs, d)) == 0 for d in book.differed.values())
            heard = turn + 1 >= _ROUNDS or turn and not book.waiting
            if heard and (exact or turn + 1 >= _ROUNDS and _still(config, book)):
                break
        return book


async def _wait(book, seconds):
    """Wait for leaves, and show how many answered."""
    with options.progress(TextColumn("{task.fields[found]} answered")) as bar:
        task = bar.add_task("waiting for leaves", total=seconds, found=0)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await asyncio.sleep(min(1.0, seconds))
            left = until - time.monotonic()
            bar.update(task, completed=seconds - left, found=len(book.accounts))


def name(member, port):
    """A member's address as people know it."""
    return member.addr[0] if member.addr[1] == port else member.address


async def _ask(book, where, tag, nonce, shard, spread):
    frame = _question(tag, nonce, shard, 0, spread)
    heard = [m.addr for m in book.ear.members.values()]
    until = time.monotonic() + spread + _SLACK_S
    for addr in where + [addr for addr in heard if addr not in where]:
        with contextlib.suppress(OSError):
            book.ear.send(frame, addr)
    while time.monotonic() < until:
        await asyncio.sleep(0.1)
        if book.accounts and not book.waiting and not book.rest and shard == 0:
            break
        if book.rest:
            await asyncio.sleep(4.5)  # a node's rest between two answers
            asked, book.rest = book.rest, []
            for addr, index, first in asked:
                book.ear.send(_question(tag, nonce, index, first, 0), addr)
            until = time.monotonic() + _SLACK_S


def _still(config, book):
    """Was nothing contributed between the rounds?"""
    return all(low == high for low, high in book.differed.values())


def reckon(config, book):
    """Take a round of answers into account."""
    for c in range(len(config.channels)):
        value = value_of(book, c)
        if value is not None:
            total, waits, _ = sums(book, c)
            off = value - config.starts.get(c, 0) - (total - waits)
            low, high = book.differed.get(c, (off, off))
            book.differed[c] = min(low, off), max(high, off)


def value_of(book, c):
    """What most nodes hold of a channel (raw), the larger at a tie; None: nobody said."""
    said = [a.values[c] for a in book.accounts.values() if c in a.values]
    return max(statistics.multimode(said)) if said else None


def sums(book, c):
    """(given, waiting, [addresses with another's account]) of a channel: a journal that was copied
    has one account, of which the larger counts."""
    largest = {}
    twice = []
    for a in sorted(book.accounts.values(), key=lambda a: -a.given.get(c, 0)):
        if a.number in largest:
            twice.append(a.address)
        else:
            largest[a.number] = a
    given = sum(a.given.get(c, 0) for a in largest.values())
    return given, sum(a.waits.get(c, 0) for a in largest.values()), twice


def units(config, c, raw):
    """Exact text of an amount, without its unit and the offset that is shown."""
    return decimal.text(raw, config.steps[c])


# --- figures ------------------------------------------------------------------------------------


def figures(config, port, book):
    """All of an audit as a dict, for programs and people."""
    members = {name(m, port): m for m in book.ear.members.values()}
    quiet = {n: m for n, m in members.items() if n not in book.accounts}
    silent = sorted(n for n, m in quiet.items() if m.flags is None or m.held)
    leaves = sorted(n for n, m in members.items() if sleeps(m) and _owes(config, m, book, n))
    first = max([a.began() for a in book.accounts.values() if a.since], default=0)
    late = sorted(
        a.address for a in book.accounts.values() if a.since and a.began() < first - _LATER
    )
    known = {"silent": silent, "leaves": leaves, "late": late}
    channels = [_channel(config, book, c, known) for c in range(len(config.channels))]
    return {
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "mesh": config.mesh,
        "tag": f"{config.tag:08x}",
        "nodes": [_node(config, a) for a in sorted(book.accounts.values(), key=_by_address)],
        **known,
        "channels": channels,
        "adds_up": all(c["difference_raw"] == 0 and not c["because"] for c in channels),
        "explained": all(c["difference_raw"] == 0 or c["because"] for c in channels),
        "deaf": book.deaf,
    }


def _owes(config, member, book, address):
    """Did a leaf not answer, or not for all channels, or wake once more after that?"""
    a = book.accounts.get(address)
    if a is None or len(a.given) < min(member.channels or 0, len(config.channels)):
        return True
    return member.last - a.when > _WAKING_S


def _by_address(account):
    host = account.address.split(":")[0].split(".")
    return [part.rjust(3) for part in host], account.address


def _since(account):
    if not account.since:
        return None
    when = datetime.fromtimestamp(time.time() - account.began())
    return when.astimezone().isoformat(timespec="minutes")


def _node(config, account):
    return {
        "address": account.address,
        "since": _since(account),
        "account": f"{account.number:08x}",
        "given": {
            looking.channel(config, c, 0)["name"]: {
                "raw": raw,
                "text": looking.amount(config, c, raw),
                "waits_raw": account.waits[c],
            }
            for c, raw in sorted(account.given.items())
        },
    }


def _channel(config, book, c, known):
    given, waits, twice = sums(book, c)
    value = value_of(book, c)
    start = config.starts.get(c, 0)
    values = sorted({a.values[c] for a in book.accounts.values() if c in a.values})
    low, high = book.differed.get(c, (0, 0))
    off = 0 if low <= 0 <= high else low if low > 0 else high
    differ = off or low == high  # else it is under way
    because = list(_because(config, c, off, values if differ else [], twice, known))
    return {
        "name": config.channels[c],
        "unit": config.about(c, "unit"),
        "given_raw": given,
        "given": looking.amount(config, c, given),
        "waits_raw": waits,
        "waits": looking.amount(config, c, waits),
        "start_raw": start,
        "start": looking.amount(config, c, start),
        "value_raw": value,
        "value": looking.amount(config, c, value or 0),
        "difference_raw": off,
        "difference": ("-" if off < 0 else "") + looking.amount(config, c, abs(off)),
        "under_way": low != high,
        "nodes_differ": len(values) > 1,
        "because": because,
    }


def _because(config, c, off, values, twice, known):
    """Why value and sum may differ, a text each; nothing: there is no reason that is known."""
    if len(values) > 1:
        spread = looking.amount(config, c, values[-1] - values[0])
        yield f"nodes differ by {spread}: some are apart, or contributions are under way"
    if off == 0:
        return
    if twice:
        yield f"{_some(twice)}: the journal is a copy of another node's; it is counted once"
    if off > 0:
        if known["silent"]:
            yield f"{_some(known['silent'])}: heard, but silent; the share is not known"
        if known["leaves"]:
            yield (
                f"{_some(known['leaves'])}: leaves that slept before they answered all, or woke"
                " again (--leaves)"
            )
        if known["late"]:
            yield (
                f"{_some(known['late'])}: the account began later than others'; what was"
                " contributed there before (no journal, or a copied one) is in none"
            )


def _some(addresses):
    more = f" and {len(addresses) - 5} more" if len(addresses) > 6 else ""
    return ", ".join(addresses[: 5 if more else 6]) + more
