"""UDP on loopback: broadcast, unicast, ports in use, networks that are down."""

import errno
import socket
import time

import pytest

from lvs import LvsError
from lvs.machine import clock, entropy
from lvs.transport_layer import UdpTransport

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


def test_a_port_in_use_is_named_and_tried_again(transports, free_port):
    ticks = [0]
    holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    holder.bind(("127.0.0.2", free_port))
    t = transports("127.0.0.2", lambda: ticks[0])
    assert (
        t.error == f"port: {free_port} is in use on 127.0.0.2; choose another or stop what uses it"
    )
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
    working = t._sockets[0]
    t._sockets[0] = Broken(errno.ENETUNREACH)
    assert not t.send(b"x", None)
    assert t.error.startswith("network: unreachable") and t.unsent == 1
    t._sockets[0] = Broken(errno.EAGAIN)
    assert not t.send(b"x", None) and t.unsent == 2
    t._sockets[0] = working
    assert t.send(b"x", None) and t.error == ""


def test_an_empty_datagram_opens_the_socket_anew(transports):
    """It leaves an ESP32 socket deaf (micropython-lib#736)."""
    ticks = [0]
    a, b = transports("127.0.0.2", lambda: ticks[0]), transports("127.0.0.3")
    before = a._sockets[0]
    b.send(b"", a.resolve("127.0.0.2"))
    time.sleep(0.05)
    assert a.recv() is None and a._sockets[0] is before  # at most every five seconds
    ticks[0] = 5000
    b.send(b"", a.resolve("127.0.0.2"))
    time.sleep(0.05)
    assert a.recv() is None and a._sockets[0] is not before
    b.send(b"again", a.resolve("127.0.0.2"))
    assert received(a)[0][0] == b"again"


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
    for text in ("no such host.invalid", "127.0.0.1:port"):
        with pytest.raises(LvsError, match=f"^peers: '{text}' cannot be resolved"):
            t.resolve(text)


def test_the_worlds_clock_and_noise():
    a = clock()
    time.sleep(0.02)
    assert 15 <= (clock() - a) % 2**30 < 5000
    found = {entropy() for _ in range(100)}
    assert len(found) > 90 and all(0 <= n < 2**30 for n in found)
    assert max(found) > 2**28
