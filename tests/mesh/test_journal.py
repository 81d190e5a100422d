"""`lvs journal`: what it shows of a journal is what a restart finds."""

import json

import pytest
from click.testing import CliRunner

from lvs.journal_files import Files
from lvs_tools.mesh import journal as command_module
from tests.support.node_bench import CHANNELS, Bench


@pytest.fixture
def folder(tmp_path):
    """A journal in a folder; returns the folder and the bench that wrote it."""
    path = tmp_path / "journal"
    bench = Bench(Files(str(path)), checkpoint_s=15)
    bench.run(9)
    for k in range(10):
        bench.contribute(k % 2, k % 4 == 0)
        bench.hear_row(100 + k, k % 2, 900 + k, True)
        bench.run(5)
    for _ in range(3):
        bench.contribute(0, True)
    return path, bench


def run(*words):
    result = CliRunner().invoke(command_module.command, [str(w) for w in words])
    return result.exit_code, result.output


def as_json(path):
    code, said = run(path, "--json")
    return code, json.loads(said)


def test_it_says_what_a_restart_recovers(folder):
    path, bench = folder
    code, shown = as_json(path)
    assert code == 0 and shown["sound"] and shown["problems"] == []
    restart = shown["restart"]
    node = Bench(Files(str(path)), bench.books.copy(), 9_000_000, 3).node
    told = {(s["session"], s["channel"]): s["told_raw"] for s in restart["own"]}
    assert told == {
        ("%04x-%08x" % (s.start, s.nonce), c): s.total[c]
        for s in node.ledger.sessions
        for c in range(len(CHANNELS))
        if s.total[c]
    }
    waiting = [restart["waiting_raw"].get(str(c), 0) for c in range(len(CHANNELS))]
    assert waiting == list(node.ledger.waiting) and max(waiting) > 0
    assert restart["cycle"] == node.clock.cycle
    shard = restart["shards"][0]
    assert shard["settled_raw"] == list(node.replicas[0].shard.settled)[: len(CHANNELS)]
    assert shard["values_raw"] == [node.replicas[0].shard.value(c) for c in range(len(CHANNELS))]
    known = zip(shard["values_raw"], waiting, strict=True)
    assert [v + w for v, w in known] == [node.value(c, raw=True) for c in CHANNELS]
    assert restart["routes"] == ["9"]
    assert restart["tag"] == node.status()["tag"]


def test_it_shows_the_same_to_people(folder):
    path, _ = folder
    code, said = run(path)
    assert code == 0 and said.rstrip().endswith("sound")
    assert "in use" in said and "  waits  channel" in said
    assert "A restart would begin at cycle" in said and "tail-0" in said


def test_looking_changes_nothing(folder):
    path, _ = folder
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    run(path)
    run(path, "--json")
    assert {p.name: p.read_bytes() for p in path.iterdir()} == before


def test_a_damaged_segment(folder):
    path, _ = folder
    newest = max(path.glob("seg-*"))
    data = bytearray(newest.read_bytes())
    data[30] ^= 1
    newest.write_bytes(data)
    code, shown = as_json(path)
    assert code == 1 and not shown["sound"]
    assert any("older one" in line for line in shown["problems"])
    assert any(newest.name in line for line in shown["problems"])
    assert shown["restart"]["waiting_raw"] == {}
    assert run(path)[0] == 1


def test_a_torn_end_and_an_unfinished_checkpoint_are_no_damage(folder):
    path, _ = folder
    newest = max(path.glob("seg-*"))
    newest.write_bytes(newest.read_bytes() + b"\xc2\x20\x00")
    (path / ("seg-000099" + newest.name[10:])).write_bytes(newest.read_bytes()[:30])
    code, shown = as_json(path)
    assert code == 0 and shown["sound"]
    files = {entry["name"]: entry for entry in shown["files"]}
    assert files[newest.name]["torn"] and files[newest.name]["used"]
    assert "torn end" in run(path)[1] and "unfinished" in run(path)[1]


def test_garbage(folder):
    path, _ = folder
    for p in path.iterdir():
        p.write_bytes(b"\x5a" * 99)
    code, shown = as_json(path)
    assert code == 1 and shown["restart"] is None
    assert "would begin empty" in shown["problems"][0]


def test_what_is_no_journal_is_said_in_one_line(tmp_path):
    cases = {tmp_path / "nowhere": "no such folder", tmp_path: "no journal in there"}
    (tmp_path / "file").write_text("x")
    cases[tmp_path / "file"] = "is a file"
    for path, words in cases.items():
        code, said = run(path)
        assert code == 2 and words in said and said.count("\n") == 1 and str(path) in said
