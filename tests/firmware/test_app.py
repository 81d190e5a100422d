"""app.main(): version check, mistakes in the configuration, crashes, Ctrl-C."""

import asyncio
import json
import os
from types import SimpleNamespace

import pytest

from lvs import Config, Node
from lvs.journal_log import segment_name
from tests.support.cell import Cell, Speaker
from tests.support.firmware_bench import sleep_ms

OWN = f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}"  # others run beside this one


@pytest.fixture
def app(bench, monkeypatch, tmp_path):
    import app
    import crashlog
    import parts

    tested = app.__dict__  # which gets names for the tests
    # On the board these are absolute paths.
    monkeypatch.setattr(
        app, "load_settings", lambda: json.loads(json.dumps(tested["test_config"]))
    )
    monkeypatch.setattr(
        crashlog.write, "__defaults__", (None, str(tmp_path / "log"), str(tmp_path / "old"))
    )
    tested["test_config"] = {
        "mesh": "m",
        "channels": ["water"],
        "address": OWN,
        "port": 4999,
        "broadcast": "127.255.255.255",
        "board": {"wifi": False},
    }
    # The board imports it anew; here it stays, with a folder of this test's.
    monkeypatch.setattr(parts, "JOURNAL", str(tmp_path / "journal"))
    once = app.once
    monkeypatch.setattr(app, "once", lambda name: parts if name == "parts" else once(name))
    tested["parts"] = parts
    tested["log"] = lambda: (tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""
    yield app
    if app.node:
        app.node.transport.close()


@pytest.mark.parametrize(
    ("version", "old"),
    [
        ((1, 25, 0, ""), True),
        ((1, 9, 4, ""), True),
        ((1, 26, 0, ""), False),
        ((1, 29, 0, "preview"), False),
        ((2, 0, 0, ""), False),
    ],
)
def test_old_micropython_is_one_line(app, version, old):
    line = app.parts.check_version(version)
    assert bool(line) == old
    assert not old or ("too old; 1.26 or newer" in line and "\n" not in line)


def test_main_refuses_an_old_one(app, monkeypatch, capsys):
    monkeypatch.setattr(app.parts, "check_version", lambda: "MicroPython 1.20 is too old")
    app.main()
    assert capsys.readouterr().out == "LVS: MicroPython 1.20 is too old\n"


def test_runs_and_checks_in(app, bench, live):
    live(app.run(app.test_config, app.Led(None)), 30_000)
    assert app.node.status()["state"] == "ACTIVE"
    assert bench.told == ["wdt 8000"]  # started, and never hungry


def test_a_mistake_is_one_line_and_no_crash(app, bench, capsys):
    app.test_config["channels"] = []
    app.main()
    out = [line for line in capsys.readouterr().out.splitlines() if "channels" in line]
    assert len(out) == 1 and out[0].startswith("LVS: cannot start: channels")
    assert "reset hard" not in bench.told


def test_a_journal_that_cannot_be_used_is_said_once(app, bench, live, capsys, tmp_path):
    (tmp_path / "journal").write_text("no folder")
    live(app.run(app.test_config, app.Led(None)), 60_000)
    out = [line for line in capsys.readouterr().out.splitlines() if "journal" in line]
    assert [line.count("cannot be " + what) for line in out for what in ("read", "written")] == [
        1,
        0,
        0,
        1,
    ]
    assert all(
        line.startswith("LVS: warning: journal: ") and "not a folder" in line for line in out
    )
    assert app.node.status()["state"] == "ACTIVE"


def test_a_garbled_journal_is_one_line(app, bench, live, capsys, tmp_path):
    (tmp_path / "journal").mkdir()
    name = segment_name(3, Config(app.test_config).tag)
    (tmp_path / "journal" / name).write_bytes(b"\x5a" * 300)
    live(app.run(app.test_config, app.Led(None)), 60_000)
    out = [line for line in capsys.readouterr().out.splitlines() if "journal" in line]
    assert len(out) == 1 and "nothing in it can be read; starting without it" in out[0]
    assert app.node.status()["state"] == "ACTIVE"


def test_a_port_in_use_is_one_line(app, bench, live, capsys):
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((OWN, 4999))
        live(app.run(app.test_config, app.Led(None)), 3000)
    out = capsys.readouterr().out
    assert out.count("4999 is in use") == 1


def test_too_few_rows_are_said_at_the_start(app, bench, live, capsys):
    app.test_config.update(rows=16, nodes=300)
    live(app.run(app.test_config, app.Led(None)), 3000)
    assert capsys.readouterr().out.count("LVS: warning: rows: 16 are room for") == 1


@pytest.mark.parametrize("where", ["lvs.node_runtime.Node.tick", "lvs.journal_restore.restore"])
def test_a_crash_is_recorded_and_the_board_restarts(app, bench, monkeypatch, where):
    def crash(*_):
        raise MemoryError("memory allocation failed")

    monkeypatch.setattr(where, crash)
    monkeypatch.setattr(app.asyncio, "run", lambda c: _run(bench, c))
    with pytest.raises(bench.Reset):
        app.main()
    assert bench.told[-1] == "reset hard"
    assert "MemoryError" in app.log() and "in tick" not in app.log().splitlines()[0]
    assert "crashed: out of memory: fewer 'rows', no status page, or a frozen" in app.log()


def _run(bench, coroutine):
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(bench.run(coroutine, 60_000))
    finally:
        loop.close()


def test_ctrl_c_leaves_the_repl_fed(app, bench, monkeypatch, capsys):
    def interrupted(coroutine):
        coroutine.close()
        import watchdog

        watchdog.Watchdog(8000).start()
        raise KeyboardInterrupt

    monkeypatch.setattr(app.asyncio, "run", interrupted)
    app.main()
    assert "app.main() starts again" in capsys.readouterr().out
    bench.sleep_ms(600_000)


def test_a_zero_length_datagram_and_noise_do_no_harm(app, bench, live):
    import socket

    async def story():
        task = asyncio.create_task(app.run(app.test_config, app.Led(None)))
        await sleep_ms(2000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for data in (b"", b"x", b"", bytes(250), bytes(1472)):
                s.sendto(data, (OWN, 4999))
                await sleep_ms(6000)
        status = app.node.status()
        assert not task.done()
        task.cancel()
        return status

    status = live(story(), 60_000)
    assert status["state"] == "ACTIVE"
    assert sum(status["dropped"].values()) >= 3


def test_the_load_is_measured(app, bench, live, monkeypatch):
    """A node that computes for 5 ms of every turn of 25 ms, and the board's page says so."""
    receive = Node.receive

    def slowly(node, limit=8):
        bench.sleep_ms(5)
        return receive(node, limit)

    monkeypatch.setattr(Node, "receive", slowly)
    live(app.run(app.test_config, app.Led(None)), 30_000)
    assert 18 <= app.node.governor.load <= 22


def test_a_node_that_was_stopped_at_the_repl_begins_anew(app, bench, live):
    live(app.run(app.test_config, app.Led(None)), 5_000)
    stopped = app.node
    stopped.stop()
    live(app.run(app.test_config, app.Led(None)), 30_000)
    assert app.node is not stopped and app.node.status()["state"] == "ACTIVE"


@pytest.mark.parametrize(
    ("value", "started"),
    [(True, ["power"]), ({}, ["power"]), ({"awake_s": 5}, ["power"]), (False, []), (None, [])],
)
def test_low_power_is_on_with_the_values_of_the_documentation(app, value, started):
    """`"low_power": {}` takes the defaults (docs/boards/low-power.md)."""
    begun = []

    def start(name, coroutine, within_ms):
        coroutine.close()
        begun.append(name)

    board = {"wifi": False} if value is None else {"wifi": False, "low_power": value}
    node = SimpleNamespace(governor=SimpleNamespace(load=0))
    app.parts.start_extras({"board": board}, None, None, node, start, app.once)
    assert begun == started


@pytest.mark.parametrize(
    ("kinds", "sleeps"),
    [([], True), (["callback", "adc"], True), (["pulse"], False), (["adc", "button"], False)],
)
def test_a_board_that_counts_on_a_pin_does_without_light_sleep(app, monkeypatch, kinds, sleeps):
    """It would stop counters and state machines (docs/boards/sources.md)."""
    import power

    given = []

    class Power:
        def __init__(self, *settings):
            given.append(settings[-1])

        async def run(self):
            pass

    monkeypatch.setattr(power, "Power", Power)
    board = {"wifi": False, "low_power": True, "sources": [{"kind": kind} for kind in kinds]}
    app.parts.start_extras({"board": board}, None, None, None, lambda _, c, __: c.close(), None)
    assert given == [sleeps]


def test_no_espnow_on_this_board_is_one_line(app, bench, live, monkeypatch):
    import sys

    from lvs import Config, ConfigError

    app.test_config["board"]["espnow"] = True
    monkeypatch.setitem(sys.modules, "espnow", None)
    with pytest.raises(ConfigError, match="this board has no ESP-NOW"):
        app.parts.transport(Config(app.test_config), app.test_config["board"])


def test_what_is_contributed_at_the_repl_counts_after_going_on(app, bench, live):
    """docs/boards: Ctrl-C, app.node.contribute, app.main()."""
    live(app.run(app.test_config, app.Led(None)), 15_000)
    stopped = app.node
    stopped.contribute("water", "2.5")
    live(app.run(json.loads(json.dumps(app.test_config)), app.Led(None)), 15_000)
    assert app.node is stopped and app.node.value("water") == 2.5
    live(app.run({**app.test_config, "mesh": "other"}, app.Led(None)), 1000)
    assert app.node is not stopped and app.node.status()["mesh"] == "other"


@pytest.mark.parametrize("settings", [{"pin": "LED"}, {"pin": "GP2"}])
def test_a_pin_that_the_board_has_not_is_one_line(app, bench, capsys, settings):
    app.test_config["board"]["led"] = settings
    app.main()
    assert "LVS: cannot start: board.led.pin: " in capsys.readouterr().out
    assert "reset hard" not in bench.told


def test_pulses_count_on_at_the_repl_and_to_the_last_moment(app, bench, live):
    """Ctrl-C, a while at the REPL, app.main(); and those that came after the last look."""
    app.test_config["board"]["sources"] = [{"kind": "pulse", "channel": "water", "pin": 4}]

    async def story(pulses):
        task = asyncio.create_task(app.run(json.loads(json.dumps(app.test_config)), app.Led(None)))
        await sleep_ms(10_000)
        for _ in range(pulses):
            turn(bench)
        task.cancel()  # as Ctrl-C does: at once
        await asyncio.gather(task, return_exceptions=True)
        return True

    assert live(story(3), 20_000)
    for _ in range(4):
        turn(bench)  # at the REPL
    assert live(story(5), 20_000)
    assert live(story(0), 20_000)
    assert app.node.value("water") == 12


def turn(bench):
    for level in (0, 1):
        bench.drive(4, level)
        bench.sleep_ms(30)


def test_the_state_is_told_at_changes_every_minute_and_when_asked(app, bench, live, capsys):
    class Console:
        typed = ""

        def ipoll(self, _ms):
            return [(self, 1)] if self.typed else []

        def read(self, n):
            first, self.typed = self.typed[:n], self.typed[n:]
            return first

    console = Console()
    app.parts.console = lambda: console

    async def story():
        task = asyncio.create_task(app.run(app.test_config, app.Led(None)))
        await sleep_ms(20_000)
        said = capsys.readouterr().out
        assert "LVS: now INIT, nobody heard; water 0.000; up 0 min" in said
        assert "LVS: now ACTIVE, nobody heard; water 0.000; up 0 min" in said
        await sleep_ms(180_000)
        assert capsys.readouterr().out.count("LVS: now ACTIVE") == 3
        console.typed = "x?"
        app.node.contribute("water", "2.5")
        await sleep_ms(2000)
        assert "LVS: now ACTIVE, nobody heard; water 2.500; up 3 min" in capsys.readouterr().out
        task.cancel()
        return True

    assert live(story(), 300_000)


def test_the_first_peer_is_told_soon(app, bench, live, monkeypatch):
    """`lvs deploy` waits for it. What a neighbour says is heard before it is a peer."""
    cell = Cell(1)
    cell.active()
    node, told = cell.nodes[1], []
    Speaker(node, 9).sdm(own=[(0, 5)])
    assert node.routes.near == 1 and node.status()["peers"] == 0

    def tell(node, _wifi, _told):
        told.append(node.status()["peers"])

    monkeypatch.setattr(app, "once", {"telling": SimpleNamespace(tell=tell)}.get)

    async def story():
        task = asyncio.create_task(app.supervise({}, node, None, None))
        await sleep_ms(3000)
        Speaker(node, 9).ep()
        await sleep_ms(7000)
        task.cancel()
        return True

    assert live(story(), 60_000)
    assert told == [0, 1]


@pytest.mark.parametrize(
    ("seconds", "text"), [(59, "0 min"), (7260, "2 h 1 min"), (400_000, "4 days")]
)
def test_uptime_for_people(app, bench, seconds, text):
    app.crashlog._seconds, app.crashlog._since = seconds, bench.ticks_ms()
    assert app.once("telling").uptime() == text


def test_a_loss_is_said_on_the_serial_port_once(app, bench, capsys):
    """As warnings are; its figures may grow."""
    status = {"state": "ACTIVE", "values": [], "peers": 0, "warnings": ["a: 1"]}
    node = SimpleNamespace(status=lambda: status)
    told = set()
    for raw in (5, 6):
        status["lost"] = ["water +%d: may be lost" % raw]
        told = app.once("telling").tell(node, None, told)
    out = capsys.readouterr().out
    assert out.count("LVS: warning: a: 1") == out.count("LVS: warning: water") == 1
