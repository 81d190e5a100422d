"""Shards: who holds which, what happens when holders vanish, reading what is held elsewhere."""

from types import SimpleNamespace

import pytest

from lvs import holders, placement, wire
from lvs.replica import LIVE
from lvs.routes import Routes
from lvs.status import showing
from tests.support.cell import Cell, Speaker, encode_ep
from tests.support.parts import establish

CHANNELS = [f"c{n}" for n in range(40)]  # three shards


def test_every_session_ranks_the_shards_for_itself():
    first = [placement.ranked(nonce * 7919, 10)[0] for nonce in range(2000)]
    for shard in range(10):
        assert 130 < first.count(shard) < 280  # 200 each, evenly
    assert sorted(placement.ranked(5, 30)) == list(range(30))
    assert placement.ranked(5, 30) == placement.ranked(5, 30) != placement.ranked(6, 30)


def test_another_shard_changes_no_order():
    """Rendezvous hashing: a mesh with one more shard keeps the rest where it is."""
    for nonce in range(50):
        assert [s for s in placement.ranked(nonce, 11) if s != 10] == placement.ranked(nonce, 10)


def test_held_map():
    class Held:
        def __init__(self, index):
            self.index = index

    held = placement.Placement(30, 3, 3, Held, 16)
    assert held.held_map() == 0
    assert [r and r.index for r in map(held.hold, (29, 0, 3))] == [29, 0, 3]
    assert held.hold(4) is None and [r.index for r in held.replicas] == [0, 3, 29]
    assert held.held_map() == 1 | 8 | 1 << 29


def test_holders_are_those_heard_of_late():
    routes = Routes(8, 1)
    for key, held, cycle in ((1, 0b01, 0), (2, 0b11, 300), (3, 0b10, 300)):
        routes.told(routes.admit(key, key, 0), key, cycle, cycle, held)
    assert routes.holders(0, 300, 256) == 1 and routes.holders(1, 300, 256) == 2
    assert showing(routes, 300 - 256) == 2


def test_a_node_alone_holds_all_that_its_memory_allows():
    assert Cell(1, channels=CHANNELS).nodes[1].status()["held"] == [0, 1, 2]
    assert len(Cell(1, channels=CHANNELS, held=2).nodes[1].status()["held"]) == 2


def test_values_of_all_shards_are_known_to_all():
    cell = Cell(4, channels=CHANNELS)
    cell.active()
    for address in range(1, 5):
        for k in (0, 15, 16, 39):
            cell.contribute(address, 10 * address + k, f"c{k}")
    cell.settle(100)


def test_a_channel_of_a_shard_held_elsewhere_is_asked_for():
    cell = Cell(5, channels=CHANNELS, held=1, seed=2)
    cell.active()
    cell.run(20)
    held = {s for n in cell.nodes.values() for s in n.status()["held"]}
    assert len(held) >= 2, "all nodes hold one shard: take another seed"
    reader = cell.nodes[1]
    elsewhere = min(held - set(reader.status()["held"]))
    holder = next(a for a, n in cell.nodes.items() if elsewhere in n.status()["held"])
    name = f"c{16 * elsewhere + 3}"
    cell.contribute(holder, 700, name)
    assert reader.value(name, raw=True) == 0 and reader.age(name) is None
    cell.run(80, lambda: reader.value(name, raw=True) == 700)
    assert reader.value(name, raw=True) == 700
    assert 0 <= reader.age(name) < 80
    assert cell.nodes[holder].age(name) == 0


def test_own_rows_of_a_shard_held_elsewhere_are_retold_whoever_says_that_he_holds_them():
    """One liar's echo would be the end of them."""
    cell = Cell(1, channels=CHANNELS, held=1, session_epochs=16, horizon_epochs=16)
    cell.active()
    node = cell.nodes[1]
    other = next(s for s in range(3) if not node.placement.find(s))
    node.contribute(f"c{16 * other}", 1)
    session = node.ledger.session
    w = wire.SdmWriter()
    w.begin(node.config.tag, session.start, 7, node.clock.cycle, other, 0, node.config.grain)
    w.relay(session.nonce, session.start, 0, 1000)
    cell.run(10)
    node.handle(bytes(w.buf[: w.end()]), 99)
    assert session.known[16 * other] == session.total[16 * other] == 1000
    heard = []
    cell.carry = lambda source, frame, addr: heard.append(bytes(frame))
    cell.run(64 * 4)
    f = wire.Frame()
    told = [
        d for d in heard if not f.decode(d, node.config.tag, 1) and f.shard == other and f.owns
    ]
    assert told


def test_who_starts_among_strangers_takes_their_clock_and_waits_for_nobody_else():
    cell = Cell(1, channels=CHANNELS, held=1)
    node = cell.nodes[1]
    other = next(s for s in range(3) if not node.placement.find(s))
    stranger = Speaker(node)
    ahead = 30

    def speak():
        head = stranger.head(cycle=node.clock.cycle + ahead, shard=other)
        horizon = node.config.horizon(head["cycle"] >> 6) & 0xFFFF
        state = {
            "noise": 1,
            "flags": 0,
            "load": 0,
            "held": 1 << other,
            "channels": 40,
            "prints": 0,
        }
        rest = {"horizon": horizon, "digests": [0] * 8, "vector": [0]}
        stranger.say(encode_ep({**head, **state, **rest}))

    began = node.clock.cycle
    for _ in range(12):
        if node.state == "INIT":
            speak()
        cell.run(1)
    assert node.state == "JOINING" and node.clock.cycle - began >= ahead
    cell.run(33)
    assert node.state == "ACTIVE"  # nobody has its shard
    speak()
    cell.run(8)
    assert node.clock.slew == 1


def test_what_waits_because_nobody_holds_its_shard_is_said():
    cell = Cell(1, channels=CHANNELS, held=1)
    node = cell.nodes[1]
    cell.active()
    missing = next(s for s in range(3) if s not in node.status()["held"])
    cell.contribute(1, 12, CHANNELS[16 * missing])
    cell.run(10)
    (said,) = node.status()["warnings"]
    assert said.startswith("held: nobody heard holds shard %d, so that 0.012 of" % missing)
    cell.add(held=3)
    cell.run(120)
    assert node.status()["warnings"] == []


def test_contributions_to_a_shard_held_elsewhere_arrive_through_loss():
    for seed in range(4):
        cell = Cell(4, channels=CHANNELS, held=2, seed=seed, loss=0.3)
        cell.active(100)
        for address in range(1, 5):
            for name in ("c0", "c20", "c35"):
                cell.contribute(address, 10 * address, name)
        cell.run(300)
        for name in ("c0", "c20", "c35"):
            shard = int(name[1:]) // 16
            held = [
                n.value(name, raw=True) for n in cell.nodes.values() if n.placement.find(shard)
            ]
            assert set(held) <= {100}


def test_when_all_holders_of_a_shard_are_gone_others_take_it_up():
    cell = Cell(14, channels=CHANNELS[:20], held=1, replicas=1, seed=3)
    cell.active(60)
    cell.run(20)
    one = next(a for a, n in cell.nodes.items() if not n.placement.find(1))
    cell.contribute(one, 50, "c17")
    for address in [a for a, n in cell.nodes.items() if n.placement.find(1)]:
        del cell.nodes[address]
    assert len(cell.nodes) >= 4 and cell.nodes[one].placement.find(0)
    cell.run(64 * 40, lambda: any(n.placement.find(1) for n in cell.nodes.values()))
    cell.run(200)
    holders = [n for n in cell.nodes.values() if n.placement.find(1)]
    assert holders and all(r.live for n in holders for r in n.replicas)
    assert all(n.value("c17", raw=True) == 50 for n in holders)
    assert any(n.placement.find(0) for n in cell.nodes.values())


def test_every_shard_held_is_told_of_before_any_is_again():
    """In a sparse mesh two neighbours that mend a shard may be the only ones who can."""
    cell = Cell(1, channels=CHANNELS)
    cell.active()
    node = cell.nodes[1]
    shards = len(node.replicas)
    assert shards == 3
    for _ in range(20):
        told = [node.eps._pick() for _ in range(shards)]
        assert sorted(told) == [0, 1, 2]


def held_after(epochs, vector=None, other=False):
    """The shards of a node with room for one, after epochs among ten that say they hold it, too.

    vector: what they show in place of the node's own; other: somebody holds another shard.
    """
    cell = Cell(1, channels=CHANNELS, held=1)
    cell.active()
    node = cell.nodes[1]
    (first,) = node.status()["held"]
    establish(node.replicas[0], node.clock.cycle)
    speakers = [Speaker(node, 50 + k, 500 + k) for k in range(10)]
    rest = [s for s in range(3) if s != first]
    for _ in range(epochs):
        if first not in node.status()["held"]:
            break
        for speaker in speakers:
            count = node.placement.find(first).shard.slots
            speaker.ep(vector and vector * count, shard=first)
        if other:
            Speaker(node, 99, 999).ep(shard=first, held=1 << first | 1 << rest[0] | 1 << rest[1])
        cell.run(64)
    return node.status()["held"] == [first]


def test_no_shard_is_let_go_of_for_what_others_announce():
    """G9: they say that they hold it, but not what it holds."""
    assert held_after(60, vector=[10**6])


def test_the_best_liked_shard_is_let_go_of_only_for_one_that_nobody_holds():
    assert held_after(60, other=True)
    assert not held_after(60)


def test_no_shard_goes_for_one_beyond_my_list():
    """Whoever announces one that memory has no room for takes none of mine."""
    cell = Cell(1, channels=CHANNELS)
    cell.active()
    node = cell.nodes[1]
    placement = node.placement
    held = node.status()["held"]
    assert held == [0, 1, 2]
    placement._held = 4
    placement._fits = lambda: False
    for r in placement.replicas:
        r.votes.tally = lambda epoch: (99, 0)
    routes = type("Routes", (), {"holders": lambda self, i, *_: 2 if i == 3 else 9})()
    noise = type("Noise", (), {"below": lambda self, n: 0})()
    for _ in range(3):
        placement.rebalance(routes, node.clock.cycle, noise)
    assert node.status()["held"] == held


class Crowd:
    """Nodes that hear each other, all with the same shards at first; nothing but placement."""

    def __init__(self, nodes, shards, held, replicas):
        self.shards = shards
        self.nodes = [
            placement.Placement(shards, held, replicas, lambda s, i=i: self.replica(i, s), 16)
            for i in range(nodes)
        ]
        for i, node in enumerate(self.nodes):
            for shard in range(held):
                node.hold(shard)
            node.fill(7919 * i + 5)

    def others(self, i, shard):
        return sum([bool(n.find(shard)) for j, n in enumerate(self.nodes) if j != i])

    def replica(self, i, shard):
        votes = SimpleNamespace(tally=lambda epoch: (self.others(i, shard), 0))
        return SimpleNamespace(
            index=shard, phase=LIVE, shard=SimpleNamespace(uncredited=0), votes=votes
        )

    def rest(self):
        """Let each in turn move, until nobody does; returns how many hold each shard."""
        noise = SimpleNamespace(below=lambda n: 0)
        for i in 20 * list(range(len(self.nodes))):
            routes = SimpleNamespace(holders=lambda s, cycle, since, i=i: self.others(i, s))
            self.nodes[i].rebalance(routes, 0, noise)
        return [self.others(-1, s) for s in range(self.shards)]


@pytest.mark.parametrize(
    ("shards", "held", "replicas"), [(2, 1, 3), (2, 1, 1), (3, 1, 3), (3, 2, 2), (6, 2, 3)]
)
def test_so_many_nodes_as_are_asked_for_leave_no_shard_without_holders(shards, held, replicas):
    channels = 16 * shards - 3
    nodes = 1
    while holders.lack(channels, held, replicas, nodes):
        nodes += 1
    assert min(Crowd(nodes, shards, held, replicas).rest()) > 0
    few = 2 * replicas + 1  # nobody lets go of what so few hold
    assert few < nodes and 0 in Crowd(few, shards, held, replicas).rest()
    assert not holders.lack(channels, shards, replicas, 1)
