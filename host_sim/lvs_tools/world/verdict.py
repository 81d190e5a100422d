"""The verdict: has every honest node that lives, to the bit, what was contributed?"""

from lvs.wire import SLOTS

_TOLD = 3  # deviations that are named


def verdict(living, channels, account, start):
    """The keys exact, lost_raw, value_error_max, and why: texts that say what is wrong.

    With an initial disagreement nobody can say which value is right; there it is the one that
    most nodes hold, provided that it lies within what they started from.
    """
    errors = []
    worst = 0
    lost = 0
    for c in range(len(channels)):
        gone = account.lost(c)
        lost += gone
        found = []
        for machine in living:
            if machine.node.placement.find(c // SLOTS):
                found.append((machine.node.value(channels[c], raw=True), machine.index))
        grown = account.given[c] - gone
        base = start["value"]
        if start["spread"] and found:
            base = _commonest([value for value, _ in found]) - grown
            off = abs(base - start["value"]) - start["spread"]
            if off > 0:
                worst = max(worst, off)
                errors.append(
                    "channel %s: agreed on %d raw, which nobody started from" % (channels[c], base)
                )
        expected = base + grown
        wrong = [(value, index) for value, index in found if value != expected]
        for value, _ in wrong:
            worst = max(worst, abs(value - expected))
        if wrong:
            errors.append(
                "channel %s: %d of %d nodes do not hold %d raw; node %d holds %d"
                % (channels[c], len(wrong), len(found), expected, wrong[0][1], wrong[0][0])
            )
    if not living:
        errors.append("no honest node is alive at the end")
    if len(errors) > _TOLD:
        errors = errors[:_TOLD] + ["and %d more channels" % (len(errors) - _TOLD)]
    return {"exact": not errors, "lost_raw": lost, "value_error_max": worst, "why": errors}


def _commonest(values):
    """The value that occurs most often; of several the smallest."""
    best = count = 0
    ordered = sorted(values)
    i = 0
    while i < len(ordered):
        j = i
        while j < len(ordered) and ordered[j] == ordered[i]:
            j += 1
        if j - i > count:
            best, count = ordered[i], j - i
        i = j
    return best
