"""`lvs init`: a dialogue that ends in files which node and firmware accept."""

import json
import re
import stat

import pytest
from click.testing import CliRunner

from lvs import Node
from lvs_tools.board import init, profiles
from tests.support.transport import Transport


def run(tmp_path, *arguments, answers=""):
    return CliRunner().invoke(init.command, ["--out", str(tmp_path), *arguments], input=answers)


def test_the_dialogue(tmp_path):
    answers = (
        "\n".join(
            [
                "RPI_PICO_W",
                "garden",
                "water, people",
                "home wifi",
                "short",
                "secret123",
                "attic",
                "pulse",
                "water",
                "",
                "450",
                "n",
                "button",
                "people",
                "20",
                "none",
            ]
        )
        + "\n"
    )
    result = run(tmp_path, answers=answers)
    assert result.exit_code == 0, result.output
    data = json.loads((tmp_path / "lvs.json").read_text())
    assert data == {
        "mesh": "garden",
        "channels": ["water", "people"],
        "board": {
            "wifi": {"ssid": "home wifi", "hostname": "attic"},
            "sources": [
                {
                    "kind": "pulse",
                    "channel": "water",
                    "pin": 15,
                    "units": 1,
                    "pulses": 450,
                    "debounce_ms": 0,
                },
                {"kind": "button", "channel": "people", "pin": 20},
            ],
        },
    }
    secrets = tmp_path / "secrets.json"
    assert json.loads(secrets.read_text()) == {"wifi_password": "secret123"}
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert "secret123" not in result.output
    assert "lvs deploy --board RPI_PICO_W" in result.output


@pytest.mark.parametrize("name", profiles.names())
def test_what_it_writes_is_accepted(bench, tmp_path, name):
    import settings
    import source_kinds

    answers = "\npulse\n\n450\n\nadc\n\n\nbutton\n\nnone\n"
    result = run(
        tmp_path,
        "--board",
        name,
        "--mesh",
        "m",
        "--channels",
        "water",
        "--ssid",
        "home",
        "--password",
        "secret123",
        answers=answers,
    )
    assert result.exit_code == 0, result.output
    (tmp_path / "profile.json").write_bytes(
        profiles.files(profiles.load(name), compiled=False)["/profile.json"]
    )
    bench.power_on(port=profiles.load(name)["port"])
    data = settings.load(f"{tmp_path}/")
    assert len(source_kinds.make_all(data["board"]["sources"], data["channels"])) == 3

    Node(data, Transport(), bench.ticks_ms, lambda: 5)


def test_without_questions(tmp_path):
    result = run(
        tmp_path,
        "--yes",
        "--board",
        "ESP32_GENERIC",
        "--mesh",
        "m",
        "--channels",
        "a,b",
        "--ssid",
        "",
    )
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "lvs.json").read_text())["board"] == {
        "wifi": False,
        "sources": [],
    }
    assert not (tmp_path / "secrets.json").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--board", "esp32"], "did you mean ESP32_GENERIC?"),
        (["--board", "ESP32_GENERIC", "--channels", "a,a"], "is there twice"),
        (["--board", "ESP32_GENERIC", "--channels", "a", "--password", "short"], "at least 8"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, arguments, text):
    arguments = [*arguments, *(["--channels", "a"] if "--channels" not in arguments else [])]
    result = run(tmp_path, "--mesh", "m", "--ssid", "home", "--yes", *arguments)
    assert result.exit_code == 1
    lines = result.output.strip().splitlines()
    assert len(lines) == 1 and text in lines[0]
    assert not (tmp_path / "lvs.json").exists()


def test_files_that_are_there_are_kept(tmp_path):
    (tmp_path / "secrets.json").write_text("mine")
    result = run(
        tmp_path,
        "--yes",
        "--board",
        "ESP32_GENERIC",
        "--mesh",
        "m",
        "--channels",
        "a",
        "--ssid",
        "home",
    )
    assert result.exit_code == 1 and "is there already" in result.output
    assert (tmp_path / "secrets.json").read_text() == "mine"


def test_a_bad_answer_is_refused_where_it_is_given(tmp_path):
    answers = [
        *(
            "ESP32_GENERIC",
            "x" * 70,
            "garden",
            "a,a",
            "water,heat",
            "home",
            "",
            "my board",
            "attic",
        ),
        *("pulse", "heat", "99", "6", "27", "-1", "0.5", "", "button", "", "27", "0"),
        *("adc", "", "27", "34", "", "none"),
    ]
    result = run(tmp_path, answers="\n".join(answers) + "\n")
    assert result.exit_code == 0, result.output
    for text in (
        "must be a text of 1 to 64",
        "is there twice",
        "letters, digits and hyphens",
        "99: this board has 0, 2, 4, 5, 12-19",
        "6: this board has",
        "'-1' is not a number above 0",
        "27 has a source already",
        "27: this board has 32-39 for it",
    ):
        assert result.output.count(text) == 1, text
    board = json.loads((tmp_path / "lvs.json").read_text())["board"]
    assert [(s["channel"], s["pin"]) for s in board["sources"]] == [
        ("heat", 27),
        ("water", 0),
        ("water", 34),
    ]
    assert board["sources"][0]["pulses"] == "0.5"


def test_a_pin_without_a_resistor_is_said(tmp_path):
    answers = "\n".join(["pulse", "36", "1", "", "none"]) + "\n"
    options = ["--board", "ESP32_GENERIC", "--mesh", "m", "--channels", "a", "--ssid", ""]
    result = run(tmp_path, *options, answers=answers)
    assert "needs 10 kOhm" in result.output
    (source,) = json.loads((tmp_path / "lvs.json").read_text())["board"]["sources"]
    assert source["pull"] == "none"


def test_a_dialogue_that_was_broken_off_goes_on(tmp_path):
    first = ["RPI_PICO_W", "garden", "water", "home", "secret123", "attic", "button", "20"]
    result = run(tmp_path, answers="\n".join(first) + "\n")  # and then the terminal is closed
    assert result.exit_code != 0 and not (tmp_path / "lvs.json").exists()
    assert "secret123" not in (tmp_path / "lvs.json.part").read_text()
    result = run(tmp_path, answers="secret123\nbutton\n21\nnone\n")
    assert result.exit_code == 0 and "going on where it was broken off" in result.output
    data = json.loads((tmp_path / "lvs.json").read_text())
    assert data["mesh"] == "garden" and data["board"]["wifi"]["hostname"] == "attic"
    assert [s["pin"] for s in data["board"]["sources"]] == [20, 21]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lvs.json", "secrets.json"]


def without_questions(tmp_path, *more):
    options = ["--board", "ESP32_GENERIC", "--mesh", "Br\u00fcnnle", "--channels", "a,b"]
    return run(tmp_path, "--yes", *options, "--ssid", "home", *more)


def test_sources_without_questions_and_a_name_for_the_board(tmp_path):
    result = without_questions(
        tmp_path, "--source", "pulse:b:25:450", "--source", "button:a", "--source", "adc:b"
    )
    assert result.exit_code == 0, result.output
    text = (tmp_path / "lvs.json").read_text(encoding="utf-8")
    assert "Br\u00fcnnle" in text  # readable, and the same bytes on every interpreter
    board = json.loads(text)["board"]
    assert re.fullmatch("lvs-brunnle-[0-9a-f]{4}", board["wifi"]["hostname"])
    assert [(s["kind"], s["channel"], s["pin"]) for s in board["sources"]] == [
        ("pulse", "b", 25),
        ("button", "a", 0),
        ("adc", "b", 34),
    ]
    assert board["sources"][0]["pulses"] == 450


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("puls:a", "the kind must be one of pulse, button, adc"),
        ("pulse:c", "'c' is not in --channels"),
        ("pulse:a:7", "7: this board has"),
        ("pulse:a:27:x", "'x' is not a number above 0"),
    ],
)
def test_a_bad_source_is_one_line(tmp_path, source, text):
    result = without_questions(tmp_path, "--source", source)
    assert result.exit_code == 1 and text in result.output
    assert result.output.count("\n") == 1


def test_names_are_composed(tmp_path):
    run(
        tmp_path,
        "--yes",
        "--board",
        "RPI_PICO_W",
        "--mesh",
        "u\u0308",
        "--channels",
        "a",
        "--ssid",
        "",
    )
    assert json.loads((tmp_path / "lvs.json").read_text(encoding="utf-8"))["mesh"] == "\u00fc"
