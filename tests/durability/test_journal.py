"""What a journal keeps, when, at what price, and what a node gets back from it."""

import asyncio

import pytest

from lvs import LvsError, Node, NotDurable
from lvs.journal import Journal
from lvs.journal_files import Files
from lvs.journal_log import segment_name
from lvs_tools.world.memory_files import MemoryFiles
from tests.support import parts
from tests.support.cell import Cell
from tests.support.node_bench import CHANNELS, CONFIG, STEP, Bench, Books, judge, judge_late
from tests.support.transport import Transport

AWAY = 9_000_000


class Failing(MemoryFiles):
    """Every write fails with ``errno`` while it is set; ``written`` lists (method, bytes)."""

    def __init__(self, errno=0):
        super().__init__()
        self.errno = errno
        self.written = []

    def _check(self, name, size=0):
        self.written.append((name, size))
        if self.errno:
            raise OSError(self.errno)

    def append(self, name, data):
        self._check("append", len(data))
        super().append(name, data)

    def replace(self, name, data):
        self._check("replace", len(data))
        super().replace(name, data)

    def create(self, name):
        self._check("create")
        writer = super().create(name)
        write = writer.write

        def checked(data):
            self._check("write", len(data))
            write(data)

        writer.write = checked
        return writer

    def finish(self, writer):
        self._check("finish")
        super().finish(writer)

    def remove(self, name):
        self._check("remove")
        super().remove(name)


def again(bench, **config):
    """The node of the next life."""
    return Bench(bench.journal.log.files, bench.books.copy(), AWAY, 7, **config).node


# --- what is durable, and when -------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 1, 12])
def test_a_durable_contribution_is_there_after_a_cut(seconds):
    bench = Bench(MemoryFiles(), flush_s=10)
    bench.run(seconds)
    bench.contribute(0, True)
    assert not judge(again(bench), bench.books)


@pytest.mark.parametrize("flush_s", [2, 10, 30])
@pytest.mark.parametrize("slew", [-1, 0, 1])
def test_others_are_durable_within_the_time_that_was_named(flush_s, slew):
    """Also when cycles are half or twice as long, and while a checkpoint is written."""
    for begin in (0, 9, 11, 14, 30):
        bench = Bench(MemoryFiles(), flush_s=flush_s, checkpoint_s=12)
        bench.run(begin)
        bench.contribute(0, False)
        for _ in range(flush_s * 10):
            bench.node.clock.slew = slew
            bench.run(0.1)
        bench.books.durable = list(bench.books.accepted)
        assert not judge(again(bench), bench.books), begin


def test_what_came_later_may_be_lost_but_is_never_doubled():
    bench = Bench(MemoryFiles(), flush_s=10)
    bench.run(20)
    bench.contribute(0, True)
    bench.run(1)  # the first of a session is told when the journal names that
    bench.contribute(0, False)
    node = again(bench)
    assert node.ledger.sessions[0].total[0] + node.ledger.waiting[0] == 1
    assert not judge(node, bench.books) and not judge_late(node, bench.books)


def test_flush_makes_all_durable():
    bench = Bench(MemoryFiles(), flush_s=1000)
    bench.run(12)
    bench.contribute(0, False)
    bench.contribute(1, False)
    asyncio.run(bench.node.flush())
    bench.books.durable = list(bench.books.accepted)
    assert not judge(again(bench), bench.books)


def test_close_writes_what_waits():
    bench = Bench(MemoryFiles(), flush_s=1000)
    bench.run(12)
    bench.contribute(0, False)
    bench.journal.close()
    bench.books.durable = list(bench.books.accepted)
    assert not judge(again(bench), bench.books)


def test_without_a_journal_nothing_is_called_durable():
    node = Node(CONFIG, Transport(), lambda: 0, lambda: 1)
    with pytest.raises(LvsError, match="no journal"):
        node.contribute("a", 1, durable=True)
    with pytest.raises(LvsError, match="no journal"):
        asyncio.run(node.flush())
    assert node.status()["pending_raw"] == 0
    node.contribute("a", 1)


def test_a_durable_contribution_is_not_told_before_the_journal_lets_it_go():
    """Or it would count twice if the node stayed away until its session is folded."""
    bench = Bench(MemoryFiles(), flush_s=1000)
    bench.run(12)
    for _ in range(8):
        bench.contribute(0, True)  # the last is 16384 raw: sixteen steps
        node = again(bench)
        assert not judge_late(node, bench.books)
        bench.run(1)
    total = sum(bench.books.accepted)
    while sum(bench.books.told.values()) < total:
        bench.run(1)
        told = sum(bench.books.told.values())
        kept = sum(s.total[0] for s in again(bench).ledger.sessions)
        assert told <= kept <= told + 2 * STEP  # at most a step is let go and not told


# --- what comes back -----------------------------------------------------------------------------


def test_a_restart_restores_all_but_the_session():
    bench = Bench(MemoryFiles(), checkpoint_s=30)
    bench.run(10)
    for k in range(6):
        bench.contribute(k % 2, True)
        bench.hear_row(100 + k, k % 2, 5000 + k, True)
        bench.run(12)
    node = bench.node
    shard = node.replicas[0].shard
    parts.settle(shard, 0, 7777)
    parts.settle(shard, 1, 2**47 + 2**31 + 7)
    parts.establish(node.replicas[0], node.clock.cycle)
    bench.run(150)
    after = again(bench)
    restored = after.replicas[0]
    assert list(restored.shard.settled) == list(shard.settled)
    assert restored.shard.horizon == shard.horizon
    assert sorted(after.rows()) == sorted(node.rows())
    assert [after.value(c, raw=True) for c in CHANNELS] == [
        node.value(c, raw=True) for c in CHANNELS
    ]
    assert restored.established and restored.confidence == node.replicas[0].confidence
    assert abs(after.clock.cycle - node.clock.cycle) <= 64
    assert after.status()["session"] != node.status()["session"]
    assert after.journal.addresses == [9] and after.state == "INIT"
    assert after.journal.notice == "" == after.journal.error


def test_what_waits_may_be_of_any_size():
    """In a segment and in a tail: what is not told yet, to the bit."""
    bench = Bench(MemoryFiles(), checkpoint_s=30)
    bench.run(10)
    bench.node.contribute("a", "140737488355.328")
    bench.node.contribute("b", 1, durable=True)
    for seconds in (5, 60):
        bench.run(seconds)
        ledger = again(bench).ledger
        totals = [s.total[0] for s in ledger.sessions]
        assert sum(totals) + ledger.waiting[0] == 2**47 and ledger.waiting[0] > 2**46


def test_an_idle_node_keeps_its_cycle():
    bench = Bench(MemoryFiles())
    bench.run(1500)
    assert 0 <= bench.node.clock.cycle - again(bench).clock.cycle <= 66


def test_many_lives():
    """Switched off at random moments, sixty times over: each contribution counts once."""
    files = MemoryFiles()
    books = Books()
    now = 0
    for life in range(60):
        bench = Bench(files, books, now, life + 1)
        assert not judge(bench.node, books), life
        for _ in range(life % 4):
            if books.given[life % 2] < 13:
                bench.contribute(life % 2, life % 3 == 0)
            bench.run(life % 7)
        now = bench.now + 1000 * life
    assert sum(books.durable) > 0
    assert len(files.files) <= 6


def test_sessions_are_not_kept_for_ever():
    bench = Bench(MemoryFiles(), session_epochs=2, horizon_epochs=2)
    for _ in range(40):
        bench.node.contribute("a", 1)
        bench.run(64)
    assert len(bench.node.ledger.sessions) < 8
    assert len(again(bench, session_epochs=2, horizon_epochs=2).ledger.sessions) < 9


def test_space_is_bounded():
    """Full rings, new sessions all the time: two segments, a new one and two tails."""
    files = MemoryFiles()
    bench = Bench(files, rows=64, checkpoint_s=40, session_epochs=2, horizon_epochs=2)
    most = 0
    for k in range(300):
        bench.node.contribute("a", 1, durable=k % 3 == 0)
        bench.hear_row(1 + k % 900, k % 2, 50 + k, True)
        bench.run(5)
        most = max(most, sum(map(len, files.files.values())))
        assert len(files.files) <= 5
    assert most < 3 * (64 * 14 + 1500)


def test_it_is_written_in_small_portions():
    """A checkpoint of 500 rows goes to the flash 1 KB a cycle, never two files in one."""
    files = Failing()
    bench = Bench(files, rows=512, checkpoint_s=300)
    bench.run(12)
    for k in range(480):
        bench.hear_row(1 + k, k % 2, 1000 + k)
    rows = bench.node.status()["rows"]
    assert rows > 100
    note = bench.journal.note
    portions = []

    def counted(active):
        files.written.clear()
        note(active)
        portions.append(list(files.written))

    bench.journal.note = counted
    for k in range(70):
        if k % 3 == 0:
            bench.contribute(0, False) if bench.books.given[0] < 10 else None
        bench.run(5)
    assert max(sum(size for _, size in p) for p in portions) <= 1100
    assert max(sum(size > 0 for _, size in p) for p in portions) <= 4
    assert sum(size for p in portions for _, size in p) > rows * 14  # there was a checkpoint


# --- when the medium fails -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("errno", "word"),
    [(28, "full"), (30, "read-only"), (5, "fails"), (13, "permission"), (77, "77")],
)
def test_a_medium_that_fails_is_named_and_the_node_works_on(errno, word):
    files = Failing(errno)
    bench = Bench(files)
    bench.run(15)
    with pytest.raises(NotDurable, match="do not contribute it again") as raised:
        bench.contribute(0, True)
    assert word in str(raised.value)
    bench.run(30)
    status = bench.node.status()
    assert [w for w in status["warnings"] if w.startswith("journal: bench cannot be written")]
    assert status["state"] == "ACTIVE" and bench.node.value("a", raw=True) == 1
    assert sum(bench.books.told.values()) == 1
    files.errno = 0
    bench.run(600)
    assert bench.node.status()["warnings"] == []
    bench.contribute(0, True)
    assert not judge(again(bench), bench.books)


@pytest.mark.parametrize("method", ["append", "replace", "create", "write", "finish", "remove"])
def test_any_call_may_fail_at_any_time(method):
    for nth in range(12):
        files = Failing()
        check = files._check
        left = [nth]

        def failing(name, size=0, check=check, left=left):
            if name == method:
                left[0] -= 1
                if left[0] == -1:
                    raise OSError(5)
            check(name, size)

        files._check = failing
        bench = Bench(files)
        for k in range(10):
            try:
                bench.contribute(k % 2, k % 2 == 0)
            except NotDurable:
                pass
            bench.run(4)
        bench.run(20)
        bench.run(60)
        assert sum(bench.books.told.values()) == sum(bench.books.accepted), nth
        assert bench.journal.error == ""
        assert not judge(again(bench), bench.books), nth


def test_a_journal_that_goes_read_only_tells_nothing_twice():
    """What it holds as untold is not told then, what is new is."""
    files = Failing()
    bench = Bench(files)
    for _ in range(8):
        bench.contribute(0, True)  # while there is no session yet
    files.errno = 30
    bench.run(20)
    told = sum(bench.books.told.values())
    try:
        bench.contribute(1, False)
    finally:
        bench.run(20)
    assert sum(bench.books.told.values()) == told + 1
    node = again(bench)
    assert not judge(node, bench.books) and not judge_late(node, bench.books)


def test_a_full_file_system_gives_up_the_spare_segment():
    files = Failing()
    bench = Bench(files, checkpoint_s=20)
    bench.run(70)
    assert len([n for n in files.files if n.startswith("seg-")]) == 2
    append = files.append
    files.append = lambda name, data: (_ for _ in ()).throw(OSError(28))
    bench.node.ledger.shape += 1  # so that it is a whole record
    with pytest.raises(NotDurable):
        bench.contribute(0, True)
    assert len([n for n in files.files if n.startswith("seg-")]) == 1
    files.append = append
    bench.run(30)
    assert bench.journal.error == ""


# --- on a computer's file system -----------------------------------------------------------------


def test_files_of_a_folder(tmp_path):
    folder = tmp_path / "deep" / "journal"
    files = Files(str(folder))
    assert files.names() == [] and not folder.exists()  # reading makes nothing
    bench = Bench(files)
    for k in range(8):
        bench.contribute(k % 2, True)
        bench.run(4)
    assert sorted(files.names()) == sorted(p.name for p in folder.iterdir())
    assert (
        folder / segment_name(bench.journal.log.segment.number, bench.node.config.tag)
    ).exists()
    assert not judge(again(bench), bench.books)


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "journal").write_text("not a folder")
    journal = Journal(str(tmp_path / "journal"))
    bench = Bench(journal.log.files)
    bench.run(12)
    with pytest.raises(NotDurable, match="not a folder"):
        bench.contribute(0, True)
    assert bench.node.value("a", raw=True) >= 0 and bench.node.state == "ACTIVE"


def test_a_supply_that_flickers_leaves_time_for_checkpoints():
    """Rows of others are in those alone."""
    files = MemoryFiles()
    cell = Cell(2)
    cell.active()
    held = []
    for i in range(8):
        journal = Journal("j", files=files, checkpoint_s=192)
        cell.add(3, journal)
        cell.contribute(1 + i % 2, 5)
        cell.run(100)
        held.append(journal.log.segment.number)
    assert held[-1] - held[0] >= 3


def test_a_restore_into_fewer_rows_drops_those_of_others_first():
    """Their owners tell them again; of the node's own nobody else knows."""
    files = MemoryFiles()
    cell = Cell(rows=128)
    node = cell.add(journal=Journal("j", files=files, checkpoint_s=64))
    cell.active()
    shard = node.replicas[0].shard
    for nonce in range(1000, 1060):
        shard.merge(node.clock.grain(), nonce, 0, 256, 0)
    cell.contribute(1, 700)  # nobody hears it
    cell.run(200)
    node.journal.flush()
    again = cell.add(1, Journal("j", files=files, checkpoint_s=64), rows=32)
    session = again.ledger.sessions[0]
    assert again.replicas[0].shard.find(session.start, session.nonce, 0) >= 0
    held = again.replicas[0].shard.count
    assert held + again.replicas[0].refused >= 61
    assert any("no room for a total" in w for w in again.status()["lost"])
