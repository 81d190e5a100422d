"""Which session a life goes on with that began from a journal, and who else goes on with it.

Needed until that is decided; lvs.contributions loads it then (docs/protocol.md, section 3).
"""

from .fixed import const, serial_diff
from .ledger import SURE, TAKEN

_BEYOND = const(16)  # steps that may have been told beyond the journal in the last life


def pool(ledger, grain):
    """The sessions of other lives that began in a grain and that nobody else speaks in."""
    return [s for s in ledger.sessions[:-1] if s.start == grain and s.fate < TAKEN]


def choose(sessions, spoken, met):
    """The session of a pool to go on with, or None. spoken: in which the last life spoke; met: is
    anybody there?"""
    for s in sessions:
        # Or nobody knows of it, and nobody is here.
        if s.fate == SURE and s is not spoken or not met and not max(s.known):
            return s
    return None


def copies(ledger, replicas, closing, shift, lineage):
    """A copy of my journal may have gone on where I did: what waited here it has told. Returns how
    much (raw), and whether a copy was seen to begin sessions of its own.

    closing: grain up to which the ledger may have let sessions go before the shards do; shift:
    max_allowed_shift; lineage: for a ledger that is not the first.
    """
    given = 0
    seen = False
    for r in replicas:
        shard = r.shard
        for k in range(shard.count):
            p = shard.position(k)
            start, nonce = shard.start[p], shard.nonce[p]
            if serial_diff(start, closing) > 0 and ledger.descends(start, nonce):
                given += ledger.disown(lineage)
                seen = True
            s = ledger.find(start, nonce)
            c = r.first_channel() + shard.slot[p]
            if s is None or s.fate > SURE or c >= ledger.channels:
                continue
            more = shard.credited[p] - s.total[c]
            if more > 0 and s.fate == SURE:
                s.fate = TAKEN
                ledger.changed()
            if more > _BEYOND * shift:
                s.fate = TAKEN
                given += ledger.give_up(c, more)
    return given, seen
