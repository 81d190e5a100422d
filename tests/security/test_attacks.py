"""Attacks on small meshes, one a test: each of them once did harm, or would without its defence.

An attacker here has one address, unless the test says otherwise, and has read the source.
"""

import random

import pytest

from lvs import wire
from lvs.fixed import MAX_RAW
from lvs_tools.fuzz.victim import Victim
from tests.support.cell import Cell, Speaker, encode_ep
from tests.support.parts import establish

VALUE = 1000000
BUDGET = VALUE >> 10
LIAR = 99  # its address


def mesh(count=8, value=VALUE, **config):
    """A mesh that has lived quietly for some minutes: established, trusting."""
    cell = Cell(count, **config)
    cell.active()
    cell.prime(value)
    cell.run(240)
    return cell


def settled(cell):
    return [n.replicas[0].shard.settled[0] for n in cell.nodes.values()]


def mine_of(victim, address):
    """Is an address trusted? A list, empty if it is not."""
    routes = victim.node.routes
    return [i for i in [routes.known(address)] if routes.trusted(i)]


def until_the_end_of_an_epoch(cell, left_ms):
    node = cell.nodes[1]
    cell.run(130, lambda: node.clock.cycle & 63 == 63)
    cell.run(node.clock.wait(cell.now) / 1000 - left_ms / 1000)


# --- rows ---------------------------------------------------------------------------------------


def test_rows_said_in_the_last_moment_do_not_split_the_mesh():
    """Half of the nodes hear of a session's contribution just before it is folded, half after."""
    cell = mesh(9)
    rng = random.Random(5)
    for turn in range(6):
        until_the_end_of_an_epoch(cell, 120)
        for node in cell.nodes.values():
            if rng.random() < 0.5:
                Speaker(node, LIAR, LIAR).sdm(
                    relayed=[(node.replicas[0].shard.horizon + 1, 31337 + turn, 0, 100000)]
                )
        cell.run(30)
        assert max(settled(cell)) - min(settled(cell)) <= 16
    # Even these few units cost the nodes their mutual trust; in peace it comes back.
    cell.run(16 * 64)
    assert max(settled(cell)) == min(settled(cell)) <= VALUE + 6 * 16
    assert not any(n.status()["diverged"] for n in cell.nodes.values())
    assert all(n.status()["trusted"] >= 4 for n in cell.nodes.values())


def test_what_waits_for_a_budget_is_folded_alike_by_all():
    """A claim of 16,777 VU: whoever heard it an epoch earlier has not folded more of it."""
    cell = mesh(6, session_epochs=48, horizon_epochs=32)
    start = cell.nodes[1].replicas[0].shard.horizon + 9
    for turn in range(3):
        node = cell.nodes[1 + turn]
        Speaker(node, LIAR, LIAR).sdm(relayed=[(start, 31337, 0, 1 << 24)])
        cell.run(64)
    cell.run(9 * 64)
    assert cell.nodes[1].replicas[0].shard.horizon > start
    assert max(settled(cell)) > VALUE, "nothing was folded: this tests nothing"
    assert max(settled(cell)) - min(settled(cell)) <= BUDGET


@pytest.mark.parametrize("addresses", [1, 4, 16, 64])
@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
def test_invented_rows_leave_room_for_honest_ones(addresses, known):
    """However many addresses fill the ring: rows of sessions that have one grow, new ones fit."""
    cell = mesh(4)
    if known:
        for address in cell.nodes:
            cell.contribute(address, 64)
        cell.run(60)
    fill(cell, addresses)
    shard = cell.nodes[1].replicas[0].shard
    assert shard.count * 4 >= shard.capacity * 3 and cell.nodes[1].replicas[0].refused, "not full"
    count_everywhere(cell)


@pytest.mark.parametrize("addresses", [1, 4, 16])
def test_new_sessions_find_room_in_a_ring_full_of_invented_rows(addresses):
    """A node that begins a session then, which nobody trusts yet, is heard all the same."""
    cell = mesh(4)
    fill(cell, addresses)
    for address in list(cell.nodes):
        cell.add(address)
        cell.run(200, lambda a=address: cell.nodes[a].state == "ACTIVE")
        fill(cell, addresses, 30)
    assert cell.nodes[1].replicas[0].refused, "not full"
    count_everywhere(cell)


def test_a_restarted_node_gets_all_sessions_rows_though_its_ring_is_filled():
    """Each session's are said under it, of ended ones, too, or a full ring would refuse them."""
    cell = mesh(4)
    fill(cell, 4)
    node = cell.nodes[1]
    for _ in range(3):
        cell.contribute(1, 512)
        cell.run(20)
        node.contributions.rotate()
    cell.add(4)
    cell.run(2)
    fill(cell, 4, 60)
    shard = cell.nodes[4].replicas[0].shard
    told = [s for s in node.ledger.sessions if s.total[0]]
    rows = [(s.start, s.nonce, 0) for s in told]
    assert len(rows) == 3 and cell.nodes[4].replicas[0].refused, "not full"
    cell.run(900, lambda: all(shard.find(*row) >= 0 for row in rows))
    assert [shard.credited[shard.find(*row)] for row in rows] == [s.total[0] for s in told]


def fill(cell, addresses, times=120):
    """Many rows of invented sessions, to all nodes, from so many addresses."""
    for i in range(times):
        for node in cell.nodes.values():
            rows = [(node.clock.epoch(), cell.rng.getrandbits(30), 0, 1) for _ in range(25)]
            Speaker(node, LIAR + i % addresses, LIAR).sdm(relayed=rows)
            for _ in range(5):
                Speaker(node, LIAR + i % addresses, cell.rng.getrandbits(30)).sdm(own=[(0, 1)])
        if i % 20 == 0:
            cell.run(64)


def count_everywhere(cell):
    """What each node contributes now is with all others within a minute."""
    before = [cell.values(n)[0] for n in cell.nodes.values()]
    for address in cell.nodes:
        cell.contribute(address, 512)
    cell.run(60)
    for node, value in zip(cell.nodes.values(), before, strict=True):
        assert cell.values(node)[0] - value >= 4 * 512
        assert node.status()["pending_raw"] == 0


def test_liars_under_ever_new_sessions_do_not_use_up_the_traffic():
    """What contradicts an established node is not booked, whatever session says it: else liars
    would hush the honest, who then look like the fewer (inflate, at 45 of 100)."""
    cell = mesh(4)
    node = cell.nodes[1]

    def booked(address, vector):
        before = node.governor.tokens
        for nonce in range(40):
            Speaker(node, address, 70000 + 100 * address + nonce).ep(vector)
        return before - node.governor.tokens

    first = booked(LIAR, [2 * VALUE]) - booked(LIAR, [2 * VALUE])
    assert 0 < first < 100, "only what came before its first lie is booked"
    assert booked(LIAR, [0]) == 0
    assert booked(LIAR + 1, None) > 39 * 60, "what agrees is everybody's traffic"


def test_a_forged_claim_does_not_use_up_an_honest_route():
    """Told to one node alone, which passes it on: that node's own contributions still count."""
    cell = mesh(6)
    victim = cell.nodes[2]
    Speaker(victim, LIAR, LIAR).sdm(relayed=[(victim.clock.epoch(), 31337, 0, 1 << 29)])
    cell.run(100)
    cell.contribute(2, 256)
    session = victim.ledger.session
    cell.run(40)
    for node in cell.nodes.values():
        shard = node.replicas[0].shard
        p = shard.find(session.start, session.nonce, 0)
        assert p >= 0 and shard.credited[p] == 256


def test_many_addresses_do_not_use_up_the_shard():
    """Sixteen addresses claim all that a shard may be credited in an epoch, and go on."""
    cell = mesh(4)
    total = 0
    for turn in range(4):
        total += 1 << 22
        for node in cell.nodes.values():
            for i in range(20):
                Speaker(node, LIAR + i, 700 + i).sdm(own=[(0, total)])
        cell.run(20)
        address = 1 + turn
        cell.contribute(address, 256)
        session = cell.nodes[address].ledger.session
        cell.run(44)
        for node in cell.nodes.values():
            shard = node.replicas[0].shard
            p = shard.find(session.start, session.nonce, 0)
            assert p >= 0 and shard.credited[p] == 256


def test_overstating_a_session_does_not_make_it_multiply():
    cell = mesh(4)
    node = cell.nodes[1]
    for _ in range(24):
        cell.contribute(1, 64)
        cell.run(1)
        session = node.ledger.session
        Speaker(node, LIAR, LIAR).sdm(
            relayed=[(session.start, session.nonce, 0, session.total[0] + 1)]
        )
        cell.run(63)
    assert len(node.ledger.sessions) <= 5
    assert node.status()["rows"] <= 5
    # What was contributed counts, the forger's units on top.
    counted = cell.values(cell.nodes[2])[0] - VALUE
    assert 24 * 64 <= counted <= 24 * 64 + 24


# --- trust --------------------------------------------------------------------------------------


def test_one_address_has_one_voice_however_patient():
    """Sixty-four sessions of one address earn trust, then lie just inside every threshold."""
    victim = Victim(peers=8, value=VALUE)
    epoch = victim.node.clock.epoch()
    mine = [(epoch, 7000 + i) for i in range(64)]
    for _ in range(6):
        for session in mine:
            for _ in range(10):
                victim.say(victim.ep(session), LIAR)
        for peer in range(8):
            victim.agree(peer)
        victim.wait(64000)
    assert len(mine_of(victim, LIAR)) == 1
    assert victim.node.status()["trusted"] >= 8
    for _ in range(6):
        for session in mine * 3:
            victim.say(victim.ep(session, [VALUE - BUDGET * 6 // 7] * 2), LIAR)
            victim.wait(300)
        for peer in range(8):
            victim.agree(peer)
    assert victim.referee.drifted == 0
    assert not victim.node.status()["diverged"]


def test_trust_is_not_earned_in_a_moment():
    victim = Victim(peers=4)
    session = (victim.node.clock.epoch(), 7000)
    for _ in range(100):
        victim.say(victim.ep(session), LIAR)
    assert mine_of(victim, LIAR) == []


def test_a_trusted_session_cannot_be_taken_over():
    """Trickle keeps honest peers silent for minutes; nobody else speaks for them meanwhile."""
    victim = Victim(peers=8)
    victim.wait(200000)
    for session in victim.sessions:
        victim.say(victim.ep(session, [v - 90 for v in (100000, 100000)], cycle=MAX_RAW), LIAR)
    assert victim.node.status()["trusted"] == 8
    assert mine_of(victim, LIAR) == []
    before = victim.node.reception.dropped.get("replay", 0)
    for peer in range(8):
        victim.agree(peer)
    assert victim.node.reception.dropped.get("replay", 0) == before
    assert victim.referee.drifted == 0


def test_a_lie_about_the_cycle_silences_nobody_for_long():
    """Even under a spoofed address: a cycle from the far future makes no honest EP a replay."""
    victim = Victim(peers=4)
    session = victim.sessions[0]
    victim.say(victim.ep(session, cycle=MAX_RAW), victim.address(0))
    victim.wait(10000)
    before = victim.node.reception.dropped.get("replay", 0)
    victim.agree(0)
    assert victim.node.reception.dropped.get("replay", 0) == before


def test_invented_contributions_buy_no_weight():
    """A third of sleepers who claim to have contributed much weigh no more than a third."""
    victim = Victim(peers=10, value=VALUE)
    epoch = victim.node.clock.epoch()
    sleepers = [((epoch, 7000 + i), LIAR + i) for i in range(5)]
    for turn in range(40):
        for session, source in sleepers:
            victim.say(victim.sdm(session, own=[(0, 65536 * min(turn + 1, 3))]), source)
            victim.say(victim.ep(session), source)
        for peer in range(10):
            victim.agree(peer)
        victim.wait(20000)
    assert sum(len(mine_of(victim, LIAR + i)) for i in range(5)) == 5
    for _ in range(8):
        for peer in range(10):
            victim.agree(peer)
        for session, source in sleepers:
            low = [v - BUDGET * 6 // 7 for v in victim.settled()]
            victim.say(victim.ep(session, low), source)
        victim.wait(8000)
    assert victim.referee.drifted == 0


# --- newcomers, reads, clock --------------------------------------------------------------------


def test_three_frames_do_not_crash_a_newcomer_nor_keep_it_out():
    """EPs from the future make a node whose clock was wrong join anew: not for one address."""
    cell = Cell(3)
    cell.active()
    cell.run(100)
    node = cell.add()
    cell.run(40)
    assert node.state == "ACTIVE"
    for _ in range(10):
        for i in range(3):
            Speaker(node, LIAR, LIAR + i).ep(cycle=node.clock.cycle + 100)
        cell.run(10)
    assert node.life.rejoins <= 1
    assert node.state == "ACTIVE"
    cell.contribute(4, 256)
    cell.settle(90)


def test_fifteen_sessions_of_one_address_do_not_set_a_newcomers_clock():
    cell = Cell(4)
    cell.active()
    cell.run(100)
    node = cell.add()
    seen = []
    for i in range(15):
        Speaker(node, LIAR, LIAR + i).ep(cycle=MAX_RAW - i, vector=[MAX_RAW])
    cell.run(60, each=lambda: seen.append(node.clock.cycle))
    assert max(seen) < 1 << 20
    assert node.state == "ACTIVE" and cell.values(node) == [0]


def test_no_frame_takes_the_clock_out_of_31_bits():
    """Alone with a liar a newcomer believes it; but the cycle stays a number that frames hold."""
    cell = Cell(1)
    node = cell.nodes[1]
    for i in range(15):
        Speaker(node, LIAR + i, LIAR + i).ep(cycle=MAX_RAW, vector=[0])
    cell.run(30)
    node.eps.say(cell.now)
    assert node.clock.cycle <= MAX_RAW
    frame = wire.Frame()
    assert node.transport.sent
    for data, _ in node.transport.sent:
        assert frame.decode(data, node.config.tag) == ""


def test_a_read_cannot_be_forged_by_anyone_unasked():
    """A channel of a shard that is not held here is read from holders, not from passers-by."""
    cell = Cell(4, channels=["c%d" % i for i in range(20)])
    cell.active()
    for node in cell.nodes.values():
        for replica in node.replicas:
            establish(replica, node.clock.cycle)
    node = cell.add(held=1)
    cell.run(60)
    index = 1 - node.status()["held"][0]
    channel = "c%d" % (16 * index)
    cell.contribute(1, 2000, channel)
    cell.run(3000, lambda: node.status()["trusted"] and node.value(channel, raw=True) == 2000)
    assert node.status()["trusted"], "whoever trusts nobody believes anybody"
    assert node.value(channel, raw=True) == 2000
    for i in range(5):
        node.handle(
            encode_ep(
                {
                    "tag": node.config.tag,
                    "start": node.clock.epoch(),
                    "nonce": LIAR + i,
                    "cycle": node.clock.cycle,
                    "shard": index,
                    "noise": 1,
                    "horizon": 0,
                    "flags": wire.VALUE,
                    "load": 0,
                    "held": 3,
                    "channels": 20,
                    "digests": [0] * 8,
                    "vector": [MAX_RAW] * (4 if index else 16),
                }
            ),
            LIAR,
        )
    assert node.value(channel, raw=True) == 2000
    node.contribute(channel, 1)  # nor does a forged value make the counter look full


def test_a_route_entry_does_not_inherit_a_voice():
    """Whoever gets a place in the table of routes has said nothing yet."""
    victim = Victim(peers=0, routes=8)
    epoch = victim.node.clock.epoch()
    for i in range(7):
        victim.say(victim.ep((epoch, 7000 + i), [1, 1]), LIAR + i)
    voices = victim.node.replicas[0].votes
    assert sum(voices.tally(epoch)) > 0
    victim.wait(10 * 64000)
    for i in range(7):
        victim.node.handle(victim.sdm((epoch, 8000 + i)), 500 + i)
    assert sum(voices.tally(victim.node.clock.epoch())) == 0
