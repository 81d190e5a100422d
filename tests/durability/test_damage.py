"""Journals that are damaged, foreign, old or no journals: one clear line, and a working node."""

import random

import pytest

from lvs import journal_log, journal_reader, journal_restore
from lvs.fixed import crc16
from lvs.journal_reader import CHECK, HEAD, Reader
from lvs.wire import put16
from lvs_tools.world.memory_files import MemoryFiles
from tests.support.node_bench import Bench, judge

AWAY = 9_000_000


def kept():
    """Files with a little of everything in them, and the books about it."""
    files = MemoryFiles()
    bench = Bench(files, checkpoint_s=15)
    bench.run(9)
    for k in range(12):
        bench.contribute(k % 2, k % 4 == 0)
        bench.hear_row(100 + k, k % 2, 900 + k, True)
        bench.run(5)
    bench.contribute(0, True)
    bench.contribute(1, True)
    return files, bench.books


def copy(files, **changed):
    other = MemoryFiles()
    other.files = {name: bytearray(data) for name, data in files.files.items()}
    other.files.update(changed)
    return other


def doubled(node, books):
    return [why for why in judge(node, books) if "counts" in why]


def works(files, books):
    """Start a node, let it live, stop it and start it again: nothing may break on the way."""
    bench = Bench(files, books.copy(), AWAY, 5)
    notice = bench.journal.notice
    first = bench.node
    assert notice.count("\n") == 0 and (not notice or notice in first.status()["warnings"])
    assert not doubled(first, books)
    before = sum(s.total[0] for s in first.ledger.sessions) + first.ledger.waiting[0]
    bench.run(12)
    assert first.state == "ACTIVE"
    bench.contribute(0, True)
    bench.run(80)
    assert bench.journal.error == ""
    second = Bench(files, bench.books.copy(), 2 * AWAY, 6)
    assert second.journal.notice == ""  # it was mended
    after = sum(s.total[0] for s in second.node.ledger.sessions) + second.node.ledger.waiting[0]
    assert after == before + 4 ** books.given[0]
    return notice, first


def test_every_damaged_byte_of_every_file():
    """One byte is wrong, wherever: the node starts, says so if anything may be missing, and
    nothing counts twice."""
    files, books = kept()
    told = 0
    for name in files.files:
        for at in range(len(files.files[name])):
            broken = copy(files)
            broken.files[name][at] ^= 1 << at % 8
            bench = Bench(broken, books.copy(), AWAY, 5)
            assert not doubled(bench.node, books)
            wrong = judge(bench.node, books)
            if wrong and not name.startswith("tail"):
                # A damaged last record looks like one that was torn by the power cut.
                assert bench.journal.notice or at > len(files.files[name]) - 80, (name, at, wrong)
            told += bool(bench.journal.notice)
    assert told > 100


@pytest.mark.parametrize("seed", range(12))
def test_files_of_garbage(seed):
    rng = random.Random(seed)
    files, books = kept()
    for name in list(files.files):
        files.files[name] = bytearray(rng.randrange(256) for _ in range(rng.randrange(5000)))
    notice, node = works(files, books)
    assert "nothing in it can be read" in notice or not any(map(len, files.files.values()))
    assert node.ledger.sessions[-1].start >= 0


def test_garbage_in_one_file_after_the_other():
    files, books = kept()
    for name in files.files:
        broken = copy(files, **{name: bytearray(b"\xa5" * 700)})
        notice, _ = works(broken, books)
        assert name.startswith("tail") or "damaged" in notice or name == min(files.files)


def test_empty_files_and_a_missing_folder():
    files, books = kept()
    for name in files.files:
        works(copy(files, **{name: bytearray()}), books)
    works(copy(files, **{name: bytearray() for name in files.files}), books)
    empty = MemoryFiles()
    assert works(empty, books)[0] == ""


def test_files_that_are_not_the_journals_are_left_alone():
    files, books = kept()
    files.files.update({"seg-": bytearray(b"x"), "seg-abc": bytearray(b"y"), "notes": bytearray()})
    works(files, books)
    assert {"seg-", "seg-abc", "notes"} <= set(files.files)


def test_an_older_format():
    """A record of format 0 in an otherwise sound file."""
    files, books = kept()
    for name, data in files.files.items():
        if not name.startswith("seg-"):
            continue
        reader = Reader(files, name)
        assert reader.next() and reader.kind == CHECK
        assert data[HEAD] == journal_reader.FORMAT
        data[HEAD] = 0
        put16(data, reader.end, crc16(memoryview(data), reader.end))
    notice, _ = works(files, books)
    said = "format 0 is not this version's, %d; nothing of that is used" % journal_reader.FORMAT
    assert said in notice


def test_a_newer_format_and_back(monkeypatch):
    """A firmware whose journals have another format begins its own; back again, all is there."""
    files, _ = kept()
    before = {name: bytes(data) for name, data in files.files.items()}
    held = Bench(copy(files)).node.ledger
    held_format = journal_reader.FORMAT
    with monkeypatch.context() as newer:
        for module in (journal_reader, journal_log, journal_restore):
            newer.setattr(module, "FORMAT", held_format + 1)
        bench = Bench(files, None, AWAY, 5)
        assert "another format only, which is kept" in bench.journal.notice
        bench.run(80)
        assert len(files.files) > len(before)
    assert {name: bytes(files.files[name]) for name in before} == before
    again = Bench(files, None, 2 * AWAY, 6)
    assert again.journal.notice == ""
    assert [s.total for s in again.node.ledger.sessions][:-1] == [s.total for s in held.sessions][
        :-1
    ]
    assert list(again.node.ledger.waiting) == list(held.waiting) and held.sessions[0].total


def test_another_mesh():
    files, books = kept()
    bench = Bench(files, books.copy(), AWAY, 5, mesh="other")
    assert "other meshes only" in bench.journal.notice
    assert not any(max(s.total) for s in bench.node.ledger.sessions)
    held = [s.total for s in Bench(copy(files)).node.ledger.sessions]
    bench.run(80)
    bench.contribute(0, True)
    again = Bench(files, books.copy(), 2 * AWAY, 5, mesh="other")
    assert again.journal.notice == ""
    assert again.node.ledger.left() == 4 ** books.given[0]
    assert [s.total for s in Bench(files).node.ledger.sessions] == held  # back again


def test_a_journal_of_version_1_is_named_and_kept():
    """At each start, until its values are where the mesh started."""
    files = MemoryFiles()
    files.files["seg-000003"] = bytearray(b"\xc1\x0f\x00")
    files.files["tail-0"] = bytearray(b"\xc3")
    before = {name: bytes(data) for name, data in files.files.items()}
    line = (
        "journal: bench: it has one of version 1: 'lvs backup --journal' carries its values over;"
        " nothing of that is used"
    )
    bench = Bench(files)
    assert bench.journal.notice == line
    bench.contribute(0, True)
    bench.run(80)
    again = Bench(files, bench.books, AWAY, 5)
    assert again.journal.notice == line and again.node.ledger.given(0) == 1
    channels = [{"name": "a", "start": "12.345"}, "b"]
    assert "version 1" not in Bench(files, None, AWAY, 5, channels=channels).journal.notice
    assert {name: bytes(files.files[name]) for name in before} == before


def test_the_newest_segment_is_damaged():
    """The one before takes its place; what it holds counts as told, and what is lost is named."""
    files, books = kept()
    names = sorted(name for name in files.files if name.startswith("seg-"))
    assert len(names) == 2
    files.files[names[-1]][40] ^= 1
    notice, node = works(files, books)
    assert "newest segment is damaged" in notice and "segment %d" % int(names[0][4:10]) in notice
    assert all(s.known == s.total for s in node.ledger.sessions if s.unsure is not None)


def test_what_waited_in_an_old_segment_is_named_as_lost():
    files = MemoryFiles()
    bench = Bench(files, checkpoint_s=1000)
    bench.contribute(0, True)  # it waits: there is no session yet
    (first,) = [name for name in files.files if name.startswith("seg-000001")]
    old = bytearray(files.files[first])
    bench.run(40)
    newer = [name for name in files.files if name.startswith("seg-") and name != first]
    for name in newer:
        files.files[name][40] ^= 1
    files.files[first] = old
    assert newer
    node = Bench(files, bench.books.copy(), AWAY, 5).node
    assert "restored from segment 1; 1 raw that waited may be lost" in node.journal.notice
    assert not any(max(s.total) for s in node.ledger.sessions) and not max(node.ledger.waiting)


def test_a_restart_after_damage_does_not_repeat_what_was_told_late():
    """Newer records are lost: nobody knows what was told since, so nothing waits again."""
    files, books = kept()
    names = sorted(name for name in files.files if name.startswith("seg-"))
    files.files[names[-1]][30] ^= 4
    node = Bench(files, books.copy(), AWAY, 5).node
    ledger = node.ledger
    ledger.open(5000, 1)
    ledger.fold(4000)
    assert max(ledger.waiting) == 0
