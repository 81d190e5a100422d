"""Scaling of counts: exact in the long run, and what crosses the API is exact."""

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lvs.fixed import parse_amount

quiet = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@quiet
@given(st.integers(1, 5000), st.integers(1, 5000), st.lists(st.integers(0, 1000), max_size=30))
def test_nothing_is_lost_in_rounding(bench, units, pulses, counts):
    from amounts import Scale

    scale = Scale(units, pulses)
    total = sum(scale.raw(n) for n in counts)
    assert total == int(Fraction(units, pulses) * sum(counts) * 1000)


@quiet
@given(st.integers(0, 4194303 * 1000))
def test_text_is_read_back_as_the_same_raw_amount(bench, raw):
    from amounts import text

    assert parse_amount(text(raw)) == raw


@pytest.mark.parametrize(
    ("given_", "expected"), [("0.5", (5, 10)), (0.25, (25, 100)), (3, (3, 1))]
)
def test_ratio(bench, given_, expected):
    from amounts import ratio

    assert ratio(given_) == expected


@pytest.mark.parametrize("bad", [0, -1, "0.0", "x", "1e3", "", "nan"])
def test_ratio_refuses(bench, bad):
    from amounts import ratio

    with pytest.raises(ValueError, match="above 0"):
        ratio(bad)
