"""The program of a leaf: wakes, hands over what was counted, speaks, sleeps; deeply or not."""

import json
import time

import pytest

from lvs import ConfigError, Node
from lvs_tools import places

CONFIG = {
    "mesh": "m",
    "channels": ["water", "heat"],
    "held": 0,
    "board": {"wifi": False, "espnow": True, "leaf": {"every_s": 60, "awake_s": 3}},
}
HOLDER = b"\x02\0\0\0\0\x09"


class World:
    """A holder on ESP-NOW beside the board, in the bench's time."""

    def __init__(self, bench, tmp_path, monkeypatch):
        import network
        import sleeper
        from espnow_link import EspNowLink

        self.bench, self.sleeper = bench, sleeper
        monkeypatch.setattr(sleeper, "FILES", str(tmp_path / "leaf."))
        bench_sleep = bench.sleep_ms
        monkeypatch.setattr(time, "time", lambda: 1000 + bench._now / 1000)

        def sleep_ms(ms):
            end = bench._now + ms
            while bench._now < end:
                bench_sleep(min(20, end - bench._now))
                self.holder.receive(50)
                self.holder.tick()

        monkeypatch.setattr(time, "sleep_ms", sleep_ms)
        self.sleep_ms = sleep_ms
        network.WLAN(network.WLAN.IF_AP).active(True)  # the holder's radio
        link = EspNowLink()
        link._radio.mac = HOLDER
        config = {"mesh": "m", "channels": ["water", "heat"]}
        self.holder = Node(config, link, bench.ticks_ms, lambda: bench._now * 7 % 1000003)
        sleep_ms(20000)
        assert self.holder.state == "ACTIVE"

    def board(self, **changes):
        """The settings of the board, with changes to its "board"."""
        return dict(CONFIG, board=dict(CONFIG["board"], **changes))

    def start(self, settings):
        """A start of the program, until the board sleeps deeply; returns for how long (ms)."""
        del self.bench.told[:]
        with pytest.raises(self.bench.Reset):
            self.sleeper.Sleeper(settings).run()
        self.bench.watchdogs.clear()
        (slept,) = [said for said in self.bench.told if said.startswith("deepsleep")]
        return int(slept.split()[1])

    def asleep(self, ms, reason=4):
        """The sleep goes by. reason: what ends it: 4 the timer, 2 a pin."""
        self.sleep_ms(ms)
        self.bench.wake_reason = reason


@pytest.fixture
def world(bench, tmp_path, monkeypatch):
    return World(bench, tmp_path, monkeypatch)


def test_what_a_callback_says_is_with_the_holder_after_a_waking(world, tmp_path, monkeypatch):
    (tmp_path / "meter.py").write_text("def read():\n    return '0.125'\n")
    monkeypatch.syspath_prepend(tmp_path)
    source = {"kind": "callback", "channel": "water", "module": "meter", "every_s": 0}
    settings = world.board(sources=[source])
    for n in range(1, 5):
        slept = world.start(settings)
        assert slept == 60000
        # New, it believes a single voice about the time only when it says so again.
        assert world.sleeper.leaf.left() == (125 if n == 1 else 0)
        world.asleep(slept)
        assert world.holder.text("water") == "%.3f" % (0 if n == 1 else 0.125 * n)
    assert world.holder.status()["peers"] == 0  # a leaf shows no state


def test_pulses_wake_it_from_deep_sleep(world):
    pulse = {"kind": "pulse", "channel": "water", "pin": 4, "units": "0.01"}
    settings = world.board(sources=[pulse])
    world.bench.levels[4] = 1
    slept = world.start(settings)
    assert slept == 60000 and "wake 4 0" in world.bench.told
    for _ in range(3):
        world.asleep(10000, reason=2)
        world.bench.levels[4] = 0  # still closed: it is to open first
        slept = world.start(settings)
        assert "wake 4 1" in world.bench.told and slept < 60000
        world.asleep(1000, reason=2)
        world.bench.levels[4] = 1
        slept = world.start(settings)
        assert "wake 4 0" in world.bench.told
    assert world.sleeper.leaf.left() == 30  # in its store, told at the next waking
    world.asleep(slept)
    assert world.start(settings) == 60000
    world.asleep(1000)
    assert world.holder.text("water") == "0.030"


def test_pulses_wake_a_c3_which_has_no_ext0(world, monkeypatch):
    import esp32

    monkeypatch.delattr("esp32.wake_on_ext0")

    def wake_on_gpio(pins, level):
        (pin,) = pins
        world.bench.tell("gpio %d %d" % (pin.number, level))

    monkeypatch.setattr(esp32, "wake_on_gpio", wake_on_gpio, raising=False)
    settings = world.board(sources=[pulse_source()])
    world.bench.levels[4] = 1
    world.start(settings)
    assert "gpio 4 0" in world.bench.told
    world.asleep(10000, reason=7)  # ESP_SLEEP_WAKEUP_GPIO
    world.start(settings)
    assert world.sleeper.leaf.left() == 10
    world.asleep(10000, reason=4)
    world.start(settings)
    assert world.sleeper.leaf.left() == 10


def test_a_board_without_memory_for_deep_sleep_stays_in_its_program(world, monkeypatch):
    monkeypatch.delattr("machine.RTC.memory")
    pulse = {"kind": "pulse", "channel": "water", "pin": 4, "units": "0.01"}
    world.bench.levels[4] = 1
    sleeper = world.sleeper.Sleeper(world.board(sources=[pulse]))
    assert not sleeper.deep
    for _ in range(3):
        sleeper.waking()
        for level in (0, 1):
            world.sleep_ms(100)
            world.bench.drive(4, level)
        sleeper.sleep()
        assert sleeper.leaf.left() == 10
    sleeper.waking()
    assert world.holder.text("water") == "0.030" and sleeper.leaf.left() == 0
    assert not world.bench.watchdogs


def test_without_sources_on_pins_the_processor_sleeps_lightly(world, monkeypatch):
    monkeypatch.delattr("machine.RTC.memory")
    sleeper = world.sleeper.Sleeper(world.board())
    sleeper.waking()
    sleeper.sleep()
    assert world.bench.told.count("lightsleep 2000") == 30


def pulse_source():
    return {"kind": "pulse", "channel": "water", "pin": 4, "units": "0.01"}


def test_pulses_while_it_writes_before_a_deep_sleep_count(world, monkeypatch):
    """One while the last is written down, and one that goes on when it falls asleep."""
    world.bench.levels[4] = 1
    world.start(world.board(sources=[pulse_source()]))
    world.asleep(10000, reason=2)
    write, levels = world.sleeper.Files.write, [0, 1, 0]

    def slowly(files, i, data):
        write(files, i, data)
        while levels:
            world.bench.sleep_ms(100)
            world.bench.drive(4, levels.pop(0))

    monkeypatch.setattr(world.sleeper.Files, "write", slowly)
    world.start(world.board(sources=[pulse_source()]))
    assert [said for said in world.bench.told if said.startswith("wake")][-1] == "wake 4 1"
    assert world.sleeper.leaf.left() == 30 and not world.sleeper.Sleeper(world.board()).armed


@pytest.mark.parametrize("error", [KeyboardInterrupt, ConfigError("channels: none")])
def test_at_the_repl_the_watchdog_is_fed(world, monkeypatch, error):
    import settings

    once = world.sleeper.once
    monkeypatch.setattr(
        world.sleeper, "once", lambda name: settings if name == "settings" else once(name)
    )
    monkeypatch.setattr(settings, "load", world.board)

    def interrupted(_self):
        raise error

    monkeypatch.setattr(world.sleeper.Sleeper, "waking", interrupted)
    world.sleeper.main()
    assert "wdt 8000" in world.bench.told
    world.bench.sleep_ms(600_000)
    world.sleeper.Sleeper(world.board())  # started again, it feeds the watchdog itself
    assert not world.bench.timers


def test_a_store_that_cannot_be_written_is_said_and_ends_nothing(world, monkeypatch, capsys):
    def write(_files, _i, _data):
        raise OSError(28, "no space")

    monkeypatch.setattr(world.sleeper.Files, "write", write)
    world.bench.levels[4] = 1
    world.start(world.board(sources=[pulse_source()]))
    world.asleep(1000, reason=2)
    world.start(world.board(sources=[pulse_source()]))
    assert "LVS: leaf: its state cannot be written" in capsys.readouterr().out


def test_a_radio_that_fails_is_said_and_what_was_counted_is_kept(world, monkeypatch, capsys):
    import network

    world.bench.levels[4] = 1
    world.start(world.board(sources=[pulse_source()]))
    world.asleep(60000, reason=2)

    def active(_wlan, _on=None):
        raise OSError("WiFi Internal State Error")

    with monkeypatch.context() as patch:
        patch.setattr(network.WLAN, "active", active)
        patch.setattr(world.sleeper.Radio, "close", lambda radio: None)
        world.start(world.board(sources=[pulse_source()]))
    assert "LVS: the radio fails (WiFi Internal State Error)" in capsys.readouterr().out
    world.asleep(1000)
    assert world.start(world.board(sources=[pulse_source()])) and world.sleeper.leaf.left() == 10


def test_a_wrong_password_and_the_country(world, monkeypatch, capsys):
    import network

    countries = []
    monkeypatch.setattr(network, "country", countries.append)
    world.bench.air["home"] = "another one"
    wifi = {"ssid": "home", "password": "wrong one", "country": "DE"}
    world.start(world.board(wifi=wifi, espnow=False))
    assert "LVS: wifi: 'home': wrong password" in capsys.readouterr().out
    assert countries == ["DE"]


def test_what_may_be_lost_is_said_at_the_end_of_a_waking(world, monkeypatch, capsys):
    tick = "leaf: 7 raw were told, and perhaps heard by nobody"
    waking = world.sleeper.Radio.close

    def close(radio):
        waking(radio)
        world.sleeper.leaf._notices[tick] = 7

    monkeypatch.setattr(world.sleeper.Radio, "close", close)
    world.start(world.board())
    assert capsys.readouterr().out.count("LVS: " + tick) == 1


def test_a_pin_that_ends_no_sleep_is_one_line(world, monkeypatch):
    monkeypatch.delattr("esp32.wake_on_ext0")
    sleeper = world.sleeper.Sleeper(world.board(sources=[pulse_source()]))
    with pytest.raises(ConfigError, match="set board.leaf.deep to false"):
        sleeper.run()


def test_a_crash_keeps_what_was_counted(world, monkeypatch, tmp_path):
    import crashlog
    import settings

    monkeypatch.setattr(crashlog.write, "__defaults__", (None, str(tmp_path / "l"), "o"))
    once, kept = world.sleeper.once, {"settings": settings, "crashlog": crashlog}
    monkeypatch.setattr(world.sleeper, "once", lambda name: kept.get(name) or once(name))
    monkeypatch.setattr(settings, "load", lambda: world.board(sources=[pulse_source()]))
    world.bench.levels[4] = 1
    world.start(world.board(sources=[pulse_source()]))
    world.asleep(60000, reason=2)
    with monkeypatch.context() as patch:
        patch.setattr(world.sleeper.Radio, "on", lambda radio: 1 // 0)
        with pytest.raises(world.bench.Reset):
            world.sleeper.main()
    assert world.sleeper.Sleeper(world.board()).leaf.left() == 10


def test_no_access_point_what_was_counted_waits(world, tmp_path):
    pulse = {"kind": "pulse", "channel": "water", "pin": 4, "units": "0.01"}
    wifi = {"ssid": "gone", "password": ""}
    world.bench.levels[4] = 1
    settings = world.board(sources=[pulse], wifi=wifi, espnow=False)
    world.start(settings)
    world.asleep(1000, reason=2)
    world.start(settings)
    world.asleep(60000)
    world.start(settings)
    assert world.sleeper.leaf.left() == 10 and (tmp_path / "leaf.0").stat().st_size < 64


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        ([{"kind": "adc", "channel": "heat", "pin": 3, "per_hour": 5}], "adc adds up"),
        ([{"kind": "pulse", "channel": "heat", "pin": n} for n in (3, 4)], "one pin can end"),
    ],
)
def test_what_a_leaf_cannot_count(world, sources, says):
    with pytest.raises(ConfigError, match=says):
        world.sleeper.Sleeper(world.board(sources=sources))


def test_a_crash_sleeps_until_the_next_waking(world, monkeypatch, tmp_path):
    import crashlog
    import settings

    monkeypatch.setattr(crashlog.write, "__defaults__", (None, str(tmp_path / "l"), "o"))
    once, kept = world.sleeper.once, {"settings": settings, "crashlog": crashlog}
    monkeypatch.setattr(world.sleeper, "once", lambda name: kept.get(name) or once(name))
    monkeypatch.setattr(settings, "load", lambda: dict(CONFIG, mesh=5))
    world.sleeper.main()  # a mistake in the configuration: one line, no sleep
    monkeypatch.setattr(settings, "load", world.board)
    monkeypatch.setattr(world.sleeper.Sleeper, "waking", lambda self: 1 // 0)
    with pytest.raises(world.bench.Reset):
        world.sleeper.main()
    assert world.bench.told[-1] == "deepsleep 60000"
    assert "ZeroDivisionError" in (tmp_path / "l").read_text()


def test_main_starts_a_leafs_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"stay": True, "__name__": "main"}
    exec((places.FIRMWARE / "main.py").read_text(), names)
    program = names["program"]
    assert program() == "app"
    for text, name in (
        ('{"held": 0}', "sleeper"),
        ('{"held": 2}', "app"),
        ("{}", "app"),
        ("", "app"),
    ):
        (tmp_path / "lvs.json").write_text(text)
        assert program() == name
    assert json.loads('{"held": 0}')
