"""Routes, trust credit and votes: free session numbers buy nothing."""

import random

from lvs import drift_core
from lvs.routes import (
    ALLOWANCE,
    FRAMES_PER_EPOCH,
    OTHERS,
    TC_MAX,
    TC_START,
    TRUSTED,
    Routes,
)
from lvs.votes import Votes
from tests.support import parts
from tests.support.cell import Cell, Speaker

SALT = 12345


# --- trust credit --------------------------------------------------------------------------------


def agreeing(size=16, count=8, epochs=2):
    """A table in which routes 0 .. count - 1 agreed in so many epochs."""
    routes = Routes(size, SALT)
    for epoch in range(epochs):
        for key in range(count):
            routes.judge(routes.admit(key, key, epoch), True)
        routes.new_epoch(epoch + 1)
    return routes


def test_trust_is_slow_to_earn_and_fast_to_lose():
    routes = Routes(8, SALT)
    i = routes.admit(1, 1, 0)
    assert routes.tc(i) == TC_START == routes.tc(OTHERS)
    for epoch in range(40):
        for _ in range(5):  # nobody earns trust by talking fast
            routes.judge(i, True)
        routes.new_epoch(epoch + 1)
        assert routes.tc(i) == min(TC_MAX, TC_START + 16 * (epoch + 1))
        assert routes.trusted(i) == (epoch >= 1)
    routes.judge(i, False)
    assert routes.tc(i) == TC_START and not routes.trusted(i)


def test_who_says_two_things_in_an_epoch_earns_nothing():
    routes = Routes(8, SALT)
    i = routes.admit(1, 1, 0)
    for epoch in range(20):
        routes.judge(i, True)
        routes.judge(i, False)
        routes.judge(i, True)
        routes.new_epoch(epoch + 1)
    assert routes.tc(i) == TC_START


def test_who_has_no_entry_is_never_trusted():
    routes = Routes(8, SALT)
    for epoch in range(4):
        routes.judge(OTHERS, True)
        routes.new_epoch(epoch + 1)
    assert not routes.trusted(OTHERS) and routes.tc(OTHERS) == TC_START


def test_invented_addresses_push_no_trusted_one_out():
    routes = agreeing()
    for key in range(1000, 3000):
        routes.admit(key, key, 3)
    assert all(routes.known(key) != OTHERS for key in range(8))
    assert routes.n <= 16
    assert sum(not routes.trusted(i) for i in range(1, routes.n)) <= 4


def test_trust_does_not_move_to_another_address():
    routes = agreeing(count=4, size=8)
    while routes.n < 8:
        routes.admit(60 + routes.n, 60 + routes.n, 2)
        routes.agreed[routes.n - 1] = 2
    i = routes.admit(99, 99, 100)  # everybody else was silent for longer than anybody is hushed
    assert i != OTHERS and not routes.trusted(i) and routes.nonce[i] == 0


def test_a_session_does_not_go_back_in_time():
    routes = agreeing(count=1)
    i = routes.known(0)
    routes.told(i, 77, 100, 100, 1)
    assert routes.replayed(i, 77, 99) and not routes.replayed(i, 77, 100)
    assert not routes.replayed(i, 78, 99)
    assert not routes.replayed(OTHERS, 0, -1)
    routes.told(i, 77, 10**6, 100, 1)  # a clock far ahead does not lock its session out
    assert not routes.replayed(i, 77, 102)


def test_clock_lead_is_the_median_of_those_that_are_believed():
    routes = agreeing(count=5)
    cycle = 1000

    def shown(offsets):
        for key, offset in enumerate(offsets):
            i = routes.known(key)
            routes.told(i, key, cycle, cycle, 1)
            if offset is not None:
                routes.steers(i, offset)

    shown((5, 5, 5, 0, -9))
    assert routes.clock_lead(15, 0) == 1
    shown((1, 1, 1, 2, -2))  # one cycle is phase
    assert routes.clock_lead(15, 0) == 0
    shown((5, 5, 0, 0, -9))
    assert routes.clock_lead(15, 0) == 0
    assert routes.clock_lead(15 + 64, 0) == 0  # heard too long ago
    shown((-5, -5, -5, -5, -5))
    assert routes.clock_lead(15, 0) == -1
    shown((-5, None, None, None, None))
    assert routes.clock_lead(15, 0) == -1  # mine is no voice
    shown((-5, 0, None, None, None))
    assert routes.clock_lead(15, 0) == -1  # half, and nobody says otherwise: as in a ring
    shown((-5, 5, None, None, None))
    assert routes.clock_lead(15, 0) == 0
    shown((None, None, None, None, None))
    assert routes.clock_lead(15, 0) == 0


def test_a_clock_counts_as_much_as_each_of_those_who_earned_trust():
    """Who is hushed, or a stranger, earns none."""
    routes = agreeing(count=2)
    for key in range(5):
        i = routes.admit(key, key, 0)
        routes.told(i, key, 100, 100, 1)
        routes.steers(i, 0 if key < 2 else 9)
    assert routes.tc(routes.known(0)) > TC_START == routes.tc(routes.known(4))
    assert routes.clock_lead(1, 0) == 1


def test_clocks_are_contested_by_more_than_one_of_sixteen():
    """Then those who were not heard lately are asked, and have no voice until they answer."""
    routes = agreeing(size=128, count=40)
    for key in range(40):
        routes.told(routes.known(key), key, 100, 100, 1)
        routes.steers(routes.known(key), 0)
    for key in range(3):
        routes.steers(routes.known(key), 5)
        routes.clock_lead(3, 0)
        assert routes.disputed == (key == 2)
    for i in range(1, 41):
        routes.receive(i, 100)
        assert not routes.silent(i, 164, 100)  # heard lately
    asked = [[routes.silent(i, cycle, 100) for i in range(1, 41)] for cycle in range(192, 256, 4)]
    assert max(map(sum, asked)) <= 5 and sum(map(sum, asked[8:])) == 0  # nor in more than he sent
    assert list(routes.offset[1:41]).count(0x7FFF) == sum(map(sum, asked)) == 40


def test_each_epoch_draws_other_clocks():
    """A third of liars is most of few draws, and nobody stays with one."""
    routes = agreeing(size=256, count=120)
    for key in range(120):
        i = routes.known(key)
        routes.told(i, key, 100, 100, 1)
        routes.steers(i, 0 if key % 3 else 9)
    assert [routes.clock_lead(epoch, 0) for epoch in range(60)].count(1) <= 1
    draws = [{i for i in range(1, 121) if routes._drawn(i, epoch)} for epoch in range(9)]
    assert 36 < sum(map(len, draws)) / 9 < 60
    assert max(len(a & b) for a in draws for b in draws if a is not b) < 36


def test_who_is_hushed_answers_whoever_asks_for_his_clock():
    cell = mesh_of_two()
    asking, asked = cell.nodes[1], cell.nodes[2]
    i = asking.routes.known(2)
    sent = []
    cell.links = lambda a, b: sent.append(a) or True

    def hush():
        asking.trickle.agreeing = asked.trickle.agreeing = 9
        asking.governor.tokens = asked.governor.tokens = -asked.governor.full
        if not sent:
            asking.routes.steers(i, 5)

    cell.run(100, each=hush)
    assert sent[:2] == [1, 2] and asking.routes.offset[i] == 0


def mesh_of_two():
    cell = Cell(2)
    cell.prime(1000)
    cell.run(100)
    return cell


def test_a_slewed_clock_gains_on_what_was_heard():
    routes = agreeing(count=2)
    for key, offset in ((0, 5), (1, None)):
        i = routes.known(key)
        routes.told(i, key, 100, 100, 1)
        if offset is not None:
            routes.steers(i, offset)
    assert routes.clock_lead(1, 2) == 1
    assert routes.offset[routes.known(0)] == 3
    assert routes.clock_lead(1, 2) == 0


# --- routes --------------------------------------------------------------------------------------


def test_unknown_routes_share_one_entry():
    routes = Routes(16, SALT)
    assert routes.known(5) == OTHERS
    i = routes.admit(5, "five", 0)
    assert i != OTHERS and routes.known(5) == i and routes.pick(0) == "five"


def test_frames_per_epoch_are_limited():
    routes = Routes(16, SALT)
    i = routes.admit(5, "five", 0)
    assert sum(routes.receive(i, 100) for _ in range(5000)) == FRAMES_PER_EPOCH
    assert routes.receive(routes.admit(6, "six", 0), 100)
    assert routes.receive(OTHERS, 100)
    routes.new_epoch(1)
    assert routes.receive(i, 100)
    assert sum(routes.receive(OTHERS, 1) for _ in range(99999)) <= 8 * FRAMES_PER_EPOCH


def test_replies_are_allowed_what_was_received():
    routes = Routes(16, SALT)
    i = routes.admit(5, "five", 0)
    routes.receive(i, 100)
    routes.receive(i, 200)
    assert routes.allowance[i] == 300 and routes.allowance[OTHERS] == 0
    for _ in range(100):
        routes.receive(i, 250)
    assert routes.allowance[i] == ALLOWANCE


def test_a_flood_of_addresses_pushes_no_known_route_out_and_renews_no_budget():
    routes = Routes(16, SALT)
    for epoch in range(5):
        for key in range(1, 8):
            routes.judge(routes.admit(key, key, epoch), True)
        routes.new_epoch(epoch + 1)
    first = {key: routes.known(key) for key in range(1, 8)}
    entered = {}
    for _ in range(5):
        for key in range(1000, 1400):
            i = routes.admit(key, key, 5)
            if i != OTHERS:
                entered[key] = entered.get(key, 0) + (routes.credited[i] == 0)
                routes.credited[i] = 1
    assert {key: routes.known(key) for key in range(1, 8)} == first
    assert max(entered.values()) == 1  # who was pushed out does not come back with a new budget
    assert routes.n <= 16


def test_the_index_of_routes_stays_true():
    rng = random.Random(2)
    routes = Routes(12, SALT)
    for step in range(3000):
        key = rng.randrange(60)
        i = routes.admit(key, key, step // 40)
        assert i == OTHERS or routes.key[i] == key and routes.addr[i] == key
        if step % 40 == 0:
            routes.new_epoch(1)
        for k in range(1, routes.n):
            assert routes.known(routes.key[k]) == k


# --- judgement -----------------------------------------------------------------------------------


def judged(distance, value=1024000):
    """TC after one sample at a distance from an established node's value, two epochs later."""
    cell = Cell(1)
    cell.prime(value)
    node = cell.nodes[1]
    voice = Speaker(node, 5, 50)
    for _ in range(2 * 64 + 8):
        voice.ep([value + distance])
        cell.run(1)
    assert cell.values(node) == [value]
    return node.routes.tc(node.routes.known(5))


def test_agreement_is_to_the_bit():
    assert judged(0) == TRUSTED
    for distance in (1, -1, 1000, -1024, 10**6):
        assert judged(distance) == TC_START


# --- votes and divergence -----------------------------------------------------------------------


def crowd(near):
    """A table of routes, of so many neighbours."""
    routes = Routes(64, SALT)
    routes.crowd = near
    return routes


def diverged(exact, off, age=0):
    v = Votes(64)
    for route in range(1, exact + off + 1):
        v.cast(route, route <= exact, 10)
    assert v.tally(10 + age) == ((exact, off) if age < 8 else (0, 0))
    heard = crowd(exact + off if age < 8 else 0)
    for _ in range(3):
        v.count(10 + age, heard, 0)
        assert not v.diverged  # not before the fourth epoch in a row
        assert v.disputed == (age < 8 and off * 4 >= exact + off + 1)
    v.count(10 + age, heard, 0)
    return v.diverged


def test_divergence_needs_half_of_the_votes():
    """My own vote counts as one that agrees with me."""
    assert not diverged(0, 0)
    assert diverged(0, 1)  # two nodes: both doubt, or they would never meet
    assert not diverged(3, 3)
    assert diverged(2, 3)
    assert not diverged(4, 4)
    assert diverged(0, 5)
    assert not diverged(5, 0)
    assert diverged(0, 5, age=7)
    assert not diverged(0, 5, age=8)


def test_few_votes_move_nobody():
    v = Votes(64)
    for route in (1, 2):
        v.cast(route, False, 10)
    for _ in range(5):
        v.count(10, crowd(5), 0)
        assert not v.diverged
    for _ in range(4):
        assert not v.diverged
        v.count(10, crowd(3), 0)
    assert v.diverged


def test_who_holds_other_shards_has_no_vote():
    """Three of thirteen hold what I hold, and something else: nobody else could say so."""
    routes = Routes(64, SALT)
    v = Votes(64)
    for key in range(13):
        route = routes.admit(key, key, 10)
        routes.held[route] = 0b100 if key < 3 else 0b011
        v.cast(route, False, 10) if key < 3 else None
    routes.new_epoch(10)
    for shard, least in ((0, False), (2, True)):
        for _ in range(4):
            v.count(10, routes, shard)
        assert v.diverged == least
    for route in range(1, 4):  # who takes back that he holds it has voted all the same
        routes.held[route] = 0b011
    for neighbours in (13, 18):
        routes.crowd = neighbours  # five more were silent, and may hold it
        for _ in range(4):
            v.count(10, routes, 2)
        assert v.diverged == (neighbours == 13)


def test_who_was_there_before_a_restart_counts_until_all_have_spoken():
    """Liars hush the honest by the truth, and are most of what a new life hears."""
    routes = crowd(30)  # as a journal says
    v = Votes(64)
    epoch = 10
    for key in range(10):
        v.cast(routes.admit(key, key, epoch), False, epoch)
    for epoch in range(11, 75):
        routes.new_epoch(epoch)
        for key in range(10):
            v.cast(routes.admit(key, key, epoch), False, epoch)
        v.count(epoch, routes, 0)
        assert not v.diverged and routes.near == 10
    for epoch in range(75, 80):
        routes.new_epoch(epoch)
        v.count(epoch, routes, 0)
    assert v.diverged  # the others are gone


def test_doubts_begin_anew_when_a_majority_was_heard():
    """A loud minority comes through first; the hushed majority's votes take it back."""
    v = Votes(64)
    for route in range(1, 6):
        v.cast(route, False, 10)
    for _ in range(3):
        v.count(10, crowd(5), 0)
        assert not v.diverged and v.disputed
    for route in range(6, 12):
        v.cast(route, True, 10)
    for _ in range(4):
        v.count(10, crowd(11), 0)
        assert not v.diverged
    v.forget()
    for route in range(1, 6):
        v.cast(route, False, 11)
    for _ in range(4):
        assert not v.diverged
        v.count(11, crowd(5), 0)
    assert v.diverged


def test_one_vote_a_route():
    v = Votes(8)
    for _ in range(50):
        v.cast(3, False, 10)
        v.cast(OTHERS, False, 10)
    assert v.tally(10) == (0, 1)
    assert v.off(3)
    v.forget()
    assert v.tally(10) == (0, 0)


def camps(sizes, gap, epochs, value=100000):
    """Established camps a gap apart; returns [values at the end of each epoch]."""
    cell = Cell(sum(sizes))
    cell.prime(value)
    for address in range(sizes[0] + 1, sum(sizes) + 1):
        parts.settle(cell.nodes[address].replicas[0].shard, 0, value + gap)
        cell.nodes[address].replicas[0].guard.new_epoch()
    history = []
    for _ in range(epochs):
        cell.run(64)
        history.append([cell.values(n)[0] for n in cell.nodes.values()])
    return history


def test_who_holds_something_else_for_long_is_told_to_people():
    cell, node, crowd = among(10)
    said = []
    for _ in range(10 * 64):
        loud(crowd[2:])
        loud(crowd[:2], [7])
        cell.run(1)
        said = node.status()["warnings"]
        assert not said or said[0].startswith("shard 0: 2 of 11 nodes hold other values, for ")
    assert said and said[0].endswith(" min: water -99.993")
    found = node.status()["differ"][0]
    assert (found["with_me"], found["others"]) == (9, 2)
    assert 8 * 64 < found["seconds"] <= 11 * 64
    assert node.status()["lost"] == []


def test_by_how_much_groups_differ_is_the_median_of_those_that_do():
    cell, node, crowd = among(15)
    for minute in range(3 * 64):
        loud(crowd[8:])
        loud(crowd[:7], [100500])
        loud(crowd[7:8], [10**12 + minute])  # a liar, louder than the others
        cell.run(1)
    (found,) = node.status()["differ"]
    assert (found["with_me"], found["others"], found["by"]) == (8, 8, ["water +0.500"])
    assert node.replicas[0].shard.settled[0] == 100000
    loud(crowd)
    cell.run(64)
    loud(crowd)
    cell.run(64)
    assert node.status()["differ"] == []


def test_a_difference_that_is_too_large_to_be_exact_is_said_to_be_over():
    cell, node, crowd = among(3)
    for _ in range(2 * 64):
        loud(crowd, [10**12])
        cell.run(1)
    assert node.status()["differ"][0]["by"] == ["water over +536870.911"]


def test_what_groups_that_were_apart_beyond_the_horizon_lack_is_said_in_units():
    """Four and two: each folded what it counted itself, and none of the others'."""
    water = {"name": "water", "unit": "l"}
    cell = Cell(6, session_epochs=3, horizon_epochs=2, channels=[water])
    cell.prime(2000000)
    cell.links = lambda a, b: (a < 5) == (b < 5)
    cell.nodes[1].contribute("water", 2)
    cell.nodes[5].contribute("water", "0.75")
    cell.run(12 * 64)
    assert [n.status()["differ"] for n in cell.nodes.values()] == [[]] * 6
    cell.links = lambda a, b: True
    cell.run(3 * 64)
    most, few = (cell.nodes[n].status() for n in (1, 5))
    assert most["differ"][0]["by"] == ["water -1.250 l"] and most["lost"] == []
    assert most["differ"][0]["with_me"] == 4
    assert few["differ"][0]["by"] == ["water +1.250 l"]
    assert (few["differ"][0]["with_me"], few["differ"][0]["others"]) == (2, 4)
    cell.run(12 * 64)
    most, few = (cell.nodes[n].status() for n in (1, 5))
    assert most["lost"] == [] == most["differ"] == few["differ"]
    assert few["lost"] == [
        "water +1.250 l: so far this node went to what most hold; what its side counted while "
        "they were apart may be lost, 'lvs audit' says how much"
    ]


def test_a_minority_walks_to_the_majority_at_the_speed_limit():
    history = camps((4, 2), 300, 12)
    assert all(row[:4] == [100000] * 4 for row in history)  # a majority never moves
    walker = [100300] + [row[4] for row in history]
    assert all(a - b <= 98 for a, b in zip(walker, walker[1:], strict=False))
    assert history[-1] == [100000] * 6


def test_two_nodes_that_disagree_meet_where_more_was_counted():
    history = camps((1, 1), 300, 12)
    assert history[-1] == [100300, 100300]


def test_a_unit_is_a_dispute_like_any_other():
    """Equal camps a unit apart come together to the bit; a minority goes to the majority."""
    assert camps((3, 3), 1, 12)[-1] in ([100000] * 6, [100001] * 6)
    assert camps((4, 2), 1, 12)[-1] == [100000] * 6


def among(count):
    """(cell, its only node, the voices around it): established at 100000 raw."""
    cell = Cell(1)
    cell.prime(100000)
    node = cell.nodes[1]
    return cell, node, [Speaker(node, 10 + k, 100 + k) for k in range(count)]


def loud(crowd, vector=None):
    for voice in crowd:
        voice.ep(vector)


def test_who_is_made_to_look_for_its_clock_again_has_no_new_budget():
    """Most were far ahead, so that it took what it has for kept: the epoch's budget is used up."""
    _, node, _ = among(1)
    [r] = node.replicas
    limit = r.guard.limit[0]
    assert r.guard.allow(0, limit) == limit > 1
    r.keep()
    r.go_live()
    assert r.established and r.guard.allow(0, 1) == 0


def test_a_quarter_that_is_off_makes_a_dispute_and_everybody_votes():
    cell, node, crowd = among(10)
    votes = []
    node.eps.vote = lambda index, now: votes.append(index)

    def voted(epochs, liars):
        votes.clear()
        for _ in range(64 * epochs):
            loud(crowd[liars:])
            loud(crowd[:liars], [0])
            cell.run(1)
        return len(votes)

    assert voted(2, 0) == voted(2, 2) == 0
    voted(1, 3)
    assert voted(3, 3) == 3  # once an epoch
    assert cell.values(node) == [100000]


def test_a_vote_is_said_however_many_said_the_same():
    cell, node, crowd = among(10)
    said = []
    for second in range(2 * 64):
        if second == 90:
            said.append(node.eps._said)
            node.eps.vote(0, cell.now)
        loud(crowd)
        cell.run(1)
        if second == 50:
            said.append(node.eps._said)
    assert said[0] == said[1] and node.eps._said == said[1] + 1


def test_without_traffic_left_an_ep_waits_64_s_and_in_a_crowd_for_the_governor():
    """Whoever heard 320 EPs since its own has no need to add one, unless it is asked or votes."""
    _, node, _ = among(0)

    def says(waited, heard, index=None):
        eps = node.eps
        node.governor.tokens = -node.governor.full
        eps._said_at = node.now() - waited
        eps._crowd = heard
        before = eps._said
        eps.say(node.now(), index)
        return eps._said - before

    assert says(64000, 319) == 1 and says(63999, 319) == 0
    assert says(64000, 320) == 0
    assert says(64000, 320, 0) == 1 and says(63999, 320, 0) == 0


def test_a_route_keeps_its_place_for_longer_than_anybody_is_hushed():
    routes = Routes(8, 1)
    for first, keys in ((10, (1, 2, 3, 4)), (12, (5, 6)), (14, (7,))):
        for epoch in (first, first + 1):
            for key in keys:
                assert routes.admit(key, key, epoch) != OTHERS
                routes.judge(routes.known(key), True)
            routes.new_epoch(epoch + 1)
    assert routes.admit(50, 50, 11 + 64) == OTHERS
    assert routes.admit(50, 50, 11 + 65) != OTHERS


def test_of_a_crowd_only_some_vote():
    cell = Cell(1, routes=255)
    cell.prime(100000)
    node = cell.nodes[1]
    assert sum(_votes(node, 1) for _ in range(50)) == 50
    epoch = node.clock.epoch()
    for k in range(254):
        i = node.routes.admit(1000 + k, 1000 + k, epoch)
        node.routes.agreed[i] = 9
    assert node.routes.near >= 254
    assert 300 < sum(_votes(node, 1) for _ in range(1000)) < 700


def _votes(node, now):
    node.eps._answers.clear()
    node.eps.vote(0, now)
    return len(node.eps._answers)


def test_nobody_moves_an_established_node_by_talking():
    """Eight liars of twelve, each with all trust that there is, for three epochs; most of the
    routes are known to say something else from the fourth on."""
    cell, node, exact = among(4)
    r = node.replicas[0]
    liars = [Speaker(node, 50 + k, 500 + k) for k in range(8)]
    for _ in range(3 * 64 - 8):
        loud(liars, [100001])
        loud(exact)
        for i in range(node.routes.n):
            node.routes.agreed[i] = 255
        cell.run(1)
        assert cell.values(node) == [100000]
    for _ in range(3 * 64):
        loud(liars, [100001])
        loud(exact)
        cell.run(1)
    assert cell.values(node) == [100001] and not r.votes.diverged


def test_walkers_a_unit_ahead_lead_nobody():
    """Fifteen of 45, always a unit below what is held, and often; then to the bit."""
    cell, node, _ = among(0)
    honest = [Speaker(node, 10 + k, 100 + k) for k in range(29)]
    liars = [Speaker(node, 50 + k, 500 + k) for k in range(15)]
    for second in range(6 * 64):
        for k, voice in enumerate(honest):
            if second % 32 == k:
                voice.ep()
        held = cell.values(node)[0]
        loud(liars, [held if second % 8 > 5 else held - 1])
        cell.run(1)
    assert cell.values(node) == [100000]


def test_who_is_not_established_yet_does_not_stay_a_unit_off():
    """Its own weight outvotes ten of fifteen; once established it waits for a quorum."""

    def after(established):
        cell, node, crowd = among(15)
        r = node.replicas[0]
        r.established = established
        r.confidence = 20
        for _ in range(24):
            loud(crowd[:5], [100000])
            loud(crowd[5:], [100001])
            cell.run(1)
        return cell.values(node)[0]

    assert after(False) == 100001
    assert after(True) == 100000


def test_who_is_new_is_not_moved_by_the_only_one_who_talks():
    """Four say once what they hold, which is what it holds, and are hushed; a fifth goes on."""
    cell, node, crowd = among(5)
    r = node.replicas[0]
    r.established, r.confidence = False, 0
    loud(crowd[:4])
    for _ in range(64):
        loud(crowd[4:], [100090])
        cell.run(1)
    assert cell.values(node) == [100000] and r.established


def test_a_diverged_node_listens_to_everybody_alike():
    cell, node, crowd = among(3)
    r = node.replicas[0]
    for _ in range(4 * 64):
        loud(crowd, [100500])
        cell.run(1)
    assert r.votes.diverged and node.status()["diverged"]
    said = node.status()
    assert "3 of 4 nodes hold other values" in said["warnings"][-1]
    assert "as most do, this node goes there" in said["warnings"][-1]
    went = r.shard.settled[0] - 100000
    assert said["lost"][0].startswith("water +0.%03d: so far this node went to" % went)
    assert r.confidence == 0 and r.established
    assert node.routes.tc(node.routes.known(10)) == TC_START
    assert 0 < r.shard.settled[0] - 100000 <= 2 * 98  # and no faster than the budget


def test_liars_move_an_established_node_no_faster_than_its_budget():
    """G3: fifteen of fifteen voices drain; the value falls by 0.1 % an epoch."""
    cell = Cell(1)
    cell.prime(1000000)
    node = cell.nodes[1]
    crowd = [Speaker(node, 10 + k, 100 + k) for k in range(15)]
    begin = cell.values(node)[0]
    epochs = 8
    for _ in range(64 * epochs):
        for voice in crowd:
            voice.ep([0])
        cell.run(1)
    fall = begin - cell.values(node)[0]
    assert 0 < fall <= (epochs + 1) * (begin >> 10)
    assert node.status()["max_step"] < node.config.max_allowed_shift
    assert node.status()["recoveries"] == 0


def test_a_third_of_liars_does_not_move_an_established_node():
    """G4 in small: honest voices that agree to the bit outweigh whoever does not."""
    cell = Cell(7)
    cell.prime(100000)
    for second in range(300):
        for node in cell.nodes.values():
            for k in range(3):
                Speaker(node, 50 + k, 500 + k).ep([99000 if second % 2 else 100090])
        cell.run(1)
    assert all(cell.values(n) == [100000] for n in cell.nodes.values())
    assert not any(n.routes.trusted(n.routes.known(50)) for n in cell.nodes.values())


def test_confidence_rises_by_one_a_cycle_of_agreement():
    cell = Cell(3)
    cell.active()
    r = cell.nodes[1].replicas[0]
    seen = []
    cell.run(100, each=lambda: seen.append(r.confidence))
    assert max(b - a for a, b in zip(seen, seen[1:], strict=False)) == 1
    assert seen[-1] == drift_core.FULL_CONFIDENCE and r.established


def test_last_places_of_rings_are_given_once_in_a_lifetime_of_rows():
    """Or one address would fill them in the days that a row stays."""
    routes = Routes(8, SALT, life=500)
    i = routes.admit(1, 1, 500)
    taken = 0
    for epoch in range(500, 1000):
        routes.new_epoch(epoch)
        taken += routes.place(i, 3)
    assert taken == 3
    routes.new_epoch(1000)
    assert routes.place(i, 3)
