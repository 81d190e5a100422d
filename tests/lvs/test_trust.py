"""Trust credits, routes and votes: free session numbers buy nothing."""

import random

from lvs import drift_core, vaultguard
from lvs.peers import (
    BEYOND,
    NONE,
    TC_MAX,
    TC_START,
    TRUSTED,
    WITHIN_BUDGET,
    WITHIN_SHIFT,
    WITHIN_UNIT,
    Peers,
)
from lvs.routes import ALLOWANCE, FRAMES_PER_EPOCH, OTHERS, Routes
from lvs.votes import AGREED, DIVERGED, EXACT, NEAR, OFF, SPLIT, Votes
from tests.support.cell import Cell, Speaker

SALT = 12345


# --- trust credits -------------------------------------------------------------------------------


def trusted(size=16, count=8):
    peers = Peers(size, SALT)
    for nonce in range(count):
        i = peers.admit(nonce, nonce, 0)
        for k in range(4):
            peers.judge(i, WITHIN_UNIT, 8 * k)
    return peers


def test_trust_is_slow_to_earn_and_fast_to_lose():
    peers = Peers(8, SALT)
    i = peers.admit(1, 1, 0)
    assert peers.tc[i] == TC_START == peers.tc_of(1) == peers.tc_of(999)
    for k in range(40):
        peers.judge(i, WITHIN_UNIT, 8 * k)
        peers.judge(i, WITHIN_UNIT, 8 * k + 7)  # nobody earns trust by talking fast
        assert peers.tc[i] == min(TC_MAX, TC_START + 8 * (k + 1))
    for verdict, left in ((WITHIN_BUDGET, 255 - 32), (WITHIN_SHIFT, 223 - 56), (BEYOND, 167 // 4)):
        peers.judge(i, verdict, 1000)
        assert peers.tc[i] == left
    for _ in range(50):
        peers.judge(i, WITHIN_BUDGET, 1000)
    assert peers.tc[i] == 1  # and never nothing: it may earn trust again


def test_even_a_lie_inside_every_threshold_costs_the_voice():
    """One near miss in four takes more than three agreements give, from half of the trust on."""
    peers = Peers(8, SALT)
    i = peers.admit(1, 1, 0)
    for k in range(200):
        peers.judge(i, WITHIN_BUDGET, 24 * k)
        for later in (8, 16):
            peers.judge(i, WITHIN_UNIT, 24 * k + later)
    assert peers.tc[i] < 160


def test_contributors_weigh_at_most_a_quarter_more():
    peers = trusted()
    plain = peers.weight(0)
    assert plain == peers.tc[0] == 64
    peers.contributed(0, 100)
    assert peers.weight(0) == 64 + 64 * 100 // 1024
    peers.contributed(0, 50)  # a smaller figure takes nothing back
    assert peers.weight(0) == 64 + 6
    peers.contributed(0, 10**6)
    assert peers.weight(0) == 64 + 64 * 255 // 1024 < plain * 5 // 4
    newcomer = peers.admit(99, 99, 0)
    peers.contributed(99, 10**6)
    assert peers.weight(newcomer) == TC_START
    assert peers.weight(NONE) == 8


def test_invented_sessions_push_no_trusted_one_out():
    peers = trusted(size=16, count=8)
    for nonce in range(1000, 3000):
        peers.admit(nonce, nonce, 1)
    assert all(peers.find(nonce) != NONE for nonce in range(8))
    assert peers.n <= 16
    assert sum(peers.tc[i] < TRUSTED for i in range(peers.n)) <= 4


def test_a_route_has_two_newcomers_at_most():
    peers = trusted(size=64, count=8)
    for nonce in range(1000, 1100):
        peers.admit(nonce, 777, nonce)
    assert sum(peers.key[i] == 777 for i in range(peers.n)) == 2
    assert peers.find(1099) != NONE  # the newest takes the oldest one's place


def test_who_is_not_heard_makes_room():
    peers = trusted(size=8, count=8)
    assert peers.admit(50, 50, 10) == NONE
    assert peers.admit(51, 51, 300) == NONE  # the trusted are kept while a mesh is hushed
    assert peers.admit(51, 51, 4200) != NONE
    assert peers.find(51) != NONE and peers.n == 8


def test_the_index_of_sessions_stays_true():
    """Whatever comes and goes: who is found is who was entered."""
    rng = random.Random(1)
    peers = Peers(16, SALT)
    for step in range(3000):
        nonce = rng.randrange(60)
        i = peers.admit(nonce, nonce % 25, step // 3)
        if i != NONE:
            assert peers.nonce[i] == nonce and peers.find(nonce) == i
            peers.judge(
                i,
                rng.choice((WITHIN_UNIT, WITHIN_UNIT, WITHIN_BUDGET, WITHIN_SHIFT, BEYOND)),
                step // 3,
            )
        held = [peers.nonce[k] for k in range(peers.n)]
        assert len(set(held)) == len(held) and all(peers.nonce[peers.find(n)] == n for n in held)


def test_doubt_forgets_all_trust():
    peers = trusted()
    peers.doubt_all()
    assert peers.trust() == (0, TC_START)


def test_clock_offset_is_a_weighted_median():
    peers = trusted(count=5)
    for i, offset in enumerate((5, 5, 5, 0, -9)):
        peers.offset[i] = offset
    assert peers.clock_offset(32, 0, 128) > 1
    assert peers.clock_offset(64 * 3, 0, 128) == 0
    assert peers.clock_offset(32, 1000, 128) == 0  # heard too long ago
    for i in range(5):
        peers.offset[i] = -5
    assert peers.clock_offset(32, 0, 128) < -1


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
            routes.admit(key, key, epoch)
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


# --- drain evidence ------------------------------------------------------------------------------


def test_drain_evidence_gathers_and_fades():
    routes = Routes(8, SALT)
    i = routes.admit(1, 1, 0)
    for _ in range(32):
        routes.suspect(i, 2)
    assert routes.below[i] == 64 == vaultguard.SUSPECT
    routes.suspect(i, -1)
    routes.suspect(i, -1)
    assert routes.below[i] == 62
    routes.suspect(i, 1)
    assert routes.below[i] == 63
    for _ in range(300):
        routes.suspect(i, 2)
        routes.suspect(i, 1)
    assert routes.below[i] == 255
    for _ in range(40):  # never banned for ever
        routes.new_epoch(1)
    assert routes.below[i] < 8


def test_a_suspect_routes_samples_weigh_half():
    cell = Cell(1)
    cell.prime(100000)
    node = cell.nodes[1]
    r = node.replicas[0]
    liar = Speaker(node, 5, 50)
    liar.ep()
    assert r.window.weight[0] == TC_START + 8
    node.routes.below[node.routes.known(5)] = 255
    liar.ep()
    assert r.window.weight[0] == (TC_START + 8) // 2


# --- judgement -----------------------------------------------------------------------------------


def judged(distance, value=1024000):
    """TC after one sample at a distance from a confident node's value."""
    cell = Cell(1)
    cell.prime(value)
    node = cell.nodes[1]
    Speaker(node, 5, 50).ep([value + distance])
    return node.peers.tc_of(50)


def test_a_confident_node_judges_samples():
    """Budget 1000 raw, max_allowed_shift 1024: agrees, near, far, gross."""
    assert judged(0) == judged(1) == judged(-1) == TC_START + 8
    assert judged(2) == judged(-1000) == TC_START - 4
    assert judged(1001) == judged(-1024) == TC_START - 8
    assert judged(1025) == judged(-(10**6)) == TC_START // 4


def test_an_unconfident_node_judges_nobody():
    cell = Cell(1)
    cell.active()
    node = cell.nodes[1]
    Speaker(node, 5, 50).ep([10**6])
    assert node.peers.tc_of(50) == TC_START


# --- votes and divergence -----------------------------------------------------------------------


def verdict(exact, near, off, age=0):
    v = Votes(64)
    kinds = [EXACT] * exact + [NEAR] * near + [OFF] * off
    for route, kind in enumerate(kinds, 1):
        v.cast(route, kind, 10)
    assert v.tally(10 + age) == ((exact, near, off) if age < 8 else (0, 0, 0))
    heard = len(kinds) if age < 8 else 0
    assert v.verdict(10 + age, heard) != DIVERGED  # not before the fourth epoch in a row
    assert v.disputed == (age < 8 and off * 4 >= len(kinds) + 1)
    for _ in range(2):
        v.verdict(10 + age, heard)
    return v.verdict(10 + age, heard)


def test_divergence_needs_half_of_the_voices():
    """My own voice counts as one that agrees with me."""
    assert verdict(0, 0, 0) == AGREED
    assert verdict(0, 0, 1) == DIVERGED  # two nodes: both doubt, or they would never meet
    assert verdict(3, 0, 3) == AGREED
    assert verdict(2, 0, 3) == DIVERGED
    assert verdict(1, 1, 3) == DIVERGED
    assert verdict(1, 2, 2) == SPLIT
    assert verdict(2, 2, 1) == SPLIT
    assert verdict(3, 2, 0) == AGREED
    assert verdict(0, 5, 0) == SPLIT
    assert verdict(0, 0, 5, age=7) == DIVERGED
    assert verdict(0, 0, 5, age=8) == AGREED


def test_few_voices_move_nobody():
    v = Votes(64)
    for route in (1, 2):
        v.cast(route, OFF, 10)
    for _ in range(5):
        assert v.verdict(10, 5) == AGREED
    for _ in range(3):
        assert v.verdict(10, 4) == AGREED
    assert v.verdict(10, 4) == DIVERGED


def test_doubts_begin_anew_when_a_majority_was_heard():
    """A loud minority comes through first; the hushed majority's votes take it back."""
    v = Votes(64)
    for route in range(1, 6):
        v.cast(route, OFF, 10)
    for _ in range(3):
        assert v.verdict(10, 5) == AGREED and v.disputed
    for route in range(6, 12):
        v.cast(route, EXACT, 10)
    assert v.verdict(10, 11) == AGREED
    v.forget()
    for route in range(1, 6):
        v.cast(route, OFF, 11)
    for _ in range(3):
        assert v.verdict(11, 5) == AGREED
    assert v.verdict(11, 5) == DIVERGED


def test_one_voice_a_route():
    v = Votes(8)
    for _ in range(50):
        v.cast(3, OFF, 10)
        v.cast(OTHERS, OFF, 10)
    assert v.tally(10) == (0, 0, 1)
    v.forget()
    assert v.tally(10) == (0, 0, 0)


def camps(sizes, gap, epochs, value=100000):
    """Established camps a gap apart; returns [values at the end of each epoch]."""
    cell = Cell(sum(sizes))
    cell.prime(value)
    for address in range(sizes[0] + 1, sum(sizes) + 1):
        cell.nodes[address].replicas[0].shard.settle(0, value + gap)
        cell.nodes[address].replicas[0].guard.new_epoch()
    history = []
    for _ in range(epochs):
        cell.run(64)
        history.append([cell.values(n)[0] for n in cell.nodes.values()])
    return history


def test_a_minority_walks_to_the_majority_at_the_speed_limit():
    history = camps((4, 2), 300, 12)
    assert all(row[:4] == [100000] * 4 for row in history)  # a majority never moves
    walker = [100300] + [row[4] for row in history]
    assert all(a - b <= 98 for a, b in zip(walker, walker[1:], strict=False))
    assert history[-1] == [100000] * 6


def test_two_nodes_that_disagree_meet():
    history = camps((1, 1), 300, 12)
    assert len(set(history[-1])) == 1
    assert 100000 < history[-1][0] < 100300


def test_a_small_difference_heals_a_unit_at_a_time():
    """Less than half agree exactly, but all are near: at most one unit in sixteen cycles."""
    history = camps((3, 3), 6, 12)
    moves = [
        abs(b - a)
        for before, after in zip(history, history[1:], strict=False)
        for a, b in zip(before, after, strict=True)
    ]
    assert max(moves) <= 4
    assert max(history[-1]) - min(history[-1]) <= 1


def among(count):
    """(cell, its only node, the voices around it): established at 100000 raw."""
    cell = Cell(1)
    cell.prime(100000)
    node = cell.nodes[1]
    return cell, node, [Speaker(node, 10 + k, 100 + k) for k in range(count)]


def loud(crowd, vector=None):
    for voice in crowd:
        voice.ep(vector)


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
    assert routes.admit(50, 50, 11 + 64) == OTHERS
    assert routes.admit(50, 50, 11 + 65) != OTHERS


def test_of_a_crowd_only_some_vote():
    cell = Cell(1, sessions=255)
    cell.prime(100000)
    node = cell.nodes[1]
    assert sum(_votes(node, 1) for _ in range(50)) == 50
    for k in range(254):
        node.peers.tc[node.peers.admit(1000 + k, 1000 + k, 0)] = TRUSTED
    assert node.peers.n >= 254
    assert 300 < sum(_votes(node, 1) for _ in range(1000)) < 700


def _votes(node, now):
    node.eps._answers.clear()
    node.eps.vote(0, now)
    return len(node.eps._answers)


def test_what_is_off_has_no_weight_where_a_majority_is_near():
    """Not even with all trust there is and twice as many samples; a diverged node weighs it."""
    cell, node, near = among(4)
    r = node.replicas[0]
    r.confidence = 1  # it follows everybody
    off = [Speaker(node, 50 + k, 500 + k) for k in range(8)]
    for _ in range(12):
        loud(off, [90000])
        loud(near)
        for i in range(node.peers.n):
            node.peers.tc[i] = 255
        cell.run(1)
    assert cell.values(node) == [100000]
    r.verdict = DIVERGED
    for _ in range(12):
        loud(off, [90000])
        cell.run(1)
    assert cell.values(node)[0] < 100000


def test_who_is_not_established_yet_does_not_stay_a_unit_off():
    """Its own weight outvotes ten of fifteen; once established it waits for the verdict."""

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


def test_a_diverged_node_listens_to_everybody_alike():
    cell, node, crowd = among(3)
    r = node.replicas[0]
    for _ in range(4 * 64):
        loud(crowd, [100500])
        cell.run(1)
    assert r.verdict == DIVERGED and node.status()["diverged"]
    assert "most peers hold other values" in node.status()["warnings"][-1]
    assert r.confidence == 0 and r.established
    assert node.peers.tc_of(100) == TC_START
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
    assert all(n.peers.tc_of(500) < 16 for n in cell.nodes.values())


def test_confidence_rises_by_one_a_cycle_of_agreement():
    cell = Cell(3)
    cell.active()
    r = cell.nodes[1].replicas[0]
    seen = []
    cell.run(100, each=lambda: seen.append(r.confidence))
    assert max(b - a for a, b in zip(seen, seen[1:], strict=False)) == 1
    assert seen[-1] == drift_core.FULL_CONFIDENCE and r.established
