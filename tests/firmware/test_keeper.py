"""The board comes back: from a deaf radio, from peers that stay away, from crash loops."""

import asyncio
import json
import os
from types import SimpleNamespace

import pytest

from lvs_tools.fuzz.admin_talk import Files
from tests.support.firmware_bench import sleep_ms


class Wifi:
    def __init__(self):
        self.state = "up"
        self.paused = False
        self.doubts = 0

    def doubt(self):
        self.doubts += 1


@pytest.fixture
def kept(bench, monkeypatch, tmp_path):
    """kept(minutes): a keeper of a node that hears what the test says, its Wi-Fi, the node."""
    import crashlog
    import keeper
    import restarts

    log = str(tmp_path / "log")
    monkeypatch.setattr(crashlog.write, "__defaults__", (None, log, log + "old"))

    def make(minutes=60, wifi=None, durable=False):
        node = SimpleNamespace(
            reception=SimpleNamespace(received=0, dropped={}),
            left=lambda: node.owing,
            owing=0,
            journal=SimpleNamespace(durable=durable, flush=lambda: bench.tell("flush")),
        )
        kept = restarts.to_mend
        good = SimpleNamespace(lived=lambda: bench.tell("lived"), to_mend=kept)
        looks = keeper.looks(minutes, wifi, node, lambda name: good)
        next(looks)
        return looks, node

    return make


def pass_time(bench, keeper, minutes, node=None):
    """Let minutes pass; with a node, it hears somebody all the time."""
    for _ in range(minutes * 6):
        bench.sleep_ms(10_000)
        if node:
            node.reception.received += 1
        next(keeper)


def test_two_minutes_are_a_good_start(bench, kept):
    keeper, node = kept()
    pass_time(bench, keeper, 1)
    assert bench.told == []
    pass_time(bench, keeper, 20)
    assert bench.told == ["lived"]


def test_no_network_restarts_after_the_time_that_was_asked_for(bench, kept, tmp_path):
    wifi = Wifi()
    keeper, node = kept(30, wifi)
    pass_time(bench, keeper, 100, node)
    wifi.state = "no network"
    pass_time(bench, keeper, 29)
    assert "reset hard" not in bench.told
    with pytest.raises(bench.Reset):
        pass_time(bench, keeper, 2)
    assert bench.told[-2:] == ["flush", "reset hard"]
    assert "no network for 30 minutes; restarting" in (tmp_path / "log").read_text()


def test_no_peer_restarts_if_there_was_one(bench, kept, tmp_path):
    keeper, node = kept(30, Wifi())
    pass_time(bench, keeper, 24 * 60)  # alone from the beginning: nobody is missing
    pass_time(bench, keeper, 10, node)
    with pytest.raises(bench.Reset):
        pass_time(bench, keeper, 40)
    assert "no peer for 30 minutes" in (tmp_path / "log").read_text()


def test_never_when_told_so_nor_with_what_only_this_board_knows(bench, kept):
    for minutes, owing, durable in ((0, 0, False), (10, 5, False)):
        wifi = Wifi()
        keeper, node = kept(minutes, wifi, durable)
        node.owing = owing
        wifi.state = "no network"
        pass_time(bench, keeper, 200)
    node.owing = 0
    with pytest.raises(bench.Reset):
        pass_time(bench, keeper, 1)
    keeper, node = kept(10, wifi, True)
    node.owing = 5
    with pytest.raises(bench.Reset):  # the journal has it
        pass_time(bench, keeper, 11)


def test_a_radio_that_sleeps_on_purpose_is_no_trouble(bench, kept):
    wifi = Wifi()
    wifi.paused, wifi.state = True, "off"
    keeper, node = kept(10, wifi)
    pass_time(bench, keeper, 100)
    assert wifi.doubts == 0 and "reset hard" not in bench.told


def test_connected_but_deaf_joins_anew_and_seldom_when_alone(bench, kept):
    wifi = Wifi()
    keeper, node = kept(0, wifi)
    pass_time(bench, keeper, 60, node)
    assert wifi.doubts == 0
    pass_time(bench, keeper, 6)
    assert wifi.doubts == 1
    node.reception.dropped["tag"] = 1  # whatever it is, it came
    pass_time(bench, keeper, 4)
    assert wifi.doubts == 1
    pass_time(bench, keeper, 24 * 60)
    assert 24 <= wifi.doubts - 1 <= 29


def test_the_uptime_knows_nothing_of_the_time_of_day(bench, monkeypatch):
    """NTP sets the clock while the program runs; and ticks wrap."""
    bench.power_on(now=(1 << 30) - 5000)
    import time

    import crashlog

    bench.sleep_ms(60_500)
    assert crashlog.uptime() == 60
    monkeypatch.setattr(time, "time", lambda: 1795742873)
    for _ in range(20 * 24):
        bench.sleep_ms(3600_000)
        crashlog.uptime()
    assert crashlog.uptime() == 60 + 20 * 24 * 3600


# --- restarts ------------------------------------------------------------------------------------


@pytest.fixture
def restarts(bench, monkeypatch, tmp_path):
    import crashlog
    import restarts

    log = str(tmp_path / "log")
    monkeypatch.setattr(crashlog.write, "__defaults__", (None, log, log + ".old"))
    monkeypatch.setattr(restarts, "PATH", str(tmp_path / "restarts"))
    return restarts


def test_what_counts_as_a_restart(restarts):
    assert restarts.begin("pwron") == 0
    assert [restarts.begin("wdt") for _ in range(3)] == [1, 2, 3]
    assert restarts.begin("pwron") == 0  # a supply that flickers counts nothing
    restarts.announce(1)
    assert restarts.begin("wdt") == 4  # an RP2 calls every restart that: it is one
    assert restarts.begin("wdt") == 5
    restarts.lived()
    restarts.lived()
    restarts.announce(1)
    assert restarts.begin("soft") == 1  # the ESP32 calls it that
    assert restarts.begin("soft") == 1


def test_a_garbled_file_and_a_broken_filesystem(restarts, tmp_path, monkeypatch):
    (tmp_path / "restarts").write_bytes(b"\xff\xfe")
    assert restarts.begin("wdt") == 1
    monkeypatch.setattr(restarts, "PATH", str(tmp_path / "no" / "folder"))
    assert restarts.begin("wdt") == 1
    restarts.announce(1)
    restarts.lived()


def test_a_restart_that_was_asked_for_is_none(restarts, tmp_path):
    """By the administration service or the keeper; an RP2 calls it a watchdog's bite."""
    for _ in range(9):
        restarts.announce()
        assert restarts.begin("wdt") == 0
    assert not (tmp_path / "log").exists()
    assert restarts.begin("wdt") == 1
    assert "restarted by the watchdog" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("crashed", [False, True])
def test_a_meter_turns_on_while_a_restart_is_prepared(bench, restarts, monkeypatch, crashed):
    """In the ten seconds after a crash, and while the journal is written, which may erase."""
    import ending
    import sources
    from pulse import Pulse

    meter, counted, due = Pulse({"pin": 4}), [], [7, 3, 1]

    def turn(times):
        for _ in range(times):
            for level in (0, 1):
                bench.drive(4, level)
                bench.sleep_ms(30)

    def flush():
        kept.append(len(counted))
        turn(due.pop(0) if due else 0)

    kept = []
    node = SimpleNamespace(contribute=lambda _, amount: counted.append(float(str(amount))))
    node.journal = SimpleNamespace(flush=flush)
    monkeypatch.setattr(sources, "_made", ([], [("water", meter)]))
    monkeypatch.setattr(sources, "_node", node)
    bench.sleep_ms(50)
    with pytest.raises(bench.Reset):
        if crashed:
            monkeypatch.setattr(ending, "once", {"restarts": restarts}.get)
            led = SimpleNamespace(show=lambda *_: turn(5))
            ending.end(RuntimeError("a crash"), led, node)
        else:
            restarts.to_mend("peer", 60, node.journal)
    assert sum(counted) == 11 + 5 * crashed and kept[-1] == len(counted)
    assert restarts.begin("wdt") == crashed  # announced before


def test_a_journal_that_fails_keeps_no_board_from_restarting(bench, restarts):
    def flush():
        raise MemoryError("no room")

    with pytest.raises(bench.Reset):
        restarts.restart(SimpleNamespace(flush=flush))


# --- new files on trial --------------------------------------------------------------------------


@pytest.fixture
def good_trial(bench, monkeypatch):
    """Runs a trial that ends well, of what a list names; returns the board's files and admin."""
    import trial

    def run(names, staged, **patched):
        files = Files()
        files.files["/update/about"] = b'{"id": "x", "hold": 1, "peers": []}'
        files.files["/update/trial"] = ("\n".join(names) + "\n").encode()
        files.files.update(staged)
        for name, value in patched.items():
            setattr(files, name, value)
        monkeypatch.setattr(trial, "os", files)
        monkeypatch.setattr(trial, "open", files.open, raising=False)
        monkeypatch.setattr(trial, "good", lambda admin, peers: True)
        monkeypatch.setattr(trial, "clean", lambda path: ())
        admin = SimpleNamespace(tidying=False)
        asyncio.run(bench.run(trial.watch(admin), 60_000))
        return files.files, admin

    return run


def test_flash_that_fails_after_a_trial_does_not_bar_the_next_update(good_trial):
    def remove(path):
        raise OSError(5)

    files, admin = good_trial(["/app.mpy"], {}, remove=remove)
    assert "/update/commit" in files
    assert admin.tidying is False


def test_only_a_boot_py_that_the_update_names_is_taken(good_trial):
    """A transfer that broke off leaves half of one behind, and the next update has none."""
    half = {"/update/boot.py": b"half of"}
    for names, kept in ((["/lvs.json"], b"#"), (["/boot.py", "/lvs.json"], b"half of")):
        files, _ = good_trial(names, half)
        assert files["/boot.py"] == kept
        assert "/update/commit" not in files and "/update/trial" not in files


# --- safe mode -----------------------------------------------------------------------------------


@pytest.fixture
def app(bench, restarts, monkeypatch, tmp_path):
    """The program, on a board whose node crashes as soon as it runs."""
    import app
    import crashlog
    import parts

    from lvs import Node

    config = {
        "mesh": "m",
        "channels": ["water"],
        "address": f"127.78.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}",
        "port": 4998,
    }
    config.update(broadcast="127.255.255.255", board={"wifi": False, "sources": []})
    monkeypatch.setattr(app, "load_settings", lambda: json.loads(json.dumps(config)))
    log = str(tmp_path / "log")
    monkeypatch.setattr(crashlog.write, "__defaults__", (None, log, log + ".old"))
    safe = app.once("safe")
    monkeypatch.setattr(safe.last_words, "__defaults__", ((log + ".old", log),))
    monkeypatch.setattr(parts, "JOURNAL", str(tmp_path / "journal"))
    once = app.once
    kept = {"parts": parts, "restarts": restarts, "safe": safe}
    monkeypatch.setattr(app, "once", lambda name: kept.get(name) or once(name))

    def crash(_self):
        raise MemoryError("memory allocation failed")

    monkeypatch.setattr(Node, "tick", crash)
    monkeypatch.setattr(app.asyncio, "run", lambda coroutine: _run(bench, coroutine))
    return app


def _run(bench, coroutine):
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(bench.run(coroutine, 2 * 3600_000))
    finally:
        loop.close()


def start(app, bench, cause=2):
    """Start the board; returns how it ended."""
    app.started = False
    app.crashlog._seconds, app.crashlog._since = 0, bench.ticks_ms()
    del bench.watchdogs[:]
    bench.reset_cause = cause
    bench.told.clear()
    with pytest.raises(bench.Reset):
        app.main()
    return bench.told[-1]


def test_a_crash_loop_ends_in_safe_mode_and_is_tried_again_every_hour(app, bench, capsys):
    for _ in range(5):
        began = bench.ticks_ms()
        assert start(app, bench) == "reset hard"
        assert bench.ticks_ms() - began < 30_000
    capsys.readouterr()
    for _ in range(2):  # an hour each
        began = bench.ticks_ms()
        start(app, bench)
        assert 3600_000 <= bench.ticks_ms() - began < 3700_000
        said = capsys.readouterr().out
        assert "safe mode" in said and "MemoryError: memory allocation failed" in said
        began = bench.ticks_ms()
        start(app, bench)  # one try
        assert bench.ticks_ms() - began < 30_000


def test_switching_it_off_and_on_is_another_try(app, bench, capsys):
    for _ in range(5):
        start(app, bench)
    capsys.readouterr()
    start(app, bench, cause=1)
    assert "safe mode" not in capsys.readouterr().out


def test_new_files_on_trial_are_tried(app, bench, capsys, monkeypatch):
    for _ in range(5):
        start(app, bench)
    capsys.readouterr()
    monkeypatch.setattr(app.once("restarts"), "on_trial", lambda: True)
    start(app, bench)
    assert "safe mode" not in capsys.readouterr().out


def test_a_task_for_the_safe_mode_sees_a_node_that_is_silent(app, bench, monkeypatch):
    """What parts.start_extras starts, the administration service, is handed one."""
    seen = []

    def extras(config, wifi, dog, node, begin, _once):
        seen.append((config["mesh"], node.status()["state"], node.left()))

        async def service():
            await sleep_ms(10_000_000)

        begin("admin", service())

    app.once("restarts").write(7)
    monkeypatch.setattr(app.once("parts"), "start_extras", extras)
    start(app, bench)
    assert seen == [("m", "INIT", 0)]


def test_the_administration_service_answers_in_safe_mode(bench):
    """It asks the node of the safe mode as it asks any."""
    import admin
    import admin_work
    import safe

    config = {"mesh": "m", "channels": ["water"], "rows": 512, "board": {"wifi": False}}
    node = safe.node_of(config)
    assert node
    service = admin.Admin(b"k" * 24, config["board"], node, None)
    told = admin_work.status(service, {})
    assert (told["mesh"], told["state"], told["peers"]) == ("m", "INIT", 0)
    assert admin_work.peers(service, {"from": 0}) == {"peers": [], "next": None}
    assert node.transport.recv() is None and not node.transport.send(b"x", None)
    assert "safe mode" in node.status()["warnings"]
    with pytest.raises(bench.Reset):
        asyncio.run(bench.run(service._restart(), 60_000))
