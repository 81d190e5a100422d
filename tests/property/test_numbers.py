"""Amounts, ticks, serial numbers and hashes against plain arithmetic."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lvs import LvsError, fixed
from tests.support import draw
from tests.support import reference as ref

ODD = "019.+-E_ ,x\0\n\u00e9\u00b2\u0661\u06f7\uff11\u6c34\U0001f4a7"  # other digits, too


@given(st.decimals(0, 10**11, allow_nan=False, allow_infinity=False, places=3))
def test_a_decimal_text_is_exact(amount):
    text = f"{amount:f}"
    assert fixed.parse_amount(text) == amount * 1000 == ref.amount(text)


@given(st.text("0123456789.+- \t", max_size=12) | st.text(ODD, max_size=5))
@example("4194303.998")
@example("4194303.0001")
@example("-0.0")
def test_any_text_is_an_amount_or_an_error(text):
    expected = ref.amount(text)
    if expected is None:
        with pytest.raises(LvsError, match="^amount '?"):
            fixed.parse_amount(text)
    else:
        assert fixed.parse_amount(text) == expected


@given(st.integers(0, 10**11))
def test_a_whole_number_and_a_float_of_it_are_exact(amount):
    assert fixed.parse_amount(amount) == 1000 * amount == fixed.parse_amount(amount / 1)
    assert fixed.parse_amount(amount / 1000) == amount


@pytest.mark.parametrize(
    "amount",
    [-1, -0.5, 0.0001, 10**15, 1e30, float("nan"), float("inf"), True, None, b"1", [1], 1j],
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
def test_hashes_agree_with_the_reference(a, b):
    assert fixed.mix(a, b) == ref.mix(a, b) <= ref.MAX_RAW
    assert fixed.hash16(a) == ref.hash16(a) < 2**16


@given(st.text(ODD))
def test_text_hashes_agree_with_the_reference(text):
    assert fixed.hash_text(text) == ref.hash_text(text) <= ref.MAX_RAW
