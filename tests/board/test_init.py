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
    following = (
        f"lvs deploy --board RPI_PICO_W --config {tmp_path / 'lvs.json'} --secrets {secrets}"
    )
    assert result.output.endswith(f"next: {following}\n")  # which looks in its own folder


@pytest.mark.parametrize("name", profiles.names())
def test_what_it_writes_is_accepted(bench, tmp_path, name):
    import settings
    import source_kinds

    profile = profiles.load(name)
    lack = {*profiles.gpio(profile, "no_pull"), *profile["pins"].values()}
    free = [pin for pin in profiles.gpio(profile, "digital") if pin not in lack][-1]
    answers = f"\npulse\n\n450\n\nadc\n\n\nbutton\n\nnone\npin\n{free}\n\n500\nnone\n"
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


@pytest.mark.parametrize(("more", "said"), [([], 1), (["--password", ""], 0), (["--json"], 1)])
def test_a_password_that_was_not_given_is_said(tmp_path, more, said):
    result = without_questions(tmp_path, *more)
    assert result.exit_code == 0, result.output
    line = (
        f"'home' is taken as an open network; if it has one, write it in {tmp_path}/secrets.json"
    )
    assert result.stderr.count(line) == result.stderr.count("\n") == said
    assert result.stdout.count("\n") == 1
    assert json.loads((tmp_path / "secrets.json").read_text()) == {"wifi_password": ""}


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
    assert result.exit_code == 2
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
        *("pin", "heat", "27", "16,17", "16", "under", "above", "x", "0.5"),
        *("led_bar", "water", "16,17", "17,18", "5", "display", "", "21", "21,22", "none"),
    ]
    result = run(tmp_path, answers="\n".join(answers) + "\n")
    assert result.exit_code == 0, result.output
    for text in (
        "must be a line of 1 to 64",
        "is there twice",
        "letters, digits and hyphens",
        "99: this board has 0, 2, 4, 5, 12-19",
        "6: this board has",
        "'-1' is not a number above 0",
        "27: this board has 32-39 for it",
    ):
        assert result.output.count(text) == 1, text
    for text in ("27 is in use", "16,17: must be 1 pin", "'under': must be above", "'x' is not"):
        assert text in result.output
    assert "16 is in use" in result.output and "21: must be 2 pins" in result.output
    board = json.loads((tmp_path / "lvs.json").read_text())["board"]
    assert [(s["channel"], s["pin"]) for s in board["sources"]] == [
        ("heat", 27),
        ("water", 0),
        ("water", 34),
    ]
    assert board["sources"][0]["pulses"] == "0.5"
    assert board["sinks"] == [
        {"kind": "pin", "channel": "heat", "pin": 16, "above": "0.5"},
        {"kind": "led_bar", "channel": "water", "pins": [17, 18], "full": 5},
        {"kind": "display", "channel": "water", "sda": 21, "scl": 22},
    ]


def test_a_pin_without_a_resistor_is_said(tmp_path):
    answers = "\n".join(["pulse", "36", "1", "", "none", "none"]) + "\n"
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
    result = run(tmp_path, answers="secret123\nbutton\n21\nnone\nnone\n")
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
    assert result.exit_code == 2 and text in result.output
    assert result.output.count("\n") == 1


def test_sinks_without_questions(bench, tmp_path):
    import settings

    sinks = ["pin:b:16:below:500", "display:a:21:22", "led_bar:a:17,18:7"]
    result = without_questions(tmp_path, *(w for sink in sinks for w in ("--sink", sink)))
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "lvs.json").read_text(encoding="utf-8"))["board"]["sinks"]
    assert found[0] == {"kind": "pin", "channel": "b", "pin": 16, "below": 500}
    assert [sorted(set(s) - {"kind", "channel"}) for s in found[1:]] == [
        ["scl", "sda"],
        ["full", "pins"],
    ]
    assert settings.load(f"{tmp_path}/")["board"]["sinks"] == found


@pytest.mark.parametrize(
    ("sink", "text"),
    [
        ("pins:a:16", "the kind must be one of pin, display, led_bar"),
        ("pin:c:16:below:5", "'c' is not in --channels"),
        ("pin:a:16", "must be pin:CHANNEL:PIN:above|below:LEVEL"),
        ("pin:a:16:under:5", "'under': must be above or below"),
        ("pin:a:16,17:below:5", "16,17: must be one pin"),
        ("pin:a:34:below:5", "34: this board has 0, 2, 4"),  # an input only
        ("pin:a:2:below:5", "2 is in use already"),  # the LED's
        ("display:a:21:21", "21 is in use already"),
        ("led_bar:a:16,:5", ": this board has"),
    ],
)
def test_a_bad_sink_is_one_line(tmp_path, sink, text):
    result = without_questions(tmp_path, "--sink", sink)
    assert result.exit_code == 2 and text in result.output
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


@pytest.mark.parametrize("text", ["[]", '{"board": null}', '{"sources": [1]}', "[" * 100_000])
def test_answers_that_somebody_broke_are_asked_again(tmp_path, text):
    (tmp_path / "lvs.json.part").write_text(text)
    assert init.Answers(tmp_path).given == {}
