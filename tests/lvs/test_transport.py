"""UDP on loopback: broadcast, unicast, ports in use, networks that are down. And the interface of
all transports."""

import ast
import errno
import random
import socket
import threading
import time
from types import SimpleNamespace

import pytest

from lvs import LvsError, lookup
from lvs.machine import clock, entropy
from lvs.transport_layer import UdpTransport
from lvs_tools import options
from lvs_tools.fuzz import victim
from lvs_tools.mesh.lossy import Lossy
from lvs_tools.mesh.node_main import Announcing
from lvs_tools.places import ROOT
from lvs_tools.world.machine import Machine

BROADCAST = "127.255.255.255"


@pytest.fixture
def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def transports(free_port):
    made = []

    def make(host, ticks=clock):
        made.append(UdpTransport(host, BROADCAST, free_port, ticks))
        return made[-1]

    yield make
    for t in made:
        t.close()


def received(transport, count=1, seconds=2.0):
    """What arrives within a time, `count` datagrams at most."""
    got = []
    end = time.monotonic() + seconds
    while len(got) < count and time.monotonic() < end:
        datagram = transport.recv()
        if datagram:
            got.append(datagram)
        else:
            time.sleep(0.002)
    return got


def test_broadcast_and_answer(transports):
    a, b, c = (transports(f"127.0.0.{n}") for n in (2, 3, 4))
    assert a.send(b"to all", None)
    for t in (b, c):
        [(frame, addr)] = received(t)
        assert frame == b"to all" and addr[0] == "127.0.0.2"
    assert b.send(b"to one", b.resolve("127.0.0.2"))
    assert (b"to one", ("127.0.0.3", b._port)) in received(a, 2)
    assert received(c, seconds=0.1) == []
    assert a.error == b.error == c.error == ""


def test_what_is_for_all_goes_to_each_network(transports, monkeypatch):
    """With a VPN up, or without a default route, 255.255.255.255 does not get there."""
    udp, b = transports("127.0.0.2"), transports("127.0.0.3")
    chosen = SimpleNamespace(address="0.0.0.0", broadcast="192.168.7.255")
    assert options.reach_all(udp, chosen) is udp
    everybody = SimpleNamespace(address="0.0.0.0", broadcast="255.255.255.255", port=udp._port)
    a = options.reach_all(udp, everybody)
    found = [BROADCAST, "203.0.113.255"]
    monkeypatch.setattr(options, "networks", lambda: list(found))
    assert a.send(b"to all", None) and a.error == ""
    assert received(b) == [(b"to all", ("127.0.0.2", b._port))]
    assert a.send(b"to one", b.resolve("127.0.0.3"))
    assert received(b, 2, 0.3) == [(b"to one", ("127.0.0.2", b._port))]
    found.pop(0)
    a._until = 0.0
    a.send(b"to the other", None)
    assert received(b, 1, 0.3) == []
    udp.sockets[0].close()
    udp.sockets[0] = Broken(errno.ENETUNREACH)
    assert not a.send(b"to all", None) and "unreachable" in a.error


def test_the_networks_of_this_machine(monkeypatch):
    import psutil

    def address(broadcast, family: int = socket.AF_INET):
        return SimpleNamespace(family=family, address="", broadcast=broadcast)

    found = {
        "lo": [address("127.255.255.255")],
        "eth0": [address("ff:ff:ff:ff:ff:ff", -1), address("192.168.1.255")],
        "wlan0": [address("192.168.1.255"), address("10.0.0.255")],
        "tun0": [address(None)],
        "old": [address("172.16.0.255")],
    }
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: found)
    monkeypatch.setattr(
        psutil, "net_if_stats", lambda: {n: SimpleNamespace(isup=n != "old") for n in found}
    )
    assert options.networks() == ["10.0.0.255", "192.168.1.255"]
    found.clear()
    assert options.networks() == ["255.255.255.255"]


def test_without_poll(transports, monkeypatch):
    """Windows has none."""
    from lvs import transport_layer

    without = SimpleNamespace(POLLIN=1)
    monkeypatch.setattr(transport_layer, "select", without)
    a, b = transports("127.0.0.2"), transports("127.0.0.3")
    assert a.error == "" and b.recv() is None
    assert a.send(b"to all", None) and a.send(b"to one", b.resolve("127.0.0.3"))
    assert [frame for frame, _ in received(b, 2)] in (
        [b"to all", b"to one"],
        [b"to one", b"to all"],
    )


def test_a_port_in_use_is_named_and_tried_again(transports, free_port):
    ticks = [0]
    holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    holder.bind(("127.0.0.2", free_port))
    t = transports("127.0.0.2", lambda: ticks[0])
    assert t.error == f"port: {free_port} is in use on 127.0.0.2; choose another"
    assert not t.send(b"x", None) and t.recv() is None
    holder.close()
    assert not t.send(b"x", None)  # not at once: every five seconds
    ticks[0] = 5000
    assert t.send(b"x", None) and t.error == ""


def test_an_address_of_another_machine_is_named(transports):
    t = transports("192.0.2.1")
    assert t.error == "address: 192.0.2.1 is not one of this machine's"
    assert t.recv() is None and not t.send(b"x", None)


class Broken:
    """A socket whose network is down."""

    def __init__(self, code):
        self.code = code

    def sendto(self, *_):
        raise OSError(self.code, "no")

    def close(self):
        pass


def test_a_network_that_is_down_is_reported_and_survived(transports):
    t = transports("127.0.0.2")
    working = t.sockets[0]
    t.sockets[0] = Broken(errno.ENETUNREACH)
    assert not t.send(b"x", None)
    assert t.error.startswith("network: unreachable")
    t.sockets[0] = Broken(errno.EAGAIN)
    assert not t.send(b"x", None)
    t.sockets[0] = working
    assert t.send(b"x", None) and t.error == ""


def test_an_empty_datagram_opens_the_socket_anew(transports):
    """It leaves an ESP32 socket deaf (micropython-lib#736)."""
    ticks = [0]
    a, b = transports("127.0.0.2", lambda: ticks[0]), transports("127.0.0.3")
    before = a.sockets[0]
    b.send(b"", a.resolve("127.0.0.2"))
    time.sleep(0.05)
    assert a.recv() is None and a.sockets[0] is before  # at most every five seconds
    ticks[0] = 5000
    b.send(b"", a.resolve("127.0.0.2"))
    time.sleep(0.05)
    assert a.recv() is None and a.sockets[0] is not before
    b.send(b"again", a.resolve("127.0.0.2"))
    assert received(a)[0][0] == b"again"


def test_after_a_week_an_empty_datagram_still_opens_the_socket_anew(transports):
    """Ticks of that long ago look like the future."""
    ticks = [0]
    a, b = transports("127.0.0.2", lambda: ticks[0]), transports("127.0.0.3")
    before = a.sockets[0]
    ticks[0] = 7 * 24 * 3600 * 1000
    b.send(b"", a.resolve("127.0.0.2"))
    time.sleep(0.05)
    assert a.recv() is None and a.sockets[0] is not before


def test_a_long_datagram_is_cut_and_dropped_later(transports):
    a, b = transports("127.0.0.2"), transports("127.0.0.3")
    b.send(bytes(1000), a.resolve("127.0.0.2"))
    [(frame, _)] = received(a)
    assert 250 < len(frame) <= 256


def test_routes_are_hosts(transports):
    """30 bits of the address without the port; the same for MicroPython's raw sockaddr_in."""
    t = transports("127.0.0.2")
    keys = [t.key((host, 1)) for host in ("10.0.0.1", "10.0.0.2", "10.0.1.1", "11.0.0.1")]
    assert len(set(keys)) == 4 and all(0 <= k < 2**30 for k in keys)
    assert t.key(("192.168.4.77", 1)) == t.key(("192.168.4.77", 9999))
    raw = (
        socket.AF_INET.to_bytes(2, "little")
        + (4785).to_bytes(2, "big")
        + bytes([192, 168, 4, 77])
        + bytes(8)
    )
    assert t.key(raw) == t.key(("192.168.4.77", 1)) < 2**30
    assert t.key(("255.255.255.255", 1)) < 2**30


def test_resolve(transports):
    t = transports("127.0.0.2")
    assert t.resolve("127.0.0.9") == ("127.0.0.9", t._port)
    assert t.resolve("127.0.0.9:5000") == ("127.0.0.9", 5000)
    for text in ("127.0.0.1:port", "1.2.3.4.5"):
        with pytest.raises(LvsError, match=f"^peers: '{text}' cannot be resolved"):
            t.resolve(text)


def test_a_name_server_that_does_not_answer_holds_up_nobody(transports, monkeypatch):
    """The peer is there as soon as its name is found, and again after a change of address."""
    asked, answers = threading.Event(), threading.Event()
    found = ["127.0.0.9"]
    system = socket.getaddrinfo

    def slow(host, *more):
        if host != "attic":
            return system(host, *more)
        asked.set()
        assert answers.wait(20)
        return [(2, 2, 17, "", (found[0], 0))]

    monkeypatch.setattr(lookup.socket, "getaddrinfo", slow)
    t = transports("127.0.0.2")
    assert t.resolve("attic:5000") is None
    assert asked.wait(20) and t.resolve("attic:5000") is None
    answers.set()
    until(lambda: t.resolve("attic:5000") == ("127.0.0.9", 5000))
    found[0] = "127.0.0.10"
    assert t.resolve("attic:5000") == ("127.0.0.9", 5000)
    t.moved()
    until(lambda: t.resolve("attic:5000") == ("127.0.0.10", 5000))
    assert received(t, seconds=0.01) == [] and t.error == ""


def until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


def reply(asked, *records):
    """A name server's datagram: the question, and records as (kind, data)."""
    head = asked[:2] + b"\x81\x80" + asked[4:6] + bytes([0, len(records)]) + bytes(4)
    said = [
        b"\xc0\x0c" + bytes([0, kind, 0, 1, 0, 0, 1, 0, 0, len(data)]) + data
        for kind, data in records
    ]
    return head + asked[12:] + b"".join(said)


def test_what_a_name_server_says():
    asked = lookup.question(0x1234, "attic.example.org")
    assert asked[12:] == b"\5attic\7example\3org\0\0\1\0\1"
    address = (1, bytes([192, 168, 1, 20]))
    assert lookup.answer(reply(asked, address), asked) == "192.168.1.20"
    alias = (5, b"\4roof\xc0\x12")
    assert lookup.answer(reply(asked, alias, address), asked) == "192.168.1.20"
    for nothing in (
        reply(asked),
        reply(asked, (28, bytes(16))),
        b"\0\0" + reply(asked, address)[2:],
        asked,
        reply(asked, address)[:3] + b"\x83" + reply(asked, address)[4:],
    ):
        assert lookup.answer(nothing, asked) is None
    whole = reply(asked, alias, address)
    rng = random.Random(5)
    for cut in range(len(whole)):
        assert lookup.answer(whole[:cut], asked) is None
        garbled = bytearray(whole)
        garbled[rng.randrange(12, len(whole))] = rng.randrange(256)
        lookup.answer(bytes(garbled), asked)  # raises nothing, ends
    for wrong in ("a..b", "x" * 64):
        with pytest.raises(ValueError, match="label"):
            lookup.question(1, wrong)


def test_the_worlds_clock_and_noise():
    a = clock()
    time.sleep(0.02)
    assert 15 <= (clock() - a) % 2**30 < 5000
    found = {entropy() for _ in range(100)}
    assert len(found) > 90 and all(0 <= n < 2**30 for n in found)
    assert max(found) > 2**28


# --- the interface that lvs.transport_layer states, and who keeps to it --------------------------


def classes(room):
    """Names of the classes in a room that look like a transport."""
    for path in sorted((ROOT / room).rglob("*.py")):
        for found in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(found, ast.ClassDef):
                own = {n.name for n in found.body if isinstance(n, ast.FunctionDef)}
                if own & {"send", "recv"} and own & {"key", "__getattr__"}:
                    yield found.name


class Ether:
    """Makes transports of each kind; a frame that one of a kind broadcasts reaches the others."""

    def __init__(self, udp):
        self.udp = udp  # number -> UdpTransport
        self.made = []

    def espnow(self, n):
        import network
        from espnow_link import EspNowLink

        network.WLAN(network.WLAN.IF_STA).active(True)
        link = EspNowLink()
        link._radio.mac = bytes([2, 0, 0, 0, 0, n])
        return link

    def both(self, n):
        from both_links import BothLinks

        return BothLinks(self.udp(n), self.espnow(n))

    def announcing(self, n):
        return Announcing(self.udp(n), lambda said: None)

    def machine(self, n):
        made = self.made

        def send(sender, frame, addr, source):
            for m in made:
                if m is not sender and addr in (None, m.addr):
                    m.inbox.append((frame, source))
            return True

        carries = SimpleNamespace(send=send, frame=lambda *_: None, now=0)
        made.append(Machine(n, None, n, carries, carries, carries, 4))
        return made[-1]

    def measured(self, n):
        """The one inside `lvs measure`, a script for MicroPython: its class alone."""
        tree = ast.parse((ROOT / "host_sim/lvs_tools/shims/inside.py").read_text())
        tree.body = [n for n in tree.body if getattr(n, "name", "") == "Transport"]
        names = {}
        exec(compile(tree, "inside.py", "exec"), names)
        return names["Transport"]()


# class: (how to make the n-th, texts of addresses as people write them, what is none)
KINDS = {
    "UdpTransport": (lambda e, n: e.udp(n), ["127.0.0.9", "127.0.0.9:5000"], "127.0.0.1:port"),
    "EspNowLink": (Ether.espnow, ["02:00:00:00:00:0b", "AA:bb:0:1:2:3"], "02:00"),
    "BothLinks": (Ether.both, ["127.0.0.9:5000", "02:00:00:00:00:0b"], "0:0:0:0:0:zz"),
    "_EachNetwork": (
        lambda e, n: options._EachNetwork(e.udp(n), e.udp(n)._port),
        ["127.0.0.9"],
        "127.0.0.1:port",
    ),
    "Lossy": (lambda e, n: Lossy(e.udp(n), 0), ["127.0.0.9"], "127.0.0.1:port"),
    "Announcing": (Ether.announcing, ["127.0.0.9"], "127.0.0.1:port"),
    "Machine": (Ether.machine, ["node0", "node41"], "nowhere"),
    "Port": (lambda e, n: victim.Port(), ["7"], "node7"),
    "Transport": (Ether.measured, ["7"], "node7"),
}
HEARS = [kind for kind in KINDS if kind not in ("Port", "Transport")]


@pytest.fixture
def ether(bench, transports, monkeypatch):
    monkeypatch.setattr(options, "networks", lambda: [BROADCAST])
    return Ether(lambda n: transports(f"127.0.0.{n}"))


@pytest.fixture
def make(request, ether):
    made = []

    def make(kind, n):
        made.append(KINDS[kind][0](ether, n))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


def test_there_is_no_other_transport():
    """A new one goes into KINDS above, so that the tests below hold it to the interface."""
    found = [name for room in ("lib", "firmware", "host_sim") for name in classes(room)]
    found = [name for name in found if name not in ("Mute", "Played")]  # nobody hears them
    assert sorted(found) == sorted(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_addresses_have_names_and_routes(make, kind):
    transport = make(kind, 2)
    _, texts, nonsense = KINDS[kind]
    for text in texts:
        address = transport.resolve(text)
        name = transport.name(address)
        assert transport.resolve(name) == address and 0 < len(name.encode()) <= 64
        assert 0 <= transport.key(address) < 1 << 30
    with pytest.raises(LvsError, match=f"^peers: .*{nonsense}"):
        transport.resolve(nonsense)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_waits_and_nothing_is_wrong(make, kind):
    transport = make(kind, 2)
    assert transport.recv() is None and transport.error == ""
    assert transport.send(memoryview(bytearray(250)), None) is True
    assert transport.error == ""


@pytest.mark.parametrize("kind", HEARS)
def test_who_is_heard_can_be_answered_and_named(make, kind):
    a, b = make(kind, 2), make(kind, 3)
    buffer = bytearray(b"x" * 250)
    assert a.send(buffer, None)
    buffer[0] = 0  # its owner uses it again
    [(frame, sender)] = received(b)
    assert bytes(frame) == b"x" * 250
    assert b.send(b"answer", b.resolve(b.name(sender)))
    answers = [got for got in received(a, 4, 0.3) if bytes(got[0]) == b"answer"]
    assert answers and a.key(answers[0][1]) != b.key(sender)


@pytest.mark.parametrize("kind", HEARS)
def test_a_closed_one_opens_again(make, kind):
    """app.main() goes on with the node that Ctrl-C had stopped."""
    a, b = make(kind, 2), make(kind, 3)
    for transport in (a, b):
        transport.close()
        transport.close()
        transport.recv()
    assert a.send(b"frame", None) and a.error == ""
    assert received(b)[0][0] == b"frame"
