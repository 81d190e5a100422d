"""Configuration: errors that name key, value and what is allowed; the mesh tag."""

import json

import pytest

from lvs import Config, ConfigError
from lvs.config_check import MAX_CHANNELS, NUMBERS
from tests.support import reference as ref

GOOD = {"channels": ["water", "power"]}


def says(data):
    with pytest.raises(ConfigError) as caught:
        Config(data)
    return str(caught.value)


def test_defaults():
    config = Config(GOOD)
    for key, (default, least, most) in NUMBERS.items():
        if default != "auto":
            assert getattr(config, key) == default
        assert least <= getattr(config, key) <= most
    assert (config.mesh, config.address, config.broadcast, config.peers, config.board) == (
        "lvs",
        "0.0.0.0",
        "255.255.255.255",
        [],
        {},
    )


@pytest.mark.parametrize("key", NUMBERS)
def test_numbers_have_limits(key):
    _, least, most = NUMBERS[key]
    for value in (least, most):
        assert getattr(Config({**GOOD, key: value}), key) == value
    for value in (least - 1, most + 1, 1.5, "7", "auto" if key != "rows" else "", None, True):
        auto = "'auto' or " if key == "rows" else ""
        assert says({**GOOD, key: value}) == (
            f"{key}: {value!r}; must be {auto}a whole number from {least} to {most}"
        )


LINE = "%s: %r; must be a line of 1 to 64 bytes without blanks around it"
APART = "%s: %r; has a letter with its accent apart; type it anew as one"


@pytest.mark.parametrize(
    "data, message",
    [
        ({}, "channels: None; must be a list of 1 or more texts"),
        ({"channels": []}, "channels: []; must be a list of 1 or more texts"),
        ({"channels": "water"}, "channels: 'water'; must be a list of 1 or more texts"),
        (
            {"channels": ["a", 1]},
            "channels[1]: 1; must be a line of 1 to 64 bytes without blanks around it",
        ),
        (
            {"channels": [" a"]},
            "channels[0]: ' a'; must be a line of 1 to 64 bytes without blanks around it",
        ),
        (
            {"channels": ["a" * 65]},
            "channels[0]: '" + "a" * 65 + "'; must be a line of 1 to 64 "
            "bytes without blanks around it",
        ),
        ({"channels": ["a", "b", "a"]}, "channels[2]: 'a' is there twice; name each once"),
        ({"channels": [str(i) for i in range(481)]}, "channels: 481; at most 480"),
        ({**GOOD, "peers": "host"}, "peers: 'host'; must be a list of 0 or more texts"),
        ({**GOOD, "mesh": 5}, LINE % ("mesh", 5)),
        ({**GOOD, "mesh": ""}, LINE % ("mesh", "")),
        ({**GOOD, "mesh": "a\nb"}, LINE % ("mesh", "a\nb")),
        ({**GOOD, "mesh": " a"}, LINE % ("mesh", " a")),
        ({**GOOD, "peers": ["a:65536"]}, "peers: 'a:65536'; must be a host, or host:port"),
        ({**GOOD, "peers": ["a:b"]}, "peers: 'a:b'; must be a host, or host:port"),
        ({**GOOD, "mesh": "Gru\u0308n"}, APART % ("mesh", "Gru\u0308n")),
        ({"channels": ["a", "u\u0308"]}, APART % ("channels[1]", "u\u0308")),
        ({**GOOD, "board": 5}, "board: 5; must be a JSON object"),
        ({**GOOD, "kb_per_minute": 5}, "kb_per_minute: unknown key; did you mean 'kb_per_min'?"),
        ({**GOOD, "xyz": 5}, "xyz: unknown key; did you mean 'mesh'?"),
        (None, "configuration: None; must be a JSON object or its path"),
        ([], "configuration: []; must be a JSON object or its path"),
    ],
)
def test_errors(data, message):
    assert says(data) == message


def test_files(tmp_path):
    path = tmp_path / "lvs.json"
    assert says(str(path)).startswith(f"{path}: cannot be read (")
    assert "'lvs init' writes a configuration" in says(str(path))
    path.write_text("{")
    assert says(str(path)).startswith(f"{path}: is not JSON (")
    path.write_text("[1]")
    assert says(str(path)) == "configuration: [1]; must be a JSON object or its path"
    path.write_text(json.dumps({**GOOD, "port": 5000}))
    assert Config(str(path)).port == 5000
    assert Config(Config(str(path))).port == 5000


def test_channels_fill_the_shards_that_an_ep_can_name():
    assert MAX_CHANNELS == 480
    assert len(Config({"channels": [str(i) for i in range(480)]}).channels) == 480


def test_channels_may_be_objects():
    meter = {
        "name": "energy",
        "step": "0.0001",
        "unit": "kWh",
        "label": "Meter",
        "class": "energy",
        "offset": "12345.678",
    }
    config = Config({"channels": ["water", meter, {"name": "old", "retired": True, "step": 25}]})
    assert config.channels == ["water", "energy", "old"]
    assert config.steps == [(1, -3), (1, -4), (25, 0)]
    assert [config.about(c, "unit") for c in range(3)] == ["", "kWh", ""]
    assert config.about(1, "offset", 0) == "12345.678" and config.about(0, "offset", 0) == 0
    assert [config.about(c, "retired", False) for c in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    "channel, message",
    [
        ({}, "channels[0].name: None; must be a line of 1 to 64 bytes without blanks around it"),
        ({"name": "a", "steps": 1}, "channels[0].steps: unknown key; did you mean 'step'?"),
        (
            {"name": "a", "unit": 5},
            "channels[0].unit: 5; must be a line of 0 to 64 bytes without blanks around it",
        ),
        (
            {"name": "a", "step": "0"},
            "channels[0].step: '0'; must be a decimal number like '0.001' above 0, of six digits "
            "at most and none below 0.000000001",
        ),
        (
            {"name": "a", "offset": "x"},
            "channels[0].offset: 'x'; must be a decimal number like '0.001'",
        ),
        (
            {"name": "a", "offset": "1e999"},
            "channels[0].offset: '1e999'; must be a decimal number like '0.001'",
        ),
        ({"name": "a", "retired": 1.5}, "channels[0].retired: 1.5; must be true or false"),
    ],
)
def test_errors_in_a_channel(channel, message):
    assert says({"channels": [channel]}) == message


def test_a_fingerprint_is_the_documents():
    """It covers names, steps and their places; unit, label and the like are a node's own."""
    names = [f"c{i}" for i in range(20)]
    config = Config({"channels": names})
    for index, count in ((0, 16), (0, 3), (1, 4), (1, 0)):
        listed = [(name, 1, -3) for name in names[16 * index : 16 * index + count]]
        assert config.fingerprint(index, count) == ref.fingerprint(listed)
    water = {"name": "water", "unit": "m3", "label": "W", "class": "water", "offset": 5}
    same = [Config({"channels": [c, "heat"]}) for c in ("water", water, {"name": "water"})]
    other = [
        Config({"channels": c})
        for c in (["heat", "water"], ["water", "Heat"], ["water", {"name": "heat", "step": 1}])
    ]
    assert len({c.fingerprint(0, 2) for c in same}) == 1
    assert len({c.fingerprint(0, 2) for c in same + other}) == 4


MESH = ("max_allowed_shift", "route_budget", "session_epochs", "horizon_epochs")


def test_the_tag_is_the_documents():
    defaults = [NUMBERS[key][0] for key in MESH]
    assert Config(GOOD).tag == ref.mesh_tag("lvs", defaults)
    channels = ["a", {"name": "b", "start": "2.5"}, "c", {"name": "d", "step": 25, "start": 50}]
    begun = Config({"channels": channels})
    assert begun.tag == ref.mesh_tag("lvs", defaults, {1: 2500, 3: 2}) != Config(GOOD).tag


def test_what_belongs_to_the_tag():
    """Nodes that differ in it never mix: the mesh's name and parameters, not the channels."""
    tag = Config(GOOD).tag
    assert 0 < tag < 2**30
    tags = {Config({**GOOD, key: NUMBERS[key][1]}).tag for key in MESH}
    tags |= {
        Config({**GOOD, "mesh": "lvs2"}).tag,
        Config({**GOOD, "mesh": "Lvs"}).tag,
    }
    assert len(tags) == 6 and tag not in tags
    for channels in (["power", "water"], ["water"], [{"name": "water", "step": 1}]):
        assert Config({"channels": channels}).tag == tag
    for key, (_, least, most) in NUMBERS.items():
        if key not in MESH:
            assert Config({**GOOD, key: least}).tag == Config({**GOOD, key: most}).tag == tag
    assert Config({**GOOD, "peers": ["a"], "board": {"x": 1}, "address": "1.2.3.4"}).tag == tag


@pytest.mark.parametrize(
    "session, horizon", [(2, 2), (48, 32), (100, 100), (4050, 4050), (13500, 13500)]
)
def test_a_life_is_as_long_as_told_and_its_age_fits_a_byte(session, horizon):
    cfg = Config({"channels": ["a"], "session_epochs": session, "horizon_epochs": horizon})
    assert cfg.lifetime + 2 < 256
    assert cfg.lifetime * cfg.grain >= session + horizon + 4 > (cfg.lifetime - 1) * cfg.grain
    assert cfg.horizon((cfg.lifetime + 2) * cfg.grain) == 1  # where a fresh mesh begins


@pytest.mark.parametrize(
    ("hours", "epochs"), [(72, 4050), (0.1, 6), ("0.5", 28), (240, 13500), (1, 56), (12.25, 689)]
)
def test_a_horizon_in_hours_sets_both_spans(hours, epochs):
    cfg = Config({"channels": ["a"], "horizon_h": hours})
    assert cfg.session_epochs == cfg.horizon_epochs == epochs
    same = {"channels": ["a"], "session_epochs": epochs, "horizon_epochs": epochs}
    assert cfg.tag == Config(same).tag


@pytest.mark.parametrize("hours", [0, 0.09, 240.1, -1, True, None, "a", [], float("nan"), 1e300])
def test_a_horizon_that_is_none_is_said_in_a_line(hours):
    with pytest.raises(ConfigError, match="^horizon_h: .* must be hours from 0.1 to 240$"):
        Config({"channels": ["a"], "horizon_h": hours})


def test_a_horizon_is_said_once():
    with pytest.raises(ConfigError, match="^session_epochs: .*'horizon_h'"):
        Config({"channels": ["a"], "horizon_h": 5, "session_epochs": 9})
