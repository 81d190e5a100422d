"""The drift function f(EP, DC, local_weights): centre, drift coefficient, correction.

Pure integer functions of the samples that a node heard; docs/protocol.md, section 5, is their
specification and tests/support/reference.py a slow second implementation. Median: a node that
trusts its state moves only when trusted voices that outweigh it agree. Interquartile mean: before
that, since medians lock in clusters (IQM; the middle half by weight).
"""

from array import array

from .fixed import const, mix, zeros
from .wide import FAR
from .wire import SLOTS

WINDOW = 15  # samples, the newest of each session
FULL_CONFIDENCE = 64
CONFIDENT = 16  # from here on: median and small steps
QUORUM = -1  # every sample is one vote

_CLAMP = const(0x7FFF)  # offsets in the mean: 2**15 * 2**14 of weight stays inside 30 bits
_FAR = const(0xFFFFF)  # distance beyond which a step does not grow: 2**20 * 2**8 < 2**30


def own_weight(confidence):
    """Weight of a node's own value: a newcomer's, or once it is confident that of nine, so that
    ten newcomers who all say something else outvote it."""
    return 288 if confidence >= CONFIDENT else 32


def order_by_value(values, order, n):
    """Fill order[0..n-1] with the indices of ``values``, ascending and stable (insertion sort)."""
    for i in range(n):
        v = values[i]
        j = i
        while j > 0 and values[order[j - 1]] > v:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i


def weighted_median(values, weights, order, n, upper=False):
    """The smallest value at which the weight so far reaches half of the whole, or, upper, is more
    than half."""
    total = 0
    for i in range(n):
        total += weights[i]
    so_far = 0
    for i in range(n):
        k = order[i]
        so_far += weights[k]
        if so_far * 2 >= total + upper:
            return values[k]
    return values[order[n - 1]]


def middle_mean(values, weights, order, n):
    """Weighted mean of the middle half by weight, rounded half up.

    Values count at most 32767 raw; the sum of the weights must stay below 2**14.
    """
    total = 0
    for i in range(n):
        total += weights[i]
    low = total // 4
    high = total - low
    so_far = kept = acc = 0
    for i in range(n):
        k = order[i]
        a = so_far if so_far > low else low
        so_far += weights[k]
        b = so_far if so_far < high else high
        if b > a:
            d = values[k]
            d = _CLAMP if d > _CLAMP else -_CLAMP if d < -_CLAMP else d
            kept += b - a
            acc += (b - a) * d
    return (acc + kept // 2) // kept if kept else 0


def coefficient(confidence, trust, scatter):
    """Drift coefficient DC in Q8: weight(VU, TC, entropy_variation), specification 5.3.

    Three quarters for the unconfident, an eighth for the confident; scaled by the samples' trust
    (0..255) to between 3/4 and 1; a quarter less while they scatter beyond what a step can mend.
    """
    base = 32 if confidence >= CONFIDENT else 192
    dc = base * (192 + (trust >> 2)) >> 8
    return dc - (dc >> 2) if scatter else dc


def correction(distance, confidence, dc, dither, limit):
    """Signed step (raw) for a signed distance to the centre; never above ``limit``.

    dither: 8 random bits that all who heard the same packets share: probabilistic rounding lets
    integers reach exact agreement. A confident node rounds up instead, so that it always arrives.
    """
    d = -distance if distance < 0 else distance
    if d > _FAR:
        d = _FAR
    q = (d * dc + (255 if confidence >= CONFIDENT else dither)) >> 8
    if q > d:
        q = d
    if q > limit:
        q = limit
    return -q if distance < 0 else q


def dither_bits(noise, slot):
    """Eight dither bits for a slot from the samples' combined EP nonces."""
    return (mix(mix(noise, slot + 1), 0x1B873593) >> 7) & 0xFF


class Window:
    """The newest sample of each route, WINDOW of them at most, for one shard, all with my horizon:
    by how much (raw, clamped to +-FAR) its settled vector is above mine.
    """

    def __init__(self, slots):
        self.slots = slots
        self.n = 0
        self.key = zeros("i", WINDOW)  # route
        self.cycle = zeros("i", WINDOW)  # my cycle when it was heard
        self.noise = zeros("i", WINDOW)
        self.weight = zeros("H", WINDOW)
        self.above = zeros("i", WINDOW * slots)

    def _place(self, key, weight, salt):
        """Where a route's sample goes, or -1 for nowhere."""
        n = self.n
        for i in range(n):
            if self.key[i] == key:
                return i
        if n < WINDOW:
            self.n += 1
            return n
        worst = 0
        most = mix(salt, key)
        if salt:
            worst = -1
        for i in range(n):
            if salt:
                h = mix(salt, self.key[i])
                if h > most:
                    worst, most = i, h
            elif self.weight[i] < self.weight[worst] or (
                self.weight[i] == self.weight[worst] and self.cycle[i] < self.cycle[worst]
            ):
                worst = i
        return worst if salt or self.weight[worst] <= weight else -1

    def put(self, key, cycle, noise, weight, settled, vector, salt=0):
        """Keep a sample, ``vector``, beside what I have ``settled`` (Wide); False if there is no
        place. A full window drops its lightest, then oldest, unless that outweighs it. salt: a
        secret by which it is drawn, instead, who is in it: min-wise sampling, so that nobody owns
        the window by speaking."""
        at = self._place(key, weight, salt)
        if at < 0:
            return False
        self.key[at] = key
        self.cycle[at] = cycle
        self.noise[at] = noise
        self.weight[at] = weight
        base = at * self.slots
        for s in range(self.slots):
            self.above[base + s] = settled.distance(s, vector)
        return True

    def equal(self):
        """How many samples hold what I hold."""
        equal = self.n
        for i in range(self.n):
            for s in range(i * self.slots, i * self.slots + self.slots):
                if self.above[s]:
                    equal -= 1
                    break
        return equal

    def expire(self, oldest):
        """Drop the samples heard before cycle ``oldest``."""
        i = 0
        while i < self.n:
            if self.cycle[i] < oldest:
                self._move(self.n - 1, i)
                self.n -= 1
            else:
                i += 1

    def _move(self, a, b):
        if a == b:
            return
        for column in (self.key, self.cycle, self.noise, self.weight):
            column[b] = column[a]
        for s in range(self.slots):
            self.above[b * self.slots + s] = self.above[a * self.slots + s]

    def moved(self, slot, step):
        """My settled value took a step (raw). What was too far to count stays so until it is heard
        anew. Folding moves nothing here: whoever was heard folds the same rows."""
        for i in range(self.n):
            j = i * self.slots + slot
            d = self.above[j]
            if -FAR < d < FAR:
                d -= step
                self.above[j] = FAR if d > FAR else -FAR if d < -FAR else d


class Drift:
    """Scratch arrays and the drift step over a window; one for all shards of a node.

    After ``run``: ``steps[slot]`` the signed corrections to apply, ``error`` the largest distance
    between a centre and mine (raw; 2 stands for more), ``samples`` how many counted, ``dc`` the
    coefficient. All that is computed with are differences to mine.
    """

    def __init__(self):
        self.steps = zeros("i", SLOTS)
        self.error = 0
        self.samples = 0
        self.dc = 0
        self._pick = bytearray(WINDOW)
        self._values = zeros("i", WINDOW + 1)
        self._weights = zeros("i", WINDOW + 1)
        self._order = array("B", bytes(WINDOW + 1))

    def select(self, window, since):
        """Choose the samples heard since a cycle; returns how many."""
        n = 0
        for i in range(window.n):
            if window.cycle[i] >= since and window.weight[i]:
                self._pick[n] = i
                n += 1
        assert n <= WINDOW
        self.samples = n
        return n

    def run(self, window, confidence, max_step, level=0):
        """Compute the corrections of one cycle for the selected samples.

        confidence 0..64; max_step: largest step (raw), below
        max_allowed_shift; level: 0, or the one weight that every sample gets, or QUORUM: one
        vote each, whose median decides, at a tie the upper one (what is lacking somewhere is
        likelier than what is there twice). VaultGuard still has to allow the steps.
        """
        n = self.samples
        values = self._values
        weights = self._weights
        pick = self._pick
        noise = trust = 0
        quorum = level == QUORUM
        level = abs(level)
        for i in range(n):
            k = pick[i]
            w = level or window.weight[k]
            weights[i] = w
            trust += w if w < 255 else 255
            noise ^= window.noise[k]
        weights[n] = level or own_weight(confidence)
        trust //= n
        confident = quorum or confidence >= CONFIDENT and not level
        firm = CONFIDENT if confident else 0  # how steps are taken
        self.error = 0
        self.dc = coefficient(firm, trust, False)
        for slot in range(window.slots):
            least = most = 0
            for i in range(n):
                v = window.above[pick[i] * window.slots + slot]
                values[i] = v
                least = v if v < least else least
                most = v if v > most else most
            self.steps[slot] = 0
            if least == most:
                continue
            values[n] = 0
            order_by_value(values, self._order, n + 1)
            if confident:
                d = weighted_median(values, weights, self._order, n + 1, quorum)
            else:
                d = middle_mean(values, weights, self._order, n + 1)
            if d:
                self.error = 2 if d > 1 or d < -1 else max(self.error, 1)
            scatter = most - least > 8 * max_step
            self.dc = coefficient(firm, trust, scatter)
            self.steps[slot] = correction(d, firm, self.dc, dither_bits(noise, slot), max_step)
        return self.error
