"""Scaling of counts: exact in the long run, and what crosses the API is exact."""

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

quiet = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@quiet
@given(st.integers(1, 5000), st.integers(1, 5000), st.lists(st.integers(0, 1000), max_size=30))
def test_nothing_is_lost_in_rounding(bench, units, pulses, counts):
    from amounts import Scale

    scale = Scale(units, pulses)
    total = sum(Fraction(scale.amount(n) or 0) for n in counts)
    exact = Fraction(units, pulses) * sum(counts)
    assert exact <= total < exact + Fraction(1, 10**21)


@pytest.mark.parametrize(
    ("units", "pulses", "count", "amount"),
    [(1, 1000, 3, "0.003"), ("0.1", 1, 10, "1"), (0.25, 1, 1, "0.25"), ("1e1", "4", 6, "15")],
)
def test_a_multiple_is_exact(bench, units, pulses, count, amount):
    from amounts import Scale

    assert Fraction(str(Scale(units, pulses).amount(count))) == Fraction(amount)
    assert Scale(units, pulses).amount(0) is None


@pytest.mark.parametrize("bad", [0, -1, "0.0", "x", "", "nan", None])
def test_what_is_no_ratio_is_refused(bench, bad):
    from amounts import Scale

    for units, pulses in ((bad, 1), (1, bad)):
        with pytest.raises(ValueError, match="above 0"):
            Scale(units, pulses)
