"""The server of the page: who is let in, what it says, and that nobody stops it."""

import asyncio
import json
import socket

import pytest

from lvs_tools.watch import face
from lvs_tools.watch.page import Page, Refused
from lvs_tools.watch.server import serving

VIEW = {"quiet": False, "clock_s": 5.0, "channels": [{"name": "water", "value": 2.5}]}


async def do(action):
    if action.get("action") != "cut":
        raise Refused("no such button")
    return "cut"


async def ask(url, request="GET / HTTP/1.1", body="", **headers):
    """(status, headers and body as text) of a request, said as a hostile client could."""
    host, port = url[len("http://") :].strip("/").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    headers = {"Host": f"{host}:{port}", **headers}
    if body:
        headers["Content-Length"] = str(len(body))
    lines = [request, *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    writer.write("\r\n".join([*lines, "", body]).encode())
    said = (await asyncio.wait_for(reader.read(), 30)).decode()
    writer.close()
    return int(said.split()[1]) if said else 0, said


def served(test, page=None, host="127.0.0.1"):
    """Run test(url, page) beside the server."""

    async def run():
        shown = Page(do) if page is None else page
        shown.show(VIEW)
        async with serving(shown, host, 0) as url:
            await test(url, shown)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_all_that_the_page_needs_is_here():
    async def test(url, _):
        status, html = await ask(url)
        assert status == 200
        assert "default-src 'none'" in html and "http" not in html.split("<html", 1)[1]
        for path, word in (
            ("/page.js", "EventSource"),
            ("/page.css", "light-dark"),
            ("/uplot.js", "uPlot"),
            ("/uplot.css", ".uplot"),
        ):
            status, said = await ask(url, f"GET {path} HTTP/1.1")
            assert status == 200 and word in said
        assert (await ask(url, "GET /../server.py HTTP/1.1"))[0] == 404
        status, said = await ask(url, "GET /history.json?span=hour HTTP/1.1")
        assert json.loads(said.split("\r\n\r\n")[1])["values"] == {"water": [2.5]}
        assert (await ask(url, "GET /history.json?span=year HTTP/1.1"))[0] == 400

    served(test)


@pytest.mark.parametrize(
    "headers, allowed",
    [
        ({"Host": "localhost:80"}, True),
        ({"Host": "[::1]:8785"}, True),
        ({"Host": "evil.example"}, False),
        ({"Host": "127.0.0.1.evil.example:8785"}, False),
        ({"Host": "192.168.1.5:8785"}, False),
        ({"Host": ""}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec_Fetch_Site": "cross-site"}, False),
        ({"Content_Type": "text/plain"}, False),
    ],
)
def test_only_its_own_page_presses_buttons(headers, allowed):
    async def test(url, _):
        headers.setdefault("Content_Type", "application/json")
        status, said = await ask(url, "POST /do HTTP/1.1", '{"action": "cut"}', **headers)
        assert status == (200 if allowed else 403), said
        assert ('{"done": "cut"}' in said) == allowed

    served(test)


def test_served_to_others_it_is_called_by_address_and_by_no_foreign_name():
    async def test(url, _):
        for host, status in (
            ("192.168.1.5:80", 200),
            (socket.gethostname(), 200),
            ("evil.example", 403),
        ):
            assert (await ask(url, Host=host))[0] == status, host

    served(test, host="0.0.0.0")


def test_a_page_that_only_shows_has_no_buttons():
    async def test(url, _):
        about = {"Content_Type": "application/json"}
        status, said = await ask(url, "POST /do HTTP/1.1", '{"action": "cut"}', **about)
        assert status == 400 and "it changes nothing" in said

    served(test, Page())


@pytest.mark.parametrize(
    "body", ["", "nonsense", "[1]", "[" * 4000, '{"action": "other"}', '{"action": []}']
)
def test_what_is_no_button_is_said(body):
    async def test(url, _):
        about = {"Content_Type": "application/json"}
        status, said = await ask(url, "POST /do HTTP/1.1", body, **about)
        assert status == 400 and '"error"' in said

    served(test)


def test_hostile_requests_do_not_stop_it(capsys):
    async def test(url, _):
        host, port = url[len("http://") :].strip("/").split(":")
        for text in (b"\0\xff" * 50, b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nbroken\r\n\r\n"):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(text)
            writer.close()
        long = {"X": "x" * 100000}
        await ask(url, **long)
        status, _ = await ask(
            url, "POST /do HTTP/1.1", "x" * 10000, Content_Type="application/json"
        )
        assert status == 413
        waiting = [await asyncio.open_connection(host, int(port)) for _ in range(50)]
        assert (await ask(url))[0] == 200  # whoever says nothing holds up nobody
        for _, writer in waiting:
            writer.close()

    served(test)
    assert "Traceback" not in capsys.readouterr().err


def test_a_stream_says_the_newest_view_and_skips_what_came_meanwhile():
    async def test(url, page):
        host, port = url[len("http://") :].strip("/").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())

        async def line():
            while not (said := (await reader.readline()).decode()).startswith("data: "):
                assert said
            return json.loads(said[6:])["clock_s"]

        assert await line() == 5.0
        for clock in (6.0, 7.0, 8.0):
            page.show(dict(VIEW, clock_s=clock))
        assert await line() == 8.0
        writer.close()

    served(test)


def test_a_port_that_is_taken_is_one_line():
    async def run():
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(face.Unable, match=f"127.0.0.1:{port}: .*in use.*--serve PORT"):
                async with face.shown(Page(), ("127.0.0.1", port), False):
                    pass

    asyncio.run(run())
