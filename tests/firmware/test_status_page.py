"""The status page: right figures, every value escaped, and a taken port does no harm."""

import asyncio
import contextlib
import html
import json
import re
import socket
import urllib.request
from types import SimpleNamespace

import pytest

from lvs import ConfigError, Node, __version__
from lvs_tools import places
from tests.support.firmware_bench import sleep_ms
from tests.support.transport import Transport

NASTY = '<script>alert("x")</script>&\''


class FakeNode:
    governor = SimpleNamespace(load=7)  # percent
    config = SimpleNamespace(mesh="m", channels=[])
    life = SimpleNamespace(seeking=lambda: True)

    def status(self):
        return {
            "mesh": NASTY,
            "state": "ACTIVE",
            "peers": 3,
            "trusted": 2,
            "trust_mean": 99,
            "confidence": 64,
            "pending_raw": 0,
            "session": "0001-00000001",
            "warnings": [NASTY],
            "lost": ["water " + NASTY],
            "waits": ["7 l of water wait"],
            "differ": [{"text": "3 of 8 nodes: water +1.5 l"}, {"text": NASTY}],
        }

    def values(self):
        return [
            {"name": NASTY, "text": "3.500", "unit": NASTY, "raw": 3500},
            {"name": "water", "label": "Well", "text": "7", "unit": "l", "raw": 7},
            {"name": "old", "text": "0", "unit": "", "raw": 0, "retired": True},
        ]


class FakeWifi:
    settings = {"hostname": NASTY}
    state = NASTY
    drops = 2

    def rssi(self):
        return -70


@pytest.fixture
def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        return response.headers["Content-Type"], response.read().decode()


def serve(port, paths):
    """Fetch paths from a real server on loopback."""
    import status_page

    async def story():
        settings = {"address": "127.0.0.1", "port": port}
        task = asyncio.create_task(status_page.run(settings, FakeNode(), FakeWifi()))
        await asyncio.sleep(0.2)
        try:
            return [await asyncio.to_thread(get, port, path) for path in paths]
        finally:
            task.cancel()

    return asyncio.run(story())


def test_page_and_json(bench, free_port):
    (kind, page), (json_kind, text) = serve(free_port, ["/", "/status.json"])
    assert kind.startswith("text/html") and json_kind.startswith("application/json")
    data = json.loads(text)
    assert data["status"]["values"] == FakeNode().values()
    assert data["status"]["peers"] == 3
    shown = {key: data[key] for key in ("wifi", "rssi", "wifi_drops", "load_percent", "uptime_s")}
    uptime = shown.pop("uptime_s")
    assert shown == {"wifi": NASTY, "rssi": -70, "wifi_drops": 2, "load_percent": 7}
    assert 0 <= uptime < 600
    assert "<meta name=viewport content='width=device-width'>" in page  # a phone's width
    assert "http://" not in page and "src=" not in page  # nothing from elsewhere
    assert "<script" not in page and html.unescape(page).count(NASTY) >= 5
    for cell in (
        "<td>Well</td><td>7 l</td>",
        ">old (retired)<",
        "<td>3.500 ",
        "takes part (ACTIVE)",
        f"LVS {__version__}",
        "nodes heard</td><td>3, 2 of them trusted",
        "+1.5 l",
        "7 l of water wait",
        "lost, or may be: water",
    ):
        assert cell in page
    # small, for a phone, and nothing from elsewhere
    assert len(page) < 5000 and "width=device-width" in page
    assert re.findall(r"(?:src|href)\s*=\s*([^\s>]*)", page) == ["/status.json"]
    assert not re.search(r"@import|url\(", page)


def test_without_an_address_it_listens_on_loopback_and_says_so(bench, free_port, capsys):
    import status_page

    async def story():
        task = asyncio.create_task(status_page.run({"port": free_port}, FakeNode(), None))
        await asyncio.sleep(0.2)
        try:
            await asyncio.to_thread(get, free_port, "/")
            # All of 127.0.0.0/8 are this host: what listens everywhere answers here, too.
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.2", free_port), timeout=5)
        finally:
            task.cancel()

    asyncio.run(story())
    assert "board.status_page.address" in capsys.readouterr().out


def test_idle_connections_are_closed_and_do_no_harm(bench, free_port, monkeypatch):
    import status_page

    monkeypatch.setattr(status_page._App, "patience_s", 0.3)
    served = status_page.Microdot.handle_request
    open_at = [0]

    async def handle_request(self, *given):
        open_at.append(self.open)
        await served(self, *given)

    monkeypatch.setattr(status_page.Microdot, "handle_request", handle_request)

    def idle():
        return socket.create_connection(("127.0.0.1", free_port), timeout=10)

    async def story():
        settings = {"address": "127.0.0.1", "port": free_port}
        task = asyncio.create_task(status_page.run(settings, FakeNode(), None))
        await asyncio.sleep(0.2)
        try:
            idlers = [await asyncio.to_thread(idle) for _ in range(100)]
            ended = [await asyncio.to_thread(s.recv, 1) for s in idlers]
            assert ended == [b""] * 100  # each was closed, most of them at once
            assert max(open_at) == 4
            for s in idlers:
                s.close()
            assert "ACTIVE" in (await asyncio.to_thread(get, free_port, "/"))[1]
        finally:
            task.cancel()

    asyncio.run(story())


def test_a_port_in_use_is_one_line(bench, free_port, capsys):
    import status_page

    with socket.socket() as s:
        s.bind(("127.0.0.1", free_port))
        s.listen()
        settings = {"address": "127.0.0.1", "port": free_port}

        async def story():
            serving = status_page.run(settings, FakeNode(), None)
            with pytest.raises(asyncio.TimeoutError):  # the board goes on without it
                await asyncio.wait_for(serving, 0.2)

        asyncio.run(story())
    out = capsys.readouterr().out.strip()
    assert out.startswith(f"LVS: status page: port {free_port}") and "\n" not in out


def test_escape(bench):
    from status_html import escape

    assert html.unescape(escape(NASTY)) == NASTY
    assert not set("<>\"'") & set(escape(NASTY))


# --- what the page says --------------------------------------------------------------------------


@pytest.fixture
def node(bench):
    config = {
        "mesh": "garden",
        "channels": [{"name": "water", "unit": "l", "offset": "100"}, "people"],
    }
    node = Node(config, Transport(), bench.ticks_ms, lambda: bench.ticks_ms() * 7919 % 1000003)
    import crashlog

    crashlog._since = bench.ticks_ms()
    go(bench, node, 125)  # it is alone
    return node


def go(bench, node, seconds):
    for _ in range(seconds * 4):
        bench.sleep_ms(250)
        node.tick()


def shown(node, day=None):
    import status_html
    import status_page

    return "".join(status_html.page(status_page.snapshot(node, None, day)))


def test_channels_are_in_their_order_with_their_units(node):
    page = shown(node)
    assert page.index("<td>water</td><td>100.000 l</td>") < page.index("<td>people</td><td>0.000")
    assert "<h1>garden</h1>" in page and f"LVS {__version__}" in page and "today" not in page


def test_every_kind_of_warning_has_a_meaning(bench):
    """Those that a node can have begin as the page expects."""
    import status_html

    starts = [start for start, _ in status_html._MEANINGS]
    sources = [*places.PROTOCOL.glob("*.py"), places.FIRMWARE / "espnow_link.py"]
    text = "".join(path.read_text() for path in [*sources, places.FIRMWARE / "safe.py"])
    for start in starts:
        assert re.search(rf'"{re.escape(start)}', text), start


def test_what_a_warning_means(node):
    node.reception.dropped["tag"] = 5
    page = shown(node)
    assert "5 frames of another mesh" in page and "Somebody in reach is not of this mesh" in page


@pytest.fixture
def clock(monkeypatch):
    """The time of day, in seconds since 1970; not set at first."""
    import time

    clock = SimpleNamespace(now=1000)
    monkeypatch.setattr(time, "time", lambda: clock.now)
    return clock


MIDNIGHT = 20_500 * 86400  # in 2026, UTC


def test_sums_of_the_day_if_the_board_knows_the_time(bench, node, clock, tmp_path):
    from today import Today

    day = Today(node, 60, str(tmp_path / "today"))
    day.look()
    assert day.sums() == [] and "since" not in shown(node, day)
    node.contribute("water", 3)
    go(bench, node, 5)
    clock.now = MIDNIGHT + 13 * 3600 + 300  # 14:05 there
    day.look()
    node.contribute("water", "2.5")
    go(bench, node, 5)
    assert day.sums() == ["2.500", "0.000"]
    assert "since 14:05" in shown(node, day) and "<td>105.500 l</td><td>2.500</td>" in shown(
        node, day
    )
    clock.now = MIDNIGHT + 23 * 3600 - 1
    day.look()
    assert day.sums()[0] == "2.500"
    clock.now += 2  # a new day
    day.look()
    node.contribute("water", 1)
    go(bench, node, 5)
    assert day.sums()[0] == "1.000" and "<th>today" in shown(node, day)


def test_a_restart_keeps_the_day_and_a_night_that_was_missed_is_not_claimed(
    bench, node, clock, tmp_path
):
    from today import Today

    path = str(tmp_path / "today")
    clock.now = MIDNIGHT - 60
    first = Today(node, 0, path)
    first.look()
    clock.now = MIDNIGHT + 60
    first.look()
    node.contribute("people", 7)
    go(bench, node, 8)
    clock.now += 3600
    again = Today(node, 0, path)
    again.look()
    assert again.sums()[1] == "7.000" and again.since == 0
    clock.now += 86400  # it was off at midnight
    late = Today(node, 0, path)
    late.look()
    assert late.sums()[1] == "0.000" and late.since == 3660
    for text in ("", "{", "[]", '{"day": 1}', '{"day": 20501, "mesh": "x", "raw": 5, "since": 0}'):
        (tmp_path / "today").write_text(text)
        torn = Today(node, 0, path)
        torn.look()
        assert torn.since == 3660


def test_a_node_that_looks_for_its_mesh_begins_no_day(bench, clock, tmp_path):
    from today import Today

    node = Node({"mesh": "m", "channels": ["a"]}, Transport(), bench.ticks_ms, lambda: 5)
    clock.now = MIDNIGHT
    day = Today(node, 0, str(tmp_path / "today"))
    day.look()
    assert day.sums() == [] and not (tmp_path / "today").exists()


def test_no_day_begins_with_values_that_are_not_the_meshs(bench, node, clock, tmp_path):
    """They would jump when it is met, and the day would have all that was ever counted."""
    from today import Today

    clock.now = MIDNIGHT
    day = Today(node, 0, str(tmp_path / "today"))
    node.routes.admit(7, 7, node.clock.epoch())  # somebody is there, who has agreed to nothing
    day.look()
    assert day.sums() == []
    for r in node.replicas:
        r.established = True
    age, node.age = node.age, lambda name: None if name == "people" else 0
    day.look()
    assert day.sums() == []
    node.age = age
    day.look()
    assert day.sums() == ["0.000", "0.000"]


# --- a time server -------------------------------------------------------------------------------


def answer(asked, seconds, mode=0x24, stratum=2):
    """What a time server says."""
    low = (seconds & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes([mode, stratum]) + bytes(22) + asked[40:48] + bytes(8) + low + bytes(4)


def test_answers_of_time_servers(bench):
    from today import read

    asked = bytes(40) + b"12345678"
    assert read(answer(asked, 3_980_000_000), asked) == 3_980_000_000
    assert read(answer(asked, 5_000_000_000), asked) == 5_000_000_000  # past 2036
    for bad in (
        b"",
        answer(asked, 5)[:47],
        answer(asked, 3_980_000_000, mode=0x23),
        answer(asked, 3_980_000_000, stratum=0),  # "go away"
        answer(bytes(48), 3_980_000_000),  # somebody who did not see the question
    ):
        assert read(bad, asked) is None


def test_a_time_server_sets_the_clock_and_one_that_is_silent_holds_nothing_up(bench, live):
    import today

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        server.setblocking(False)

        async def story(ask):
            task = asyncio.create_task(ask)
            while True:
                await sleep_ms(10)  # in virtual time, as who asks waits: nobody is late
                with contextlib.suppress(BlockingIOError):
                    asked, address = server.recvfrom(100)
                    server.sendto(answer(asked, 2208988800 + MIDNIGHT + 3661), address)
                    return await task

        today.ask.__defaults__ = (port,)
        assert live(story(today.set_clock("127.0.0.1")), 60_000) is True
        assert bench.told == ["clock 2026-02-16 01:01:01"]
        assert live(today.ask("127.0.0.1"), 60_000) is None


def test_a_mistake_in_the_time_zone_is_one_line(bench):
    import settings

    with pytest.raises(ConfigError, match="utc_offset_min: 1000; must be -840 to 840"):
        settings.check_board({"wifi": False, "status_page": {"utc_offset_min": 1000}})
