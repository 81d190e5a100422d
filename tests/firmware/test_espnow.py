"""ESP-NOW beside UDP: nodes without a common network find each other through one that has both."""

import pytest

from tests.support.transport import Transport


@pytest.fixture
def link(bench):
    import network
    from espnow_link import EspNowLink

    network.WLAN(network.WLAN.IF_STA).active(True)

    def link(mac):
        made = EspNowLink()
        made._radio.mac = mac
        return made

    return link


A, B = b"\x02\0\0\0\0\x0a", b"\x02\0\0\0\0\x0b"


def test_broadcast_and_answer(link):
    a, b = link(A), link(B)
    assert a.send(memoryview(bytearray(b"x" * 250)), None)
    frame, sender = b.recv()
    assert frame == b"x" * 250 and sender == A
    assert b.send(b"answer", sender)
    assert a.recv() == (b"answer", B)
    assert a.recv() is None and b.recv() is None


def test_more_peers_than_the_radio_holds(link):
    a = link(A)
    others = [link(bytes([2, 0, 0, 0, 1, i])) for i in range(40)]
    for other in others:
        assert a.send(b"frame", other._radio.mac)
        assert other.recv() == (b"frame", A)
    assert a.failed == 0


def test_what_the_radio_refuses_is_counted_not_raised(link):
    a = link(A)
    assert not a.send(b"", None)
    assert not a.send(b"x" * 251, None)
    assert a.failed == 2


def test_routes_differ_and_have_30_bits(link):
    a = link(A)
    keys = {a.key(bytes([2, 0, i, 255 - i, i * 3 % 256, 200])) for i in range(200)}
    assert len(keys) == 200 and all(0 <= key < 1 << 30 for key in keys)


def test_resolve(link):
    from lvs import LvsError

    a = link(A)
    assert a.resolve("02:00:00:00:00:0b") == B
    for bad in ("02:00", "zz:00:00:00:00:00", "300:0:0:0:0:0"):
        with pytest.raises(LvsError, match="no MAC address"):
            a.resolve(bad)


def test_both_ways(link):
    from both_links import BothLinks

    udp, radio, other = Transport(), link(A), link(B)
    both = BothLinks(udp, radio)
    assert both.send(b"to all", None)
    assert udp.sent == [(b"to all", None)] and other.recv() == (b"to all", A)
    udp.inbox = [(b"u%d" % i, 7) for i in range(3)]
    for i in range(3):
        other.send(b"r%d" % i, A)
    got = [both.recv() for _ in range(7)]
    assert {frame for frame, _ in got[:2]} == {b"u0", b"r0"}  # neither starves the other
    assert got[6] is None and None not in got[:6]
    assert both.key(7) == 7 and both.key(B) == radio.key(B)
    assert both.resolve("02:00:00:00:00:0b") == B and both.resolve("7") == 7
    udp.error = "down"
    assert both.error == "down"
    both.close()
    assert not udp.open and not radio._radio.active()


def test_two_nodes_share_a_value_over_espnow_only(bench, link):
    import random

    from lvs import Node

    config = {"mesh": "m", "channels": ["water"]}
    seeds = [random.Random(i) for i in range(2)]
    nodes = [
        Node(config, link(mac), bench.ticks_ms, lambda r=rng: r.getrandbits(30))
        for rng, mac in zip(seeds, (A, B), strict=True)
    ]
    for second in range(60):
        if second == 20:
            nodes[0].contribute("water", "2.5")
            nodes[1].contribute("water", 1)
        for _ in range(20):
            bench.sleep_ms(50)
            for node in nodes:
                node.receive()
                node.tick()
    assert [node.value("water", raw=True) for node in nodes] == [896, 896]
