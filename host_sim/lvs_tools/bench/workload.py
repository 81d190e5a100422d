"""The workload of real processes: contributions at even intervals, and when who has heard them."""

import asyncio
import time

LATE_S = 20.0  # after the last contribution, until nobody is waited for


class Arrivals:
    """When contributions were made, and when each of the others heard of them (seconds)."""

    def __init__(self, nodes):
        self.nodes = nodes
        self.made = []  # (when, by whom)
        self._at = []  # {node: when} of each

    def make(self, node, when):
        """A contribution begins; returns its number."""
        self.made.append((when, node))
        self._at.append({})
        return len(self.made) - 1

    def heard(self, node, number, when):
        """A node knows of a contribution; only the first time counts."""
        if 0 <= number < len(self._at):
            self._at[number].setdefault(node, when)

    def open(self):
        """How many are not everywhere yet."""
        return sum(len(at.keys() - {who}) < self.nodes - 1 for at, who in self._pairs())

    def _pairs(self):
        return [(at, who) for at, (_, who) in zip(self._at, self.made, strict=True)]

    def result(self):
        """``reach_s``: p50, p99 and most of the seconds until a node has a contribution of
        another; ``unheard``: pairs of node and contribution that did not get together."""
        took, unheard = [], 0
        for at, (when, who) in zip(self._at, self.made, strict=True):
            others = [t - when for node, t in at.items() if node != who]
            unheard += self.nodes - 1 - len(others)
            took += others
        took.sort()
        reach = {"p50": None, "p99": None, "max": None}
        if took:
            reach = {
                "p50": round(took[(len(took) - 1) // 2], 3),
                "p99": round(took[max(0, (len(took) * 99 + 99) // 100 - 1)], 3),
                "max": round(took[-1], 3),
            }
        return {"contributions": len(self.made), "reach_s": reach, "unheard": unheard}


async def play(case, arrivals, contribute, used):
    """Let contributions be made for ``seconds``, ``rate`` a node and minute, after ``warm_s``.

    contribute: (node, number), a coroutine function; used: how many bytes went so far. Returns
    the bytes of a minute of it.
    """
    await asyncio.sleep(case["warm_s"])
    rate = case["nodes"] * case["rate"] / 60
    began, before = time.monotonic(), used()
    end = began + case["seconds"]
    if rate:
        for i in range(int(case["seconds"] * rate)):
            await asyncio.sleep(began + (i + 0.5) / rate - time.monotonic())
            node = i * 7 % case["nodes"]  # neither the same ones nor neighbours in turn
            await contribute(node, arrivals.make(node, time.monotonic()))
    await asyncio.sleep(end - time.monotonic())
    bytes_a_minute = (used() - before) * 60 / (time.monotonic() - began)
    late = time.monotonic() + LATE_S
    while arrivals.open() and time.monotonic() < late:
        await asyncio.sleep(0.1)
    return bytes_a_minute
