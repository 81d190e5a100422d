"""Exit codes are those of the one table, and the page is that table."""

import json

import click
import pytest
from click.testing import CliRunner

from lvs_tools import cli, options
from lvs_tools.places import ROOT
from lvs_tools.shell import codes

HOUSE = {"mesh": "house", "channels": ["water"]}
SAVED = {"format": 1, "mesh": "house", "tag": "00000001", "values": [], "config": HOUSE}


def call(*words):
    return CliRunner().invoke(cli.main, list(words), prog_name="lvs")


def test_the_page_is_the_table():
    page = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    assert "\n".join(codes.page()) in page


def test_all_one_and_none():
    said = call("exit-codes").output
    assert said.startswith("  0  done, and all is well\n")
    assert max(map(len, said.splitlines())) <= 80
    for name in codes.TABLE:
        assert f"\nlvs {name}\n" in said
    one = call("exit-codes", "fleet", "list").output
    assert one.startswith("lvs fleet list\n") and "  3  they do not agree" in one
    figures = json.loads(call("exit-codes", "--json").output)
    assert figures["commands"]["audit"]["3"] == "it does not, and nobody knows why"
    assert figures["rule"]["130"]
    assert call("exit-codes", "ghost").exit_code == 2


@pytest.mark.parametrize("name", codes.TABLE)
def test_a_bad_argument_is_2_everywhere(name):
    result = call(*name.split(), "--no-such-option")
    assert result.exit_code == 2
    assert "No such option" in result.output


@pytest.mark.parametrize(
    "words, code",
    [
        (["plan", "house.json", "--nodes", "5"], 0),
        (["plan", "house.json", "--nodes", "5", "--per-minute", "100000"], 1),
        (["plan", "house.json", "--amount", "much"], 2),
        (["restore", "saved.json", "-o", "new.json"], 0),
        (["restore", "house.json", "-o", "new.json"], 2),
        (["migrate", "house.json", "--set", "mesh=other", "-o", "new.json"], 0),
        (["migrate", "house.json", "--set", "mesh=house", "-o", "new.json"], 2),
        (["journal", "nowhere"], 2),
        (["export", "nowhere", "--csv", "-"], 2),
        (["init", "--yes"], 2),
        (["sim", "nowhere"], 2),
        (["attack", "--shares", "many"], 2),
        (["swarm", "--seeds", "some"], 2),
        (["flash", "--board", "ghost"], 2),
        (["measure", "--board", "ghost"], 2),
        (["config", "get"], 2),
        (["config", "get", "--host", "h"], 2),
        (["config", "set", "--host", "h", "a=1", "--secrets", "house.json"], 2),
        (["config", "set", "--host", "h", "--file", "nowhere"], 2),
        (["reboot", "--host", "h", "--secrets", "nowhere"], 2),
        (["fleet", "list"], 2),
        (["firmware", "--board", "ghost"], 2),
        (["init"], 1),
        (["status", "nowhere"], 2),
        (["members", "list.json"], 2),
        (["watch", "nowhere"], 2),
        (["watch", "house.json", "--history", "."], 2),
        (["audit", "list.json"], 2),
        (["backup", "saved.json", "nowhere"], 2),
        (["doctor", "list.json"], 1),
        (["bridge", "list.json", "--history", "h"], 2),
        (["plan", "list.json"], 2),
        (["restore", "list.json", "-o", "new.json"], 2),
        (["mesh", "--nodes", "0"], 2),
        (["node", "nowhere"], 2),
        (["sweep", "nowhere", "--vary", "nodes=3"], 2),
        (["bench", "--json", "no/x"], 2),
        (["mip", "--out", "house.json"], 2),
        (["completion", "tcsh"], 2),
        (["exit-codes"], 0),
        (["deploy", "--port", "/nowhere"], 1),
        (["repl", "--port", "/nowhere"], 1),
        (["logs", "--port", "/nowhere"], 1),
        (["fleet", "deploy", "--ports", "/nowhere"], 1),
        (["standin", "house.json/x"], 1),
        (["emulate"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_a_command_ends_as_the_table_says(words, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "house.json").write_text(json.dumps(HOUSE))
    (tmp_path / "saved.json").write_text(json.dumps(SAVED))
    (tmp_path / "list.json").write_text("[]")
    result = call(*words)
    assert result.exit_code == code, result.output
    name = words[0] if words[0] in codes.TABLE else " ".join(words[:2])
    assert codes.TABLE[name][code]
    for clumsy in ("Traceback", "Errno", "list.json: list.json", "Aborted"):
        assert clumsy not in result.output
    assert "list.json" not in words or "list.json" in result.output or name == "doctor"


@pytest.mark.parametrize(
    "words",
    [
        ["restore", "saved.json", "-o", "new.json", "--json"],
        ["migrate", "house.json", "--set", "mesh=other", "-o", "new.json", "--json"],
        ["init", "--yes", "--board", "RPI_PICO_W", "--mesh", "m", "--channels", "a", "--ssid", ""],
        ["emulate", "--json"],
        ["mip", "--out", "packages", "--json"],
        ["plan", "--json"],
    ],
    ids=lambda words: words[0],
)
def test_json_is_printed_and_nothing_beside(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "house.json").write_text(json.dumps(HOUSE))
    (tmp_path / "saved.json").write_text(json.dumps(SAVED))
    if words[-1] != "--json":
        words = [*words, "--json"]
    assert json.loads(call(*words).stdout)


def test_a_question_that_ctrl_c_ends_is_130(tmp_path, monkeypatch):
    """click makes an Abort of it, as of the end of the input."""

    def interrupted(*_, **__):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise click.Abort from None

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(click, "prompt", interrupted)
    result = call("init")
    assert result.exit_code == 130 and "Aborted" not in result.output
    result = CliRunner().invoke(cli.main, ["init", "--board", "RPI_PICO_W"], prog_name="lvs")
    assert result.exit_code == 130


def test_an_error_of_the_system_is_said_without_its_number():
    missing = FileNotFoundError(2, "No such file or directory", "a.json")
    assert options.words(missing) == "a.json: No such file or directory"
    within = f"a.json: cannot be read ({missing}); mend it"
    assert options.words(within) == "a.json: cannot be read (No such file or directory); mend it"
    assert options.words(OSError("no drive")) == "no drive"
    assert options.named("a.json", missing) == options.words(missing)
    assert options.named("a.json", ValueError("wrong")) == "a.json: wrong"
