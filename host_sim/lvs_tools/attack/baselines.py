"""What simpler rules would do against the same lies: a model in rounds, no network, no protocol.

Every node averages in each round over what it heard of a few others, by one of three rules:
``mean``: the plain mean of all samples and its own value; ``trimmed``: the mean of the middle
half; ``literal``: the specification word for word, "apply every diff, average every packet": each
sample in turn pulls the value half-way. Lies are those of the adversaries of the same names.
"""

import random

RULES = ("mean", "trimmed", "literal")
WINDOW = 15  # samples that a node hears in a round
ROUNDS = 24  # one an epoch: simpler rules without a speed limit need no more
LIES = {
    "drain": lambda v, rng: 0,
    "inflate": lambda v, rng: 2 * v + 1000,
    "below_threshold": lambda v, rng: v - (v >> 10) * 6 // 7,
    "random_values": lambda v, rng: max(0, v + rng.randrange(-4096, 4096)),
}


def _next(rule, mine, samples):
    if rule == "literal":
        for sample in samples:
            mine += (sample - mine) // 2
        return mine
    ordered = sorted([*samples, mine])
    if rule == "trimmed":
        cut = len(ordered) // 4
        ordered = ordered[cut : len(ordered) - cut]
    return sum(ordered) // len(ordered)


def shift(rule, strategy, share, nodes=100, value=100000, seed=1):
    """Mean shift (raw) of the honest after ROUNDS rounds; None for a lie that has no model."""
    lie = LIES.get(strategy)
    if lie is None:
        return None
    rng = random.Random(seed)
    liars = int(nodes * share + 0.5)
    honest = [value] * (nodes - liars)
    for _ in range(ROUNDS):
        said = honest + [None] * liars
        honest = [
            _next(
                rule,
                mine,
                [
                    lie(mine, rng) if s is None else s
                    for s in rng.sample(said, min(WINDOW, len(said)))
                ],
            )
            for mine in honest
        ]
    return round(sum(honest) / len(honest)) - value
