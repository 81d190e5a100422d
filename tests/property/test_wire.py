"""Frames: what is written is read, what is broken is refused, and both as the reference does."""

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from lvs import audit, fixed, wire
from tests.support import draw
from tests.support import reference as ref
from tests.vectors import run


def as_lists(value) -> Any:
    if isinstance(value, (list, tuple)):
        return [as_lists(v) for v in value]
    return {k: as_lists(v) for k, v in value.items()} if isinstance(value, dict) else value


def lib_decode(data, tag):
    """(reason, dict) as ref.decode returns them, from a fresh wire.Frame."""
    got = run.decode(wire.Frame(), data, tag)
    return (got, None) if isinstance(got, str) else ("", {**got, "tag": tag})


def agree(data, tag):
    """Decode with both implementations; they must agree. Returns the reason."""
    got, expected = lib_decode(data, tag), ref.decode(data, tag)
    assert as_lists(got) == as_lists(expected)
    return got[0]


@given(draw.good_ep)
def test_ep_round_trip(frame):
    assert run.KINDS["ep"](frame) == ref.encode_ep(frame).hex()
    reason, back = ref.decode(ref.encode_ep(frame), frame["tag"])
    assert reason == "" and back == {**frame, "kind": 1}


@given(draw.good_sdm)
def test_sdm_round_trip(frame):
    frame = as_lists(frame)
    assert run.KINDS["sdm"](frame) == ref.encode_sdm(frame).hex()
    reason, back = ref.decode(ref.encode_sdm(frame), frame["tag"])
    assert reason == "" and as_lists(back) == {**frame, "kind": 2}


@given(draw.good_names)
def test_names_round_trip(frame):
    """As many as a frame has room for."""
    assert run.KINDS["names"](as_lists(frame)) == ref.encode_names(frame).hex()
    reason, back = ref.decode(ref.encode_names(frame), frame["tag"])
    assert reason == "" and back
    assert back["names"] == as_lists(frame["names"])[: len(back["names"])] != []


@given(draw.good_audit, st.integers(0, 3600))
def test_audits(frame, seconds):
    """An answer is read as it was meant, and a question is written and read so."""
    data = ref.encode_audit(frame)
    assert agree(data, frame["tag"]) == ""
    assert as_lists(lib_decode(data, frame["tag"])[1]) == as_lists({**frame, "kind": wire.AUDIT})
    asked = ref.encode_question({**frame, "seconds": seconds})
    buf = bytearray(wire.MAX_FRAME)
    n = audit.question(buf, frame["tag"], frame["nonce"], frame["shard"], frame["first"], seconds)
    assert buf[:n] == asked
    assert audit.asked(asked[17:-2]) == (frame["first"], min(seconds, 60), len(asked))


@given(draw.good_frame, st.sampled_from([bytes, bytearray, memoryview]))
def test_any_kind_of_buffer(case, kind):
    data, tag = case
    assert lib_decode(kind(data), tag) == lib_decode(data, tag)


@given(draw.good_frame, st.data())
def test_flipped_bits_are_refused(case, data):
    """Up to three bits anywhere, which a CRC-16 always finds in a frame of this length."""
    frame, tag = case
    bits = st.integers(0, 8 * len(frame) - 1)
    broken = bytearray(frame)
    for bit in data.draw(st.sets(bits, min_size=1, max_size=3)):
        broken[bit // 8] ^= 1 << bit % 8
    assert agree(bytes(broken), tag) != ""


@given(draw.good_frame, st.data())
def test_changed_bytes_are_refused(case, data):
    """Any number of bytes; but one change in 65,536 gives another frame with a good checksum."""
    frame, tag = case
    broken = bytearray(frame)
    places = st.integers(0, len(frame) - 1)
    for at in data.draw(st.sets(places, min_size=1)):
        broken[at] ^= data.draw(st.integers(1, 255))
    reason = agree(bytes(broken), tag)
    assume(ref.crc16(broken[:-2]) != int.from_bytes(broken[-2:], "little"))
    assert reason != ""


@given(draw.good_frame, st.data())
def test_truncated_frames_are_refused(case, data):
    frame, tag = case
    short = frame[: data.draw(st.integers(0, len(frame) - 1))]
    reason = agree(short, tag)
    assert reason == "short" if len(short) < 23 else reason in ("checksum", "malformed")


@given(draw.good_frame, st.binary(min_size=1, max_size=300))
def test_extended_frames_are_refused(case, more):
    frame, tag = case
    assert agree(frame + more, tag) in ("checksum", "malformed")


@given(st.binary(max_size=400), draw.raw)
def test_random_bytes_are_refused(data, tag):
    assert agree(data, tag) != ""


@given(draw.good_frame, st.binary(max_size=229), st.sampled_from([1, 2, 0, 3, 15]), st.data())
def test_random_bodies_under_a_good_head_and_checksum(case, body, kind, data):
    """What only somebody who knows the format can send: both say the same, and nothing raises."""
    frame, tag = case
    sealed = frame[:1] + bytes([0x20 | kind]) + frame[2:17] + body
    if kind == 2 and len(body) > 5:  # plausible counts, or the length never fits
        rest = len(body) - 5
        relays = data.draw(st.integers(0, rest // 9))
        owns = data.draw(st.integers(0, (rest - 9 * relays) // 5))
        steps = (rest - 9 * relays - 5 * owns) // 3
        body = (
            body[:1]
            + bytes([owns, relays, steps])
            + body[4 : 5 + 9 * relays + 5 * owns + 3 * steps]
        )
        sealed = sealed[:17] + body
    agree(sealed + ref.crc16(sealed).to_bytes(2, "little"), tag)


@given(st.binary(max_size=300))
def test_checksum(data):
    assert fixed.crc16(data, len(data)) == ref.crc16(data)
    kept, fixed._crc_hqx = fixed._crc_hqx, None
    try:
        assert fixed.crc16(data, len(data)) == ref.crc16(data)
    finally:
        fixed._crc_hqx = kept


@given(draw.good_sdm, st.integers(23, 250))
def test_a_writer_never_passes_its_limit(frame, limit):
    """What does not fit is left out whole: the frame that results is a good one."""
    w = wire.SdmWriter()
    w.begin(frame["tag"], frame["start"], frame["nonce"], frame["cycle"], frame["shard"], 1)
    w.limit(limit)
    relayed = [r for r in frame["relayed"] if w.relay(r[1], r[0], r[2], r[3])]
    own = [] if relayed else [o for o in frame["own"] if w.own(*o)]
    size = w.end()
    assert size <= limit
    reason, back = ref.decode(w.buf[:size], frame["tag"])
    assert reason == "" and back
    assert (back["own"], back["relayed"]) == (own, relayed)
