"""Decimal amounts at the edge: text, int or float in, whole steps and a carry out, text back.

A *step* is (m, e): m * 10**e units of its channel, m of at most six digits, e from -9 to 9. All of
it is exact, big integers included: nothing here is on a hot path.
"""

from .fixed import LvsError

STEP = (1, -3)  # of a channel that says nothing else
CARRY = 18  # decimal digits below the last one of a step that a carry keeps
_LONGEST = 400  # characters of a number; a float has 309 digits at most


def _error(number, why):
    return LvsError("amount %s %s" % (repr(number)[:40], why))


def number(amount):
    """(n, x) with n * 10**x the value of a decimal text, an int or a float; a float means its
    shortest decimal writing. Raises LvsError."""
    if isinstance(amount, int) and not isinstance(amount, bool):
        return amount, 0
    if not isinstance(amount, (str, float)):
        raise _error(amount, "is not a number; give an int, a float or a text like '2.5'")
    body = str(amount).strip(" \t\r\n").lower()
    negative = body[:1] == "-"
    if negative or body[:1] == "+":
        body = body[1:]
    mantissa, mark, power = body.partition("e")
    whole, _, part = mantissa.partition(".")
    digits = whole + part
    down = power[:1] == "-"
    if down or power[:1] == "+":
        power = power[1:]
    if mark and not 0 < len(power) < 4:
        power = "?"
    # isdigit would let other scripts' digits through on CPython
    if not digits or len(body) > _LONGEST or not all("0" <= c <= "9" for c in digits + power):
        raise _error(amount, "is not a decimal number like '2.5'")
    n = int(digits)
    x = int(power or "0")
    return -n if negative else n, (-x if down else x) - len(part)


def steps(amount, step, carry=0):
    """(whole steps in an amount and what was carried, the new carry). A carry is in 10**-18 of
    the step's last digit; what is finer still is rounded. Raises LvsError for what is no number
    or negative."""
    n, x = number(amount)
    if n < 0:
        raise _error(amount, "is negative; a counter only grows")
    m, e = step
    x -= e
    if x >= 0 and not carry and n * 10**x % m == 0:
        return n * 10**x // m, 0
    x += CARRY
    if x >= 0:
        carry += n * 10**x
    else:
        half = 5 * 10 ** (-x - 1)
        carry += (n + half) // (2 * half)
    unit = m * 10**CARRY
    return carry // unit, carry % unit


def text(raw, step, offset=(0, 0)):
    """Exact decimal text of ``raw`` steps and an offset, as ``number`` gives it: with as many
    decimals as step or offset have."""
    low = min(step[1], offset[1], 0)
    n = raw * step[0] * 10 ** (step[1] - low) + offset[0] * 10 ** (offset[1] - low)
    digits = str(-n if n < 0 else n)
    if low:
        digits = "0" * (1 - low - len(digits)) + digits
        digits = digits[:low] + "." + digits[low:]
    return "-" + digits if n < 0 else digits
