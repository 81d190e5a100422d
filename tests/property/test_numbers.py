"""Amounts, ticks, serial numbers and hashes against plain arithmetic."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lvs import LvsError, fixed
from tests.support import draw
from tests.support import reference as ref

MOST = 4194303  # VU
ODD = "019.+-eE_ ,x\0\n\u00e9\u00b2\u0661\u06f7\uff11\u6c34\U0001f4a7"  # other digits, too

decimals = st.decimals(0, MOST - 1, allow_nan=False, allow_infinity=False, places=12)


@given(decimals)
@example(Decimal("0.001953125"))
@example(Decimal("0.001953124999"))
@example(Decimal("3.998046875"))
def test_a_decimal_text_is_exact(amount):
    raw = int((amount * 256).quantize(Decimal(1), ROUND_HALF_UP))
    text = f"{amount:f}"
    if raw or not amount:
        assert fixed.parse_amount(text) == raw == ref.amount(text)
    else:
        with pytest.raises(LvsError, match="below 1/512 VU"):
            fixed.parse_amount(text)


@given(st.text("0123456789.+- \t", max_size=12) | st.text(ODD, max_size=5))
@example("4194303.998")
@example("4194303.001")
@example("-0.0")
def test_any_text_is_an_amount_or_an_error(text):
    expected = ref.amount(text)
    if expected is None:
        with pytest.raises(LvsError, match="^amount '?"):
            fixed.parse_amount(text)
    else:
        assert fixed.parse_amount(text) == expected


@given(st.integers(0, MOST))
def test_a_whole_number_is_exact(amount):
    assert fixed.parse_amount(amount) == 256 * amount == fixed.parse_amount(str(amount))


@given(st.floats(0.00390625, MOST, allow_nan=False))
def test_a_float_is_rounded_half_up(amount):
    """To the nearest 1/256 VU; 256 x a float is exact, the addition of a half is not quite."""
    exact = Fraction(amount) * 256
    assert abs(fixed.parse_amount(amount) - exact) <= Fraction(1, 2) + Fraction(1, 2**20)


@given(
    st.one_of(
        st.integers(max_value=-1),
        st.integers(MOST + 1),
        st.floats(max_value=-1e-9),
        st.floats(MOST + 1),
        st.floats(0, 0.0019, exclude_min=True),
        st.sampled_from(
            [float("nan"), float("inf"), -float("inf"), True, False, None, b"1", [1], 1j]
        ),
    )
)
def test_what_is_no_amount_is_an_error(amount):
    with pytest.raises(LvsError, match="^amount .*"):
        fixed.parse_amount(amount)


@given(draw.raw, st.integers(-(2**29), 2**29 - 1))
def test_ticks_differ_by_what_passed(start, passed):
    """Across the wrap at 2**30 as anywhere else."""
    end = (start + passed) % 2**30
    assert fixed.ticks_diff(end, start) == passed == ref.ticks_diff(end, start)


@given(draw.word, st.integers(-(2**15), 2**15 - 1))
def test_serial_numbers_differ_by_what_passed(start, passed):
    assert fixed.serial_diff((start + passed) % 2**16, start) == passed
    assert ref.serial_diff(start + passed, start) == passed


@given(draw.raw, draw.raw)
def test_sums_saturate(a, b):
    assert fixed.add(a, b) == min(a + b, ref.MAX_RAW) == ref.saturate(a + b)


@given(draw.raw, draw.raw)
def test_hashes_agree_with_the_reference(a, b):
    assert fixed.mix(a, b) == ref.mix(a, b) <= ref.MAX_RAW
    assert fixed.hash16(a) == ref.hash16(a) < 2**16


@given(st.text(ODD))
def test_text_hashes_agree_with_the_reference(text):
    assert fixed.hash_text(text) == ref.hash_text(text) <= ref.MAX_RAW
