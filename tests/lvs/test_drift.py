"""Drift: worked examples, and that a disagreeing mesh agrees to the bit."""

import random

import pytest

from lvs import drift_core as d
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
    "values, weights, mine, mean",
    [
        ([10], [4], 10, 0),
        ([0, 10, 20, 1000], [1, 1, 1, 1], 0, 15),  # the two in the middle
        ([0, 10, 20, 1000], [1, 1, 1, 1], 15, 0),
        ([0, 1], [2, 2], 0, 1),  # a half rounds up
        ([0, 1], [2, 2], 1, 0),
        ([0, 100000], [1, 3], 0, 32767),
    ],
)  # offsets are clamped
def test_middle_mean(values, weights, mine, mean):
    order = bytearray(len(values))
    d.order_by_value(values, order, len(values))
    assert d.middle_mean(values, weights, order, len(values), mine) == mean


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


def test_a_full_window_keeps_the_weighty():
    window = d.Window(1)
    for nonce in range(15):
        assert window.put(nonce, nonce, 0, 0, 100 + nonce, [0])
    assert not window.put(99, 20, 0, 0, 99, [0])
    assert window.put(98, 20, 0, 0, 100, [0])  # as light, but newer
    assert 0 not in list(window.key) and 98 in list(window.key)


def test_newcomers_of_one_route_share_a_place():
    """Session numbers are free: a route that invents them gets one sample."""
    window = d.Window(1)
    for nonce in range(9):
        window.put(7, 0, 0, 0, 32, [nonce])
    assert window.n == 1 and window.vector[0] == 8
    window.put(8, 0, 0, 0, 32, [0])
    assert window.n == 2


def test_samples_go_along_when_mine_is_folded():
    window = d.Window(2)
    window.put(1, 0, 0, 10, 32, [100, 200])
    window.put(2, 0, 0, 11, 32, [100, 200])
    window.fold(10, 11, [100, 200], [105, 200])
    assert list(window.vector[:4]) == [105, 200, 100, 200]
    assert list(window.horizon[:2]) == [11, 11]


def test_only_recent_samples_of_my_horizon_count():
    window = d.Window(1)
    window.put(1, 5, 0, 10, 32, [1])
    window.put(2, 5, 0, 11, 32, [2])
    window.put(3, 3, 0, 10, 32, [3])
    drift = d.Drift()
    assert drift.select(window, 10, 5) == 1
    assert drift.select(window, 10, 3) == 2
    assert drift.select(window, 10 + 65536, 3) == 2
    assert drift.select(window, 12, 0) == 0


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
        r.window.put(k + 1, 6400, 7, r.shard.horizon & 0xFFFF, 32, [1001])
    r.cycle(6400)
    assert r.shard.settled[0] - 1000 == moves
