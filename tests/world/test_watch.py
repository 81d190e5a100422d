"""The watches see broken budgets, steps and signs, and take no fold or adoption for drift."""

from lvs.wide import of
from lvs_tools.world.metrics import Tally, rank
from lvs_tools.world.watch import Watch
from tests.support import parts


def watched(value=100000, established=True):
    replica = parts.replica()
    parts.settle(replica.shard, 0, value)
    replica.go_live()
    if established:
        parts.establish(replica, 0)
    tally = Tally()
    watch = Watch(replica, tally)
    watch.look("ACTIVE")
    replica.shard.epoch += 1  # a new epoch begins: from here on its budget counts
    watch.look("ACTIVE")
    watch.begin()
    return replica.shard, watch, tally


def test_a_move_beyond_the_budget_of_an_epoch_is_seen():
    shard, watch, tally = watched()
    shard.settled[0] -= 97
    watch.look("ACTIVE")
    assert tally.budget_violations == 0
    shard.settled[0] -= 1
    watch.look("ACTIVE")
    assert tally.budget_violations == 1
    assert watch.shift() == [-98]


def test_up_and_down_have_a_budget_each():
    shard, watch, tally = watched()
    for step in (97, -97):
        shard.settled[0] += step
        watch.look("ACTIVE")
    assert tally.budget_violations == 0
    shard.settled[0] += 1
    watch.look("ACTIVE")
    assert tally.budget_violations == 1


def test_a_new_epoch_brings_a_new_budget():
    shard, watch, tally = watched()
    for _ in range(3):
        shard.settled[0] -= 90
        watch.look("ACTIVE")
        shard.epoch += 1
    assert tally.budget_violations == 0
    assert tally.max_step == 90


def test_a_cold_node_has_no_budget_but_its_steps_are_seen():
    shard, watch, tally = watched(established=False)
    shard.settled[0] += 1023
    watch.look("ACTIVE")
    assert tally.budget_violations == 0
    assert tally.max_step == 1023


def test_negative_values_are_seen():
    shard, watch, tally = watched()
    shard.settled.hi[0] = -1
    watch.look("ACTIVE")
    assert tally.negative == 1


def test_folding_is_no_step():
    shard, watch, tally = watched()
    shard.merge(shard.epoch - 1, 77, 0, 5000, 0)
    shard.credit(shard.find(shard.epoch - 1, 77, 0), 5000)
    shard.advance(shard.epoch + shard.lifetime + 2)
    assert shard.settled[0] == 105000
    shard.settled[0] -= 3
    watch.look("ACTIVE")
    assert tally.max_step == 3
    assert watch.shift() == [-3]


def test_adoption_is_no_step():
    shard, watch, tally = watched()
    shard.adopt(of([5]), shard.horizon, shard.epoch)
    watch.look("ACTIVE")
    assert tally.max_step == tally.budget_violations == 0
    assert watch.shift() == []


def test_ranks_are_nearest():
    assert rank([], 50) is None
    assert rank([4], 99) == 4
    assert rank(list(range(1, 101)), 50) == 50
    assert rank(list(range(1, 101)), 99) == 99
    assert rank([1, 2, 3], 99) == 3
