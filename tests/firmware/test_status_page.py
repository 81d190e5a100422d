"""The status page: right figures, every value escaped, and a taken port does no harm."""

import asyncio
import html
import json
import re
import socket
import urllib.request
from types import SimpleNamespace

import pytest

NASTY = '<script>alert("x")</script>&\''


class FakeNode:
    governor = SimpleNamespace(load=7)  # percent

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
    assert "<script" not in page and html.unescape(page).count(NASTY) >= 4
    for cell in (
        "<td>Well</td><td>7 l</td>",
        ">old (retired)<",
        "<td>3.500 ",
        "ACTIVE",
        "+1.5 l",
        "7 l of water wait",
        "lost, or may be: water",
    ):
        assert cell in page
    # small, for a phone, and nothing from elsewhere
    assert len(page) < 4000 and "width=device-width" in page
    assert not re.search(r"(src|href)\s*=|@import|url\(", page)


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
    from status_page import escape

    assert html.unescape(escape(NASTY)) == NASTY
    assert not set("<>\"'") & set(escape(NASTY))
