"""What a mesh of real processes is going to do: nodes, configurations, workload and kills.

Everything here follows from the options and the seed alone; no process and no socket but the
one that finds a free port.
"""

import random
import socket
from dataclasses import dataclass, field

from lvs import decimal

BROADCAST = "127.255.255.255"
MAX_NODES = 250
DEFAULT_CHANNELS = ("water", "power", "people", "work")
SECONDS = (20, 3600)  # a node needs 8 s to become active; after an hour rows start to be folded
KILL_AT = 1 / 2  # of the run: half-way
CALM_FROM = 0.6  # of the run: then nobody contributes, so that the mesh can converge; at 30 %
# loss the last rows are mended by digests, which starts 8 s after the last news
RESTART_S = 3.0  # from a kill until the node is started anew
EVERY_S = 3.0  # a node contributes about this often,
PER_MINUTE = 240  # all of them together at most this often: one radio cell is made for about 300
LEAST_RAW = 50  # 0.05 VU
MOST_RAW = 6000  # 6 VU: above max_allowed_shift (4 VU), so some are spread over cycles


class PlanError(ValueError):
    """The options do not fit each other; the text names the option and what is allowed."""


@dataclass(frozen=True)
class Action:
    """One thing the driver does: a contribution, or the killing of a node.

    at: seconds after the start; node: index; channel "" means a kill; raw: the amount.
    """

    at: float
    node: int
    channel: str = ""
    raw: int = 0


@dataclass(frozen=True)
class Plan:
    """The whole run. ``micropython``: one bool per node; ``actions``: in order of time."""

    nodes: int
    micropython: tuple
    seconds: float
    kill: int
    loss: float
    seed: int
    channels: tuple
    port: int
    journal: bool
    actions: tuple = field(repr=False)

    def address(self, node):
        """A loopback address of its own per node; 127.0.0.1 stays free for other programs."""
        return f"127.0.0.{node + 2}"

    def config(self, node):
        """The configuration of a node: broadcast, and the next node as a configured peer."""
        other = (node + 1) % self.nodes
        return {
            "mesh": f"lvs-mesh-{self.port}",
            "channels": list(self.channels),
            "port": self.port,
            "address": self.address(node),
            "broadcast": BROADCAST,
            "peers": [self.address(other)] if other != node else [],
            "nodes": self.nodes + self.kill,
        }


def default_micropython(nodes):
    """Two nodes of three on MicroPython: 8 of 12, and the only one of one."""
    return nodes - nodes // 3


def default_kill(nodes):
    """A quarter of the nodes, at most three; none of a mesh of one or two."""
    return 0 if nodes < 3 else min(3, max(1, nodes // 4))


def amount_text(raw):
    """A raw amount as the exact decimal text of its VU: 640 is "2.5"."""
    return decimal.text(raw, decimal.STEP).rstrip("0").rstrip(".")


def free_port():
    """A UDP port that no socket of this machine uses at the moment, on any address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", 0))  # every address, for a moment: nothing is received
        return probe.getsockname()[1]


def _check(nodes, micropython, seconds, kill, loss, channels):
    if not 1 <= nodes <= MAX_NODES:
        raise PlanError(f"--nodes {nodes}: give 1 to {MAX_NODES}")
    if not 0 <= micropython <= nodes:
        raise PlanError(f"--micropython {micropython}: give 0 to {nodes}, the number of nodes")
    if not SECONDS[0] <= seconds <= SECONDS[1]:
        raise PlanError(f"--seconds {seconds:g}: give {SECONDS[0]} to {SECONDS[1]}")
    if not 0 <= kill < nodes:
        raise PlanError(f"--kill {kill}: give 0 to {nodes - 1}, so that one node is left")
    if not 0 <= loss < 1:
        raise PlanError(f"--loss {loss:g}: give a probability of at least 0 and below 1")
    if not channels or len(set(channels)) != len(channels) or not all(channels):
        raise PlanError(f"--channels {','.join(channels)}: name each channel once, none empty")
    if any(any(c.isspace() for c in name) for name in channels):
        raise PlanError(f"--channels {','.join(channels)}: a name here has no blanks")


def _contributions(rng, nodes, seconds, channels):
    """Every node, again and again, a random amount to a random channel."""
    end = seconds * CALM_FROM
    every = max(EVERY_S, nodes * 60 / PER_MINUTE)
    for node in range(nodes):
        at = rng.uniform(0.5, min(every, end))
        while at < end:
            yield Action(at, node, rng.choice(channels), rng.randint(LEAST_RAW, MOST_RAW))
            at += every * rng.uniform(0.5, 1.5)


def _kills(rng, nodes, kill, seconds, channels):
    """Kills half-way, a few hundred ms apart, each in the middle of the victim's work.

    A victim contributes once more and is killed as soon as that is acknowledged, before it can
    have told anybody: the hardest case for the account of what was lost.
    """
    for i, node in enumerate(sorted(rng.sample(range(nodes), kill))):
        at = seconds * KILL_AT + 0.3 * i
        yield Action(at, node, rng.choice(channels), rng.randint(LEAST_RAW, MOST_RAW))
        yield Action(at, node)


def make_plan(
    nodes=12,
    micropython=None,
    seconds=60.0,
    kill=None,
    loss=0.0,
    seed=1,
    channels=DEFAULT_CHANNELS,
    port=None,
    journal=True,
):
    """The plan of a run; raises PlanError for options that do not fit.

    None means: two thirds of the nodes on MicroPython, a quarter (at most 3) killed, a free port.
    """
    if micropython is None:
        micropython = default_micropython(nodes)
    if kill is None:
        kill = default_kill(nodes)
    channels = tuple(channels)
    _check(nodes, micropython, seconds, kill, loss, channels)
    rng = random.Random(seed)
    on_micropython = [i < micropython for i in range(nodes)]
    rng.shuffle(on_micropython)
    actions = list(_contributions(rng, nodes, seconds, channels))
    actions += _kills(rng, nodes, kill, seconds, channels)
    return Plan(
        nodes=nodes,
        micropython=tuple(on_micropython),
        seconds=seconds,
        kill=kill,
        loss=loss,
        seed=seed,
        channels=channels,
        port=port or free_port(),
        journal=journal,
        actions=tuple(sorted(actions, key=lambda a: a.at)),
    )
