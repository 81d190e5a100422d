"""Exact amounts: whole numbers and fractions, because floats have 32 bits on boards."""

RAW = 1000  # raw units in a unit of a channel (VU)


def ratio(number):
    """A positive int, float or decimal text as a fraction (numerator, denominator).

    A float is taken as the decimal number that it prints as. Raises ValueError.
    """
    whole, _, part = str(number).partition(".")
    if not (whole + part).isdigit():
        raise ValueError("%r: must be a number above 0, like 10 or 0.5" % (number,))
    top = int(whole + part)
    if top == 0:
        raise ValueError("%r: must be above 0" % (number,))
    return top, 10 ** len(part)


def text(raw):
    """Raw units as decimal text for ``Node.contribute``; exact."""
    return "%d.%03d" % (raw // RAW, raw % RAW)


class Scale:
    """Turns counts into raw units: ``counts`` counts are ``units`` units; no rounding adds up.

    What is not yet a whole raw unit is carried to the next call.
    """

    def __init__(self, units, counts):
        top, under = ratio(units)
        more_under, more_top = ratio(counts)
        self._top = top * more_top * RAW
        self._under = under * more_under
        self._carry = 0

    def raw(self, count):
        """Raw units for ``count`` more counts."""
        assert count >= 0
        total = self._carry + count * self._top
        self._carry = total % self._under
        return total // self._under
