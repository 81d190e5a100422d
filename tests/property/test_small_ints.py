"""No arithmetic of the protocol leaves the 31 bits of a small integer (guarantee G2).

Every number in these tests checks the result of each operation; see small_int.py.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvs import drift_core, entropy_engine, fixed, ledger, state_shard, wide, wire
from lvs.journal import withheld
from tests.support import draw, parts
from tests.support import reference as ref
from tests.support.small_int import Cells, LeftTheRange, Small, small, tighten


@pytest.mark.parametrize(
    "leave",
    [
        lambda a: a + 1,
        lambda a: 1 + a,
        lambda a: a * 2,
        lambda a: 2 * a,
        lambda a: a << 1,
        lambda a: -a - 2,
        lambda a: ~a - 1,
        lambda a: 1 << a // 2**25,
        lambda a: a / 2,
        lambda a: a**2,
        lambda a: (a - 1 + 2) & 255,
    ],
)
def test_the_check_itself_finds_what_leaves(leave):
    with pytest.raises(LeftTheRange):
        leave(Small(2**30 - 1))


def test_the_check_hands_on_its_kind():
    assert type((3 + Small(4) * 5 >> 1) ^ 2) is Small
    a = Cells(b"\1\2", "B")
    assert type(a[0] + 1) is Small and a[0] + 1 == 2
    with pytest.raises(LeftTheRange):
        a[0] = 256


@given(draw.raw, draw.raw)
def test_fixed(a, b):
    a, b = small(a), small(b)
    fixed.mix(a, b)
    fixed.mix4(a, b, a, b)
    fixed.hash16(a)
    fixed.ticks_diff(a, b)
    fixed.serial_diff(a, b)


@given(st.one_of(draw.good_ep, draw.good_sdm))
def test_wire(given_frame):
    """Encoders and decoder, with the checksum in plain code."""
    g: dict[str, Any] = {k: small(v) if isinstance(v, int) else v for k, v in given_frame.items()}
    kept, fixed._crc_hqx = fixed._crc_hqx, None
    try:
        if "vector" in g:
            buf = Cells(bytes(250), "B")
            n = wire.encode_ep(
                buf,
                g["tag"],
                g["start"],
                g["nonce"],
                g["cycle"],
                g["shard"],
                g["noise"],
                g["horizon"],
                g["flags"],
                g["load"],
                g["held"],
                g["channels"],
                g["prints"],
                Cells(g["digests"], "H"),
                tighten(wide.of(g["vector"])),
            )
            expected = ref.encode_ep(given_frame)
        else:
            w = tighten(wire.SdmWriter())
            w.begin(g["tag"], g["start"], g["nonce"], g["cycle"], g["shard"], g["weight"])
            w.answers(g["buckets"])
            for slot, total in g["own"]:
                assert w.own(small(slot), small(total))
            for start, nonce, slot, total in g["relayed"]:
                assert w.relay(small(nonce), small(start), small(slot), small(total))
            n = w.end()
            buf = w.buf
            expected = ref.encode_sdm(given_frame)
        assert bytes(buf[:n]) == expected
        frame = tighten(wire.Frame())
        assert frame.decode(Cells(buf[:n], "B"), g["tag"]) == ""
    finally:
        fixed._crc_hqx = kept


@given(draw.drift_case)
def test_drift(case):
    samples, settled, confidence, max_step, level = case
    window = tighten(drift_core.Window(len(settled)))
    mine = tighten(wide.of(settled))
    for i, (noise, weight, vector) in enumerate(samples):
        window.put(small(i), 0, small(noise), small(weight), mine, tighten(wide.of(vector)))
    drift = tighten(drift_core.Drift())
    assert drift.select(window, small(0)) == len(samples)
    drift.run(window, small(confidence), small(max_step), small(level))
    for slot in range(len(settled)):
        mine.grow(slot, drift.steps[slot])
        window.moved(slot, drift.steps[slot])


@given(draw.wide, draw.wide, st.lists(draw.step, max_size=5))
def test_wide_counters(a, b, steps):
    one, other = tighten(wide.of([a])), tighten(wide.of([b]))
    both = tighten(wide.Wide(1))
    for step in steps:
        one.grow(0, small(step))
        one.distance(0, other)
        both.add(0, one, other)
        both.equals(one)
        for bits in (0, 3, 10):
            both.part(0, small(bits))


@given(draw.wide, st.lists(st.tuples(draw.raw, draw.raw), max_size=5))
def test_what_waits(waiting, kept):
    book = ledger.Ledger(1)
    book.open(5, 7)
    book.waiting[0] = waiting
    tighten(book)
    for lead, most in kept:
        book.kept(small(lead))
        book.new_cycle()
        book.new_epoch(small(most))
        withheld(book)
        if max(book.session.total) < 2**29:
            book.issue(0, small(min(most, 30000)))
        book.take_back(book.session)


@given(st.lists(draw.row_of(epoch=1000, lifetime=6, slots=3), max_size=30), st.integers(1, 12))
def test_shard(rows, epochs):
    shard = tighten(state_shard.Shard(0, 3, 16, 6, 1000))
    guard = tighten(parts.guard(shard))
    for row in rows:
        if shard.merge(*map(small, row), via=small(1)) in (state_shard.NEW, state_shard.GREW):
            p = shard.find(*row[:3])
            shard.credit(p, (shard.claimed[p] - shard.credited[p]) // 2)
    for epoch in range(1001, 1001 + epochs):
        shard.advance(small(epoch))
        guard.new_epoch()
        guard.fallen()
        for slot in range(3):
            guard.allow(slot, small(ref.MAX_RAW))
            guard.allow(slot, small(-ref.MAX_RAW))


@given(
    st.integers(5, 60000),
    st.lists(st.integers(0, 2**29), min_size=1, max_size=20),
    st.lists(st.integers(0, 250), min_size=1),
)
def test_governor(kb_per_min, waits, sizes):
    now = small(2**30 - 5)
    governor = tighten(entropy_engine.Governor(small(kb_per_min), now))
    for wait in waits:
        now = now - MASKED + wait if now > MASKED - wait else now + wait
        governor.refill(now)
        for size in sizes:
            governor.ready(small(size), governor.full // 2)
            governor.spend(small(size))
            governor.stretch()


MASKED = 2**30 - 1
