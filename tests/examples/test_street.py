"""examples/street: its files, its README, and its story with two houses, to the same claims."""

import json
import re
from fractions import Fraction

import pytest

from examples.street import pictures
from examples.street.site import BOARD, HERE, PULSES, Broker
from examples.street.story import BASE, COMMANDS, READING, Story, Wrong
from lvs import Config
from lvs_tools.board import profiles
from lvs_tools.board.deploy_air import firmware_load
from lvs_tools.places import ROOT
from lvs_tools.plan.command import reckon
from lvs_tools.sim import scenario
from tests.support import broker
from tests.support.interpreters import require

HOUSES = sorted(HERE.glob("houses/*/lvs.json"))
TAPS = sorted(HERE.glob("garden/*/lvs.json"))
GATEWAY = HERE / "gateway/lvs.json"
# The night of twelve hours in ten minutes
SHORT = ("cycles=600", "workload.until_cycle=430", "leaves.every_s=15", "event.0.at_cycle=100")
SHORT += ("event.1.at_cycle=150", "event.2.at_cycle=220", "event.3.at_cycle=260")
SHORT += ("event.4.at_cycle=380",)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [*HOUSES, *TAPS], ids=lambda path: path.parent.name)
def test_a_board_takes_its_file(path, tmp_path):
    """As its firmware reads it: settings.load, then Config, on the profile that it has."""
    profile = profiles.load(BOARD)
    about = {key: profile[key] for key in ("config", "board")}
    (tmp_path / "profile.json").write_text(json.dumps(about))
    (tmp_path / "secrets.json").write_text('{"wifi_password": "long enough"}')
    (tmp_path / "lvs.json").write_bytes(path.read_bytes())
    settings = firmware_load(f"{tmp_path}/")
    config = Config(settings)
    assert config.tag == Config(str(GATEWAY)).tag
    assert (config.held == 0) == (path in TAPS)
    names = {c["name"]: Fraction(c["step"]) for c in settings["channels"]}
    for source in settings["board"]["sources"]:
        # The story's accounts are in whole steps.
        each = Fraction(str(source["units"])) / source.get("pulses", 1)
        assert (each * PULSES / names[source["channel"]]).denominator == 1


def test_they_are_one_street():
    every = [read(path) for path in [*HOUSES, *TAPS, GATEWAY]]
    assert all(data["channels"] == every[0]["channels"] for data in every)
    assert [len(HOUSES), len(TAPS)] == [12, 2]
    names = [data["board"]["wifi"]["hostname"] for data in every[:-1]]
    assert len(set(names)) == len(names)
    assert {data.get("nodes", len(every)) for data in every} == {len(every)}
    assert {c["class"] for c in every[0]["channels"]} == {"energy", "water"}


def test_every_house_fits_its_board():
    for path in HOUSES:
        assert reckon(str(path), None, None, 1.0, "1", [BOARD])["problems"] == []


def test_the_simulated_night_is_that_of_the_street():
    """As many nodes and leaves, as many channels, all parameters as they come."""
    checked = scenario.load(str(HERE / "night.toml"))
    tap = read(TAPS[0])
    assert checked["nodes"] == len(HOUSES) + 1
    assert checked["leaves"]["count"] == len(TAPS)
    assert checked["leaves"]["every_s"] == tap["board"]["leaf"]["every_s"]
    assert checked["leaves"]["awake_s"] == tap["board"]["leaf"]["awake_s"]
    assert checked["workload"]["channels"] == len(tap["channels"])
    assert "[config]" not in (HERE / "night.toml").read_text()
    cut = next(e for e in checked["event"] if e["action"] == "partition")
    heal = next(e for e in checked["event"] if e["action"] == "heal")
    assert heal["at_cycle"] - cut["at_cycle"] == 8 * 3600


def test_what_the_readme_says_is_typed_is_what_the_story_types():
    text = (HERE / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\$ (.*)$", text, re.MULTILINE) == list(COMMANDS.values())
    (said,) = re.findall(r"-t (\S+) -m '(.*)'", text)
    assert said[0] == f"{BASE}/contribute/garden" and json.loads(said[1]) == READING


@pytest.fixture
def story(tmp_path):
    require("micropython")
    broker.require()
    told = Story(tmp_path / "street", say=lambda line: print(line), pace=6, houses=2, leaves=1)
    yield told
    told.close()


def test_the_story_of_two_houses_is_exact(story, monkeypatch):
    """Meters, a broker, a night without power, a gateway killed, an update: every step exact."""
    story.site.flash()
    story.gateway()
    story.evening(look=False)
    with monkeypatch.context() as impatient:
        impatient.setattr("examples.street.story.PATIENCE_S", 1)
        story.more = {"garden": 1}
        with pytest.raises(Wrong, match="not within 1 s"):
            story.exact("with a step too many")
    story.more = {}
    story.dark()
    story.update(look=False)
    story.export()
    story.write()
    # And the accounts are not empty: three starts of one house, two and an update of the other.
    assert [board.starts for board in story.site.boards] == [2, 3, 1]
    (reading,) = story.more.values()
    assert reading == int(Fraction(READING["amount"]) * 1000)
    assert story.site.expected(story.more) == {
        "energy": 5 * PULSES,
        "water": 5 * PULSES,
        "garden": reading + PULSES // 2,
    }
    pictures.draw(story.folder, story.folder / "street.png")
    assert (story.folder / "street.png").stat().st_size > 10_000


def test_the_short_night_is_exact_and_one_without_a_network_is_not(tmp_path):
    told = Story(tmp_path / "street", say=lambda _: None, houses=0, leaves=0)
    found = told.night(*SHORT)
    assert found["faults"]["partition"] == 6 and found["faults"]["restart"] == 2
    assert found["contributed_raw"] > 100 and found["leaves"]["contributions"] > 10
    with pytest.raises(Wrong, match="the night is not exact"):
        told.night(*SHORT[3:], "cycles=60", "workload.until_cycle=50", "link.loss=1.0")


def test_without_a_broker_it_says_which(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(FileNotFoundError, match="apt install mosquitto"):
        Broker(tmp_path)


def test_its_folder_is_no_other(tmp_path):
    from click.testing import CliRunner

    from examples.street.__main__ import alone, main

    (tmp_path / "mine").write_text("kept")
    said = CliRunner().invoke(main, ["--folder", str(tmp_path)])
    assert said.exit_code == 2 and "not the story's" in said.output
    assert (tmp_path / "mine").read_text() == "kept"
    with alone(tmp_path / "new"):
        said = CliRunner().invoke(main, ["--folder", str(tmp_path / "new")])
    assert said.exit_code == 2 and "another story runs" in said.output
    assert ROOT not in (tmp_path / "new").parents
