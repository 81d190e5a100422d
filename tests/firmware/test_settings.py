"""lvs.json on the board: merged, checked, and each mistake is one clear line."""

import json

import pytest

from lvs import ConfigError

GOOD = {"mesh": "m", "channels": ["water"], "board": {"wifi": {"ssid": "home"}}}

MANY = {**GOOD, "channels": [f"c{i}" for i in range(17)]}


def wifi(**keys):
    return {**GOOD, "board": {"wifi": {"ssid": "home", **keys}}}


@pytest.fixture
def load(bench, tmp_path):
    import settings

    def load(config=None, secrets=None, profile=None, raw=None):
        if raw is not None:
            (tmp_path / "lvs.json").write_text(raw)
        elif config is not None:
            (tmp_path / "lvs.json").write_text(json.dumps(config))
        if secrets is not None:
            (tmp_path / "secrets.json").write_text(json.dumps(secrets))
        if profile is not None:
            (tmp_path / "profile.json").write_text(json.dumps(profile))
        return settings.load(f"{tmp_path}/")

    return load


def test_the_user_wins_over_the_profile(load):
    profile = {"config": {"rows": 256, "held": 1}, "board": {"led": {"pin": 2}, "watchdog_s": 5}}
    data = load(
        {**GOOD, "rows": 100, "board": {"wifi": {"ssid": "home"}, "led": False}},
        {"wifi_password": "12345678"},
        profile,
    )
    assert (data["rows"], data["held"]) == (100, 1)
    assert data["board"]["led"] is False and data["board"]["watchdog_s"] == 5
    assert data["board"]["wifi"] == {"ssid": "home", "password": "12345678"}


def test_every_profile_is_accepted_by_node_and_firmware(load):
    from lvs.config import Config
    from lvs_tools.board import profiles

    for name in profiles.names():
        profile = profiles.load(name)
        data = load(GOOD, {}, {"config": profile["config"], "board": profile["board"]})
        Config(data)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (None, "lvs.json is missing: 'lvs init' writes it"),
        ({"channels": ["a"]}, "mesh is missing in lvs.json"),
        ({"mesh": "m"}, "channels is missing in lvs.json"),
        ({"mesh": "m", "channels": ["a"]}, "board.wifi is missing in lvs.json"),
        ({**GOOD, "board": {"wifi": {}}}, None),
        ({**GOOD, "board": {"wifi": {"sid": "x"}}}, "board.wifi.ssid is missing"),
        ({**GOOD, "board": {"wifi": {"ssid": "x", "pasword": "y"}}}, "pasword: unknown key"),
        ({**GOOD, "board": {"wifi": True}}, "board.wifi: true"),
        ({**GOOD, "board": {"wifi": {"ssid": ""}}}, "1 to 32 bytes"),
        ({**GOOD, "board": {"wifi": {"ssid": "x", "password": "short"}}}, "fewer than 8"),
        ({**GOOD, "board": {"wifi": False, "watchdog_s": 20}}, "must be 0 .none. or 2 to 8"),
        ({**GOOD, "board": {"wifi": False, "watchdog_s": True}}, "must be of type int"),
        ({**GOOD, "board": {"wifi": False, "led": 2}}, "board.led: 2; must be of type"),
        ({**GOOD, "board": {"wifi": False, "low_power": {"awake": 3}}}, "awake: unknown key"),
        ({**GOOD, "board": {"wifi": False, "led": True}}, 'board.led: true; must be {"pin": ...}'),
        ({**GOOD, "board": {"wifi": False, "led": {"pins": 2}}}, "board.led.pin is missing"),
        ({**GOOD, "board": {"wifi": False, "status_page": {"port": "80"}}}, "must be of type int"),
        ({**GOOD, "board": {"wifi": {"ssid": "x", "pasword": ""}}}, "did you mean 'password'?"),
        ({**GOOD, "board": {"wifi": False, "wachdog": 3}}, "did you mean 'watchdog_s'?"),
        (wifi(hostname="h" * 40), "board.wifi.hostname: 'h{40}'; must be 1 to 32"),
        (wifi(hostname="my board"), "letters, digits and hyphens"),
        (wifi(country="Germany"), "board.wifi.country: 'Germany'; must be two letters"),
        (wifi(country="de"), "two letters like 'DE'"),
        ({**GOOD, "board": {"wifi": False, "reboot_after_min": 3}}, "board.reboot_after_min: 3;"),
        ({**GOOD, "board": {"wifi": False, "espnow": {"chanel": 6}}}, "did you mean 'channel'?"),
        (
            {**GOOD, "board": {"wifi": False, "leaf": {"awake_s": 0}}},
            "board.leaf.awake_s: 0; must",
        ),
        ({**GOOD, "board": {"wifi": False, "leaf": {"every_s": -5}}}, "1 to 86400"),
        (
            {**MANY, "held": 1},
            "channels: 17 are 2 shards, and with room for 1 .'held'. at most 16",
        ),
        ({**MANY, "held": 1, "nodes": 9}, "fewer than 10 nodes"),
    ],
)
def test_a_mistake_is_one_clear_line(load, config, text):
    if text is None:  # an empty object is "no Wi-Fi", like false
        assert load(config)["board"]["wifi"] == {}
        return
    with pytest.raises(ConfigError, match=text) as caught:
        load(config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("more", [{}, {"held": 2}, {"held": 1, "nodes": 10}, {"held": 0}])
def test_a_seventeenth_channel_where_all_of_it_is_held(load, more):
    assert len(load({**MANY, **more}, {})["channels"]) == 17


def test_not_json(load):
    with pytest.raises(ConfigError, match="lvs.json is not JSON"):
        load(raw="{'mesh': 1}")
    for raw, why in (
        (json.dumps(GOOD).replace("}", ",}"), "a comma before '}'"),
        ("\ufeff" + json.dumps(GOOD), "a byte order mark"),
        ("[" * 100000, "nested too deeply"),
    ):
        with pytest.raises(ConfigError, match="lvs.json is not JSON.*" + why):
            load(raw=raw)
    with pytest.raises(ConfigError, match="write .*ud83d' as the character itself"):
        load(raw=json.dumps({**GOOD, "mesh": "\U0001f4a7water"}))
    assert load(raw=json.dumps({**GOOD, "mesh": "\U0001f4a7w,]"}, ensure_ascii=False))["mesh"]
    with pytest.raises(ConfigError, match="must be a JSON object"):
        load(raw="[]")
