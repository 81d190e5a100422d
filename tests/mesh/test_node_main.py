"""The node's entry point: its command line, its commands, its way to read a pipe."""

import io
import json
import os
import socket
import time

import pytest

from lvs_tools import interpreters, places
from lvs_tools.mesh import node_main
from lvs_tools.mesh.node_main import Lines, UsageError, answer, as_text, parse_arguments
from lvs_tools.mesh.process import NODE_MAIN
from tests.support.interpreters import require
from tests.support.transport import Transport


class ToyNode:
    """Records what it is asked; a node's public face without a mesh."""

    def __init__(self):
        self.raw = {"water": 0, "tap water": 0}

    def contribute(self, channel, amount):
        if channel not in self.raw:
            raise ValueError(f"channel '{channel}' is unknown")
        self.raw[channel] += int(float(amount) * 1000)

    def value(self, channel, raw=False):
        if channel not in self.raw:
            raise ValueError(f"channel '{channel}' is unknown")
        return self.raw[channel] if raw else self.raw[channel] / 1000

    def values(self):
        return [
            {"name": name, "text": f"{raw / 1000:.3f}", "unit": "l", "raw": raw}
            for name, raw in self.raw.items()
        ]

    def status(self):
        return {"state": "ACTIVE", "session": "0001", "mesh": "m"}

    def rows(self):
        yield ("0001", "water", 512, 512)


@pytest.fixture
def node():
    return ToyNode()


def ask(node, line):
    return answer(node, list(node.raw), line)


def test_arguments_and_their_defaults():
    assert parse_arguments(["c.json"]) == {
        "config": "c.json",
        "journal": None,
        "loss": 0.0,
        "seed": 0,
        "report_ms": 0,
        "human": False,
        "input": True,
        "faults": False,
    }
    words = "--loss 0.3 c.json --seed 4 --report-ms 500 --human --no-input".split()
    options = parse_arguments(words)
    assert (options["loss"], options["seed"], options["report_ms"]) == (0.3, 4, 500)
    assert options["human"]
    assert not options["input"]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("", "usage"),
        ("a.json b.json", "b.json"),
        ("a.json --loss", "--loss"),
        ("a.json --loss x", "--loss x"),
        ("a.json --loss 1", "--loss 1"),
        ("a.json --loss nan", "--loss nan"),
        ("a.json --report-ms -1", "--report-ms -1"),
        ("a.json --sead 1", "--sead"),
    ],
)
def test_wrong_arguments_are_named(line, named, capsys):
    with pytest.raises(UsageError, match=named):
        parse_arguments(line.split())
    assert node_main.main(line.split()) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("name", ["cpython", "micropython"])
def test_channels_of_a_shard_that_may_have_no_holder_are_refused_at_the_start(tmp_path, name):
    path = tmp_path / "c.json"
    channels = [f"c{i}" for i in range(17)]
    path.write_text(json.dumps({"channels": channels, "held": 1}))
    with pytest.raises(interpreters.ScriptFailed) as failed:
        interpreters.run(
            require(name), NODE_MAIN, [path], path=(places.HOST, places.LIB), timeout=60
        )
    assert failed.value.status == 2 and failed.value.stderr.count("\n") == 1
    assert "17 are 2 shards" in failed.value.stderr and "'held' to 2" in failed.value.stderr


def test_contribute_and_read_back(node):
    assert ask(node, "contribute water 2.5") == {
        "answer": "contribute",
        "channel": "water",
        "amount": "2.5",
        "unit": "l",
    }
    assert ask(node, "contribute tap water 1")["channel"] == "tap water"
    assert ask(node, "value water") == {
        "answer": "value",
        "channel": "water",
        "name": "water",
        "value": 2.5,
        "text": "2.500",
        "unit": "l",
        "raw": 2500,
    }
    assert ask(node, "values")["raw"] == {"water": 2500, "tap water": 1000}
    assert ask(node, "status")["status"]["state"] == "ACTIVE"
    assert ask(node, "rows")["rows"] == [["0001", "water", 512, 512]]
    assert "contribute CHANNEL AMOUNT" in ask(node, "help")["help"]


@pytest.mark.parametrize(
    "line",
    ["contribute wine 1", "contribute water", "value", "value wine", "frobnicate", "rows 3"],
)
def test_what_cannot_be_done_is_an_answer_too(node, line):
    said = ask(node, line)
    assert said["answer"] == line.split()[0]
    assert said["error"]
    assert node.raw == {"water": 0, "tap water": 0}
    assert as_text(said) == said["error"]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("contribut water 1", "contribute CHANNEL AMOUNT"),
        ("stauts", "status"),
        ("val water", "value CHANNEL"),
        ("exit", "quit"),
        ("contribute 3", "contribute CHANNEL AMOUNT"),
        ("rows 3", "rows"),
    ],
)
def test_who_slips_is_told_what_was_meant(node, line, meant):
    assert f"'{meant}'" in ask(node, line)["error"] or f": {meant}" in ask(node, line)["error"]


def test_a_report_has_units_text_and_time(node):
    node.status = lambda: dict.fromkeys(node_main._REPORTED, 0)
    said = node_main.report(node, list(node.raw))
    assert said["channels"][0]["text"] == "0.000"
    assert said["channels"][0]["unit"] == "l"
    assert abs(said["time"] - time.time()) < 60


@pytest.mark.parametrize("line", ["contribute water 2", "value water", "values", "rows", "help"])
def test_every_answer_reads_well(node, line):
    text = as_text(ask(node, line))
    assert text
    assert "{" not in text


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    stream = io.TextIOWrapper(os.fdopen(reading, "rb"))
    yield Lines(stream), writing
    stream.close()


def test_lines_wait_for_nothing(pipe):
    lines, writing = pipe
    start = time.monotonic()
    assert lines.next() is None
    os.write(writing, b"one\ntwo\npar")
    assert lines.next() == "one"
    assert lines.next() == "two"
    assert lines.next() is None  # half a line is none, and does not block
    assert not lines.ended
    os.write(writing, b"t\n")
    assert lines.next() == "part"
    os.write(writing, b"last")
    os.close(writing)
    assert lines.next() == "last"
    assert lines.next() is None
    assert lines.ended
    assert time.monotonic() - start < 5


def test_lines_survive_bytes_that_are_no_text_and_endless_ones(pipe):
    lines, writing = pipe
    os.write(writing, b"\xff\xfe\n" + b"x" * 5000 + b"\nvalues\n")
    assert lines.next() == "?"
    assert len(lines.next()) == 512
    assert lines.next() == "values"
    os.close(writing)


def test_a_session_is_announced_before_its_first_frame():
    said = []

    transport = Transport(lambda frame, addr: said.append(("frame", frame[6:12])))
    announcing = node_main.Announcing(transport, said.append)
    head = b"L\x11\0\0\0\0"
    for session in (b"aaaaaa", b"aaaaaa", b"bbbbbb", b"aaaaaa"):
        assert announcing.send(bytearray(head + session + b"rest"), None)
    assert said == [
        {"session": "6161-21616161"},
        ("frame", b"aaaaaa"),
        ("frame", b"aaaaaa"),
        {"session": "6262-22626262"},
        ("frame", b"bbbbbb"),
        ("frame", b"aaaaaa"),
    ]


def test_a_port_that_another_node_of_this_machine_has_names_the_way_out(tmp_path, capsys):
    path = tmp_path / "c.json"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("0.0.0.0", 0))
        config = {"mesh": "m", "channels": ["a"], "port": other.getsockname()[1]}
        path.write_text(json.dumps(config))
        assert node_main.main([str(path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "is in use on 0.0.0.0" in said and "'address' each" in said
