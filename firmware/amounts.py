"""Exact amounts of what was counted, because floats have 32 bits on boards."""

from micropython import const

from lvs.decimal import number, text

_DIGITS = const(21)  # decimals of an amount: a billion billionth of a thousandth, and exact


def positive(written):
    """(n, x) with n * 10**x what is written: an int, a float or a decimal text. Raises
    ValueError."""
    try:
        n, x = number(written)
    except ValueError:
        n = x = 0
    if n <= 0:
        raise ValueError("%r: must be a number above 0, like 10 or 0.5" % (written,))
    return n, x


class Scale:
    """Turns counts into amounts: ``counts`` counts are ``units`` units; no rounding adds up.

    The node carries what is less than a step, so that a restart keeps it. A fraction without end,
    as in a third, is rounded up, or three thirds would never be one; the next amount is less.
    """

    def __init__(self, units, counts):
        top, x = positive(units)
        under, y = positive(counts)
        x += _DIGITS - y
        self._top = top * 10 ** max(x, 0)
        self._under = under * 10 ** max(-x, 0)
        self._given = 0  # too much

    def amount(self, count):
        """Units for ``count`` more counts, as decimal text; None for none."""
        assert count >= 0
        if not count:
            return None
        total = count * self._top - self._given
        amount = -(-total // self._under)
        self._given = amount * self._under - total
        return text(amount, (1, -_DIGITS))
