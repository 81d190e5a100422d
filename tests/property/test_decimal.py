"""Decimal amounts, steps and texts against fractions."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lvs import LvsError, config_check, decimal
from tests.support import reference as ref

ODD = "019.+-eE_ ,x\0\n\u00e9\u00b2\u0661\u06f7\uff11\u6c34\U0001f4a7"  # other digits, too

steps = st.tuples(st.integers(1, 999_999), st.integers(-9, 9)) | st.sampled_from(
    [(1, 0), (1, -3), (1, -6), (25, 0), (5, -2)]
)
raws = st.integers(0, 2**48 - 1) | st.sampled_from([2**30 - 1, 2**30, 2**31, 2**47, 2**48 - 1])


def unit(step):
    return step[0] * Fraction(10) ** step[1]


@given(steps, st.lists(st.decimals(0, 10**9, allow_nan=False, places=12), max_size=20))
@example((1, -3), [Decimal("0.001")] * 3 * 288)
@example((1, -3), [Decimal("0.0001")] * 30)
def test_nothing_is_lost(step, amounts):
    """Whole steps and what is carried are the sum of the amounts, however fine they are."""
    raw = carry = 0
    for amount in amounts:
        more, carry = decimal.steps(f"{amount:f}", step, carry)
        raw += more
        assert 0 <= carry < step[0] * 10**18
    exact = sum(map(Fraction, amounts)) / unit(step)
    if step[1] <= 6:  # 12 decimals are no finer than a carry
        assert raw + Fraction(carry, step[0] * 10**18) == exact
        assert raw == int(exact)


@given(steps, raws)
def test_a_multiple_of_a_step_is_exact(step, raw):
    assert decimal.steps(decimal.text(raw, step), step) == (raw, 0)


@given(steps, st.floats(0, 1e30))
def test_a_float_is_its_shortest_writing(step, amount):
    assert decimal.steps(amount, step) == decimal.steps(str(amount), step)
    n, x = decimal.number(amount)
    assert n * Fraction(10) ** x == Fraction(str(amount))


@given(
    st.text("0123456789.+-eE \t", max_size=12) | st.text(ODD, max_size=5),
    steps,
    st.integers(0, 10**18 - 1),
)
def test_any_text_is_an_amount_or_an_error(text, step, carry):
    expected = ref.steps(text, step[0], step[1], carry)
    if expected is None:
        with pytest.raises(LvsError, match="^amount "):
            decimal.steps(text, step, carry)
    else:
        assert list(decimal.steps(text, step, carry)) == expected


@given(
    st.integers(max_value=-1)
    | st.floats(max_value=-1e-9)
    | st.sampled_from([float("nan"), float("inf"), True, False, None, b"1", [1], 1j, "1" * 401])
)
def test_what_is_no_amount_is_an_error(amount):
    with pytest.raises(LvsError, match="^amount "):
        decimal.steps(amount, (1, -3))


@given(raws, steps, st.tuples(st.integers(-(10**9), 10**9), st.integers(-9, 3)))
def test_a_text_is_exact(raw, step, offset):
    text = decimal.text(raw, step, offset)
    assert Fraction(text) == raw * unit(step) + offset[0] * Fraction(10) ** offset[1]
    assert text == ref.shown(raw, step[0], step[1], offset)


@given(steps)
def test_a_step_is_read_as_it_is_written(step):
    for written in (decimal.text(1, step), f"{step[0]}e{step[1]}"):
        m, e = config_check.step(written)
        assert unit((m, e)) == unit(step)
        assert (m % 10 or e == 9) and 0 < m <= 999_999 and -9 <= e <= 9
    assert config_check.step(25) == (25, 0) and config_check.step(0.05) == (5, -2)


@pytest.mark.parametrize("written", ["0", "-1", "1e-10", "1234567", "1e15", "", None, True, "x"])
def test_what_is_no_step_is_an_error(written):
    with pytest.raises(LvsError):
        config_check.step(written)
