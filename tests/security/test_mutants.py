"""The guards are needed: with any one of them broken, some check fails.

Each mutant of VaultGuard, routes, votes and their neighbours is put in place by a patch, and the
check that is made for it must find it; without the mutant the same check passes.
"""

from contextlib import contextmanager
from unittest import mock

import pytest

from lvs import drift_core, mesh_clock, node_runtime, state_shard, vaultguard, votes
from lvs.fixed import MAX_RAW
from lvs.routes import FRAMES_PER_EPOCH, Routes
from lvs.wide import MOST
from lvs.wire import DIRECT, WANT
from lvs_tools.fuzz.victim import VALUE, Victim

LIAR = 500  # first address of those who lie
EPOCH_MS = 64000


# --- checks -------------------------------------------------------------------------------------


def majority_lies(value=VALUE, away=-500, epochs=4, peers=12, **config):
    """Every trusted peer lies, again and again: the referee holds the victim to its budget."""
    victim = Victim(peers=peers, value=value, hasty=True, **config)
    for _ in range(epochs * 8):
        lie = [max(0, v + away) for v in victim.settled()]
        for i, session in enumerate(victim.sessions):
            victim.say(victim.ep(session, lie), victim.address(i))
        victim.wait(EPOCH_MS // 8)
    return victim


def speed_limit():
    assert majority_lies().referee.drifted > 0, "nothing moved: the check checks nothing"


def speed_limit_upwards_and_back():
    victim = Victim(peers=12, hasty=True)
    for turn in range(40):
        away = 900 if turn % 2 else -900
        lie = [v + away for v in (VALUE, VALUE)]
        for i, session in enumerate(victim.sessions):
            victim.say(victim.ep(session, lie), victim.address(i))
        victim.wait(3000)
    assert victim.referee.drifted > 0


def steps_stay_small():
    """Of a large value a thousandth is much; no single step reaches max_allowed_shift."""
    assert majority_lies(value=1 << 28, away=-(1 << 27), epochs=2).referee.drifted > 1000


def liars_lose_their_voice():
    """Whoever is off is trusted no more."""
    victim = Victim(peers=15)
    for _ in range(4 * 8):
        lie = [v - 83 for v in victim.settled()]
        for i, session in enumerate(victim.sessions):
            victim.say(victim.ep(session, lie if i < 5 else None), victim.address(i))
        victim.wait(EPOCH_MS // 8)
    assert victim.referee.drifted == 0
    assert victim.node.status()["trusted"] == 10


def inventions(addresses):
    def check():
        victim = Victim(peers=4, rows=2048)
        epoch = victim.node.clock.epoch()
        total = 0
        for _ in range(3):
            total += 800000  # of each of four sessions: no more than its age allows
            for i in range(addresses):
                for k in range(4):
                    victim.say(victim.sdm((epoch, 7000 + 4 * i + k), own=[(0, total)]), LIAR + i)
            for _ in range(8):
                victim.wait(EPOCH_MS // 8)
                for i in range(addresses):
                    victim.say(victim.sdm((epoch, 7000 + 4 * i), own=[(0, total + 1)]), LIAR + i)
        assert victim.referee.credited > 0

    return check


def the_end_of_the_counter():
    """Near its end a value saturates; it never wraps and never leaves 48 bits."""
    victim = Victim(peers=2, value=MOST - 1000)
    epoch = victim.node.clock.epoch()
    for i in range(4):
        victim.say(victim.sdm((epoch, 7000 + i), own=[(0, 400000), (1, 5000)]), LIAR + i)
        victim.wait(EPOCH_MS)
    assert victim.referee.value(0) == MOST


def trusted_peers_stay():
    victim = Victim(peers=8, routes=17)
    epoch = victim.node.clock.epoch()
    for i in range(600):
        victim.say(victim.ep((epoch, 7000 + i), [1, 1]), LIAR + i % 64)
        if i % 20 == 0:
            victim.agree(i // 20 % 8)
            victim.wait(1000)
    assert victim.node.status()["trusted"] == 8


def quota_of_a_route():
    """Whatever the number of sessions, an address is heard so often in an epoch."""
    victim = Victim(peers=2)
    epoch = victim.node.clock.epoch()
    for i in range(3 * FRAMES_PER_EPOCH):
        victim.node.handle(victim.sdm((epoch, 7000 + i % 900), own=[(0, 1)]), LIAR)
    assert victim.node.reception.received <= FRAMES_PER_EPOCH + 1


def clock_is_slow_to_follow():
    victim = Victim(peers=12)
    for _ in range(40):
        for i, session in enumerate(victim.sessions):
            ahead = victim.node.clock.cycle + 60
            victim.say(victim.ep(session, cycle=ahead), victim.address(i))
        victim.wait(2000)
    assert victim.node.clock.slew > 0, "nobody was believed: the check checks nothing"


def no_amplification():
    """A full answer to a small question: the referee counts bytes by address."""
    victim = Victim(peers=2)
    epoch = victim.node.clock.epoch()
    for i in range(8):
        for peer in range(2):
            victim.say(
                victim.sdm(
                    victim.sessions[peer],
                    relays=[(epoch, 9000 + 16 * i + k, 0, 5) for k in range(8)],
                ),
                victim.address(peer),
            )
    for turn in range(30):
        victim.say(victim.ep((epoch, 7000), flags=WANT | DIRECT, digests=[turn] * 8), LIAR)
        victim.wait(4000)
    assert victim.port.sent.get(LIAR, 0) > 0, "nobody was answered: the check checks nothing"


def a_loud_minority_moves_nothing():
    """Seven of fifteen, a little ahead and more often than all others."""
    victim = Victim(peers=15)
    for turn in range(4 * 8):
        ahead = [v + 50 for v in victim.settled()]
        for i, session in enumerate(victim.sessions):
            if i < 7:
                victim.say(victim.ep(session, ahead), victim.address(i))
            elif turn % 4 == 0:
                victim.say(victim.ep(session), victim.address(i))
        victim.wait(EPOCH_MS // 8)
    assert victim.referee.drifted == 0


def liars_do_not_steer():
    """What does not agree has no clock to go by."""
    victim = Victim(peers=12)
    for _ in range(20):
        for i, session in enumerate(victim.sessions):
            ahead = victim.node.clock.cycle + 60
            victim.say(victim.ep(session, [VALUE - 1] * 2, cycle=ahead), victim.address(i))
        victim.wait(2000)
    assert victim.node.clock.slew == 0


# --- mutants ------------------------------------------------------------------------------------


@contextmanager
def after(owner, name, change):
    """Let ``change(args)`` happen after each call of a function."""
    original = getattr(owner, name)

    def mutant(*args, **kwargs):
        result = original(*args, **kwargs)
        change(args)
        return result

    with mock.patch.object(owner, name, mutant):
        yield


@contextmanager
def before(owner, name, change):
    """Let ``change(args)`` happen before each call of a function."""
    original = getattr(owner, name)

    def mutant(*args, **kwargs):
        change(args)
        return original(*args, **kwargs)

    with mock.patch.object(owner, name, mutant):
        yield


def _wider(args):
    guard = args[0]
    for s in range(guard.shard.slots):
        guard.limit[s] *= 4


def _forgotten(args):
    guard, slot = args[:2]
    guard._used[slot] = 0


def _one_way(args):
    guard, slot, step = args
    if step > 0:
        guard._used[slot] = 0


def budget_times_four():
    return after(vaultguard.ShardGuard, "new_epoch", _wider)


def budget_per_packet():
    return before(vaultguard.ShardGuard, "allow", _forgotten)


def budget_downwards_only():
    return before(vaultguard.ShardGuard, "allow", _one_way)


def no_clamp_of_steps():
    def unclamped(distance, confidence, dc, dither, limit):
        return original(distance, confidence, dc, dither, MAX_RAW)

    original = drift_core.correction
    return mock.patch.object(drift_core, "correction", unclamped)


def no_judge():
    return mock.patch.object(Routes, "judge", lambda *args: None)


def charged_to_no_route():
    def free(args):
        routes = args[0]._routes
        for i in range(routes.n):
            routes.credited[i] = 0

    return after(vaultguard.ShardGuard, "credit", free)


def route_budget_per_cycle():
    def renewed(args):
        routes = args[0].routes
        for i in range(routes.n):
            routes.credited[i] = 0

    return before(node_runtime.Node, "_cycle", renewed)


def no_saturation():
    return mock.patch.object(state_shard, "MOST", 1 << 60)


def trusted_peers_evicted():
    def place(self, *_):
        return self.n if self.n < self.size else 1

    return mock.patch.object(Routes, "_place", place)


def quota_by_session():
    return before(Routes, "receive", lambda args: args[0].frames.__setitem__(args[1], 0))


def clock_jumps():
    def jump(args):
        clock, offset = args
        clock.cycle += max(0, offset)

    return after(mesh_clock.MeshClock, "steer", jump)


def no_allowance():
    return mock.patch.object(
        Routes, "receive", lambda self, i, size: bool(self.allowance.__setitem__(i, 1000) or True)
    )


@contextmanager
def moved_without_a_quorum():
    """An established shard drifts to the middle of what it hears while there is a dispute."""
    run = drift_core.Drift.run

    def doubt(args):
        args[0].diverged = args[0].disputed

    def mean(drift, window, confidence, limit, level):
        return run(drift, window, confidence, limit, abs(level))

    with after(votes.Votes, "count", doubt), mock.patch.object(drift_core.Drift, "run", mean):
        yield


def steered_by_anybody():
    def believed(args):
        args[0].steers(args[1], args[3] - args[4])

    return after(Routes, "told", believed)


MUTANTS = [
    (budget_times_four, speed_limit),
    (budget_per_packet, speed_limit),
    (budget_downwards_only, speed_limit_upwards_and_back),
    (no_clamp_of_steps, steps_stay_small),
    (no_judge, liars_lose_their_voice),
    (charged_to_no_route, inventions(2)),
    (route_budget_per_cycle, inventions(2)),
    (no_saturation, the_end_of_the_counter),
    (trusted_peers_evicted, trusted_peers_stay),
    (quota_by_session, quota_of_a_route),
    (clock_jumps, clock_is_slow_to_follow),
    (no_allowance, no_amplification),
    (moved_without_a_quorum, a_loud_minority_moves_nothing),
    (steered_by_anybody, liars_do_not_steer),
]


def _name(pair):
    return pair[0].__name__


@pytest.mark.parametrize("pair", MUTANTS, ids=_name)
def test_a_mutant_is_caught(pair):
    mutant, check = pair
    with mutant(), pytest.raises(AssertionError) as caught:
        check()
    assert "checks nothing" not in str(caught.value)


@pytest.mark.parametrize(
    "check",
    {check.__qualname__ + str(i): check for i, (_, check) in enumerate(MUTANTS)}.values(),
    ids=lambda c: c.__qualname__,
)
def test_without_it_the_check_passes(check):
    check()
