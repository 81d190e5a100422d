"""Trickle, the governor, noise and the mesh clock, also where ticks wrap."""

import random

import pytest

from lvs.entropy_engine import AGREEING, ANY, I_MAX, I_MIN, Governor, Noise
from lvs.mesh_clock import MeshClock
from tests.support import parts
from tests.support.cell import Cell, Speaker

MASK = 2**30 - 1
STARTS = [0, 2**30 - 30000]


def noise(seed=1):
    rng = random.Random(seed)
    return Noise(lambda: rng.getrandbits(30))


def fires(trickle, start, seconds, hear=None):
    """Times (ms since start) at which a Trickle timer fires, polled every 10 ms."""
    found = []
    for ms in range(0, seconds * 1000, 10):
        if hear:
            hear(ms)
        if trickle.poll((start + ms) & MASK):
            found.append(ms)
        assert trickle.wait((start + ms) & MASK) <= I_MAX
    return found


@pytest.mark.parametrize("start", STARTS)
def test_trickle_doubles_from_one_second_to_sixty_four(start):
    found = fires(parts.trickle(noise(), start), start, 400)
    begin, interval = 0, I_MIN
    for ms in found:  # once in the second half of every interval
        assert begin + interval // 2 <= ms < begin + interval + 10
        begin += interval
        interval = min(2 * interval, I_MAX)
    assert interval == I_MAX and len(found) >= 10


@pytest.mark.parametrize("start", STARTS)
def test_news_brings_the_short_interval_back_but_not_too_often(start):
    """A liar can force news: at most one reset in four intervals."""
    trickle = parts.trickle(noise(), start)
    fires(trickle, start, 200)
    now = (start + 200000) & MASK
    trickle.news(now)
    assert trickle.interval == I_MIN
    busy = fires(trickle, now, 60, lambda ms: trickle.news((now + ms) & MASK))
    assert 20 <= len(busy) <= 40


def test_noise_is_repeated_from_its_seed_and_never_twice_the_same():
    one, same, other = noise(1), noise(1), noise(2)
    first = [one.nonce() for _ in range(100)]
    assert first == [same.nonce() for _ in range(100)]
    assert len(set(first) | {other.nonce() for _ in range(100)}) == 200
    assert all(0 <= n < 2**30 for n in first)


@pytest.mark.parametrize("n", [1, 2, 7, 1000, 2**15])
def test_noise_below(n):
    source = noise()
    found = [source.below(n) for _ in range(2000)]
    assert 0 <= min(found) and max(found) < n
    assert sum(found) / 2000 == pytest.approx((n - 1) / 2, abs=0.05 * n)


# --- the governor --------------------------------------------------------------------------------


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("kb_per_min", [5, 50, 400])
def test_governor_keeps_below_the_budget(start, kb_per_min):
    """Somebody sends whenever it may: at most the budget, and not much less."""
    governor = Governor(kb_per_min, start)
    spent = 0
    for ms in range(0, 600000, 20):
        governor.refill((start + ms) & MASK)
        if governor.ready(200):
            governor.spend(200)
            spent += 228
    budget = kb_per_min * 1000 * 10
    assert 0.75 * budget < spent <= budget


def test_a_crowd_that_keeps_it_at_its_lowest_stays_below_the_budget():
    """G6 where everybody overdraws: what is let go then is all that a minute has."""
    governor = Governor(50, 0)
    gained = 0
    for ms in range(0, 60000, 100):
        governor.tokens = -governor.full
        governor.refill(ms)
        gained += governor.tokens + governor.full
    assert 0.95 * 50000 < gained < 49500


def test_what_is_received_counts_as_well():
    governor = Governor(50, 0)
    while governor.ready(200):
        governor.spend(200)
    waited = next(ms for ms in range(0, 60000, 100) if governor.refill(ms) or governor.ready(200))
    assert waited <= 400
    for _ in range(1000):
        governor.spend(250)
    assert governor.tokens == -governor.full  # a flood is not held against us for ever


def test_stretch_grows_as_tokens_go():
    governor = Governor(50, 0)
    found = []
    while governor.tokens > -governor.full:
        found.append(governor.stretch())
        governor.spend(100)
    assert found == sorted(found) and set(found) == {1, 2, 4, 8, 16}


def test_a_reserve_is_left_for_what_matters_more():
    governor = Governor(50, 0)
    assert governor.ready(200, governor.full // 2)
    while governor.tokens > governor.full // 2:
        governor.spend(100)
    assert not governor.ready(200, governor.full // 2) and governor.ready(200)


def test_a_node_in_a_loud_cell_stays_below_its_budget():
    """Sent + received, with headers, while a hundred contributions a minute go round."""
    cell = Cell(12, kb_per_min=20)
    cell.active()
    cell.run(30)
    node = cell.nodes[1]
    before = node.outbox.sent_bytes + node.reception.received_bytes
    for second in range(120):
        for address in (1 + second % 12, 1 + (second + 5) % 12):
            cell.contribute(address, 3)
        cell.run(1)
    status = node.status()
    assert (status["sent_bytes"] + status["received_bytes"] - before) / 2 <= 20000
    cell.settle(120)


def test_an_idle_mesh_is_quiet():
    """G6: less than 2 KB a minute, sent + received."""
    cell = Cell(8)
    cell.active()
    cell.contribute(1, 100)
    cell.settle()
    cell.run(300)
    before = [n.outbox.sent_bytes + n.reception.received_bytes for n in cell.nodes.values()]
    cell.run(600)
    after = [n.outbox.sent_bytes + n.reception.received_bytes for n in cell.nodes.values()]
    assert max(b - a for a, b in zip(before, after, strict=True)) < 10 * 2000


# --- the mesh clock ------------------------------------------------------------------------------


def cycles(clock, start, seconds, step=50):
    for ms in range(0, seconds * 1000 + 1, step):
        while clock.advance((start + ms) & MASK):
            pass
    return clock.cycle


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("lead, gained", [(0, 60), (1, 119), (-1, 30)])
def test_the_clock_follows_local_time_and_is_slewed(start, lead, gained):
    """A cycle a second; half as long when the peers are ahead, twice when they are behind."""
    clock = MeshClock(start, 1000)
    clock.steer(lead)
    assert cycles(clock, start, 60) - 1000 == pytest.approx(gained, abs=1)


def test_an_epoch_is_64_cycles():
    clock = MeshClock(0, 6399)
    assert clock.epoch() == 99
    assert cycles(clock, 0, 1) == 6400 and clock.epoch() == 100


def test_a_late_call_loses_no_cycle_and_a_very_late_one_does_not_race():
    clock = MeshClock(0, 0)
    assert cycles(clock, 3500, 0) == 3
    assert clock.wait(3500) == 500
    assert cycles(clock, 200000, 0) == 4


def test_nobody_is_hushed_for_ever():
    """However many agree, and however loud they are: an EP after 2000 to 3049 s at the latest, and
    not all nodes at once."""

    def silences(seed):
        cell = Cell(1, seed=seed)
        cell.prime(1000)
        node = cell.nodes[1]
        voices = [Speaker(node, 60 + k, 600 + k) for k in range(AGREEING)]
        said, last = [], cell.now
        while cell.now < 10000 * 1000:
            cell.now += 4000
            node.transport.sent.clear()
            node.governor.tokens = -node.governor.full  # and there are none left
            for voice in voices:
                voice.ep()
            node.tick()
            if node.transport.sent:
                said.append(cell.now - last)
                last = cell.now
        return said

    waits = [silences(seed) for seed in range(1, 4)]
    for said in waits:
        assert 3 <= len(said) <= 5
        assert all(2000000 <= w <= 3049000 + 8000 for w in said[1:])
    assert len({said[1] // 8000 for said in waits}) > 1


def test_suppression_by_agreement():
    """A node keeps quiet once enough others said the same in this interval."""

    def speaks(agreeing, others):
        trickle = parts.trickle(noise())
        for k in range(agreeing + others):
            trickle.hear(k < agreeing, k + 1)
            trickle.hear(k < agreeing, k + 1)  # nobody is counted twice
        return bool(fires(trickle, 0, 1))

    assert speaks(0, 0) and speaks(AGREEING - 1, 0) and speaks(0, ANY - 1)
    assert not speaks(AGREEING, 0) and not speaks(0, ANY)


def test_neighbours_that_heard_the_same_have_as_many_tokens_in_the_end():
    """What chance made of them goes, or whole cells would wait for one that has none."""
    rich, poor = Governor(50, 0), Governor(50, 0)
    poor.tokens = -poor.full
    for s in range(1, 600):
        for governor in (rich, poor):
            governor.refill(1000 * s)
            governor.spend(650)
    assert abs(rich.tokens - poor.tokens) < rich.full // 100
