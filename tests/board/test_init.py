"""`lvs init`: a dialogue that ends in files which node and firmware accept."""

import json
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
                "secret123",
                "pulse",
                "water",
                "",
                "450",
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
            "wifi": {"ssid": "home wifi"},
            "sources": [
                {"kind": "pulse", "channel": "water", "pin": 15, "units": 1, "pulses": 450},
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

    answers = "pulse\n\n450\nadc\n\n\nbutton\n\nnone\n"
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
