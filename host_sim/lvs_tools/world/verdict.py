"""The verdict: has every honest node that lives, to the bit, what was contributed?

In a word: *exact*; *not yet*, while what is missing still grows or shrinks; and where all stands
still, *apart* if nodes hold different values, or else *not exact*.
"""

from lvs import decimal
from lvs.config import CYCLE_MS, EPOCH_CYCLES
from lvs.wire import SLOTS

EXACT = "exact"
NOT_YET = "not yet"
NOT_EXACT = "not exact"
APART = "apart"

STILL = 128  # cycles without any change: a mesh that agrees is silent for half as long
_EVERY = 8  # cycles between two looks
_TOLD = 3  # deviations that are named


class Progress:
    """What is missing, again and again: whether it grows, shrinks or stands still."""

    def __init__(self, plan):
        self._start = plan["start"]["value"]
        self._listed = plan["workload"]["listed"]
        self._last = None
        self._cycle = self._moved_at = 0  # now, and when anything changed last
        self.samples = []  # (cycle, raw missing, raw waiting) of the last STILL cycles

    def look(self, cycle, living, account):
        """At the end of a cycle. living: machines of honest nodes that run."""
        self._cycle = cycle
        if cycle % _EVERY:
            return
        missing = waiting = check = 0
        for machine in living:
            ledger = machine.node.ledger
            waiting += sum(ledger.waiting)
            for r in machine.node.replicas:
                first = r.first_channel()
                for slot in range(r.shard.slots):
                    value = r.shard.value(slot)
                    check = (check * 31 + value) & 0x3FFFFFFF
                    start = self._start if first + slot < self._listed else 0
                    missing += start + account.given[first + slot] - value
        seen = (missing, waiting, check)
        if seen != self._last:
            self._moved_at = cycle
            self._last = seen
        self.samples.append((cycle, missing, waiting))
        if len(self.samples) > STILL // _EVERY + 1:
            self.samples.pop(0)

    def moving(self, events):
        """True unless all has stood still for long enough. events: the plan's."""
        last = self._moved_at
        for event in events:
            at = event["at_ms"] // CYCLE_MS
            if last < at <= self._cycle:
                last = at
        return self._cycle - last < STILL


def _halvings(n):
    """How often n can be halved before nothing is left."""
    count = 0
    while n > 0:
        n >>= 1
        count += 1
    return count


def needed(samples, lost, unit):
    """What a mesh that is on its way needs, a text.

    samples: of Progress; lost: raw that holders lack for good; unit: raw of a contribution.
    """
    if not samples:
        return "more cycles than these"
    cycle, missing, waiting = samples[-1]
    before, was, waited = samples[0]
    missing -= lost
    was -= lost
    cycles = cycle - before
    if waiting > max(waited, unit):
        return (
            "%d raw wait at their owners and more are coming: contribute less, or raise "
            "max_allowed_shift or route_budget" % waiting
        )
    if missing > was:
        return (
            "what is missing grows, by %d raw in %d cycles: time without contributions, fewer of "
            "them, fewer lost frames, or a larger kb_per_min" % (missing - was, cycles)
        )
    if missing <= 0 or missing == was:
        return "about %d cycles of calm, to see whether it moves" % STILL
    halvings = _halvings(was) - _halvings(missing)
    if halvings > 0:
        each = cycles // halvings
    else:
        each = cycles * missing * 7 // ((was - missing) * 10)
    more = max(_EVERY, each * _halvings(missing // max(1, unit)))
    return "what is missing shrinks: about %d cycles more at this pace" % more


def _holders(living, c):
    """(value that it shows, machine's number) of a channel on every node that holds it."""
    return [(m.node.raw(c), m.index) for m in living if m.node.placement.find(c // SLOTS)]


def _clocks(living):
    """Texts about clocks that are more than an epoch from most others'."""
    cycles = sorted([m.node.clock.cycle for m in living])
    middle = cycles[len(cycles) // 2] if cycles else 0
    far = [m for m in living if abs(m.node.clock.cycle - middle) > EPOCH_CYCLES]
    if not far:
        return []
    first = far[0].node.clock.cycle - middle
    return [
        "clocks: %d of %d nodes are over %d cycles apart from most; node %d is %d %s"
        % (
            len(far),
            len(living),
            EPOCH_CYCLES,
            far[0].index,
            abs(first),
            "ahead" if first > 0 else "behind",
        )
    ]


def _judge(found, name, grown, start):
    """(distance of the furthest, texts) of one channel: what its holders have, against that."""
    if not found:
        return 0, ["channel %s: no node that lives holds it" % name]
    base = start["value"]
    errors = []
    worst = 0
    if start["spread"]:
        base = _commonest([value for value, _ in found]) - grown
        off = abs(base - start["value"]) - start["spread"]
        if off > 0:
            worst = off
            errors.append("channel %s: agreed on %d raw, which nobody started from" % (name, base))
    expected = base + grown
    wrong = [(value, index) for value, index in found if value != expected]
    for value, _ in wrong:
        worst = max(worst, abs(value - expected))
    if wrong:
        errors.append(
            "channel %s: %d of %d nodes do not hold %d raw; node %d holds %d"
            % (name, len(wrong), len(found), expected, wrong[0][1], wrong[0][0])
        )
    return worst, errors


def verdict(living, channels, account, plan, progress):
    """The keys verdict, exact, needed, lost_raw, value_error_max, and why: texts that say what is
    wrong.

    With an initial disagreement nobody can say which value is right; there it is the one that
    most nodes hold, provided that it lies within what they started from.
    """
    errors = []
    worst = lost = lacking = 0
    apart = False
    for c in range(len(channels)):
        gone = account.lost(c)
        found = _holders(living, c)
        start = plan["start"]
        if c >= plan["workload"]["listed"]:  # nobody had it then
            start = {"value": 0, "spread": 0}
            if not found and not account.given[c]:
                continue
        off, texts = _judge(found, channels[c], account.given[c] - gone, start)
        errors += texts
        worst = max(worst, off)
        lost += gone
        lacking += gone * len(found)
        apart = apart or len({value for value, _ in found}) > 1
    if not living:
        errors = ["no honest node is alive at the end"]
    word = EXACT
    need = None
    if errors and living and progress.moving(plan["events"]):
        word = NOT_YET
        each, _ = decimal.steps(plan["workload"]["amount"], decimal.STEP)
        need = needed(progress.samples, lacking, each)
    elif errors:
        word = APART if apart else NOT_EXACT
    if len(errors) > _TOLD:
        errors = errors[:_TOLD] + ["and %d more channels" % (len(errors) - _TOLD)]
    return {
        "verdict": word,
        "exact": word == EXACT,
        "needed": need,
        "lost_raw": lost,
        "value_error_max": worst,
        "why": errors + _clocks(living),
    }


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
