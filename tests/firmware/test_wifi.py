"""Wi-Fi: joins from any state, says what is wrong once, and comes back by itself."""

import pytest

from tests.support.firmware_bench import sleep_ms


def nobody(name):
    """Nobody waits for check-ins."""


@pytest.fixture
def wifi(bench):
    from wifi import Wifi

    said = []
    made = Wifi({"ssid": "home", "password": "secret123"}, said.append)
    vars(made)["said"] = said
    return made


def test_joins_and_switches_power_save_off(bench, live, wifi):
    bench.air["home"] = "secret123"
    live(wifi.run(nobody), 5000)
    assert wifi.state == "up" and wifi.up() and wifi.rssi() == -60
    assert wifi.wlan.config("pm") == wifi.wlan.PM_NONE
    assert wifi.said == ["wifi: connected to 'home' as 127.0.0.1"]


def test_the_access_point_of_an_earlier_program_is_switched_off(bench, wifi):
    import network

    access_point = network.WLAN(network.WLAN.IF_AP)
    access_point.active(True)
    type(wifi)(wifi.settings)
    assert not access_point.active()


def test_wrong_name_is_one_line_that_names_what_is_there(bench, live, wifi):
    bench.air.update({"hom": "x", "cafe": ""})
    live(wifi.run(nobody), 200_000)
    assert wifi.state == "no network"
    assert wifi.said == [
        "wifi: no network named 'home'; in reach: cafe, hom; check board.wifi.ssid"
    ]


def test_a_scan_only_when_something_changed(bench, live, wifi, monkeypatch):
    """It holds the program up for seconds: once a trouble, not once an attempt."""
    import asyncio

    scans = []
    scan = wifi.wlan.scan
    wifi.wlan.scan = lambda: scans.append(bench.ticks_ms()) or scan()

    async def story():
        task = asyncio.create_task(wifi.run(nobody))
        await sleep_ms(1800_000)
        assert len(scans) == 1
        bench.air["home"] = "secret123"
        await sleep_ms(120_000)
        assert wifi.up()
        del bench.air["home"]
        await sleep_ms(600_000)
        assert len(scans) == 2
        task.cancel()
        return True

    assert live(story(), 4000_000)


def test_a_driver_that_raises_is_tried_again(bench, live, wifi):
    """Each call of it fails once, in every attempt another."""
    bench.air["home"] = "secret123"
    calls = ["active", "connect", "isconnected", "status", "config", "ifconfig", "disconnect"]
    broken = list(calls)

    def failing(name, call):
        def wrapped(*args, **settings):
            if broken and broken[0] == name:
                broken.pop(0)
                raise OSError(5, name)
            return call(*args, **settings)

        return wrapped

    for name in calls:
        setattr(wifi.wlan, name, failing(name, getattr(wifi.wlan, name)))
    live(wifi.run(nobody), 600_000)
    assert broken == [] or broken == ["disconnect"]
    assert wifi.state == "up" and wifi.said[-1].startswith("wifi: connected")
    assert any("the radio fails" in line for line in wifi.said)


def test_another_address_is_taken_notice_of(bench, live, wifi):
    import asyncio

    moves = []
    wifi.moved = lambda: moves.append(wifi.address)
    bench.air["home"] = "secret123"

    async def story():
        task = asyncio.create_task(wifi.run(nobody))
        await sleep_ms(60_000)
        assert moves == ["127.0.0.1"]
        bench.address = "127.0.0.5"  # a lease that was not renewed
        await sleep_ms(15_000)
        assert moves == ["127.0.0.1", "127.0.0.5"]
        password = bench.air.pop("home")
        await sleep_ms(30_000)
        bench.air["home"] = password  # the same address again: nothing has moved
        await sleep_ms(90_000)
        assert wifi.up() and len(moves) == 2
        task.cancel()
        return True

    assert live(story(), 400_000)
    assert wifi.said[1] == "wifi: connected to 'home' as 127.0.0.5"


def test_a_connection_that_is_none_is_joined_anew(bench, live, wifi):
    """A driver that never reports the link down: whoever hears nothing says so."""
    import asyncio

    bench.air["home"] = "secret123"

    async def story():
        task = asyncio.create_task(wifi.run(nobody))
        await sleep_ms(5000)
        wifi.doubt()
        await sleep_ms(5000)
        task.cancel()
        return wifi.up() and wifi.drops == 1

    assert live(story(), 20_000)
    assert wifi.said[1] == "wifi: nothing is heard; joining anew"
    assert bench.told.count("connect home") == 2


def test_wrong_password_is_one_line(bench, live, wifi):
    bench.air["home"] = "another1"
    live(wifi.run(nobody), 200_000)
    assert wifi.state == "wrong password"
    assert wifi.said == ["wifi: 'home' refuses the password; check secrets.json"]


def test_waits_longer_and_longer_between_attempts(bench, live, wifi):
    times = []
    connect = wifi.wlan.connect

    def timed(ssid, key):
        times.append(bench.ticks_ms())
        connect(ssid, key)

    wifi.wlan.connect = timed
    live(wifi.run(nobody), 600_000)
    gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
    assert gaps[0] < 4000
    assert max(gaps) > 60_000
    assert 10 <= len(times) <= 20


def test_a_dropped_connection_comes_back(bench, live, wifi):
    import asyncio

    bench.air["home"] = "secret123"
    checks = []

    async def story():
        task = asyncio.create_task(wifi.run(checks.append))
        await sleep_ms(5000)
        assert wifi.up()
        password = bench.air.pop("home")
        await sleep_ms(30_000)
        assert not wifi.up() and wifi.state == "no network" and wifi.rssi() is None
        bench.air["home"] = password
        await sleep_ms(90_000)
        assert wifi.up() and wifi.state == "up" and wifi.drops == 1
        task.cancel()
        return True

    assert live(story(), 200_000)
    assert wifi.said[0] == wifi.said[-1] == "wifi: connected to 'home' as 127.0.0.1"
    assert "wifi: connection lost" in wifi.said
    assert len(checks) > 100  # the watchdog hears of it all the time


def test_a_pause_switches_the_radio_off(bench, live, wifi):
    import asyncio

    bench.air["home"] = "secret123"

    async def story():
        task = asyncio.create_task(wifi.run(nobody))
        await sleep_ms(3000)
        wifi.pause(True)
        await sleep_ms(1000)
        assert not wifi.wlan.active() and wifi.state == "off"
        wifi.pause(False)
        await sleep_ms(3000)
        assert wifi.up()
        task.cancel()
        return True

    assert live(story(), 10_000)
