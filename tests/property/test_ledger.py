"""The ledger loses nothing and doubles nothing: contributed = pending + told, always."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lvs import LvsError
from lvs.ledger import Ledger
from tests.support import reference as ref

CHANNELS = 2
STEP = 1023
BUDGET = 3000
channel = st.integers(0, CHANNELS - 1)
amount = st.one_of(st.integers(0, 5000), st.integers(0, ref.MAX_RAW))


class LedgerMachine(RuleBasedStateMachine):
    """Drives a ledger as a node does, and keeps the books beside it."""

    def __init__(self):
        super().__init__()
        self.ledger = Ledger(CHANNELS)
        self.epoch = 1000
        self.nonce = 0
        self.contributed = [0] * CHANNELS
        self.folded = [0] * CHANNELS  # told by sessions that are gone
        self.open()
        self.ledger.new_epoch(BUDGET)
        self.issued_in_epoch = 0
        self.issued_in_cycle = [0] * CHANNELS

    @rule()
    def open(self):
        self.nonce += 1
        self.ledger.open(self.epoch, self.nonce, False)

    @rule(c=channel, raw=amount, ready=st.booleans())
    def contribute(self, c, raw, ready):
        value = self.folded[c] + sum(s.total[c] for s in self.ledger.sessions)
        if raw + self.contributed[c] > ref.MAX_RAW:
            pending = self.ledger.pending(c)
            with pytest.raises(LvsError, match="too large: the counter would pass its end"):
                self.ledger.add(c, raw, value, ready)
            assert self.ledger.pending(c) == pending
            return
        self.ledger.add(c, raw, value, ready)
        self.contributed[c] += raw

    @rule(all_of_it=st.booleans())
    def place(self, all_of_it):
        waited = [self.ledger.pending(c) for c in range(CHANNELS)]
        remembered = list(self.ledger.journaled)
        self.ledger.place(all_of_it)
        assert list(self.ledger.unassigned) == ([0] * CHANNELS if all_of_it else remembered)
        assert waited == [self.ledger.pending(c) for c in range(CHANNELS)]

    @rule(lead=st.sampled_from([0, STEP, ref.MAX_RAW]))
    def kept(self, lead):
        """A journal has written it all, as if `lead` more had been told of each."""
        self.ledger.kept(lead)
        for s in self.ledger.sessions:
            for c in range(CHANNELS):
                rest = s.target[c] - s.total[c]
                assert s.write_ahead[c] == (ref.MAX_RAW if rest <= lead else s.total[c] + lead)
        assert list(self.ledger.journaled) == list(self.ledger.unassigned)
        assert self.ledger.withheld() == (
            lead == 0
            and any(
                s.total[c] < s.target[c] for s in self.ledger.sessions for c in range(CHANNELS)
            )
        )

    @rule(c=channel, which=st.integers(0, 9))
    def issue(self, c, which):
        session = self.ledger.sessions[which % len(self.ledger.sessions)]
        owed = max(0, min(session.target[c], session.write_ahead[c]) - session.total[c])
        issued = self.ledger.issue(session, c, STEP)
        room = min(STEP - self.issued_in_cycle[c], BUDGET - self.issued_in_epoch)
        assert issued == min(owed, max(0, room))
        self.issued_in_cycle[c] += issued
        self.issued_in_epoch += issued

    @rule()
    def cycle(self):
        self.ledger.new_cycle()
        self.issued_in_cycle = [0] * CHANNELS

    @rule(hop=st.integers(1, 3), alone=st.booleans(), jumped=st.booleans())
    def next_epoch(self, hop, alone, jumped):
        self.epoch += hop
        self.ledger.new_epoch(BUDGET)
        self.issued_in_epoch = 0
        before = list(self.ledger.sessions)
        exile = list(self.ledger.unacknowledged)
        self.ledger.fold(self.epoch - 5, self.epoch - 1, alone, jumped)
        for s in before:
            if s in self.ledger.sessions:
                assert s is self.ledger.session or s.start > self.epoch - 5
                continue
            for c in range(CHANNELS):
                if jumped and s.astray:
                    continue  # nobody ever took it: it waits again
                self.folded[c] += s.total[c]
                exile[c] += s.total[c] - s.known[c] if alone else 0
        assert list(self.ledger.unacknowledged) == exile

    @rule()
    def alone(self):
        self.ledger.session.isolated = True

    @rule(behind=st.integers(-2, 9))
    def met(self, behind):
        """Somebody is heard: what was begun alone and is too old for all is told anew."""
        oldest = self.epoch - behind
        before = list(self.ledger.sessions)
        expected = [s for s in before[:-1] if s.isolated and max(s.target) and s.start <= oldest]
        assert self.ledger.met(oldest) == expected
        assert self.ledger.sessions == [s for s in before if s not in expected]
        assert not any(s.isolated for s in before)

    @rule(which=st.integers(0, 9), c=channel, total=amount)
    def heard(self, which, c, total):
        session = self.ledger.sessions[which % len(self.ledger.sessions)]
        assert self.ledger.find(session.start, session.nonce) is session
        known = session.known[c]
        assert self.ledger.echo(session, c, total) == (total <= session.target[c])
        assert session.known[c] == (max(known, total) if total <= session.target[c] else known)

    @rule()
    def astray(self):
        """The clock was wrong: what the sessions of this start told is taken back if it jumps."""
        self.ledger.astray()
        assert all(s.astray != s.restored for s in self.ledger.sessions)

    @rule()
    def restored(self):
        """As if from a journal."""
        self.ledger.session.restored = True

    @invariant()
    def nothing_is_lost_or_doubled(self):
        for c in range(CHANNELS):
            told = self.folded[c] + sum(s.total[c] for s in self.ledger.sessions)
            assert self.contributed[c] == self.ledger.pending(c) + told
        assert self.ledger.outstanding() == sum(map(self.ledger.pending, range(CHANNELS)))

    @invariant()
    def totals_are_ordered(self):
        for s in self.ledger.sessions:
            for c in range(CHANNELS):
                assert 0 <= s.known[c] <= s.total[c] <= s.target[c]
            assert s.unknown() == any(s.known[c] < s.total[c] for c in range(CHANNELS))


TestLedger = LedgerMachine.TestCase
