"""What a ledger inherits from another life, which of its sessions goes on, and who else goes on
with it.

Needed until that is decided: lvs.journal_restore and lvs.contributions load it (docs/protocol.md,
section 3).
"""

from .config import CLOSING
from .fixed import const, serial_diff
from .ledger import BEYOND, LATE, SURE, TAKEN
from .wide import MOST

_NEWEST = const(6)  # sessions that are kept without a total: _POOL of two spans
_FETCH = const(32)  # cycles after a start to wait for rows before a session is chosen ...
_PATIENCE = const(256)  # ... and for one of _POOL to be sure, rather than to begin one more
_POOL = const(3)


def restore(ledger, sessions, waiting, secret, carried=(), spent=(), since=0):
    """Give a ledger what a journal kept, before anything is contributed in this life."""
    # Of the newest more may have been told than the journal knows: they are mine all the same.
    if len(waiting) > ledger.channels:
        ledger.make(len(waiting))  # it has channels that my list lacks
    # And of late ones the shards are to be told what was taken back.
    last = sessions[-_NEWEST:]
    kept = [s for s in sessions if max(s.total) or s.fate == LATE or s in last]
    ledger.sessions = kept + ledger.sessions
    ledger.lineage = secret
    ledger.carried = dict(carried)
    ledger.spent = dict(spent)
    ledger.since = since
    ledger.waited = waiting
    ledger.partial = ledger.apart()
    for c in range(ledger.channels):
        ledger.waiting[c] = waiting[c]
        ledger.again[c] = waiting[c]  # perhaps told by another life: a meter shows it still
        ledger.free[c] = 0


def descends(ledger, start, nonce):
    """Is this a session of the ledger's lineage that it does not know?"""
    return nonce == ledger.nonce(start, nonce >> 24) and not ledger.find(start, nonce)


def give_up(ledger, channel, amount):
    """Up to ``amount`` raw of what waited in the journal when this life began was told by somebody
    else; returns how much. Nothing was told in this life yet."""
    if channel >= len(ledger.waited):
        return 0
    amount = min(amount, ledger.waited[channel])
    ledger.waited[channel] -= amount
    ledger.waiting[channel] -= amount
    ledger.again[channel] = max(0, ledger.again.get(channel, 0) - amount)
    ledger.changed()
    return amount


def disown(ledger, random):
    """Somebody else goes on with this ledger: begin another lineage and account; returns the raw
    that waited and is told there."""
    ledger.lineage = bytes([random() & 255 for _ in range(12)])
    ledger.carried = {}
    for s in ledger.sessions:
        if s.unsure is not None:
            s.fate = TAKEN
            s.unsure = b""
    told = sum([give_up(ledger, c, MOST) for c in range(ledger.channels)])
    for c in range(ledger.channels):
        ledger.spent[c] = ledger.spent.get(c, 0) - ledger.given(c) + ledger.waiting[c]
    ledger.since = 0
    return told


def decide(parts, cycles, spoken, span, rotate):
    """The session to go on with, False for a new one, None while that cannot be said yet.

    parts: the node's config, clock, noise, ledger, placement, journal; cycles: of this life;
    spoken: in which the last life spoke; span: () -> (epoch, grain) in which the present one
    began; rotate: begins a session.
    """
    from .replica import LIVE  # which a leaf has not

    cfg, clock, noise, ledger, placement, journal = parts
    met = clock.heard_at is not None
    if met:
        if cycles < _FETCH and any([r.phase != LIVE for r in placement.replicas]):
            return None
        closing = cfg.horizon(clock.epoch() + CLOSING)
        told, seen = copies(
            ledger, placement.replicas, closing, cfg.max_allowed_shift, noise.nonce
        )
        if seen:
            rotate()
        if told:
            journal.notice = (
                "journal: a copy of it is in use: %d raw that waited here were told there" % told
            )
    pool = [s for s in ledger.sessions[:-1] if s.start == span()[1] and s.fate < TAKEN][-_POOL:]
    for s in pool:
        # Or nobody knows of it, and nobody is here.
        if s.fate == SURE and s is not spoken or not met and not max(s.known):
            s.doubts = {}
            return s
    return None if met and len(pool) >= _POOL and cycles <= _PATIENCE else False


def copies(ledger, replicas, closing, shift, random):
    """A copy of my journal may have gone on where I did: what waited here it has told. Returns how
    much (raw), and whether a copy was seen to begin sessions of its own.

    closing: grain up to which the ledger may have let sessions go before the shards do; shift:
    max_allowed_shift; random: () -> random bits, for another lineage.
    """
    given = 0
    seen = False
    for r in replicas:
        shard = r.shard
        for k in range(shard.count):
            p = shard.position(k)
            start, nonce = shard.start[p], shard.nonce[p]
            if serial_diff(start, closing) > 0 and descends(ledger, start, nonce):
                given += disown(ledger, random)
                seen = True
            s = ledger.find(start, nonce)
            c = r.first_channel() + shard.slot[p]
            if s is None or s.fate > SURE or c >= ledger.channels:
                continue
            more = shard.credited[p] - s.total[c]
            if more > 0 and s.fate == SURE:
                s.fate = TAKEN
                ledger.changed()
            if more > BEYOND * shift:
                s.fate = TAKEN
                given += give_up(ledger, c, more)
    return given, seen
