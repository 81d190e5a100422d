"""What a bridge or an export cannot use is one line that names it and the mend, and leaves nothing
behind."""

import json
import re
import socket
import sqlite3
from pathlib import Path

import aiomqtt
import pytest
from click.testing import CliRunner

from lvs.config import Config
from lvs_tools import cli
from lvs_tools.bridge import mqtt
from lvs_tools.bridge.history import FILE, Recorder
from lvs_tools.mesh.plan import free_port

CONFIG = {"mesh": "m", "channels": ["water"], "address": "127.0.0.203"}
CONFIG |= {"broadcast": "127.255.255.255"}


def call(*words):
    return CliRunner().invoke(cli.main, list(words), prog_name="lvs")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_text(json.dumps(CONFIG | {"port": free_port()}))
    Path("file").touch()
    Path("garbage").mkdir()
    for name in (FILE, "bridge.db"):
        Path("garbage", name).write_bytes(bytes(range(256)) * 20)
    Path("wrong", FILE).mkdir(parents=True)
    finer = Config(CONFIG | {"channels": [{"name": "water", "step": "0.0001"}]})
    Recorder("finer", finer).close()


@pytest.mark.parametrize(
    "words, said",
    [
        (["--mqtt", "h:99999"], "'h:99999' is neither HOST[:PORT] nor mqtt[s]://"),
        (["--mqtt", "h:x"], "'h:x' is neither HOST[:PORT] nor mqtt[s]://"),
        (["--history", ""], "'' names no folder: leave the option out, or give one"),
        (["--history", "file/h"], "'--history': 'file/h': nothing can be written to "),
        (["--history", "/proc/h"], "'--history': '/proc/h': nothing can be written to /proc"),
        (["--history", "h", "--state", "/proc/s"], "'--state': '/proc/s': nothing can be written"),
        (["--history", "garbage"], f"garbage/{FILE}: file is not a database; give another --hist"),
        (["--history", "wrong"], f"wrong/{FILE}: unable to open database file; give another"),
        (
            ["--history", "finer"],
            "finer: its channel 'water' has steps of 0.0001, now 0.001: give",
        ),
        (["--history", "h", "--state", "garbage"], "garbage/bridge.db: file is not a database"),
        (["--prometheus", "PORT", "--history", "h"], ": Address already in use; give another --p"),
        (["--prometheus", "192.0.2.1:9785"], "192.0.2.1:9785: Cannot assign requested address; g"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bridge_says_what_it_cannot_use(words, said):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = [str(taken.getsockname()[1]) if word == "PORT" else word for word in words]
        result = call("bridge", "config.json", *words)
    assert result.exit_code == 2, result.output
    assert said in result.output and "Errno" not in result.output
    assert not Path("h").exists() and not Path("lvs-bridge").exists()


def test_a_bridge_whose_port_is_in_use_leaves_no_folder():
    config = json.loads(Path("config.json").read_text())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((config["address"], config["port"]))
        result = call("bridge", "config.json", "--history", "h")
    assert result.exit_code == 2 and "is in use" in result.output
    assert not Path("h").exists() and not Path("lvs-bridge").exists()


def test_a_bridge_whose_own_folder_cannot_be_made_names_the_option(monkeypatch):
    Path("lvs-bridge").touch()
    result = call("bridge", "config.json", "--history", "h")
    assert result.exit_code == 2
    assert "Invalid value for '--state': Directory 'lvs-bridge' is a file." in result.output


@pytest.mark.parametrize(
    "given, said",
    [
        ("[Errno 111] Connection refused", "Connection refused (does a broker run there, "),
        ("[Errno -2] Name or service not known", "Name or service not known (is the name right?)"),
        ("[code:135] Not authorized", "Not authorized (is it mqtt://USER@HOST, and the password"),
        ("[SSL: X] certificate verify failed", "certificate verify failed (does this machine tru"),
        ("Operation timed out", "Operation timed out"),
    ],
)
def test_what_is_wrong_with_a_broker_is_said_without_numbers(given, said):
    assert mqtt.reason(aiomqtt.MqttError(given)).startswith(said)


@pytest.fixture
def recorded():
    recorder = Recorder("history", Config(CONFIG), 0)
    for seconds in range(3000):
        recorder.record({"water": seconds}, 1_767_225_600 + seconds)
    recorder.close()


def test_what_an_export_could_not_finish_is_as_it_was_before(recorded, monkeypatch):
    Path("all.csv").write_text("before")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lvs_tools.bridge.export.write_csv", full)
    monkeypatch.setattr("lvs_tools.bridge.export.write_parquet", full)
    for words in (["--csv", "all.csv"], ["--parquet", "all.parquet"]):
        result = call("export", "history", *words)
        assert (result.exit_code, result.output) == (
            1,
            f"Error: {words[1]}: No space left on device\n",
        )
    assert Path("all.csv").read_text() == "before"
    assert not list(Path().glob("*.part")) and not Path("all.parquet").exists()


def test_a_damaged_history_is_one_line_and_no_table(recorded):
    content = bytearray(Path("history", FILE).read_bytes())
    content[20_000:60_000] = b"\xff" * 40_000
    Path("history", FILE).write_bytes(content)
    result = call("export", "history", "--csv", "all.csv")
    assert result.exit_code == 2
    assert re.match(rf"error: history/{FILE}: [\w ]+malformed", result.output), result.output
    assert not list(Path().glob("all.*"))


def test_times_the_wrong_way_round_and_what_is_no_history_are_refused(recorded):
    result = call("export", "history", "--csv", "-", "--from", "2026-02-01", "--to", "2026-01-01")
    assert result.exit_code == 2 and "--from is later than --to" in result.output
    for name, said in (("wrong", "there is no history.db"), ("garbage", f"garbage/{FILE}: file")):
        result = call("export", name, "--csv", "-")
        assert result.exit_code == 2 and result.output.startswith(f"error: {name}")
        assert said in result.output


def test_a_history_that_cannot_be_written_is_named(recorded, monkeypatch):
    connect = sqlite3.connect

    def read_only(path, **given):
        if str(path) == f"history/{FILE}":
            return connect(f"file:{path}?mode=ro", uri=True, **given)
        return connect(path, **given)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    result = call("bridge", "config.json", "--history", "history", "--state", "s")
    assert result.exit_code == 2
    assert result.output == (
        f"error: history/{FILE}: attempt to write a readonly database; give another --history\n"
    )


def test_a_table_without_a_row_says_when_the_history_is(recorded):
    result = call(
        "export", "history", "--csv", "-", "--from", "2025-12-31T23:55Z", "--every", "1h"
    )
    assert result.exit_code == 0 and result.stdout.startswith("time,water")
    assert "from 2026-01-01T00:00:00Z to 2026-01-01T00:49:59Z" in result.stderr
    assert "warning" not in call("export", "history", "--csv", "all.csv").output
