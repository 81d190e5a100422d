"""Wide counters against plain arithmetic, at their ends and at those of their halves."""

from hypothesis import example, given
from hypothesis import strategies as st

from lvs import wide, wire
from tests.support import draw
from tests.support import reference as ref


@given(draw.wide, draw.step)
@example(2**30 - 1, 1)
@example(2**30, -1)
@example(ref.MOST, 1)
@example(0, -1)
def test_they_grow_and_shrink_within_their_field(value, step):
    counter = wide.of([7, value])
    counter.grow(1, step)
    assert list(counter) == [7, max(0, min(ref.MOST, value + step))]


@given(draw.wide, draw.wide)
def test_sums_saturate(a, b):
    total = wide.Wide(1)
    total.add(0, wide.of([a]), wide.of([b]))
    assert total[0] == ref.saturate(a + b)


@given(draw.wide, draw.wide | st.integers(-(2**30) - 2, 2**30 + 2))
def test_distances_are_exact_as_far_as_they_count(a, b):
    """To a second value, and to one near the first."""
    if not 0 <= b <= ref.MOST or b < 2**30:
        b = max(0, min(ref.MOST, a + b))
    assert wide.of([a]).distance(0, wide.of([b])) == ref.far(b - a)


@given(draw.wide, st.integers(0, 29))
def test_a_part_is_what_is_left_of_a_shift(value, bits):
    assert wide.of([value]).part(0, bits) == min(value >> bits, ref.MAX_RAW)


@given(st.lists(draw.wide, max_size=5), st.lists(draw.wide, max_size=5))
def test_vectors_are_copied_and_compared(a, b):
    copy = wide.Wide(len(a))
    copy.copy(wide.of([*a, *b]))
    assert list(copy) == a and len(copy) == len(a)
    assert copy.equals(wide.of(a)) and copy.equals(wide.of(b)) == (a == b)
    copy = wide.of([*a, *b])
    copy.copy(wide.of(a))
    assert list(copy) == a + [0] * len(b)


@given(draw.wide, st.binary(max_size=3))
def test_they_are_written_as_short_as_they_are(value, behind):
    counter = wide.of([value])
    buf = bytearray(10)
    n = wire.put_wide(buf, 1, counter.lo[0], counter.hi[0])
    assert bytes(buf[1:n]) == ref.wide(value) and n - 1 == max(1, -(-value.bit_length() // 7))
    read = wide.Wide(2)
    data = bytes(buf[:n]) + behind
    assert wire.get_wide(data, 1, len(data), read, 1) == n
    assert list(read) == [0, value]
    assert wire.get_wide(data, 1, n - 1, read, 1) == -1


@given(st.binary(max_size=9))
@example(b"\x80\x00")
@example(b"\xff" * 6 + b"\x3f")
@example(b"\xff" * 6 + b"\x40")
@example(b"\xff" * 7 + b"\x01")
def test_only_the_shortest_form_is_read(data):
    read = wide.Wide(1)
    n = wire.get_wide(data, 0, len(data), read, 0)
    expected = ref.unwide(data, ref.MOST)
    if expected is None:
        assert n == -1
    else:
        assert (read[0], data[n:]) == expected
