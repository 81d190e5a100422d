"""What befalls a leaf's sessions: they end, are folded, or somebody else speaks in them.

Boards unload it when the waking is over.
"""

from .fixed import serial_diff
from .leaf_state import ASKED, SESSIONS
from .ledger import TAKEN


def renew(ledger, kept, ends, random, notice):
    """See that the present session is one of the present span, begun in a grain, and let sessions
    go that are folded. What nobody was heard to hold of one waits again, if it was asked for often
    enough; or else it was perhaps heard while this leaf slept. Of one that has not begun it waits
    in any case: somebody was wrong about the time, and nobody takes its rows.

    kept: the leaf's; ends: grains: of the span, of the horizon, the last that may have begun;
    random: 30 bits; notice: (text, raw) -> None, tells people.
    """
    grain, horizon, last = ends
    if ledger.session.start != grain or ledger.session.fate == TAKEN:
        ledger.open(grain, random)
    while len(ledger.sessions) > SESSIONS:
        known = [s for s in ledger.sessions[:-1] if s.known == s.total]
        _forget(ledger, kept, (known or ledger.sessions)[0], notice)
    for s in ledger.sessions[:-1]:
        early = serial_diff(s.start, last) > 0
        if early or serial_diff(s.start, horizon) <= 0:
            if early or kept.asked.get(s.nonce, 0) >= ASKED and s.fate != TAKEN:
                ledger.take_back(s)
            if early and max(s.known):  # who said that he has it lied
                notice("leaf: %d raw were told under a wrong clock, and may be lost", sum(s.known))
            _forget(ledger, kept, s, notice)


def _forget(ledger, kept, session, notice):
    doubt = sum(session.total) - sum(session.known)
    if doubt:
        notice("leaf: %d raw were told, and perhaps heard by nobody", doubt)
    for c in range(ledger.channels):
        _spend(ledger, c, session.total[c])
    ledger.sessions.remove(session)
    kept.asked.pop(session.nonce, 0)


def _spend(ledger, c, amount):
    """The account keeps what is in no session any more."""
    if amount:
        ledger.spent[c] = ledger.spent.get(c, 0) + amount


def overstated(ledger, stored, claims, voices, random, notice):
    """The mesh has more of the present session than was told here: somebody else speaks in it, or
    this state is an old copy, and what waited in it is told; or somebody lies. What is contributed
    next goes to another session.

    stored: raw by channel, of what waits the part that the store held when this life began;
    claims: channel -> {route: what the mesh has}; voices: the routes that showed state.
    """
    for c, said in claims.items():
        if c >= ledger.channels:
            continue
        # Most of those that are there must say so.
        totals = sorted(said.values())
        half = len(set(said) | set(voices)) // 2
        total = totals[-1 - half] if len(totals) > half else 0
        told = min(total - ledger.session.total[c], stored[c], ledger.waiting[c])
        if told > 0:
            stored[c] -= told
            ledger.waiting.grow(c, -told)
            _spend(ledger, c, told)
            notice("leaf: its state is an old copy; %d raw that waited are told", told)
    if len(ledger.sessions) < SESSIONS - 2:
        ledger.session.fate = TAKEN
        ledger.open(ledger.session.start, random)
