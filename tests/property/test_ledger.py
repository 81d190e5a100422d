"""The ledger loses nothing and doubles nothing: contributed = waiting + told, always."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lvs import LvsError
from lvs.journal import withheld
from lvs.ledger import LATE, SURE, TAKEN, Ledger
from lvs.restart import descends, disown, restore
from lvs.wide import END
from tests.support import reference as ref

CHANNELS = 2
STEP = 1023
BUDGET = 3000
channel = st.integers(0, CHANNELS - 1)
amount = st.one_of(st.integers(0, 5000), st.integers(0, ref.MAX_RAW))
reading = st.one_of(amount, st.integers(0, END))


class LedgerMachine(RuleBasedStateMachine):
    """Drives a ledger as a node does, and keeps the books beside it."""

    def __init__(self):
        super().__init__()
        self.ledger = Ledger(CHANNELS)
        self.ledger.lineage = b"twelve bytes"
        self.grain = 1000
        self.random = 0
        self.contributed = [0] * CHANNELS
        self.folded = [0] * CHANNELS  # known of sessions that are gone
        self.elsewhere = [0] * CHANNELS  # told by a copy
        self.copied = [0] * CHANNELS  # told before, which a copy accounts for
        self.open()
        self.ledger.new_epoch(BUDGET)
        self.issued_in_epoch = 0
        self.issued_in_cycle = [0] * CHANNELS

    @rule()
    def open(self):
        self.random += 77
        self.ledger.open(self.grain, self.random)
        assert not self.ledger.named and not max(self.ledger.session.total)
        names = [s.nonce for s in self.ledger.sessions]
        assert len(set(names)) == len(names)
        copy = Ledger(CHANNELS)
        copy.lineage = self.ledger.lineage
        assert descends(copy, self.grain, names[-1])
        assert not descends(copy, self.grain + 1, names[-1])
        assert not descends(self.ledger, self.grain, names[-1])

    @rule(c=channel, raw=reading)
    def contribute(self, c, raw):
        told = self.folded[c] + sum(s.total[c] for s in self.ledger.sessions)
        if raw + told + self.ledger.waiting[c] > END:
            waiting = list(self.ledger.waiting)
            with pytest.raises(LvsError, match="too large"):
                self.ledger.add(c, raw, told)
            assert list(self.ledger.waiting) == waiting
            return
        self.ledger.add(c, raw, told)
        self.contributed[c] += raw

    @rule(lead=st.sampled_from([0, STEP, ref.MAX_RAW]))
    def kept(self, lead):
        """A journal has written it all, as if `lead` more had been told."""
        self.ledger.kept(lead)
        for c in range(CHANNELS):
            assert self.ledger.free[c] == min(lead, self.ledger.waiting[c])
        assert self.ledger.named
        assert withheld(self.ledger) == (lead == 0 and max(self.ledger.waiting) > 0)

    @rule(c=channel)
    def issue(self, c):
        ledger = self.ledger
        total = ledger.session.total[c]
        free = ledger.free[c]
        room = min(STEP - self.issued_in_cycle[c], BUDGET - self.issued_in_epoch)
        issued = ledger.issue(c, STEP)
        assert issued == max(0, min(free, room)) == ledger.session.total[c] - total
        self.issued_in_cycle[c] += issued
        self.issued_in_epoch += issued

    @rule()
    def cycle(self):
        self.ledger.new_cycle()
        self.issued_in_cycle = [0] * CHANNELS

    @rule(hop=st.integers(1, 3))
    def next_grain(self, hop):
        """What nobody knows of a session that is closed waits again, and is not free."""
        self.grain += hop
        self.ledger.new_epoch(BUDGET)
        self.issued_in_epoch = 0
        before = list(self.ledger.sessions)
        for s in self.ledger.late(self.grain - 3):
            assert s.fate == LATE and [s.held(c) for c in range(CHANNELS)] == list(s.known)
        free = list(self.ledger.free)
        if hop == 3:
            for s in before[:-1]:
                self.ledger.take_back(s)
                assert s.total == s.known
        self.ledger.fold(self.grain - 5)
        for s in before:
            if s in self.ledger.sessions:
                assert s is self.ledger.session or s.start > self.grain - 5
                continue
            for c in range(CHANNELS):
                self.folded[c] += s.known[c]
        assert free == list(self.ledger.free)

    @rule(which=st.integers(0, 9), c=channel, total=amount)
    def heard(self, which, c, total):
        session = self.ledger.sessions[which % len(self.ledger.sessions)]
        assert self.ledger.find(session.start, session.nonce) is session
        known, most = session.known[c], session.total[c]
        mine = self.ledger.echo(session, c, total)
        assert mine == (total <= most or session is not self.ledger.session)
        assert session.known[c] == (max(known, min(total, most)) if mine else known)

    @rule()
    def astray(self):
        """Whoever knows of the sessions of a clock that was wrong gives them up."""
        self.ledger.astray()
        assert not self.ledger.since
        assert not any(max(s.known) for s in self.ledger.sessions if s.unsure is None)

    @rule(which=st.integers(0, 9))
    def restart(self, which):
        """As if from a journal; the session may have been seen to be sure."""
        self.ledger.kept(0)
        for s in self.ledger.sessions:
            s.unsure = bytearray(1)
        self.open()
        if len(self.ledger.sessions) > 1:
            s = self.ledger.sessions[which % (len(self.ledger.sessions) - 1)]
            if s.fate < TAKEN:
                s.fate = SURE
                total = list(s.total)
                self.ledger.take_up(s)
                assert self.ledger.session is s and list(s.total) == total and s.fate != SURE

    @rule(c=channel, raw=st.integers(0, 5000), kept=st.booleans())
    def disown(self, c, raw, kept):
        """After a restart: a copy tells what waited in the journal, and not what is new."""
        old = self.ledger
        waited = list(old.waiting)
        for s in old.sessions:
            s.unsure = bytearray(1)
        self.ledger = Ledger(CHANNELS)
        restore(
            self.ledger, old.sessions, list(waited), old.lineage, old.carried, old.spent, old.since
        )
        self.ledger.new_epoch(BUDGET)
        self.issued_in_epoch = 0
        self.issued_in_cycle = [0] * CHANNELS
        self.open()
        self.contribute(c, raw)
        new = self.ledger.waiting[c] - waited[c]
        self.ledger.begin(1)
        if kept:
            self.ledger.kept(0)
        assert disown(self.ledger, lambda: self.random) == sum(waited)
        assert [self.ledger.given(i) for i in range(CHANNELS)] == [
            new * (i == c) for i in range(CHANNELS)
        ]
        for i in range(CHANNELS):
            self.elsewhere[i] += waited[i]
            self.copied[i] = self.contributed[i] - self.elsewhere[i] - new * (i == c)
        assert not self.ledger.since

    @invariant()
    def nothing_is_lost_or_doubled(self):
        for c in range(CHANNELS):
            told = self.folded[c] + sum(s.total[c] for s in self.ledger.sessions)
            left = self.contributed[c] - self.elsewhere[c]
            assert left == self.ledger.waiting[c] + told
            assert self.ledger.given(c) == left - self.copied[c] >= 0
        unknown = sum(sum(s.total) - sum(s.known) for s in self.ledger.sessions)
        assert self.ledger.left() == sum(self.ledger.waiting) + unknown

    @invariant()
    def totals_are_ordered(self):
        for c in range(CHANNELS):
            assert 0 <= self.ledger.free[c] <= self.ledger.waiting[c]
            for s in self.ledger.sessions:
                assert 0 <= s.known[c] <= s.total[c]


TestLedger = LedgerMachine.TestCase
