"""Wire format: the byte layout of docs/protocol.md, section 4, byte by byte."""

import pytest

from lvs import fixed, wire
from tests.support import reference as ref
from tests.support.cell import encode_ep

HEAD = {"tag": 0x01020304, "start": 0x0506, "nonce": 0x0708090A, "cycle": 0x0B0C0D0E, "shard": 0}
EP = {
    **HEAD,
    "noise": 0x11121314,
    "horizon": 0x1516,
    "flags": 0x17,
    "load": 0x18,
    "held": 0x191A1B1C,
    "channels": 2,
    "prints": 0x191A,
    "digests": list(range(0x2000, 0x2008)),
    "vector": [0xA1B2C3D4E5F6, 5],
}


def writer():
    w = wire.SdmWriter()
    w.begin(*(HEAD[k] for k in ("tag", "start", "nonce", "cycle", "shard")), weight=0x61)
    return w


def test_ep_layout():
    assert encode_ep(EP)[:-2].hex(" ") == (
        "4c 21 04 03 02 01 06 05 0a 09 08 07 0e 0d 0c 0b 00 "  # magic .. shard
        "14 13 12 11 16 15 17 18 1a 19 "  # noise, horizon, flags, load, prints
        "00 20 01 20 02 20 03 20 04 20 05 20 06 20 07 20 "  # digests
        "9c b6 e8 c8 01 02 "  # held, channels
        "f6 cb d3 9e ac b6 28 05"  # vector
    )


def test_sdm_layout():
    w = writer()
    w.answers(0x62)
    assert w.empty()
    assert w.own(3, 0x31323334)
    epoch = HEAD["cycle"] // 64
    assert w.relay(0x25262728, epoch - 9, 0b1101, 0x1A1B1C1D)
    assert not w.empty()
    n = w.end()
    assert bytes(w.buf[: n - 2]).hex(" ") == (
        "4c 22 04 03 02 01 06 05 0a 09 08 07 0e 0d 0c 0b 00 "  # magic .. shard
        "61 01 01 62 "  # weight, counts, buckets
        "03 34 33 32 31 "  # own: slot, total
        "28 27 26 65 1d 1c 1b da 0a"  # relayed: nonce + slot & 3, total + slot >> 2, age
    )


def test_checksum_is_the_published_one():
    """CRC-16/CCITT-FALSE; its check value is in every catalogue of CRCs."""
    assert fixed.crc16(b"123456789", 9) == 0x29B1
    frame = encode_ep(EP)
    assert int.from_bytes(frame[-2:], "little") == ref.crc16(frame[:-2])


def test_sizes():
    """Both messages fit a datagram of 250 bytes, the ESP-NOW limit."""
    four = {**EP, "held": 1, "channels": 4}
    assert len(encode_ep({**four, "vector": [2**28 - 1] * 4})) == 47 + 4 * 4  # as version 1 had it
    assert len(encode_ep({**four, "vector": [0] * 4})) == 51
    most = {**EP, "held": 2**30 - 1, "channels": 480, "vector": [2**48 - 1] * 16}
    assert len(encode_ep(most)) == 45 + 5 + 2 + 7 * 16
    w = writer()
    relayed = 0
    while w.relay(relayed, HEAD["cycle"] // 64, 0, 1):
        relayed += 1
    assert relayed == wire.MAX_RELAYS == 25
    assert w.end() == 248 <= wire.MAX_FRAME


def test_a_frame_that_is_full_takes_no_record():
    w = writer()
    w.limit(23 + 5)
    assert not w.relay(1, HEAD["cycle"] // 64, 0, 1)
    assert w.own(0, 1)
    assert not w.own(1, 1)
    assert w.end() == 28


@pytest.mark.parametrize(
    "age, fits", [(-1, True), (0, True), (254, True), (255, False), (-2, False)]
)
def test_a_relayed_rows_age_fits_a_byte(age, fits):
    """From the next epoch to 254 epochs ago; older rows have been folded everywhere."""
    assert writer().relay(1, (HEAD["cycle"] // 64 - age) & 0xFFFF, 0, 1) is fits


def test_a_writer_begins_anew():
    w = writer()
    w.limit(30)
    w.own(0, 1)
    w.answers(255)
    w.begin(*(HEAD[k] for k in ("tag", "start", "nonce", "cycle", "shard")), weight=0x61)
    assert w.empty()
    for slot in range(16):
        assert w.own(slot, slot)
    reason, frame = ref.decode(w.buf[: w.end()], HEAD["tag"])
    assert (
        reason == ""
        and frame
        and frame["own"] == [(s, s) for s in range(16)]
        and frame["buckets"] == 0
    )


def test_a_frame_decoded_twice_is_the_same():
    """The decoder remembers its last frame; another one in between must not confuse it."""
    frame = wire.Frame()
    one, two = encode_ep(EP), encode_ep({**EP, "noise": 1, "vector": [1, 2]})
    for data, noise in ((one, EP["noise"]), (two, 1), (one, EP["noise"]), (one, EP["noise"])):
        assert frame.decode(data, EP["tag"]) == ""
        assert frame.noise == noise
        assert frame.decode(data, EP["tag"] ^ 1) == "tag"
        assert frame.decode(b"x" * 40, EP["tag"]) == "magic"


def test_a_buffer_that_is_used_again_is_read_again():
    frame = wire.Frame()
    buf = bytearray(encode_ep(EP))
    assert frame.decode(buf, EP["tag"]) == ""
    buf[30] ^= 1
    assert frame.decode(buf, EP["tag"]) == "checksum"
