"""VaultGuard: budgets of settled values and of credit, and what triggers a recovery."""

from lvs.routes import OTHERS, Routes
from lvs.state_shard import Shard
from tests.support import parts
from tests.support import reference as ref
from tests.support.cell import Cell, Speaker

EPOCH = 1000


def guarded(*values):
    shard = Shard(0, len(values), 16, 6, EPOCH)
    for slot, value in enumerate(values):
        shard.settled[slot] = value
    return shard, parts.guard(shard)


def test_settled_values_move_a_thousandth_an_epoch():
    values = (0, 1, 2047, 2048, 100000, 2**30 - 1, 2**31, 2**40 - 1)
    _, guard = guarded(*values)
    limits = list(guard.limit)[: len(values)]
    assert limits == [1, 1, 1, 2, 97, 1048575, 2097152, 2**30 - 1]
    assert [ref.epoch_budget(v) for v in values] == limits
    _, guard = guarded(ref.MOST)  # a step is far smaller, whatever the budget is
    assert guard.limit[0] == 2**30 - 1


def test_both_directions_use_up_the_budget():
    _, guard = guarded(100000)
    assert guard.allow(0, 60) == 60
    assert guard.allow(0, -60) == -37
    assert guard.allow(0, 1) == 0 == guard.allow(0, -1)
    guard.new_epoch()
    assert guard.allow(0, -1000) == -97


def test_values_are_never_negative_nor_beyond_their_field():
    shard, _ = guarded(5, ref.MOST - 5)
    shard.shift(0, -9)
    shard.shift(1, 9)
    assert list(shard.settled)[:2] == [0, ref.MOST]
    shard.merge(EPOCH, 1, 1, 7, 1)
    shard.credit(0, 7)
    assert shard.value(1) == ref.MOST


def crediting(budget, *totals):
    """A shard in which routes 1, 2, 3 ... each claim a total, with its routes and its guard."""
    shard, _ = guarded(0)
    routes = Routes(8, 1, budget)
    guard = parts.guard(shard, routes)
    for key in range(1, len(totals) + 1):
        assert routes.admit(key, key, 0) == key
    renew(routes, guard)
    for key, total in enumerate(totals, 1):
        if total:
            claim(guard, key, total, key)
    return shard, routes, guard


def claim(guard, nonce, total, via, own=False, start=EPOCH, established=True):
    """What of a session's total counts when a route says it."""
    shard = guard.shard
    shard.merge(start, nonce, 0, total, via)
    p = shard.find(start, nonce, 0)
    guard.credit(p, via, total, own, established)
    return shard.credited[p]


def renew(routes, guard):
    routes.new_epoch(1)
    guard.new_epoch()
    guard.credit_rest(True)


def test_credit_is_limited_by_route_and_the_rest_comes_later():
    shard, routes, guard = crediting(400, 1000, 1000, 300)
    # A sixteenth of each route's is kept for its own word.
    assert shard.value(0) == 375 + 375 + 300 and shard.uncredited == 2
    renew(routes, guard)
    assert shard.value(0) == 750 + 750 + 300
    renew(routes, guard)
    assert shard.value(0) == 2300 and shard.uncredited == 0


def test_what_a_session_said_of_itself_is_kept_for_it():
    """Else what a busy node passes on takes the place of its own word, which waits without end."""
    _, routes, guard = crediting(400)
    routes.admit(1, 1, 0)
    routes.told(1, 77, 0, 0, 1)
    assert claim(guard, 77, 390, 1, own=True) == 390
    for total in range(780, 3900, 390):
        renew(routes, guard)
        claim(guard, 1000 + total, 400, 1)  # somebody else's, passed on
        assert claim(guard, 77, total, 1, own=True) == total


def test_what_waits_is_credited_to_its_own_session_first():
    shard, routes, guard = crediting(400)
    routes.admit(1, 1, 0)
    routes.told(1, 77, 0, 0, 1)
    claim(guard, 5, 1000, 1)
    assert claim(guard, 77, 300, 1, own=True) == 25
    renew(routes, guard)
    assert shard.credited[shard.find(EPOCH, 77, 0)] == 300


def test_who_has_nothing_to_defend_takes_late_rows_as_any_others():
    """A newcomer that is told of rows in their closing would fold without them for ever."""
    shard, routes, guard = crediting(100000, 0, 0)
    start = EPOCH - shard.lifetime  # one epoch is left
    assert claim(guard, 77, 5000, 1, start=start) == 0
    assert claim(guard, 77, 5000, 2, start=start, established=False) == 5000
    assert claim(guard, 78, 999, 1, own=True, start=start) == 0
    assert claim(guard, 78, 999, 1, own=True, start=start, established=False) == 999
    assert claim(guard, 79, 10**6, 1, start=start, established=False) < 100000  # a route's budget
    routes.new_epoch(1)
    guard.credit_rest(True)
    assert shard.credited[shard.find(start, 79, 0)] < 100000
    guard.credit_rest(False)
    assert shard.credited[shard.find(start, 79, 0)] > 100000


def test_who_has_budget_left_may_say_what_waits():
    shard, _, guard = crediting(400, 1000, 0)
    assert shard.value(0) == 375
    assert claim(guard, 1, 1000, 2) == 750
    assert claim(guard, 1, 1000, OTHERS) == 1000  # all addresses without an entry share one budget


def test_a_fall_by_an_eighth_is_noticed():
    shard, guard = guarded(80000, 7, 2**33)
    shard.settled[0] = 70000
    shard.settled[1] = 0  # next to nothing: no fall to speak of
    shard.settled[2] -= 2**29 - 2
    assert not guard.fallen()
    shard.settled[0] = 69999
    assert guard.fallen()
    guard.new_epoch()
    shard.settled[2] -= 2**29  # by no means a step: an eighth is not waited for
    assert guard.fallen()
    guard.new_epoch()
    assert not guard.fallen()


# --- the same through whole nodes ----------------------------------------------------------------


def test_invented_contributions_are_credited_at_the_routes_pace():
    """G3: whatever a route claims, and in however many sessions' names."""
    cell = Cell(1, route_budget=1000)
    cell.active()
    cell.run(70)
    node = cell.nodes[1]
    epoch = node.clock.epoch()
    for nonce in range(200):
        Speaker(node, 66, 1000 + nonce).sdm(own=[(0, 2000)])
        Speaker(node, 66, 5).sdm(relayed=[(epoch, 5000 + nonce, 0, 2000)])
    assert 0 < cell.values(node)[0] <= 2000  # its own entry's budget, and its share of the others'
    before = cell.values(node)[0]
    cell.run(64)
    assert cell.values(node)[0] - before <= 2000


def test_an_honest_burst_only_waits():
    cell = Cell(2, route_budget=1000)
    cell.active()
    cell.run(70)
    cell.contribute(1, 2500)
    cell.run(30)
    assert cell.values(cell.nodes[2])[0] <= 1000
    cell.settle(300)


def test_sixteen_times_as_many_rows_as_fit_are_refused_and_counted():
    """G7 in small: fixed tables; honest rows stay, invented ones find no room."""
    cell = Cell(1, rows=16)
    cell.active()
    cell.contribute(1, 50)
    node = cell.nodes[1]
    epoch = node.clock.epoch()
    for nonce in range(256):
        Speaker(node, 66, 5).sdm(relayed=[(epoch, 5000 + nonce, 0, 1)])
    status = node.status()
    # A quarter is for what sessions say of themselves.
    assert status["rows"] == 12 and status["refused"] == 256 - 11
    assert any("shard 0 has no room for what others relay" in w for w in status["warnings"])
    session = node.ledger.session
    assert node.replicas[0].shard.find(session.start, session.nonce, 0) >= 0
    cell.contribute(1, 50)
    cell.run(3)
    shard = node.replicas[0].shard
    assert shard.claimed[shard.find(session.start, session.nonce, 0)] == 100


def test_own_contributions_find_room_in_a_ring_that_others_fill():
    cell = Cell(1, rows=16)
    cell.active()
    node = cell.nodes[1]
    epoch = node.clock.epoch()
    shard = node.replicas[0].shard
    for nonce in range(64):
        Speaker(node, 60 + nonce % 8, 5).sdm(relayed=[(epoch, 5000 + nonce, 0, 1)])
    assert shard.count == 12  # a quarter is for what sessions say of themselves
    for nonce in range(64):
        Speaker(node, 60 + nonce % 8, 9000 + nonce).sdm(own=[(0, 1)])
    assert shard.count == 13  # the last three places are my own rows'
    cell.contribute(1, 50)
    cell.run(2)
    assert node.status()["pending_raw"] == 0 and shard.count == 14
    assert cell.values(node)[0] == 50 + 13


def test_rows_of_folded_sessions_are_refused_and_counted():
    cell = Cell(1)
    cell.active()
    node = cell.nodes[1]
    old = node.replicas[0].shard.horizon
    Speaker(node, 5, 5).sdm(relayed=[(old, 77, 0, 100)])
    Speaker(node, 5, 5, start=old - 3).sdm(own=[(0, 100)])
    assert node.status()["expired"] == 2 and cell.values(node) == [0]


def test_who_is_established_credits_nothing_without_a_budget():
    """G3 from the first cycle on: a newcomer's grace ends when there is something to defend."""
    cell = Cell(1, route_budget=1000)
    cell.prime(100000)
    node = cell.nodes[1]
    Speaker(node, 66, 5).sdm(relayed=[(node.clock.epoch(), 77, 0, 1 << 20)])
    assert cell.values(node)[0] <= 100000 + 1000
