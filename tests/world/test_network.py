"""The simulated network and its topologies: every fault, counted."""

from typing import cast

import pytest

from lvs_tools.world.clock import Timeline
from lvs_tools.world.network import POLL_MS, Network
from lvs_tools.world.prng import Prng
from lvs_tools.world.topology import layout

CERTAIN = 1 << 30
LINK = {
    "loss": 0,
    "duplicate": 0,
    "reorder": 0,
    "one_way": 0,
    "latency_ms": 5,
    "jitter_ms": 0,
    "queue": 4,
    "bandwidth_kbps": 0,
}


class Ear:
    """A machine that keeps what it polls."""

    def __init__(self, index, cap):
        self.index, self.addr, self.cap = index, index + 1, cap
        self.phase = index * 7 % POLL_MS
        self.inbox, self.got = [], []
        self.group, self.deaf, self.overflow = 0, -1, 0
        self.hearers, self.hearers_of = None, -1


class Net:
    """A network of ears. kind, count: the topology; faults: of the link."""

    def __init__(self, count, kind="lan", degree=4, islands=2, **faults):
        self.timeline = Timeline()
        link = dict(LINK, **faults)
        self.places = layout({"kind": kind, "degree": degree, "islands": islands}, count, Prng(1))
        self.network = Network(link, self.places, self.timeline, 1, self._poll)
        self.ears = [Ear(i, link["queue"]) for i in range(count)]
        for ear in self.ears:
            self.network.add(ear)

    def _poll(self, ear):
        ear.got += [(self.timeline.now, *item) for item in ear.inbox]
        ear.inbox = []

    def say(self, frame=b"x", addr=None, sender=0, source=None):
        ear = self.ears[sender]
        return self.network.send(ear, frame, addr, ear.addr if source is None else source)

    def run(self, ms=100):
        self.timeline.run_until(self.timeline.now + ms)
        return [len(ear.got) for ear in self.ears]


def test_a_broadcast_reaches_everybody_else_at_their_next_poll():
    net = Net(4)
    net.say(b"hello")
    assert net.run() == [0, 1, 1, 1]
    for ear in net.ears[1:]:
        at, frame, source = ear.got[0]
        assert (frame, source) == (b"hello", 1)
        assert 5 <= at < 5 + POLL_MS and at % POLL_MS == ear.phase


def test_unicast_and_spoofed_sources():
    net = Net(4)
    net.say(b"a", addr=3)
    net.say(b"b", addr=3, source=99)
    net.say(b"c", addr=77)
    assert net.run() == [0, 0, 2, 0]
    assert [source for _, _, source in net.ears[2].got] == [1, 99]
    assert net.network.faults["cut"] == 1


@pytest.mark.parametrize("addr", [None, 2])
def test_loss_takes_its_share(addr):
    net = Net(2, loss=CERTAIN * 3 // 10)
    for _ in range(3000):
        net.say(addr=addr)
        net.run(20)
    assert abs(len(net.ears[1].got) - 2100) < 120
    assert net.network.faults["lost"] >= 3000 - len(net.ears[1].got)


def test_each_receiver_loses_its_own_copy():
    net = Net(200, loss=CERTAIN // 2)
    net.say()
    first = net.run()
    net.say()
    second = [b - a for a, b in zip(first, net.run(), strict=True)]
    assert 70 < sum(first) < 130 and 70 < sum(second) < 130
    assert first != second


def test_duplicates_and_reordering():
    net = Net(2, duplicate=CERTAIN // 2, queue=50)
    for i in range(400):
        net.say(bytes([i % 250]))
        net.run(20)
    net.run(5000)
    assert abs(len(net.ears[1].got) - 600) < 60
    net = Net(2, reorder=CERTAIN // 4, queue=50)
    for i in range(200):
        net.say(bytes([i]))
        net.run(20)
    net.run(5000)
    order = [frame[0] for _, frame, _ in net.ears[1].got]
    assert sorted(order) == list(range(200)) and order != sorted(order)


def test_a_full_queue_drops_the_newest():
    net = Net(2, queue=3)
    for i in range(10):
        net.say(bytes([i]))
    net.run()
    assert [frame[0] for _, frame, _ in net.ears[1].got] == [0, 1, 2]
    assert net.ears[1].overflow == 7


def test_a_partition_and_its_end():
    net = Net(4)
    net.ears[3].group = 1
    net.network.regroup()
    net.say()
    net.say(addr=4)
    assert net.run() == [0, 1, 1, 0]
    net.ears[3].group = 0
    net.network.regroup()
    net.say()
    assert net.run() == [0, 2, 2, 1]


def test_one_way_links_stay_as_they_are():
    net = Net(30, one_way=CERTAIN // 3)
    for sender in range(30):
        net.say(bytes([sender]), sender=sender)
        net.run()
    heard = {(frame[0], ear.index) for ear in net.ears for _, frame, _ in ear.got}
    assert 450 < len(heard) < 720
    assert any((b, a) not in heard for a, b in heard)
    for a in range(30):
        for b in range(30):
            if a != b:
                net.say(bytes([a]), addr=b + 1, sender=a)
                net.run(40)
    again = {(frame[0], ear.index) for ear in net.ears for _, frame, _ in ear.got}
    assert again == heard


def test_bandwidth_delays_and_refuses():
    net = Net(2, bandwidth_kbps=8, queue=1000)  # 1000 bytes a second
    assert all(net.say(bytes(72)) for _ in range(10))  # a tenth of a second each, with headers
    net.run(550)
    assert len(net.ears[1].got) == 5
    results = [net.say(bytes(72)) for _ in range(30)]
    assert not all(results)
    assert net.network.faults["refused"] == results.count(False)


def test_a_deaf_machine_loses_more_than_the_others():
    net = Net(3, queue=50)
    net.ears[2].deaf = CERTAIN * 9 // 10
    net.network.uneven = True
    for _ in range(300):
        net.say()
        net.run(20)
    assert len(net.ears[1].got) == 300
    assert 10 < len(net.ears[2].got) < 60


def test_islands_hear_themselves_and_know_peers_elsewhere():
    net = Net(9, "islands", degree=2, islands=3)
    net.say(sender=0)
    assert [i for i, n in enumerate(net.run()) if n] == [3, 6]
    joined = {
        tuple(sorted((i % 3, j % 3))) for i, peers in enumerate(net.places.peers) for j in peers
    }
    assert joined == {(0, 1), (1, 2), (0, 2)}
    for i, peers in enumerate(net.places.peers):
        assert all(i in net.places.peers[j] for j in peers)


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("ring", 2),
        ("ring", 3),
        ("ring", 40),
        ("geometric", 1),
        ("geometric", 2),
        ("geometric", 150),
    ],
)
def test_sparse_topologies_are_connected_and_symmetric(kind, count):
    places = layout({"kind": kind, "degree": 4, "islands": 1}, count, Prng(9))
    near = cast("list[list[int]]", places.neighbours)
    reached, todo = {0}, [0]
    while todo:
        for j in near[todo.pop()]:
            if j not in reached:
                reached.add(j)
                todo.append(j)
    assert len(reached) == count
    assert all(i in near[j] and i != j for i in range(count) for j in near[i])
    assert all(len(set(some)) == len(some) for some in near)
    if kind == "ring" and count == 40:
        assert all(len(some) == 4 for some in near)
    if kind == "geometric" and count == 150:
        assert 3 < sum(map(len, near)) / count < 12
