"""The drift function: as the reference has it, bounded, and never past what it heard."""

from hypothesis import given
from hypothesis import strategies as st

from lvs import drift_core
from lvs.wide import Wide, of
from tests.support import draw
from tests.support import reference as ref
from tests.vectors import run


@given(draw.drift_case)
def test_agrees_with_the_reference(case):
    steps, error = ref.drift(*case)
    assert run.KINDS["drift"](*case) == [steps, error]


@given(draw.drift_case)
def test_steps_are_bounded_and_stay_among_the_samples(case):
    samples, settled, _, max_step, _ = case
    steps, _ = run.KINDS["drift"](*case)
    for slot, (mine, step) in enumerate(zip(settled, steps, strict=True)):
        heard = [vector[slot] for _, _, vector in samples] + [mine]
        assert abs(step) <= max_step
        assert min(heard) <= mine + step <= max(heard)


@given(st.lists(draw.wide, min_size=1, max_size=16), draw.drift_case)
def test_agreement_moves_nothing(settled, case):
    samples, _, confidence, max_step, level = case
    same = [(noise, weight, settled) for noise, weight, _ in samples]
    assert run.KINDS["drift"](same, settled, confidence, max_step, level) == [
        [0] * len(settled),
        0,
    ]


@given(draw.drift_case, st.randoms())
def test_order_of_samples_does_not_matter(case, rng):
    samples, *rest = case
    shuffled = list(samples)
    rng.shuffle(shuffled)
    assert run.KINDS["drift"](shuffled, *rest) == run.KINDS["drift"](samples, *rest)


@given(draw.drift_case)
def test_a_confident_node_moves_only_when_outweighed(case):
    """Samples that together weigh less than its own value cannot move it."""
    samples, settled, _, max_step, _ = case
    light = [
        (noise, min(weight, 288 // len(samples)), vector) for noise, weight, vector in samples
    ]
    steps, error = run.KINDS["drift"](light, settled, drift_core.FULL_CONFIDENCE, max_step, 0)
    others = sum(weight for _, weight, _ in light)
    if others < ref.own_weight(drift_core.FULL_CONFIDENCE):
        assert (steps, error) == ([0] * len(settled), 0)


@given(draw.wide, draw.wide)
def test_a_confident_node_arrives(mine, theirs):
    """It rounds up: each step shortens the way, so it always gets there."""
    steps, _ = run.KINDS["drift"]([(0, 255, [theirs])] * 15, [mine], 16, 1023, 0)
    way = abs(theirs - mine)
    if way:
        assert 0 < abs(steps[0]) <= way and (steps[0] > 0) == (theirs > mine)


@given(draw.wide, draw.wide, st.lists(draw.step, max_size=5))
def test_a_sample_goes_along_with_my_steps(mine, theirs, steps):
    """Its distance is that to what I have then; what was too far to count stays so."""
    window = drift_core.Window(1)
    settled = of([mine])
    window.put(1, 0, 0, 1, settled, of([theirs]))
    for step in steps:
        if not 0 <= settled[0] + step // 2**15 <= ref.MOST:
            continue
        before = window.above[0]
        settled.grow(0, step // 2**15)
        window.moved(0, step // 2**15)
        far = abs(before) == 2**29 - 1
        assert window.above[0] == (before if far else ref.far(theirs - settled[0]))


@given(
    st.lists(
        st.tuples(st.integers(1, 20), st.integers(0, 99), st.integers(1, 300)),
        max_size=60,
    )
)
def test_window_keeps_one_sample_a_route(puts):
    window = drift_core.Window(1)
    for nonce, cycle, weight in puts:
        kept = window.put(nonce, cycle, 0, weight, Wide(1), of([nonce]))
        held = list(window.key[: window.n])
        assert len(set(held)) == len(held) <= drift_core.WINDOW
        assert all(window.above[i] == n for i, n in enumerate(held))
        if kept:
            assert window.weight[held.index(nonce)] == weight
        else:
            assert window.n == drift_core.WINDOW and min(window.weight[:15]) > weight


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(0, 9)), max_size=20), st.integers(0, 10))
def test_window_expires_the_old(puts, oldest):
    window = drift_core.Window(1)
    newest = {}
    for nonce, cycle in puts:
        if window.put(nonce, cycle, 0, 100, Wide(1), of([cycle])):
            newest[nonce] = cycle
    held = {n: window.cycle[i] for i, n in enumerate(window.key[: window.n])}
    window.expire(oldest)
    after = {n: window.cycle[i] for i, n in enumerate(window.key[: window.n])}
    assert after == {n: c for n, c in held.items() if c >= oldest}
    assert all(window.above[i] == window.cycle[i] for i in range(window.n))


@given(
    st.integers(1, 2**30 - 1),
    st.lists(st.integers(1, 60), max_size=90),
)
def test_who_is_in_a_drawn_window_does_not_hang_on_who_speaks_most(salt, said):
    """Whatever the order and the number of samples: those of the smallest salted hashes stay."""
    window = drift_core.Window(1)
    for cycle, key in enumerate(said):
        window.put(key, cycle, 0, 32, Wide(1), of([cycle]), salt)
    drawn = sorted(set(said), key=lambda key: ref.mix(salt, key))[: drift_core.WINDOW]
    assert sorted(window.key[: window.n]) == sorted(drawn)
    for i, key in enumerate(window.key[: window.n]):
        assert window.above[i] == max(c for c, k in enumerate(said) if k == key)
