"""Drift: worked examples, and that a disagreeing mesh agrees to the bit."""

import random

import pytest

from lvs import drift_core as d
from lvs.wide import Wide, of
from tests.support import parts
from tests.vectors import run


@pytest.mark.parametrize(
    "values, weights, median",
    [
        ([5], [1], 5),
        ([1, 2, 3], [1, 1, 1], 2),
        ([3, 1, 2], [1, 1, 1], 2),
        ([1, 2], [1, 1], 1),  # half of the weight suffices
        ([1, 2], [1, 2], 2),
        ([0, 10**9], [255, 254], 0),
        ([9, 9, 1], [1, 1, 1], 9),
    ],
)
def test_weighted_median(values, weights, median):
    order = bytearray(len(values))
    d.order_by_value(values, order, len(values))
    assert d.weighted_median(values, weights, order, len(values)) == median


@pytest.mark.parametrize(
    "values, weights, mean",
    [
        ([0], [4], 0),
        ([0, 10, 20, 1000], [1, 1, 1, 1], 15),  # the two in the middle
        ([-15, -5, 5, 985], [1, 1, 1, 1], 0),
        ([0, 1], [2, 2], 1),  # a half rounds up
        ([-1, 0], [2, 2], 0),
        ([0, 100000], [1, 3], 32767),
    ],
)  # values are clamped
def test_middle_mean(values, weights, mean):
    order = bytearray(len(values))
    d.order_by_value(values, order, len(values))
    assert d.middle_mean(values, weights, order, len(values)) == mean


def test_coefficient():
    """Large for the unconfident, small for the confident, less without trust or with scatter."""
    assert d.coefficient(0, 255, False) == 192 * 255 // 256 == 191
    assert d.coefficient(d.CONFIDENT, 255, False) == 31
    assert d.coefficient(0, 0, False) == 144
    assert d.coefficient(0, 0, True) == 108
    for confidence in (0, 64):
        found = [d.coefficient(confidence, t, False) for t in range(256)]
        assert found == sorted(found)
        assert all(
            d.coefficient(confidence, t, True) < d.coefficient(confidence, t, False)
            for t in range(256)
        )


@pytest.mark.parametrize(
    "distance, confidence, dither, limit, step",
    [
        (0, 0, 255, 1023, 0),
        (1, 0, 63, 1023, 0),
        (1, 0, 64, 1023, 1),  # 192 / 256, by chance
        (-1, 0, 64, 1023, -1),
        (1, 64, 0, 1023, 1),  # the confident round up
        (1000, 0, 0, 1023, 750),
        (10**9, 0, 0, 1023, 1023),
        (-(10**9), 0, 0, 1023, -1023),
        (2, 0, 255, 1, 1),
    ],
)
def test_correction(distance, confidence, dither, limit, step):
    assert (
        d.correction(distance, confidence, 192 if confidence == 0 else 20, dither, limit) == step
    )


NOTHING = Wide(1)  # what I have settled
FIVE = of([5])


def test_a_full_window_keeps_the_weighty():
    window = d.Window(1)
    for nonce in range(15):
        assert window.put(nonce, nonce, 0, 100 + nonce, NOTHING, FIVE)
    assert not window.put(99, 20, 0, 99, NOTHING, FIVE)
    assert window.put(98, 20, 0, 100, NOTHING, FIVE)  # as light, but newer
    assert 0 not in list(window.key) and 98 in list(window.key)


def test_newcomers_of_one_route_share_a_place():
    """Session numbers are free: a route that invents them gets one sample."""
    window = d.Window(1)
    for nonce in range(9):
        window.put(7, 0, 0, 32, NOTHING, of([nonce]))
    assert window.n == 1 and window.above[0] == 8
    window.put(8, 0, 0, 32, NOTHING, FIVE)
    assert window.n == 2


def test_samples_go_along_when_mine_is_folded():
    """Their senders fold the same rows; a step of mine is mine alone."""
    r = parts.replica()
    shard = r.shard
    r.go_live()
    shard.merge(100, 7, 0, 40, 1)
    shard.credit(0, 40)
    r.window.put(1, 0, 0, 32, shard.settled, of([100]))
    shard.advance(100 + shard.lifetime + 1)
    assert shard.settled[0] == 40 and r.window.above[0] == 100
    r._take([3])
    assert shard.settled[0] == 43 and r.window.above[0] == 97


def test_what_is_too_far_to_count_is_far():
    """A difference beyond 2**29 is one of 2**29, until it is heard anew."""
    window = d.Window(3)
    mine = of([0, 2**47, 2**48 - 1])
    window.put(1, 0, 0, 32, mine, of([2**48 - 1, 2**47 + 2**30, 0]))
    assert list(window.above[:3]) == [d.FAR, d.FAR, -d.FAR]
    for slot in range(3):
        window.moved(slot, 1000)
    assert list(window.above[:3]) == [d.FAR, d.FAR, -d.FAR]
    window.put(1, 0, 0, 32, mine, of([5, 2**47 - 5, 2**48 - 6]))
    assert list(window.above[:3]) == [5, -5, -5]


def test_only_recent_samples_count():
    window = d.Window(1)
    window.put(1, 5, 0, 32, NOTHING, FIVE)
    window.put(3, 3, 0, 32, NOTHING, FIVE)
    drift = d.Drift()
    assert drift.select(window, 5) == 1
    assert drift.select(window, 3) == 2
    assert drift.select(window, 6) == 0


@pytest.mark.parametrize("seed", range(4))
def test_a_disagreeing_mesh_agrees_to_the_bit(seed):
    """G5 in small: 30 nodes, +-1000 raw, 20 % loss, nine samples a cycle: exact within 60."""
    rng = random.Random(seed)
    values = [100000 + rng.randrange(-1000, 1001) for _ in range(30)]
    for _ in range(60):
        said = [(rng.getrandbits(30), 32, [v]) for v in values]
        for i, mine in enumerate(values):
            heard = [s for s in rng.sample(said, 11) if rng.random() > 0.2]
            [step], _ = run.KINDS["drift"](heard, [mine], 0, 1023, 0)
            values[i] += step
        if len(set(values)) == 1:
            break
    assert len(set(values)) == 1
    assert abs(values[0] - 100000) < 300


def test_dither_is_fair():
    """Eight bits, each value about as often as any other."""
    found = [d.dither_bits(noise * 7919, slot) for noise in range(1000) for slot in range(16)]
    assert min(found) == 0 and max(found) == 255
    assert sum(found) / len(found) == pytest.approx(127.5, abs=3)


@pytest.mark.parametrize("established, moves", [(False, 1), (True, 0)])
def test_ten_newcomers_outvote_whoever_is_not_established(established, moves):
    """A node that came to rest a unit off goes on to where all others are, while it may."""
    r = parts.replica()
    parts.settle(r.shard, 0, 1000)
    r.go_live()
    r.confidence, r.established = 60, established
    r.guard.new_epoch()
    for k in range(10):
        r.window.put(k + 1, 6400, 7, 32, r.shard.settled, of([1001]))
    r.cycle(6400)
    assert r.shard.settled[0] - 1000 == moves
