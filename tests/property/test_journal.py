"""Whatever a node does, from its journal comes back the ledger that was written."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lvs_tools.world.memory_files import MemoryFiles
from tests.support.node_bench import CHANNELS, Bench, judge, judge_late

MOST = 14  # contributions to a channel: the n-th is 4**n raw
CONFIG: dict[str, Any] = {"session_epochs": 2, "horizon_epochs": 2}
channel = st.integers(0, len(CHANNELS) - 1)


def copy(files):
    """The medium as it is now."""
    other = MemoryFiles()
    other.files = {name: bytearray(data) for name, data in files.files.items()}
    return other


def amounts(ledger):
    """What a ledger holds in each channel, told and waiting."""
    return [sum(s.total[c] for s in ledger.sessions) + ledger.waiting[c] for c in (0, 1)]


class JournalMachine(RuleBasedStateMachine):
    """A node that contributes, hears others, rests, and is switched off now and then."""

    def __init__(self):
        super().__init__()
        self.files = MemoryFiles()
        self.lives = 1
        self.heard = 0
        self.bench = Bench(self.files, **CONFIG)

    def again(self, files, away=1000):
        """The next life, from these files."""
        return Bench(
            files, self.bench.books.copy(), self.bench.now + away, self.lives + 7, **CONFIG
        )

    @rule(c=channel, durable=st.booleans())
    def contribute(self, c, durable):
        if self.bench.books.given[c] < MOST:
            self.bench.contribute(c, durable)

    @rule(seconds=st.sampled_from([0.3, 1, 5, 20, 70, 200]))
    def run(self, seconds):
        end = self.bench.now + seconds * 1000
        while self.bench.now < end:  # it is never alone for long
            self.heard += 1
            self.bench.hear_row(500, 0, self.heard, True)
            self.bench.run(min(30, (end - self.bench.now) / 1000))

    @rule(k=st.integers(0, 20), total=st.integers(1, 2000), echo=st.booleans())
    def hear(self, k, total, echo):
        self.bench.hear_row(1 + k, k % len(CHANNELS), total, echo)

    @rule()
    def checkpoint(self):
        self.bench.journal._checkpoint_at = 0  # one is due

    @rule()
    def flush(self):
        assert self.bench.journal.flush()
        books = self.bench.books
        books.durable = [known + new for known, new in zip(books.durable, books.open, strict=True)]
        books.open = [0] * len(CHANNELS)
        written = amounts(self.bench.node.ledger)
        restored = self.again(copy(self.files)).node.ledger
        assert amounts(restored) == written
        assert [restored.given(c) for c in (0, 1)] == [
            self.bench.node.ledger.given(c) for c in (0, 1)
        ]
        assert restored.since == self.bench.node.ledger.since
        for s in self.bench.node.ledger.sessions:
            kept = restored.find(s.start, s.nonce)
            for c in range(len(CHANNELS)):
                if kept:  # never less than was told
                    assert s.total[c] <= kept.total[c]

    @rule(away=st.sampled_from([0, 1000, 100_000, 9_000_000]))
    def power_cut(self, away):
        self.lives += 1
        books = self.bench.books
        files = copy(self.files)
        self.bench = self.again(files, away)
        self.files = files
        # What was not durable may be gone by now, and stay gone.
        self.bench.books.open = [0] * len(CHANNELS)
        assert self.bench.books.given == books.given

    @precondition(lambda self: self.bench.books.given != [0] * len(CHANNELS))
    @invariant()
    def nothing_is_lost_or_doubled(self):
        node = self.again(copy(self.files)).node
        assert not judge(node, self.bench.books)
        assert not judge_late(node, self.bench.books)
        assert self.bench.journal.notice == self.bench.journal.error == ""


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
