"""VaultGuard's budgets hold whoever asks, how often and in which direction (guarantee G3)."""

from hypothesis import example, given
from hypothesis import strategies as st

from lvs.routes import Routes
from lvs.state_shard import Shard
from lvs.wide import of
from tests.support import draw, parts
from tests.support import reference as ref


@example([2**48 - 1, 2**40], [[(0, ref.MAX_RAW)] * 3 + [(1, 1 - 2**29)] * 3])
@given(
    st.lists(draw.wide, min_size=2, max_size=2),
    st.lists(st.lists(st.tuples(st.integers(0, 1), draw.step), max_size=20), max_size=4),
)
def test_a_settled_value_moves_no_further_than_its_budget(settled, epochs):
    shard = Shard(0, 2, 4, 6, 1000)
    shard.settled.copy(of(settled))
    guard = parts.guard(shard)
    for steps in epochs:
        begin = list(shard.settled)
        way = [0, 0]
        for slot, wanted in steps:
            allowed = guard.allow(slot, wanted)
            assert abs(allowed) <= abs(wanted) and allowed * wanted >= 0
            way[slot] += abs(allowed)
            before = shard.settled[slot]
            shard.shift(slot, allowed)
            assert shard.settled[slot] == max(0, min(ref.MOST, before + allowed))
        for slot in range(2):
            assert way[slot] <= ref.epoch_budget(begin[slot])
            asked = sum(abs(w) for s, w in steps if s == slot)
            assert way[slot] == min(asked, ref.epoch_budget(begin[slot]))
        guard.new_epoch()


claim = st.tuples(st.integers(0, 5), st.integers(0, 2), draw.raw, st.integers(0, 4), st.booleans())


@given(
    st.lists(st.lists(claim, max_size=8), min_size=1, max_size=4),
    st.integers(256, 2**28),
)
def test_credit_waits_and_is_not_lost(epochs, route_budget):
    """Per epoch no route is credited more than its budget; the rest comes later."""
    routes = Routes(8, 1, route_budget)
    for key in range(1, 5):
        assert routes.admit(key, key, 1000) == key
    shard = Shard(0, 3, 32, 60, 1000)
    guard = parts.guard(shard, routes)

    def total():
        return sum(shard.credited[shard.position(k)] for k in range(shard.count))

    def epoch_ends(before):
        assert total() - before == sum(routes.credited)
        assert max(routes.credited) <= route_budget
        routes.new_epoch(1)
        guard.new_epoch()

    for claims in epochs:
        before = total()
        guard.credit_rest(True)
        for nonce, slot, amount, via, own in claims:
            shard.merge(1000, nonce, slot, amount, via)
            p = shard.find(1000, nonce, slot)
            if p >= 0:
                guard.credit(p, via, shard.claimed[p], own, True)
                assert 0 <= shard.credited[p] <= shard.claimed[p]
        epoch_ends(before)
    claimed = sum(shard.claimed[shard.position(k)] for k in range(shard.count))
    for _ in range(8):
        before = total()
        for _ in range(2):  # in the first, what sessions said of themselves is kept for them
            begin = total()
            guard.credit_rest(True)
            epoch_ends(begin)
        assert total() > before or not shard.uncredited
    assert shard.uncredited == 0 if total() == claimed else shard.uncredited > 0
