"""Rows are a grow-only map: merging is commutative, associative, idempotent and monotone."""

from hypothesis import given
from hypothesis import strategies as st

from lvs.state_shard import EXPIRED, FUTURE, GREW, NEW, NO_ROOM, Shard
from lvs.wide import of
from tests.support import draw
from tests.support import reference as ref
from tests.vectors import run

EPOCH, LIFETIME, SLOTS = 1000, 6, 3
rows_strategy = st.lists(draw.row_of(EPOCH, LIFETIME, SLOTS), max_size=40)


def shard(rows=(), capacity=64):
    s = Shard(0, SLOTS, capacity, LIFETIME, EPOCH)
    for row in rows:
        s.merge(*row, via=1)
    return s


def contents(s):
    """The rows of a shard: {(start, nonce, slot): (claimed, credited)}."""
    positions = [s.position(k) for k in range(s.count)]
    found = {(s.start[p], s.nonce[p], s.slot[p]): (s.claimed[p], s.credited[p]) for p in positions}
    assert len(found) == s.count
    return found


def claims(s):
    return {(*key, claimed) for key, (claimed, _) in contents(s).items()}


def credit(s, share):
    """Let a part of every claim count."""
    for k in range(s.count):
        p = s.position(k)
        s.credit(p, int((s.claimed[p] - s.credited[p]) * share))


def check_inside(s):
    """What must hold of every shard at every time."""
    rows = contents(s)
    assert s.count <= s.capacity
    assert all(0 <= credited <= claimed <= ref.MAX_RAW for claimed, credited in rows.values())
    assert s.uncredited == sum(credited < claimed for claimed, credited in rows.values())
    for key in rows:
        assert contents(s)[key] == (s.claimed[s.find(*key)], s.credited[s.find(*key)])
    for slot in range(s.slots):
        inflow = sum(credited for key, (_, credited) in rows.items() if key[2] == slot)
        assert s.inflow[slot] == inflow
        assert 0 <= s.settled[slot] <= s.value(slot) <= ref.MOST


@given(rows_strategy, st.randoms())
def test_any_order_and_any_repetition(rows, rng):
    one = shard(rows)
    again = [*rows, *rng.sample(rows, len(rows) // 2)]
    rng.shuffle(again)
    other = shard(again)
    assert claims(one) == claims(other)
    assert list(one.digests) == list(other.digests)
    credit(one, 1)
    credit(other, 1)
    assert [one.value(s) for s in range(SLOTS)] == [other.value(s) for s in range(SLOTS)]
    check_inside(one)
    check_inside(other)


@given(rows_strategy, rows_strategy, rows_strategy)
def test_associative(a, b, c):
    left = shard([*claims(shard([*a, *b])), *c])
    right = shard([*a, *claims(shard([*b, *c]))])
    assert claims(left) == claims(right)


@given(rows_strategy)
def test_monotone(rows):
    s = shard()
    for row in rows:
        before, values = contents(s), [s.value(i) for i in range(SLOTS)]
        s.merge(*row, via=1)
        credit(s, 0.5)
        after = contents(s)
        assert all(
            after[key][0] >= before[key][0] and after[key][1] >= before[key][1] for key in before
        )
        assert all(s.value(i) >= v for i, v in enumerate(values))
        check_inside(s)


@given(rows_strategy)
def test_only_grew_and_new_change_anything(rows):
    s = shard(capacity=8)
    for row in rows:
        before, digests = contents(s), list(s.digests)
        did = s.merge(*row, via=1)
        changed = (contents(s), list(s.digests)) != (before, digests)
        if did in (GREW, NEW):
            assert contents(s)[row[:3]][0] == row[3]
        else:
            assert not changed
        if did == NO_ROOM:
            assert s.count == 8
        if did in (EXPIRED, FUTURE):
            age = ref.serial_diff(EPOCH, row[0])
            assert age > LIFETIME if did == EXPIRED else age < -1


@given(
    rows_strategy,
    st.lists(st.floats(0, 1), min_size=1, max_size=3),
    st.lists(st.integers(1, 4), max_size=6),
)
def test_folding_keeps_values(rows, shares, hops):
    s = shard(rows)
    for share in shares:
        credit(s, share)
    values = [s.value(i) for i in range(SLOTS)]
    epoch = EPOCH
    for hop in hops:
        epoch += hop
        kept = {
            key: row
            for key, row in contents(s).items()
            if ref.serial_diff(epoch, key[0]) <= LIFETIME
        }
        folded = s.count - len(kept)
        assert s.advance(epoch) == folded
        assert contents(s) == kept
        assert [s.value(i) for i in range(SLOTS)] == values
        check_inside(s)
        assert list(s.digests) == digests_of(s)


def digests_of(s):
    """The reference's digests of what a shard holds."""
    rows = ref.Rows(s.slots, s.lifetime, s.epoch)
    rows.rows = {key: list(row) for key, row in contents(s).items()}
    return rows.digests()


@given(rows_strategy, rows_strategy, st.integers(0, 9))
def test_folded_rows_do_not_come_back(rows, more, later):
    s = shard(rows)
    credit(s, 1)
    s.advance(EPOCH + later)
    values = [s.value(i) for i in range(SLOTS)]
    known = contents(s)
    for row in [*rows, *more]:
        if ref.serial_diff(EPOCH + later, row[0]) > LIFETIME:
            assert s.merge(*row, via=1) == EXPIRED
    assert [s.value(i) for i in range(SLOTS)] == values
    assert contents(s) == known


@st.composite
def _history(draw_):
    slots, lifetime = draw_(st.integers(1, 16)), draw_(st.integers(4, 20))
    grain = draw_(st.sampled_from([1, 1, 2, 7, 64]))
    begin = draw_(st.integers((lifetime + 2) * grain, 2**24 - 1000))
    epoch, steps = begin, []
    for kind in draw_(st.lists(st.sampled_from("mmmmmca"), max_size=30)):
        if kind == "m":
            steps.append(["merge", *draw_(draw.row_of(epoch // grain, lifetime, slots))])
        elif kind == "c":
            steps.append(["credit"])
        else:
            epoch += draw_(st.integers(1, 3 * grain))
            steps.append(["advance", epoch])
    return slots, lifetime, begin, steps, grain, draw_(draw.wide)


@given(_history())
def test_agrees_with_the_reference(history):
    slots, lifetime, begin, steps, grain, settled = history
    rows = ref.Rows(slots, lifetime, begin, grain)
    rows.settled = [settled] * slots
    said = []
    for name, *arguments in steps:
        got = {"merge": rows.merge, "credit": rows.credit_all, "advance": rows.advance}[name](
            *arguments
        )
        said += [] if name == "credit" else [got]
    held = sorted([*key, *row] for key, row in rows.rows.items())
    assert run.KINDS["shard"](*history) == [
        said,
        rows.settled,
        [rows.value(s) for s in range(slots)],
        rows.digests(),
        held,
    ]


@given(rows_strategy, st.lists(draw.wide, min_size=SLOTS, max_size=SLOTS), st.integers(-3, 8))
def test_adopting_drops_what_the_vector_contains(rows, vector, ahead):
    """After a snapshot: its settled values, and the rows that it does not contain."""
    s = shard(rows)
    before = claims(s)
    epoch = EPOCH + ahead
    s.adopt(of(vector), epoch - LIFETIME - 1, epoch)
    assert list(s.settled)[:SLOTS] == vector
    assert claims(s) == {c for c in before if -1 <= ref.serial_diff(epoch, c[0]) <= LIFETIME}
    assert list(s.digests) == digests_of(s)
    check_inside(s)
