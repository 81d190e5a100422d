"""Lifecycle: finding state, going on alone, low power, recovery, sessions, exile, clocks."""

import pytest

from lvs import config, wire
from lvs.config import CLOSING
from lvs.journal import Journal
from lvs.replica import EMPTY, FETCHING
from lvs_tools.world.memory_files import MemoryFiles
from tests.support import parts
from tests.support.cell import Cell, Speaker, decoded

SHORT = {"session_epochs": 2, "horizon_epochs": 2}  # a session folds after 4 + CLOSING epochs


def said(node, kind=None):
    """What a node said so far, decoded."""
    frames = decoded(node, [f for f, _ in node.transport.sent])
    return [f for f in frames if kind in (None, f["kind"])]


def flags(node, since=0):
    return {f["flags"] & ~wire.DIRECT for f in said(node, wire.EP)[since:]}


# --- INIT, JOINING, ACTIVE -----------------------------------------------------------------------


def test_alone_a_node_seeks_and_then_goes_on():
    cell = Cell(1)
    node = cell.nodes[1]
    assert node.state == "INIT"
    assert 7 <= cell.active() <= 9
    assert flags(node) == {wire.JOINING | wire.WANT}
    at = len(said(node, wire.EP))
    cell.run(200)
    assert flags(node, at) == {0}


def test_a_newcomer_takes_over_values_and_rows():
    cell = Cell(3)
    cell.active()
    for address in (1, 2, 3):
        cell.contribute(address, 100 * address)
    cell.settle()
    states = []
    late = cell.add()
    cell.run(20, each=lambda: states.append(late.state))
    assert states[0] == "INIT" and states[-1] == "ACTIVE" and "JOINING" in states
    assert states == sorted(states, key=["INIT", "JOINING", "ACTIVE"].index)
    cell.settle()


def test_a_newcomer_to_an_old_mesh_joins_once():
    """Its clock jumps ahead by more than a horizon: that is no absence."""
    cell = Cell(3, **SHORT)
    cell.active()
    cell.run(200)
    late = cell.add()
    cell.run(40)
    assert late.clock.cycle > 2 * 64 and late.state == "ACTIVE"
    assert late.status()["rejoins"] == 0


def test_what_was_offered_before_a_fold_is_not_adopted_after_it():
    """The rows that were folded were never here: the offers are not comparable any more."""
    node = Cell(1, **SHORT).nodes[1]
    replica = node.replicas[0]
    shard = replica.shard
    Speaker(node).ep()
    assert len(replica.offers) == 1 and not replica.live
    replica.next_epoch(shard.epoch + 1, 2, 0)
    assert not replica.offers


def test_offers_of_before_a_fold_are_asked_for_again():
    """The clock is past the fold: what would be adopted lacks what is in no row any more."""
    node = Cell(1, **SHORT).nodes[1]
    replica = node.replicas[0]
    at = 64 * 20
    for value, epoch in ((5, 19), (7, 20)):
        Speaker(node).ep([value], cycle=at, horizon=node.config.horizon(epoch))
        assert len(replica.offers) == 1
        replica.adopt(20)
        assert replica.live == (value == 7) and not replica.offers
    assert node.value("water", raw=True) == 7


def test_no_shard_begins_anew_before_anybody_was_asked_for_it():
    """Offers were of before a fold, and there are no tokens to ask again: that takes a while."""
    cell = Cell(1, **SHORT)
    cell.active()
    node = cell.nodes[1]
    replica = node.replicas[0]
    replica.seek(EMPTY)
    epoch = node.clock.epoch()
    Speaker(node).ep([5], cycle=64 * epoch - 1, horizon=node.config.horizon(epoch - 1))
    assert replica.offers
    replica.adopt(epoch)
    assert not replica.offers
    node.eps._said_at = node.now()
    for _ in range(60):
        node.governor.tokens = -node.governor.full
        cell.run(1)
    assert not replica.live
    cell.run(60)
    assert replica.live


def test_a_newcomer_among_one_waits_for_more_offers_but_not_for_ever():
    cell = Cell(1)
    cell.active()
    cell.contribute(1, 500)
    late = cell.add()
    assert cell.run(30, lambda: late.state != "INIT") <= 8
    cell.settle()


def test_a_newcomer_adopts_the_median_of_its_offers():
    """One liar among three who answer first does not choose what a newcomer starts from."""
    cell = Cell(1)
    node = cell.nodes[1]
    for k, value in enumerate((1000, 1001, 10**9)):
        Speaker(node, 20 + k, 200 + k).ep([value])
    cell.run(18)  # they contradict each other: it asks on
    assert node.state == "JOINING" and node.value("water", raw=True) == 1001


def offered(values):
    """A node to which each value was offered by a route of its own."""
    cell = Cell(1)
    node = cell.nodes[1]
    for k, value in enumerate(values):
        Speaker(node, 20 + k, 200 + k).ep([value])
    return cell, node


def test_contradictory_offers_are_asked_about():
    """The clocks are the same: what is offered is not."""
    for values, asks in (((5, 5, 5), False), ((5, 5, 6), True)):
        cell, node = offered(values)
        cell.run(6)
        assert any(said & wire.DOUBT for said in flags(node)) == asks
        assert (node.state == "INIT") == asks
        cell.run(20)
        assert node.state != "INIT" and node.value("water", raw=True) == 5


def test_a_crowd_of_contradictory_clocks_does_not_keep_a_newcomer_waiting():
    """Once 64 are known nobody is new."""
    cell = Cell(1)
    node = cell.nodes[1]
    crowd = [Speaker(node, 20 + k, 200 + k) for k in range(100)]
    at = node.clock.cycle
    for cycle in range(at, at + 40):
        for k, speaker in enumerate(crowd):
            speaker.ep([5], cycle=cycle + (100 if k % 3 else 0))
        cell.run(1)
    assert node.state != "INIT"


@pytest.mark.parametrize("jam", [False, True])
def test_where_nobody_may_speak_rows_are_waited_for_longer(jam):
    """What is missing comes as slowly as everything else does then."""
    node = Cell(1).nodes[1]
    replica = node.replicas[0]
    replica._enter(FETCHING)
    cycles = 0
    while replica.phase == FETCHING and cycles < 600:
        node.governor.tokens = 0 if jam else node.governor.full
        node.life._proceed(replica)
        cycles += 1
    assert cycles == (129 if jam else 33)


def test_in_a_dispute_who_chose_as_most_of_a_crowd_do_is_established():
    """Whoever is loudest afterwards does not lead it on."""
    for most, others, established in ((9, 1, True), (9, 0, False), (5, 4, True), (4, 4, False)):
        node = offered([5] * most + [3] * others)[1]
        replica = node.replicas[0]
        replica.adopt(replica.shard.epoch)
        assert replica.established == established


def test_an_offer_of_another_age_is_outvoted():
    cell = Cell(1)
    node = cell.nodes[1]
    horizon = node.replicas[0].shard.horizon
    offers = (10, horizon), (99, horizon - 1), (11, horizon), (12, horizon)
    for k, (value, at) in enumerate(offers):
        Speaker(node, 20 + k, 200 + k).ep([value], horizon=at)
    cell.run(25)  # they contradict each other
    assert node.value("water", raw=True) == 11
    assert node.replicas[0].shard.horizon == horizon


def test_joining_ends_though_no_peer_has_equal_rows():
    cell = Cell(1)
    node = cell.nodes[1]
    Speaker(node).ep([5])
    cell.run(6)
    assert node.state == "JOINING"
    cell.run(40)
    assert node.state == "ACTIVE"


@pytest.mark.parametrize(("rows", "cycles"), [(6, 32 + 6 * 16), (200, 1024 + 64)])
def test_joining_goes_on_while_rows_of_before_come_in_but_not_for_ever(rows, cycles):
    """At its traffic limit a crowd's rows take longer than 32 cycles; a liar may invent some."""
    cell = Cell(1, session_epochs=4096, horizon_epochs=4096)
    node = cell.nodes[1]
    at = node.config.grain * 64 * 10  # a grain is longer than all that happens here
    Speaker(node).ep([5], cycle=at, horizon=node.config.horizon(at >> 6))
    cell.run(6)
    began = node.clock.cycle
    for k in range(rows):
        if node.state == "JOINING":
            Speaker(node, 7, 7).sdm(relayed=[(9, 1000 + k, 0, 1)])
            cell.run(16)
    cell.run(64, lambda: node.state == "ACTIVE")
    assert abs(node.clock.cycle - began - cycles) <= 32
    assert -32 <= node.replicas[0].allowance <= 1024


def test_joining_and_recovering_senders_are_no_samples():
    cell = Cell(1)
    cell.active()
    node = cell.nodes[1]
    for flag in (wire.JOINING, wire.RECOVERING):
        Speaker(node, 5, 50).ep([100], flags=flag)
    assert node.replicas[0].window.n == 0 and node.status()["peers"] == 0
    Speaker(node, 5, 50).ep([100])
    assert node.replicas[0].window.n == 1 and node.status()["peers"] == 1


def test_everybody_is_told_that_wants_to_know():
    """A WANT is answered with the settled vector and the rows, though nothing is news."""
    cell = Cell(1)
    cell.active()
    node = cell.nodes[1]
    cell.contribute(1, 300)
    cell.run(100)
    node.transport.sent.clear()
    Speaker(node).ep(flags=wire.WANT | wire.JOINING, digests=[0] * 8)
    cell.run(5)
    rows = [r for f in said(node, wire.SDM) for r in f["relayed"]]
    session = node.ledger.session
    assert [session.start, session.nonce, 0, 300] in rows
    assert said(node, wire.EP)


def test_an_answer_to_one_address_is_no_larger_than_what_it_sent():
    """No amplification: who asks under a false address gets its victim no more than it sends."""
    cell = Cell(1, rows=200)
    cell.active()
    node = cell.nodes[1]
    for k in range(150):
        Speaker(node, 50, 7).sdm(relayed=[(node.clock.epoch(), 1000 + k, 0, 5)])
    cell.run(70)
    asked = 0
    node.transport.sent.clear()
    for _ in range(10):
        asked += len(Speaker(node, 66, 66).ep(flags=wire.WANT | wire.DIRECT, digests=[0] * 8))
        cell.run(3)
    answers = [f for f, addr in node.transport.sent if addr == 66]
    assert answers and sum(map(len, answers)) <= asked


# --- LOW_POWER and silent exit -------------------------------------------------------------------


def test_low_power_speaks_seldom_and_loses_nothing():
    cell = Cell(3)
    cell.active()
    node = cell.nodes[3]
    node.low_power(True)
    assert node.state == "LOW_POWER"
    at = len(said(node, wire.EP))
    cell.contribute(1, 50)
    cell.contribute(3, 70)
    cell.settle()
    assert flags(node, at) <= {wire.LOW_POWER} and node.trickle.stretch() == 4
    node.low_power(False)
    assert node.state == "ACTIVE" and node.trickle.stretch() == 1


def test_low_power_said_again_makes_it_speak_within_a_second():
    cell = Cell(3)
    cell.active()
    node = cell.nodes[3]
    node.low_power(True)
    cell.run(300)
    at = len(said(node, wire.EP))
    node.low_power(True)
    cell.run(1)
    assert len(said(node, wire.EP)) == at + 1 and node.trickle.stretch() == 4


def test_low_power_is_entered_once_state_is_found():
    cell = Cell(1)
    node = cell.nodes[1]
    node.low_power(True)
    assert node.state == "INIT"
    cell.run(10)
    assert node.state == "LOW_POWER"


def test_what_a_sleeper_missed_it_gets_on_waking():
    cell = Cell(3)
    cell.active()
    cell.links = lambda a, b: 3 not in (a, b)
    cell.contribute(1, 50)
    cell.contribute(3, 70)
    cell.run(100)
    assert not cell.settled()
    cell.links = lambda a, b: True
    assert cell.settle(120) <= 90


def test_silent_exit_of_all_but_one():
    """G9 in small: the survivor's values are those of all who come after it."""
    cell = Cell(6)
    cell.active()
    for address in range(1, 7):
        cell.contribute(address, 11 * address)
    cell.settle()
    for address in range(2, 7):
        del cell.nodes[address]
    cell.run(30)
    for address in range(7, 12):
        cell.add(address)
    cell.settle()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_survivor_alone_for_longer_than_the_horizon_forgets_nothing_for_a_newcomer(restarted):
    """Whoever has only just begun has nothing that it could start over with."""
    cell = Cell(3, **SHORT)
    journals = [Journal("", files=MemoryFiles()) for _ in range(3)]
    for address in (1, 2, 3):
        cell.add(address, journals[address - 1])
    cell.active()
    cell.run(80)
    for address in (1, 2, 3):
        cell.contribute(address, 11 * address)
    cell.settle()
    del cell.nodes[2], cell.nodes[3]
    cell.run(64 * (4 + CLOSING + 4))
    if restarted:  # its last life was alone
        cell.add(1, journals[0])
        cell.run(60)
    cell.add(2)
    cell.settle(400)  # what is in the closing is told again after it
    assert cell.nodes[1].status()["rejoins"] == 0


def test_who_heard_nobody_but_leaves_for_long_forgets_nothing_for_a_newcomer():
    cell = Cell(1, **SHORT)
    cell.active()
    leaf = Speaker(cell.nodes[1])
    leaf.ep(held=0, flags=wire.WANT)
    leaf.sdm([(0, 50)])
    cell.contributed["water"] += 50
    cell.run(64 * (4 + CLOSING + 2))
    cell.add()
    cell.settle()
    assert cell.nodes[1].status()["rejoins"] == 0


# --- RECOVERING ----------------------------------------------------------------------------------


def test_recovery_adopts_what_peers_hold():
    cell = Cell(5)
    cell.prime(100000)
    node = cell.nodes[1]
    node.replicas[0].shard.settled[0] = 7
    node.life.recover("test")
    assert node.state == "RECOVERING"
    at = len(said(node, wire.EP))
    cell.run(20, lambda: node.state == "ACTIVE")
    assert wire.RECOVERING | wire.WANT in flags(node, at)
    assert cell.values(node) == [100000]
    status = node.status()
    assert status["state"] == "ACTIVE" and status["recoveries"] == 1
    assert not status["established"]


def test_a_fall_by_an_eighth_triggers_recovery():
    """VaultGuard notices flipped bits in memory at the epoch's end, and the mesh heals them."""
    cell = Cell(5)
    cell.prime(100000)
    cell.run(64)
    node = cell.nodes[2]
    node.replicas[0].shard.settled[0] ^= 1 << 16
    cell.run(100)
    assert node.status()["recoveries"] == 1
    cell.settle()


def test_recovery_without_peers_keeps_what_there_is():
    cell = Cell(1)
    cell.active()
    cell.contribute(1, 200)
    node = cell.nodes[1]
    node.life.recover("test")
    cell.run(12)
    assert node.state == "ACTIVE" and cell.values(node) == [200]


def test_contributions_wait_while_recovering():
    cell = Cell(1)
    cell.active()
    node = cell.nodes[1]
    node.life.recover("test")
    cell.contribute(1, 200)
    assert node.status()["pending_raw"] == 200 and cell.values(node) == [0]
    cell.settle()


# --- sessions ------------------------------------------------------------------------------------


def test_sessions_change_and_are_folded_without_a_trace_in_the_value():
    cell = Cell(3, **SHORT)
    cell.active()
    for address in (1, 2, 3):
        cell.contribute(address, 100 + address)
    cell.settle()
    first = {n.status()["session"] for n in cell.nodes.values()}
    cell.run(150)
    assert cell.settled()
    assert not first & {n.status()["session"] for n in cell.nodes.values()}
    assert {row[0] for n in cell.nodes.values() for row in n.rows()} == first
    cell.run(250 + 64 * CLOSING)
    assert cell.settled()
    for n in cell.nodes.values():
        assert list(n.rows()) == [] and n.replicas[0].shard.settled[0] == 306


@pytest.mark.parametrize("grains", [126, 4, 2])
def test_contributions_through_many_sessions_stay_exact(grains, monkeypatch):
    """Whether a grain is one epoch, or two, or four."""
    monkeypatch.setattr(config, "_GRAINS", grains)
    cell = Cell(3, loss=0.2, seed=5, **SHORT)
    cell.active()
    for k in range(30):
        cell.contribute(1 + k % 3, 10 + k)
        cell.run(40)
    cell.settle(120)
    assert cell.nodes[1].replicas[0].shard.settled[0] > 0


def test_news_of_an_ending_session_is_not_lost():
    """What was contributed just before a session changes reaches the others as fast as ever."""
    cell = Cell(3, **SHORT)
    cell.active()
    node = cell.nodes[1]
    cell.contribute(1, 77)
    node.contributions.rotate()
    assert cell.settle() <= 5


def test_who_hears_itself_overstated_goes_on_under_another_session():
    cell = Cell(3)
    cell.active()
    cell.run(70)
    cell.contribute(1, 50)
    cell.settle()
    node = cell.nodes[1]
    session = node.ledger.session
    forger = Speaker(cell.nodes[1], 66, 66)
    forger.sdm(relayed=[(session.start, session.nonce, 0, 80)])
    assert node.ledger.session is not session
    cell.contribute(1, 50)
    cell.contributed["water"] += 30  # what the forger invented counts as if contributed
    cell.settle()


def test_a_forged_row_in_my_name_is_not_credited_to_me():
    """G3: a forger's claim stays inside its route's budget though I contribute under that row."""
    cell = Cell(1, route_budget=1000)
    cell.active()
    cell.run(70)
    node = cell.nodes[1]
    forger = Speaker(node, 66, 66)
    cell.contribute(1, 256)
    for _ in range(2):  # the second time too soon for another session
        session = node.ledger.session
        forger.sdm(relayed=[(session.start, session.nonce, 0, 1999)])
        cell.contribute(1, 256)
    assert node.value("water", raw=True) <= 3 * 256 + 2 * 1000
    cell.run(2)
    assert node.value("water", raw=True) <= 3 * 256 + 2 * 1000
    assert node.replicas[0].shard.uncredited == 2


# --- partitions and exile ------------------------------------------------------------------------


def test_a_partition_shorter_than_the_horizon_loses_nothing():
    cell = Cell(6, **SHORT)
    cell.active()
    cell.links = lambda a, b: a % 2 == b % 2
    for address in range(1, 7):
        cell.contribute(address, 10 * address)
    cell.run(110)
    cell.contribute(1, 5)
    assert not cell.settled()
    cell.links = lambda a, b: True
    cell.settle(90)


def test_an_exile_longer_than_the_horizon_comes_back_exactly():
    """What only the exile knows is issued anew when it hears the others again, and counts once."""
    cell = Cell(4, **SHORT)
    cell.active()
    for address in range(1, 5):
        cell.contribute(address, 100)
    cell.settle()
    cell.run(5)  # and each has heard that the others have it
    cell.links = lambda a, b: 4 not in (a, b)
    for _ in range(10):
        cell.run(60)
        cell.contribute(4, 7)
        cell.contribute(1, 3)
    cell.run(300)
    assert not cell.settled()
    cell.links = lambda a, b: True
    cell.settle(400)
    cell.run(400)
    assert cell.settled()


def test_a_mesh_alone_for_long_does_not_count_twice():
    cell = Cell(1, **SHORT)
    cell.active()
    for _ in range(12):
        cell.contribute(1, 9)
        cell.run(60)
    assert cell.settled()


@pytest.mark.parametrize("epochs", [-2, 0])
def test_a_power_cut_of_who_is_alone_counts_nothing_twice(epochs):
    """What nobody knows is told again, but the last checkpoint still has it: shortly before its
    session is folded, and just after."""
    journal = Journal("", files=MemoryFiles())
    cell = Cell(session_epochs=2, horizon_epochs=28)
    node = cell.add(1, journal)
    cell.active()
    cell.contribute(1, 11)
    cell.run(20)
    fold = (node.ledger.session.start + node.config.lifetime + 1) * 64
    cell.run(fold + 64 * epochs + 12 - node.clock.cycle)
    assert node.left() == 11
    cell.add(1, journal)
    cell.run(64 * 4)
    cell.settle()


# --- clocks --------------------------------------------------------------------------------------


def test_a_fresh_node_adopts_the_clock_of_its_peers():
    cell = Cell(3)
    cell.run(300)
    late = cell.add()
    cell.run(20)
    assert late.clock.cycle == pytest.approx(cell.nodes[1].clock.cycle, abs=1)


@pytest.mark.parametrize("offset", [-3, 3])
def test_a_clock_is_slewed_by_what_it_differs_and_no_further(offset):
    """Peers that were heard once: their clocks go on while mine comes nearer."""
    cell = Cell(1)
    cell.active()
    node = cell.nodes[1]
    begin, cycle = cell.now, node.clock.cycle
    for i in range(4):
        Speaker(node, 60 + i, 7000 + i).ep(cycle=cycle + offset)
    cell.run(100)
    gained = node.clock.cycle - cycle - (cell.now - begin) // 1000
    assert 1 <= gained * (1 if offset > 0 else -1) <= 4


def test_clocks_are_slewed_and_never_go_back_nor_twice_as_fast():
    cell = Cell(4)
    cell.active()
    cell.run(20)
    node = cell.nodes[4]
    for other in (1, 2, 3):
        cell.nodes[other].clock.cycle += 20
    cycles = []
    cell.run(80, each=lambda: cycles.append(node.clock.cycle))
    steps = [b - a for a, b in zip(cycles, cycles[1:], strict=False)]
    assert min(steps) >= 0 and max(steps) <= 2
    clocks = [n.clock.cycle for n in cell.nodes.values()]
    assert max(clocks) - min(clocks) <= 2


def test_no_liar_pushes_an_established_clock_beyond_twice_local_time():
    cell = Cell(1)
    cell.prime(1000)
    node = cell.nodes[1]
    begin = node.clock.cycle
    for second in range(60):
        for k in range(9):
            Speaker(node, 30 + k, 300 + k).ep(cycle=begin + 10**6 + second)
        cell.run(1)
    assert node.clock.cycle - begin <= 2 * 60


def test_a_fresh_node_whose_clock_was_never_the_meshs_joins_anew():
    """Two cold nodes started a day apart hear each other only later: the younger gives way."""
    cell = Cell(4)
    cell.links = lambda a, b: (a == 4) == (b == 4)
    cell.run(20)
    for address in (1, 2, 3):
        cell.nodes[address].clock.cycle += 1000
    cell.run(70)
    cell.contribute(4, 60)
    cell.contribute(1, 40)
    cell.run(2)
    cell.links = lambda a, b: True
    cell.settle(120)
    assert cell.nodes[4].status()["rejoins"] == 1


@pytest.mark.parametrize("later", [0, 7])
def test_what_was_told_under_a_clock_that_goes_back_is_told_again(later):
    """Its session has not begun by the clock of the mesh: nobody takes its row."""
    cell = Cell(1, session_epochs=4, horizon_epochs=12)
    cell.active()
    for _ in range(10):
        cell.contribute(1, 9)
        cell.run(50)
    start = cell.nodes[1].ledger.session.start
    cell.links = lambda a, b: 1 not in (a, b)
    for _ in range(3):
        cell.add()
    cell.run(100)
    cell.links = lambda a, b: True
    cell.run(60)
    assert start > cell.nodes[1].clock.grain() + 1
    if later:
        cell.contribute(1, later)
    cell.settle()


def test_ticks_may_wrap_at_any_time():
    """MicroPython's ticks_ms wraps at 2**30 ms: nothing is lost, no timer sleeps for days."""
    cell = Cell(3, loss=0.2, start=2**30 - 15000)
    cell.active()
    for k in range(12):
        cell.contribute(1 + k % 3, 10)
        cell.run(2)
    assert cell.now > 2**30
    cell.settle(60)
    before = [len(n.transport.sent) for n in cell.nodes.values()]
    cell.run(200)
    assert all(len(n.transport.sent) > b for n, b in zip(cell.nodes.values(), before, strict=True))


def test_a_stalled_node_does_not_race():
    cell = Cell(1)
    cell.active()
    node = cell.nodes[1]
    cycle = node.clock.cycle
    cell.now += 100000
    cell.run(1)
    assert node.clock.cycle - cycle <= 6


def test_that_clocks_are_far_apart_is_said_until_they_have_met():
    """Who stayed on while the others were off counts apart for hours, and no vote says so."""
    cell = Cell(1, **SHORT)
    cell.prime(1000)
    node = cell.nodes[1]
    for _ in range(16):
        for k in range(4):
            at = node.clock.cycle + (1200 if k == 0 else 0)
            horizon = node.config.horizon(at >> 6)
            Speaker(node, 60 + k, 6000 + k).ep([1000], cycle=at, horizon=horizon)
        cell.run(32)
    said = [text for text in node.status()["warnings"] if text.startswith("clock: ")]
    assert said and said[0].startswith("clock: 1 of 4 nodes heard go by a clock 20 min ahead")
    cell.run(1024)
    assert "clock: " not in str(node.status()["warnings"])


@pytest.mark.parametrize("behind", [100, 64 * 20])
def test_who_shows_what_was_held_before_a_fold_is_behind_in_time_alone(behind):
    """Restarted nodes are the majority: those who stayed on go slower until they are there."""
    for vector, slew in (([1000], -1), ([999], 0)):
        cell = Cell(1, **SHORT)
        cell.prime(1000)
        node = cell.nodes[1]
        for _ in range(4 + behind // 50):
            Speaker(node, 50, 5000).ep()
            cell.run(50)
        parts.settle(node.replicas[0].shard, 0, 1050)  # what was folded lately
        for k in range(20):  # those behind are not most, who would be waited for in any case
            Speaker(node, 80 + k, 8000 + k).ep()
        cell.run(129)
        parts.settle(node.replicas[0].shard, 0, 1050)
        late = node.clock.cycle - behind - 128
        for k in range(12):
            horizon = node.config.horizon(late >> 6)
            Speaker(node, 60 + k, 6000 + k).ep(vector, cycle=late, horizon=horizon)
        cell.run(40)  # those who are gone are asked, and say nothing
        assert node.clock.slew == slew


def test_before_the_first_fold_nobody_is_behind_in_time_alone():
    """Nor by a vector whose hash is what a place without a fold holds."""
    cell = Cell(1, **SHORT)
    cell.prime(1000)
    frame = wire.Frame()
    frame.horizon, frame.vector.lo[0] = 100, 84526
    assert not cell.nodes[1].replicas[0].held_before(frame)


@pytest.mark.parametrize("behind, follows", [(100, True), (100, False), (40, False)])
def test_an_established_node_follows_when_most_are_far_ahead(behind, follows):
    """Of a mesh that heard too few of the others when it came back; a half that lies does not."""
    cell = Cell(7)
    cell.active()
    cell.contribute(7, 5)
    cell.settle()
    cell.run(150)
    node = cell.nodes[7]
    assert all(r.established for r in node.replicas)
    cycle, value = node.clock.cycle, node.value("water", raw=True)
    node.life.remembered = list(range(900, 908))  # who has left since says nothing
    ahead = range(1, 5 if follows else 4)
    for key in ahead:
        node.life.stray(behind, node.transport.key(key), node.config.horizon_epochs * 64)
    cell.links = lambda a, b: False
    cell.run(20)
    assert node.clock.cycle - cycle - 20 == (behind if follows else 0)
    assert node.value("water", raw=True) == value


@pytest.mark.parametrize("ahead, follows", [(190, True), (66, False)])
def test_among_200_too_most_are_followed_and_a_third_is_not(ahead, follows):
    """More than there are clocks to remember: of those that are drawn all are."""
    cell = Cell(1, seed=2)  # whose draw lets so many in
    cell.prime(1000)
    node = cell.nodes[1]
    horizon = node.config.horizon_epochs * 64
    for key in range(100, 300):
        Speaker(node, key, 6000 + key).ep([1000])
    cycle = node.clock.cycle
    assert node.routes.near >= 200
    for _ in range(2):  # not whoever is first
        for key in range(100, 100 + ahead):
            node.life.stray(700, node.transport.key(key), horizon)
    cell.run(20)
    assert node.clock.cycle - cycle - 20 == (700 if follows else 0)


def test_a_newcomer_takes_no_clock_of_those_who_are_first():
    """A third of two hundred, whom it heard before all others."""
    cell = Cell(1)
    node = cell.nodes[1]
    at = node.clock.cycle
    for key in range(200):
        cycle = at + (500 if key < 66 else 40)
        horizon = node.config.horizon(cycle >> 6)
        Speaker(node, 20 + key, 200 + key).ep([5], cycle=cycle, horizon=horizon)
    assert len(node.life._clocks) == 64 and node.life._offset() == 40


@pytest.mark.parametrize(("behind", "slew"), [(3, -1), (2, 0)])
def test_an_established_node_waits_when_most_are_far_behind_whatever_they_hold(behind, slew):
    """Else they would fold in other epochs for ever, and nobody could say who is right."""
    cell = Cell(1)
    cell.prime(1000)
    node = cell.nodes[1]
    cell.run(150)
    for k in reversed(range(4)):
        at = node.clock.cycle - (70 if k < behind else 0)
        horizon = node.config.horizon(at >> 6)
        for _ in range(2):
            Speaker(node, 60 + k, 6000 + k).ep([900], cycle=at, horizon=horizon)
    cell.run(5)
    assert node.clock.slew == slew


def one_of_eleven(heard):
    """A node of eleven that heard so many of the others of late, and its epoch."""
    cell = Cell(11)
    cell.active()
    cell.run(150)
    node = cell.nodes[11]
    epoch = node.clock.epoch()
    for key in range(1, 11):
        node.routes.last[node.routes.known(key)] = epoch if key <= heard else epoch - 9
    return node, epoch


def test_whoever_hushes_the_others_is_not_most():
    """Of ten neighbours only four were heard of late, all far ahead."""
    node, _ = one_of_eleven(4)
    for key in range(1, 5):
        node.life.stray(100, node.transport.key(key), node.config.horizon_epochs * 64)
    assert node.state == "ACTIVE"


def test_whoever_hushes_the_others_is_not_most_of_the_votes():
    """Of ten neighbours only five were heard of late, and four of them hold something else."""
    node, epoch = one_of_eleven(5)
    r = node.replicas[0]
    r.votes.forget()
    for key in range(1, 6):
        r.votes.cast(node.routes.known(key), key == 5, epoch)
    for _ in range(5):
        r.next_epoch(epoch, node.clock.cycle, node.now())
        assert r.votes.disputed and not r.votes.diverged


def test_what_nobody_else_holds_is_shown_through_the_closing_too():
    """A meter never runs back where somebody is there, who never hears it."""
    cell = Cell(2, **SHORT)
    cell.active()
    cell.links = lambda a, b: b == 1
    cell.contribute(1, 5000)
    node = cell.nodes[1]
    least = []
    cell.run(20)
    cell.run(64 * (4 + CLOSING + 6), each=lambda: least.append(node.value("water", raw=True)))
    assert min(least) == 5000


def test_who_is_far_behind_does_not_end_a_silence():
    """A board that was off is heard a second before the mesh that nobody heard for long."""
    cell = Cell(1, **SHORT)
    cell.active()
    node = cell.nodes[1]
    cell.run(64 * (2 * (4 + CLOSING)))
    cycle = node.clock.cycle // 2
    Speaker(node, 7, 7777).ep(cycle=cycle, horizon=node.config.horizon(cycle >> 6))
    assert node.status()["rejoins"] == 0 and node.clock.silence() > 64
    # Perhaps of somebody who follows this node, or does not say what is settled.
    other = Speaker(node, 8, 8888)
    for say in (
        lambda: other.sdm([(0, 5)]),
        lambda: other.ep([5], flags=wire.JOINING),
        lambda: other.ep([5], flags=wire.VALUE),
        lambda: other.ep([], held=2, flags=wire.WANT),
    ):
        say()
        assert node.status()["rejoins"] == 0 and node.clock.silence() > 64
    Speaker(node, 8, 8888).ep([5])
    assert node.status()["rejoins"] == 1
