"""docs/boards: every example and command is accepted, pins and blinks are those of the code."""

import json
import re
import shlex
import subprocess
import sys

import click
import pytest

from lvs import Config
from lvs_tools import cli, places
from lvs_tools.board import profiles
from lvs_tools.plan import command as plan

PAGES = sorted((places.ROOT / "docs" / "boards").glob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAKEFILE = (places.ROOT / "Makefile").read_text()


def blocks(language, paged=False):
    return [
        pytest.param(*((text, page.stem) if paged else (text,)), id=f"{page.stem}-{i}")
        for page in PAGES
        for i, (kind, text) in enumerate(BLOCK.findall(page.read_text()))
        if kind == language
    ]


@pytest.mark.parametrize(("text", "page"), blocks("json", True))
def test_every_example_is_accepted_by_the_firmware(bench, tmp_path, text, page):
    import settings
    import sink_kinds
    import source_kinds

    example = json.loads(text)
    if "wifi_password" in example:
        return settings.check_keys(
            "secrets", example, {"wifi_password": (str,), "admin_key": (str,)}
        )
    if "kind" in example:
        example = {"board": {"sinks" if page == "sinks" else "sources": [example]}}
    config = {"mesh": "m", "channels": ["water", "people", "energy"], **example}
    config["board"] = {"wifi": {"ssid": "home"}, **config["board"]}
    (tmp_path / "lvs.json").write_text(json.dumps(config))
    data = settings.load(f"{tmp_path}/")
    given = [s for s in data["board"].get("sources", []) if s["kind"] != "callback"]
    assert len(source_kinds.make_all(given, data["channels"])) == len(given)
    wired = [s for s in data["board"].get("sinks", []) if s["kind"] in ("pin", "led_bar")]
    assert len(sink_kinds.make_all(wired, Config(data))) == len(wired)


@pytest.mark.parametrize("text", blocks("sh"))
def test_every_command_exists(text):
    for line in text.splitlines():
        words = shlex.split(line)
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", MAKEFILE, re.MULTILINE), line
            for word in words[2:]:
                name, _, value = word.partition("=")
                assert f"$({name})" in MAKEFILE, line
                assert name != "BOARD" or value in profiles.names(), line
        elif words[0] == ".venv/bin/lvs":
            command = cli.main.get_command(click.Context(cli.main), words[1])
            if isinstance(command, click.Group):
                command = command.get_command(click.Context(command), words[2])
            assert command, line
            options = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
            assert {w for w in words[2:] if w.startswith("--")} <= options, line
        else:
            assert words[0] in (".venv/bin/mpremote", ".venv/bin/pytest", ".venv/bin/python"), line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "3 left out: Skipped: needs a board: pytest --port /dev/ttyACM0"),
        (["--port", "/no/port"], "no serial port /no/port; ports here:"),
    ],
)
def test_the_tests_of_a_board_say_what_they_lack(words, says):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/hardware"]
    done = subprocess.run([*command, *words], capture_output=True, text=True, cwd=places.ROOT)
    assert says in done.stdout and "BoardError" not in done.stdout


@pytest.mark.parametrize("name", profiles.names())
def test_every_board_has_a_page_of_its_own_with_its_pins(name):
    text = (places.ROOT / "docs" / "boards" / f"{name}.md").read_text()
    for pin in profiles.load(name)["pins"].values():
        assert re.search(rf"GP(IO )?{pin}\b", text), pin
    manifest = (places.BOARDS / name / "manifest.py").read_text()
    others = {other for other in profiles.names() if other != name}
    for words in (text, manifest):
        named = set(re.findall(r"\b[A-Z][A-Z0-9_]+\b", words))
        assert name in named and not named & others


def test_the_list_of_boards_is_complete():
    text = (places.ROOT / "docs" / "boards" / "README.md").read_text()
    assert sorted(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == profiles.names()


def test_the_page_says_how_many_nodes_each_board_carries():
    text = (places.ROOT / "docs" / "boards" / "README.md").read_text()
    rows = re.findall(r"^\| \[[^]]*\]\((\w+)\.md\) \|((?: \d+ \|)+)$", text, re.MULTILINE)
    assert sorted(name for name, _ in rows) == profiles.names()
    for name, cells in rows:
        numbers = [int(cell) for cell in cells.split("|")[:-1]]
        for channels, nodes in zip((1, 2, 4, 8, 16), numbers, strict=True):
            for count, fits in ((nodes, True), (nodes + 1, False)):
                figures = plan.reckon(None, count, channels, 1.0, "1", [name])
                assert figures["fits"] == fits, (name, channels, count, figures["problems"])


def test_the_leds_codes_are_those_of_the_firmware(bench):
    from led import CODES

    text = (places.ROOT / "docs" / "boards" / "troubleshooting.md").read_text()
    assert [int(n) for n in re.findall(r"^\| (\d) \|", text, re.MULTILINE)] == sorted(
        CODES.values()
    )
