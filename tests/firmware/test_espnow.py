"""ESP-NOW beside UDP: nodes without a common network find each other through one that has both."""

import random

import pytest

from lvs import Node
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
    assert a.error == ""


def test_what_the_radio_refuses_is_said_not_raised(link):
    a = link(A)
    for frame in (b"", b"x" * 251):
        assert not a.send(frame, None)
        assert a.error.startswith("espnow: frames are not taken") and "ESPNOW_ARG" in a.error
        assert a.send(b"frame", None) and a.error == ""


def test_a_radio_that_cannot_be_used_is_tried_again(bench, link):
    import network

    station = network.WLAN(network.WLAN.IF_STA)
    station.active(False)
    a, b = link(A), link(B)
    assert a.error.startswith("espnow: the radio cannot be used") and "ESPNOW_IF" in a.error
    assert not a.send(b"frame", None) and a.recv() is None
    station.active(True)
    assert not a.send(b"frame", None)  # not at once: every five seconds
    bench.sleep_ms(5000)
    assert b.recv() is None and b.error == ""
    assert a.send(b"frame", None) and a.error == "" and b.recv() == (b"frame", A)


def test_a_radio_that_fails_is_switched_on_anew(bench, link):
    """With the peers that it forgot: each is added again when it is sent to."""
    a, b = link(A), link(B)
    assert a.send(b"frame", B) and b.recv()
    a._radio.active(False)
    assert a.recv() is None and a.error.startswith("espnow: nothing can be received")
    bench.sleep_ms(5000)
    assert a.send(b"again", B) and a.error == "" and b.recv() == (b"again", A)


@pytest.mark.parametrize("both", [False, True], ids=["alone", "beside UDP"])
def test_an_address_survives_a_restart(bench, link, tmp_path, both):
    """Through the journal, where addresses stand by name."""
    from both_links import BothLinks

    from lvs.journal import Journal

    def node(mac, journal=None):
        radio = link(mac)
        transport = BothLinks(Transport(), radio) if both else radio
        rng = random.Random(mac[5])
        config = {"mesh": "m", "channels": ["water"]}
        return Node(config, transport, bench.ticks_ms, lambda: rng.getrandbits(30), journal)

    def journal():
        return Journal(str(tmp_path / "journal"), checkpoint_s=5)

    nodes = [node(A, journal()), node(B)]
    live(bench, nodes, 30)
    assert nodes[0].status()["peers"] == 1 and nodes[0].outbox.remembered == []
    nodes[0].journal.close()
    nodes[0].transport.close()
    assert node(A, journal()).outbox.remembered == [B]


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
    assert [both.resolve(both.name(address)) for address in (7, B)] == [7, B]
    assert both.error == ""
    assert not radio.send(b"", None) and both.error == radio.error != ""
    udp.error = "down"
    assert both.error == "down"
    both.close()
    assert not udp.open and not radio._radio.active()


def live(bench, nodes, seconds):
    """Let time pass for nodes."""
    for _ in range(20 * seconds):
        bench.sleep_ms(50)
        for node in nodes:
            node.receive()
            node.tick()


def test_two_nodes_share_a_value_over_espnow_only(bench, link):
    config = {"mesh": "m", "channels": ["water"]}
    seeds = [random.Random(i) for i in range(2)]
    nodes = [
        Node(config, link(mac), bench.ticks_ms, lambda r=rng: r.getrandbits(30))
        for rng, mac in zip(seeds, (A, B), strict=True)
    ]
    live(bench, nodes, 20)
    nodes[0].contribute("water", "2.5")
    nodes[1].contribute("water", 1)
    live(bench, nodes, 40)
    assert [node.value("water", raw=True) for node in nodes] == [3500, 3500]


# --- a gateway between leaves on ESP-NOW and nodes on UDP ----------------------------------------


class House:
    """Nodes on UDP, of which some are gateways, and leaves on ESP-NOW out of UDP's reach."""

    def __init__(self, bench, link, nodes, gateways, **config):
        from both_links import BothLinks

        from lvs.leaf import Leaf

        self.bench, self.link, self.leaf_of = bench, link, Leaf
        self.config = {"mesh": "m", "channels": ["water"], **config}
        self.nodes = []
        self.udp = []
        for i in range(nodes):
            udp = Transport(lambda frame, addr, i=i: self.carry(i, frame, addr))
            self.udp.append(udp)
            transport = BothLinks(udp, link(bytes([2, 0, 0, 0, 1, i]))) if i < gateways else udp
            self.nodes.append(self.make(Node, self.config, transport, i))

    def make(self, kind, config, transport, seed, **more):
        rng = random.Random(seed)
        return kind(config, transport, self.bench.ticks_ms, lambda: rng.getrandbits(30), **more)

    def carry(self, source, frame, addr):
        for i, udp in enumerate(self.udp):
            if i != source and addr in (None, i):
                udp.inbox.append((frame, source))

    def leaf(self, i):
        transport = self.link(bytes([2, 0, 0, 0, 2, i]))
        return self.make(self.leaf_of, {**self.config, "held": 0}, transport, 100 + i)

    def live(self, seconds):
        live(self.bench, self.nodes, seconds)

    def waking(self, leaf):
        leaf.wake(3000)
        while leaf.awake:
            live(self.bench, [leaf, *self.nodes], 1)

    def values(self, channel):
        return [node.text(channel) for node in self.nodes]


@pytest.mark.parametrize("gateways", [1, 2])
def test_a_gateway_brings_leaves_contributions_to_nodes_and_values_to_leaves(
    bench, link, gateways
):
    house = House(bench, link, 4, gateways)
    house.live(20)
    leaves = [house.leaf(i) for i in range(3)]
    house.nodes[3].contribute("water", 10)
    for _ in range(3):
        for leaf in leaves:
            leaf.contribute("water", "0.5")
            house.waking(leaf)
        house.live(20)
    for leaf in leaves:  # new, one voice about the time counts in their second waking
        house.waking(leaf)
        assert leaf.left() == 0 and leaf.status()["warnings"] == []
    house.live(20)
    assert house.values("water") == ["14.500"] * 4
    house.waking(leaves[0])
    assert leaves[0].text("water") == "14.500"
    assert [n.status()["lost"] for n in house.nodes] == [[]] * 4


def test_a_gateway_has_to_hold_what_its_leaves_count(bench, link):
    """It passes on rows that it holds, not frames: so it is to hold all shards."""
    channels = ["c%d" % i for i in range(20)]
    house = House(bench, link, 3, 1, channels=channels, held=2)
    house.live(30)
    leaf = house.leaf(1)
    for channel in ("c0", "c19"):
        leaf.contribute(channel, 2)
    for _ in range(3):
        house.waking(leaf)
        house.live(20)
    assert house.values("c0") == house.values("c19") == ["2.000"] * 3


def test_a_gateway_that_holds_too_little_is_said(bench, capsys):
    import parts

    from lvs import Config

    channels = ["c%d" % i for i in range(20)]
    for held, said in ((1, 1), (2, 0)):
        config = Config({"mesh": "m", "channels": channels, "held": held})
        parts.check_gateway(config)
        assert capsys.readouterr().out.count("LVS: espnow: leaves are heard by ESP-NOW") == said
