"""board.sinks: what is switched and shown by a value, and that it is safe unless that is sure."""

import asyncio
import contextlib
import json
import os
import sys
import types
from types import SimpleNamespace

import pytest

from lvs import Config, ConfigError, Node
from tests.support.cell import Cell, Speaker
from tests.support.firmware_bench import sleep_ms

VALVE = {"kind": "pin", "channel": "water", "pin": 5, "below": 500}
# What a board alone needs: nobody is there who could confirm anything.
ALONE = {"stale_s": 0, "if_new": "value"}
CHANNELS = ["energy", {"name": "water", "unit": "l", "step": "0.5"}]


@pytest.fixture
def make(bench):
    """make(entry): a sink, made as the board makes it."""
    import sink_kinds

    def make(entry, **channel):
        config = {"mesh": "m", "channels": ["energy", {"name": "water", "step": "0.5", **channel}]}
        sink_kinds.check({"sinks": [entry]}, config["channels"])
        return sink_kinds.make_all([entry], Config(config))[0][2]

    return make


def levels(sink, bench, raws, pin=5):
    """The level of a pin after each raw value."""
    out = []
    for raw in raws:
        bench.sleep_ms(1000)
        sink.show(raw, "", None, 1)
        out.append(bench.levels[pin])
    return out


# --- the pin -------------------------------------------------------------------------------------


def test_a_pin_is_on_from_a_value_on_or_up_to_it(bench, make):
    raws = [0, 999, 1000, 1001, 5000]  # steps of half a litre
    assert levels(make(VALVE), bench, raws) == [1, 1, 0, 0, 0]
    above = {**VALVE, "pin": 6, "above": "500"}
    del above["below"]
    assert levels(make(above), bench, raws, 6) == [0, 0, 1, 1, 1]
    low = {**VALVE, "pin": 7, "active": 0}
    assert levels(make(low), bench, raws, 7) == [0, 0, 1, 1, 1]


def test_levels_are_exact_between_steps_and_with_an_offset(bench, make):
    entry = {**VALVE, "below": "500.25"}  # no step is there: the next one is
    assert levels(make(entry), bench, [1000, 1001]) == [1, 0]
    assert levels(make(VALVE, offset="490"), bench, [19, 20]) == [1, 0]
    far = {**VALVE, "below": "70368744177663.5"}  # 2**47 - 1 steps, exact on boards, too
    assert levels(make(far), bench, [(1 << 47) - 2, (1 << 47) - 1]) == [1, 0]


def test_hysteresis(bench, make):
    sink = make({**VALVE, "hysteresis": 10})
    assert levels(sink, bench, [990, 1000, 990, 980, 979, 990, 1000]) == [1, 0, 0, 0, 1, 1, 0]


def test_without_a_value_it_is_safe(bench, make):
    sink = make({**VALVE, "safe": "on"})
    assert bench.levels[5] == 1
    assert levels(sink, bench, [1000, None, 0, None]) == [0, 1, 1, 1]
    sink = make(VALVE)
    assert bench.levels[5] == 0
    assert levels(sink, bench, [0, None, 0]) == [1, 0, 1]
    sink.safe()
    assert bench.levels[5] == 0


def test_the_time_limit_holds_until_the_value_asks_for_the_safe_state(bench, make):
    sink = make({**VALVE, "limit_s": 10})
    assert levels(sink, bench, [0] * 20) == [1] * 10 + [0] * 10
    assert levels(sink, bench, [1000, 0]) == [0, 1]
    # A doubt in between gives no new time.
    assert levels(sink, bench, [0] * 5 + [None] * 30 + [0] * 10) == [1] * 5 + [0] * 30 + [
        *([1] * 5),
        *([0] * 5),
    ]


# --- when a value is sure ------------------------------------------------------------------------


class Mesh:
    """Three nodes; one of them has a valve."""

    def __init__(self, make, **settings):
        import sinks

        self.cell = Cell(3, channels=CHANNELS)
        self.sink = make({**VALVE, **settings})
        self.node = self.cell.nodes[1]
        self.watched = sinks.Watched({**VALVE, **settings}, 1, self.sink)
        self.sinks = sinks

    @property
    def on(self):
        self.watched.look(self.node)
        return self.sink.on

    @property
    def doubt(self):
        return self.sinks.doubt(self.node, 1)

    def established(self):
        others = len(self.cell.nodes) - 1
        self.cell.run(200, lambda: self.sinks.heard(self.node.routes, 0) == others)
        self.cell.prime(0)
        assert self.doubt == ""
        return self


def test_a_valve_closes_when_the_whole_mesh_has_used_500_litres(make):
    mesh = Mesh(make)
    assert mesh.doubt == "if_stale" and not mesh.on
    mesh.cell.run(60, lambda: mesh.doubt != "if_stale")
    assert mesh.doubt == "if_new" and not mesh.on
    mesh.established()
    assert mesh.on
    mesh.cell.nodes[2].contribute("water", 300)
    mesh.cell.nodes[3].contribute("water", "199.5")
    mesh.cell.run(60, lambda: mesh.node.value("water") == 499.5)
    assert mesh.on and mesh.node.value("water") == 499.5
    mesh.cell.nodes[3].contribute("water", "0.5")
    took = mesh.cell.run(60, lambda: not mesh.on)
    assert took < 20 and mesh.node.value("water") == 500


def test_a_mesh_establishes_itself_and_opens_the_valve(make):
    mesh = Mesh(make)
    took = mesh.cell.run(1200, lambda: mesh.on)
    assert mesh.on, took


@pytest.mark.parametrize(
    ("does", "states"),
    [("safe", [False, False]), ("hold", [True, True]), ("value", [True, False])],
)
def test_peers_that_are_silent(make, does, states):
    mesh = Mesh(make, if_stale=does).established()
    assert mesh.on
    mesh.cell.links = lambda a, b: 1 not in (a, b)
    mesh.cell.run(250)
    assert mesh.doubt == "" and mesh.on
    mesh.cell.run(60)
    assert mesh.doubt == "if_stale" and mesh.on == states[0]
    mesh.node.contribute("water", 500)  # what it counted itself it knows
    mesh.cell.run(10)
    assert mesh.on == states[1]


def test_one_peer_of_two_is_not_enough_if_two_are_asked_for(make):
    mesh = Mesh(make, peers=2).established()
    assert mesh.on
    mesh.cell.links = lambda a, b: 3 not in (a, b)
    mesh.cell.run(400)
    assert mesh.doubt == "" and not mesh.on
    del mesh.cell.links
    mesh.cell.run(200, lambda: mesh.on)
    assert mesh.on


def test_groups_that_are_apart(make):
    mesh = Mesh(make).established()
    odd = [Speaker(mesh.node, 90 + i, 1000 + i) for i in range(2)]

    def say():
        for speaker in odd:
            speaker.ep([7, 7])

    mesh.cell.run(200, lambda: mesh.doubt == "if_apart", each=say)
    assert mesh.doubt == "if_apart" and not mesh.on
    mesh.cell.run(64 * 12, lambda: mesh.on)
    assert mesh.on


def test_one_liar_of_many_closes_no_valve(make):
    mesh = Mesh(make)
    for _ in range(3):
        mesh.cell.add()
    mesh.established()
    liar = Speaker(mesh.node, 90, 1000)
    mesh.cell.run(300, each=lambda: liar.ep([7, 7]) and None)
    assert mesh.node.status()["differ"] and mesh.on


def test_a_channel_that_others_hold_is_sure_when_they_answer(make, monkeypatch):
    mesh = Mesh(make).established()
    monkeypatch.setattr(mesh.node.placement, "find", lambda index: None)
    ages = [None, 301, 300]
    monkeypatch.setattr(mesh.node, "age", lambda channel: {"water": ages.pop(0)}[channel])
    assert [mesh.doubt for _ in range(3)] == ["if_stale", "if_stale", ""]


# --- the others ----------------------------------------------------------------------------------


def test_a_bar_of_leds(bench, make):
    entry = {"kind": "led_bar", "channel": "water", "pins": [1, 2, 3, 4], "full": 500}
    sink = make(entry)

    def lit(raw):
        sink.show(raw, "", None, 1)
        return [bench.levels[pin] for pin in entry["pins"]]

    assert lit(0) == lit(249) == lit(None) == [0, 0, 0, 0]
    assert lit(250) == [1, 0, 0, 0] and lit(999) == [1, 1, 1, 0]
    assert lit(1000) == lit(99999) == [1, 1, 1, 1]
    sink.safe()
    assert [bench.levels[pin] for pin in entry["pins"]] == [0, 0, 0, 0]
    sink = make({**entry, "empty": 400})
    assert lit(750) == [0, 0, 0, 0] and lit(900) == [1, 1, 0, 0]
    with pytest.raises(ConfigError, match="full: must be more than empty"):
        make({**entry, "empty": 500})


def node_of(peers=0):
    """What the sinks that show something ask a node."""
    routes = SimpleNamespace(n=peers + 1, heard=[0] + [1000] * peers)
    clock = SimpleNamespace(cycle=1000)
    return SimpleNamespace(
        config=Config({"mesh": "m", "channels": CHANNELS}), routes=routes, clock=clock
    )


def test_a_callback_is_told_changes_and_its_mistakes_are_said_once(bench, make, capsys):
    told = []
    module = types.ModuleType("my_sink")
    module.__dict__["write"] = lambda *said: told.append(said) if said[0] != "2.0" else 1 / 0
    sys.modules["my_sink"] = module
    try:
        sink = make({"kind": "callback", "channel": "water", "module": "my_sink"})
    finally:
        del sys.modules["my_sink"]
    for raw, why in ((3, ""), (3, ""), (4, ""), (4, "x"), (None, "x"), (5, "")):
        sink.show(raw, why, node_of(), 1)
    sink.safe()
    assert told == [("1.5", "l", ""), (None, "l", "x"), ("2.5", "l", ""), (None, "l", "stopped")]
    assert capsys.readouterr().out.count("ZeroDivisionError") == 1


class Screen:
    """An SSD1306 as the driver of micropython-lib has it, which remembers texts."""

    broken = True
    made = 0

    def __init__(self, width, height, _i2c, address):
        self.__class__.made += 1
        self.texts = []
        self._poll()

    def _poll(self):
        if Screen.broken:
            raise OSError(19, "ENODEV")

    def fill(self, _colour):
        self.texts = []

    def text(self, text, x, y):
        self.texts.append((text, x, y))

    def fill_rect(self, x, y, w, h, _colour):
        assert 0 <= x <= 128 - w and 0 <= y <= 64 - h

    def show(self):
        self._poll()
        Screen.shown = self.texts


@pytest.fixture
def screen(bench, monkeypatch):
    """The driver, and MicroPython's framebuf, which remembers the last text in large."""
    large = []

    class FrameBuffer:
        def __init__(self, buffer, width, height, _kind):
            assert len(buffer) == width and height == 8
            self._buffer = buffer

        def text(self, text, _x, _y):
            large[:] = [text]
            self._buffer[:] = b"\x81" * len(self._buffer)

    Screen.broken, Screen.made, Screen.shown = False, 0, []
    monkeypatch.setitem(sys.modules, "ssd1306", SimpleNamespace(SSD1306_I2C=Screen))
    framebuf = SimpleNamespace(FrameBuffer=FrameBuffer, MONO_VLSB=0)
    monkeypatch.setitem(sys.modules, "framebuf", framebuf)
    return lambda: (large[0], [text for text, _, _ in Screen.shown])


DISPLAY = {"kind": "display", "channel": "water", "sda": 4, "scl": 5}


def test_a_display_has_name_value_unit_and_the_state_of_the_mesh(bench, make, screen):
    sink = make(DISPLAY)
    assert Screen.made == 0  # nothing waits for it at the start
    sink.show(25, "", node_of(1), 1)
    assert screen() == ("12.5", ["water", "l", "1 peer"])
    sink.show((1 << 48) - 1, "", node_of(2), 1)
    assert screen() == ("140737488355327.5"[:15], ["water", "l", "2 peers"])
    sink.show(None, "groups are apart", node_of(2), 1)
    assert screen() == ("---", ["water", "l", "groups are apart"])
    sink.safe()
    assert screen() == ("---", ["", "", "stopped"])


def test_a_display_that_is_not_there_is_said_once_and_tried_again(bench, make, screen, capsys):
    Screen.broken = True
    sink = make(DISPLAY)
    for raw in range(20):
        sink.show(raw, "", node_of(), 1)
        bench.sleep_ms(1000)
    assert Screen.made == 2 and capsys.readouterr().out.count("does not answer") == 1
    Screen.broken = False
    bench.sleep_ms(10_000)
    sink.show(25, "", node_of(), 1)
    assert screen() == ("12.5", ["water", "l", "alone"])


def test_a_display_without_its_driver_is_one_line_and_the_others_go_on(bench, monkeypatch, capsys):
    import sink_kinds

    monkeypatch.setitem(sys.modules, "framebuf", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "ssd1306", None)
    config = Config({"mesh": "m", "channels": CHANNELS})
    (made,) = sink_kinds.make_all([DISPLAY, VALVE], config)
    assert made[0] is VALVE
    assert "resume mip install ssd1306" in capsys.readouterr().out


# --- mistakes ------------------------------------------------------------------------------------

BAR = {"kind": "led_bar", "channel": "water", "pins": [1, 2], "full": 5}


@pytest.mark.parametrize(
    ("sinks", "more", "text"),
    [
        ("pin", {}, "sinks: 'pin'; must be of type list"),
        (["pin"], {}, r"sinks\[0\].kind must be one of callback, display, led_bar, pin"),
        ([{**VALVE, "kind": "pins"}], {}, "kind must be one of"),
        ([VALVE, {**VALVE, "pin": 6, "bellow": 3}], {}, r"\[1\].bellow.* did you mean 'below'"),
        ([{**VALVE, "above": 3}], {}, r"\[0\]: give 'above' or 'below'"),
        ([{"kind": "pin", "channel": "water", "pin": 5}], {}, "give 'above' or 'below'"),
        ([{**VALVE, "channel": "wine"}], {}, "'wine' is not in channels"),
        ([{**VALVE, "below": "much"}], {}, r"\[0\].below: 'much'; must be a number"),
        ([{**VALVE, "hysteresis": -1}], {}, r"hysteresis: -1; must be a number"),
        ([{**VALVE, "if_stale": "open"}], {}, "if_stale: 'open'; must be 'safe' or 'hold' or"),
        ([{**VALVE, "safe": True}], {}, "safe: True; must be of type str"),
        ([{**VALVE, "limit_s": -1}], {}, "limit_s: -1; must be 0 to 86400"),
        ([{**VALVE, "stale_s": 40000}], {}, "stale_s: 40000; must be 0 to 28800"),
        ([{**VALVE, "pin": [5]}], {}, "pin: .5.; must be of type int or str"),
        ([VALVE, VALVE], {}, r"sinks\[1\]: pin 5 is in use by another entry"),
        ([{**VALVE, "pin": 2}], {"led": {"pin": 2}}, "pin 2 is in use"),
        (
            [VALVE],
            {"sources": [{"kind": "pulse", "channel": "water", "pin": 5}]},
            "pin 5 is in use",
        ),
        ([VALVE], {"watchdog_s": 0}, "board.watchdog_s: 0; .*needs it"),
        ([{**BAR, "pins": []}], {}, "pins: must be at least one"),
        ([{**BAR, "pins": [True]}], {}, "must be numbers of pins"),
        ([{**BAR, "pins": [1, 1]}], {}, "pin 1 is in use"),
        ([{**DISPLAY, "width": 100}], {}, "width: 100; must be 128 or 64"),
    ],
)
def test_a_mistake_is_one_clear_line(bench, tmp_path, sinks, more, text):
    import settings

    config = {"mesh": "m", "channels": CHANNELS, "board": {"wifi": False, "sinks": sinks, **more}}
    (tmp_path / "lvs.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=text) as caught:
        settings.load(f"{tmp_path}/")
    assert "\n" not in str(caught.value)


def test_a_leaf_has_no_sinks_and_a_board_without_the_key_loads_nothing(bench, tmp_path):
    import settings

    config = {"mesh": "m", "channels": CHANNELS, "board": {"wifi": False}}
    (tmp_path / "lvs.json").write_text(json.dumps(config))
    settings.load(f"{tmp_path}/")
    assert not {"entries", "sinks", "sink_kinds"} & set(sys.modules)
    config["board"]["sinks"] = [VALVE]
    (tmp_path / "lvs.json").write_text(json.dumps(config))
    settings.load(f"{tmp_path}/")
    assert not {"entries", "sinks", "sink_kinds"} & set(sys.modules)
    (tmp_path / "lvs.json").write_text(json.dumps({**config, "held": 0}))
    with pytest.raises(ConfigError, match="a leaf sleeps"):
        settings.load(f"{tmp_path}/")


def test_a_pin_that_the_board_has_not_is_one_line(bench):
    import sink_kinds

    with pytest.raises(ConfigError, match=r"sinks\[0\]: pin 'GP5' invalid pin"):
        sink_kinds.hold([{**VALVE, "pin": "GP5"}])


# --- the program ---------------------------------------------------------------------------------


@pytest.fixture
def app(bench, monkeypatch, tmp_path):
    """The program on a board that is alone, and opens its valve all the same."""
    import app
    import crashlog
    import parts
    import restarts

    config = {
        "mesh": "m",
        "channels": CHANNELS,
        "address": f"127.79.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}",
        "port": 4997,
        "broadcast": "127.255.255.255",
        "board": {"wifi": False, "journal": False, "sinks": [{**VALVE, **ALONE}]},
    }
    app.__dict__["test_config"] = config
    monkeypatch.setattr(app, "load_settings", lambda: json.loads(json.dumps(config)))
    log = str(tmp_path / "log")
    monkeypatch.setattr(crashlog.write, "__defaults__", (None, log, log + ".old"))
    monkeypatch.setattr(restarts, "PATH", str(tmp_path / "restarts"))
    once = app.once
    kept = {"parts": parts, "restarts": restarts}
    monkeypatch.setattr(app, "once", lambda name: kept.get(name) or once(name))
    yield app
    if app.node:
        app.node.transport.close()


@pytest.fixture
def main(app, bench, monkeypatch):
    """app.main(), in the bench's time; its tasks end with the test, as Ctrl-C ends none."""
    loops = []

    def run(coroutine):
        loops.append(asyncio.new_event_loop())
        return loops[-1].run_until_complete(bench.run(coroutine, 60_000))

    def main():
        monkeypatch.setattr(app.asyncio, "run", run)
        app.main()

    yield main

    async def end(tasks):
        await asyncio.gather(*tasks, return_exceptions=True)

    for loop in loops:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        ended = end(tasks)
        with contextlib.suppress(KeyboardInterrupt):  # one of them has it from the test
            loop.run_until_complete(ended)
        ended.close()
        loop.close()


def test_it_opens_and_closes_and_is_closed_at_the_end(app, bench, live):
    async def story():
        task = asyncio.create_task(app.run(app.load_settings(), app.Led(None)))
        await sleep_ms(20_000)
        seen = [bench.levels[5]]
        app.node.contribute("water", 500)
        await sleep_ms(3000)
        seen.append(bench.levels[5])
        task.cancel()
        return seen

    assert live(story(), 60_000) == [1, 0]
    assert "wdt 8000" in bench.told  # which its task kept fed


def opened(app, bench, after):
    """Let the valve open, then do what ``after`` does within the node's task."""
    tick = Node.tick

    def then(node):
        if bench.levels.get(5) == 1:
            app.seen_open = True
            after()
        return tick(node)

    return then


def test_a_crash_closes_it_before_the_board_waits(app, main, bench, monkeypatch):
    def crash():
        raise MemoryError("memory allocation failed")

    monkeypatch.setattr(Node, "tick", opened(app, bench, crash))
    waited = []
    monkeypatch.setattr(
        app.Led, "show", lambda _led, code, _n: waited.append((code, bench.levels[5]))
    )
    with pytest.raises(bench.Reset):
        main()
    assert app.seen_open and waited == [("crashed", 0)]


def test_ctrl_c_closes_it(app, main, bench, monkeypatch):
    """Wherever the program is: MicroPython ends no task for it."""

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(Node, "tick", opened(app, bench, interrupted))
    main()
    assert app.seen_open and bench.levels[5] == 0


def test_it_is_closed_from_the_first_moment_of_a_start(app, main, bench, monkeypatch):
    """While the Wi-Fi is looked for, too; what the pin was before is forgotten by a reset."""
    app.test_config["board"]["wifi"] = {"ssid": "gone", "password": ""}
    seen = []
    connect = app.once("parts").connect

    async def looked(*given):
        seen.append(bench.levels.get(5))
        return await connect(*given)

    monkeypatch.setattr(app.once("parts"), "connect", looked)
    monkeypatch.setattr(Node, "tick", opened(app, bench, lambda: 1 // 0))
    with pytest.raises(bench.Reset):
        main()
    assert seen == [0] and app.seen_open


def test_in_safe_mode_it_is_closed_and_nothing_opens_it(app, main, bench, monkeypatch, capsys):
    app.once("restarts").write(7)
    bench.reset_cause = 2
    levels = set()
    value = app.Led.set

    def look(led, on):
        levels.add(bench.levels.get(5))
        value(led, on)

    monkeypatch.setattr(app.Led, "set", look)
    main()
    assert levels == {0} and "sinks" not in sys.modules
    assert "safe mode" in capsys.readouterr().out


def test_a_hung_program_is_ended_by_the_watchdog(app, main, bench, monkeypatch):
    """Which lets go of the pin: what is open then closes by its resistor."""
    monkeypatch.setattr(Node, "tick", opened(app, bench, lambda: bench.sleep_ms(60_000)))
    with pytest.raises(bench.Reset, match="watchdog"):
        main()
    assert app.seen_open
