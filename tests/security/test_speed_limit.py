"""No sequence of frames, sources and waits breaks a guarantee (G2, G3, G7).

What is checked after every single event is in host_sim/lvs_tools/fuzz/victim.py.
"""

import random
from unittest import mock

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lvs import state_shard, wide
from lvs.fixed import MAX_RAW
from lvs_tools.fuzz.scribe import Scribe
from lvs_tools.fuzz.victim import Broken, Victim
from tests.support import small_int

_SECONDS = st.sampled_from([100, 1000, 5000, 64000])
_STALLS = st.sampled_from([1, 999, 4000, 100000, 1000000])


class Attacked(RuleBasedStateMachine):
    """An established node to which anything may happen, in any order."""

    @initialize(
        seed=st.integers(0, 2**16),
        value=st.sampled_from([0, 1, 1023, 100000, MAX_RAW]),
        start=st.sampled_from([0, MAX_RAW - 50000]),
        addresses=st.sampled_from([1, 4, 200]),
        peers=st.sampled_from([0, 3, 8]),
        rows=st.sampled_from([16, 512]),
    )
    def begin(self, seed, value, start, addresses, peers, rows):
        self.victim = Victim(seed, value, peers, start, hasty=seed % 2 == 1, rows=rows)
        self.scribe = Scribe(self.victim, addresses)

    @rule(chance=st.randoms(use_true_random=False))
    def a_frame(self, chance):
        self.scribe.attack(chance)

    @rule(seed=st.integers(0, 2**32), frames=st.sampled_from([5, 50, 250]))
    def a_storm(self, seed, frames):
        chance = random.Random(seed)
        for _ in range(frames):
            self.scribe.attack(chance)

    @rule(ms=_SECONDS)
    def time_passes(self, ms):
        self.victim.wait(ms)

    @rule(ms=_STALLS)
    def the_machine_stalls(self, ms):
        self.victim.stall(ms)

    @rule(channel=st.integers(0, 1), raw=st.integers(1, 5000))
    def somebody_contributes(self, channel, raw):
        if self.victim.referee.value(channel) < MAX_RAW - 2**29:
            self.victim.contribute(channel, raw)

    @rule(peer=st.integers(0, 7))
    def a_peer_agrees(self, peer):
        if peer < len(self.victim.sessions):
            self.victim.agree(peer)

    @invariant()
    def memory_is_flat(self):
        if hasattr(self, "victim"):
            self.victim.referee.weigh()


TestAttacked = Attacked.TestCase
assert settings.default  # pyright knows the profile that is in use as optional
# Without shrinking, which would take minutes: the seeds of the storms shrink to nothing useful.
TestAttacked.settings = settings(
    max_examples=settings.default.max_examples // 3,
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


def rampage(seed, steps, tight=False):
    """A long mixed attack from a seed; raises Broken, or LeftTheRange if numbers are `tight`."""
    chance = random.Random(seed)
    # Buffers that are handed to the network, and noise from outside, stay what they are.
    made = (lambda node: small_int.tighten(node, ("_buf", "buf", "_frame"))) if tight else None
    victim = Victim(
        seed,
        chance.choice((100000, MAX_RAW - 5, 7)),
        made=made,
        start=chance.choice((0, MAX_RAW - 100000)),
        hasty=seed % 2 == 1,
        rows=chance.choice((32, 512)),
    )
    scribe = Scribe(victim, chance.choice((1, 4, 64, 200)))
    for _ in range(steps):
        for _ in range(chance.choice((1, 10, 100))):
            scribe.attack(chance)
        what = chance.randrange(6)
        if what < 3:
            victim.wait(chance.choice((100, 1000, 64000)))
        elif what == 3:
            victim.stall(chance.choice((1000, 5000, 1000000)))
        else:
            victim.agree(chance.randrange(8))
    victim.referee.weigh()
    return victim


@pytest.mark.parametrize("seed", range(4))
def test_a_long_attack(seed):
    victim = rampage(seed, 60)
    assert victim.referee.credited > 0, "the attack reached nothing: it tests nothing"
    assert victim.node.reception.received > 500


@pytest.mark.parametrize("seed", range(2))
def test_no_arithmetic_leaves_31_bits(seed):
    def cells(kind, n):
        return small_int.Cells([0] * n, kind)

    def index(self, i):
        return int(self.hi[i]) << 30 | int(self.lo[i])  # at the edge, and not on hot paths

    with (
        mock.patch.object(state_shard, "zeros", cells),
        mock.patch.object(wide, "zeros", cells),
        mock.patch.object(wide.Wide, "__getitem__", index),
    ):
        rampage(seed, 12, tight=True)


def test_the_referee_sees_what_it_is_for():
    """Each check can fail: the state is tampered with behind the node's back."""

    def tampered(how):
        victim = Victim()
        how(victim)
        with pytest.raises(Broken):
            victim.referee.look()
            victim.referee.weigh()

    def settle(raw):
        def how(victim):
            shard = victim.node.replicas[0].shard
            shard.settled[0] += raw

        return how

    tampered(settle(98))
    tampered(settle(-98))
    tampered(settle(1 << 30))
    tampered(lambda v: setattr(v.node.clock, "cycle", v.node.clock.cycle + 100))
    tampered(lambda v: setattr(v.node.clock, "cycle", v.node.clock.cycle - 1))
    tampered(lambda v: v.node.life.recover("test"))
    tampered(lambda v: v.node.reception.dropped.update({str(i): i for i in range(9000)}))

    def invented(victim):
        victim.referee.heard[1] = 1
        victim.node.replicas[0].shard.inflow[0] += victim.node.config.route_budget + 1

    tampered(invented)
    tampered(lambda v: v.port.send(b"unasked", 1))
    victim = Victim()
    settle(97)(victim)
    victim.referee.look()
