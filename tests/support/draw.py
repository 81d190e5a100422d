"""Strategies: raw values, frames, rows and samples, the edges more often than chance has it."""

from hypothesis import strategies as st

from tests.support import reference as ref

raw = st.one_of(
    st.integers(0, ref.MAX_RAW),
    st.integers(0, 1000),
    st.sampled_from([1, 2**15 - 1, 2**15, 2**29, ref.MAX_RAW - 1, ref.MAX_RAW]),
)
wide = st.one_of(
    raw,
    st.integers(0, ref.MOST),
    st.sampled_from(
        [2**30, 2**30 + 1, 2**31 - 1, 2**31, 2**32, 2**47 - 1, 2**47, ref.MOST - 1, ref.MOST]
    ),
)
step = st.one_of(st.integers(-ref.MAX_RAW, ref.MAX_RAW), st.integers(-5, 5))
byte = st.integers(0, 255)
word = st.one_of(st.integers(0, 2**16 - 1), st.sampled_from([0, 2**15 - 1, 2**15, 2**16 - 1]))
channel_counts = st.sampled_from([1, 2, 3, 15, 16, 17, 32, 40, 480])


@st.composite
def _head(draw):
    channels = draw(channel_counts)
    shard = draw(st.integers(0, (channels - 1) // 16))
    return channels, {
        "tag": draw(raw),
        "start": draw(word),
        "nonce": draw(raw),
        "cycle": draw(raw),
        "shard": shard,
    }


@st.composite
def _ep(draw):
    channels, head = draw(_head())
    return {
        **head,
        "noise": draw(raw),
        "horizon": draw(word),
        "flags": draw(st.integers(0, 127)),
        "load": draw(byte),
        "held": draw(raw),
        "channels": channels,
        "prints": draw(word),
        "digests": draw(st.lists(word, min_size=8, max_size=8)),
        "vector": draw(st.lists(wide, max_size=16)),
    }


@st.composite
def _sdm(draw):
    _, head = draw(_head())
    slot = st.integers(0, 15)
    own = draw(st.lists(st.tuples(slot, raw), max_size=16))
    room = (ref.MAX_FRAME - 23 - 5 * len(own)) // 9
    epoch = head["cycle"] // 64
    ages = st.tuples(byte, raw, slot, raw)
    relayed = [
        ((epoch + 1 - age) % 2**16, nonce, s, total)
        for age, nonce, s, total in draw(st.lists(ages, max_size=room))
    ]
    return {
        **head,
        "weight": draw(byte),
        "buckets": draw(byte),
        "own": own,
        "relayed": relayed,
    }


@st.composite
def _names(draw):
    _, head = draw(_head())
    name = st.text(max_size=20, min_size=1)
    record = st.tuples(st.integers(0, 15), st.integers(1, 999_999), st.integers(-9, 9), name)
    return {**head, "names": draw(st.lists(record, min_size=1, max_size=16))}


@st.composite
def _audit(draw):
    _, head = draw(_head())
    first = draw(st.integers(0, 15))
    room = (ref.MAX_FRAME - 29) // 21  # what a slot takes at most
    slots = draw(st.lists(st.tuples(wide, wide, wide), max_size=min(room, 16 - first)))
    said = {"what": draw(st.sampled_from([1, 2])), "since": draw(raw), "account": draw(raw)}
    return {**head, **said, "first": first, "slots": slots}


good_ep = _ep()  # a frame as a dict
good_sdm = _sdm()
good_names = _names()
good_audit = _audit()


@st.composite
def _frame(draw):
    kind, encode = draw(
        st.sampled_from(
            [
                (good_ep, ref.encode_ep),
                (good_sdm, ref.encode_sdm),
                (good_names, ref.encode_names),
                (good_audit, ref.encode_audit),
            ]
        )
    )
    f = draw(kind)
    return encode(f), f["tag"]


good_frame = _frame()  # (bytes, tag)


def row_of(epoch, lifetime, slots, sessions=5):
    """(start, nonce, slot, total): few sessions, around the horizon and the future."""
    start = st.integers(-lifetime - 2, 3).map(lambda d: (epoch + d) % 2**16)
    return st.tuples(start, st.integers(0, sessions - 1), st.integers(0, slots - 1), raw)


@st.composite
def _drift_case(draw):
    slots = draw(st.sampled_from([1, 2, 16]))
    centre = draw(wide)
    spread = draw(st.sampled_from([0, 1, 2, 10, 1000, 40000, 2**29, 2**30, 2**48]))
    near = st.integers(max(0, centre - spread), min(ref.MOST, centre + spread))
    vector = st.lists(near, min_size=slots, max_size=slots)
    weight = st.one_of(st.sampled_from([1, 8, 32, 33, 255]), st.integers(1, 510))
    samples = draw(st.lists(st.tuples(raw, weight, vector), min_size=1, max_size=15))
    return (
        samples,
        draw(vector),
        draw(st.integers(0, 64)),
        draw(st.sampled_from([1, 15, 1023, 29999])),
        draw(st.sampled_from([0, 0, 32, -1])),
    )


drift_case = _drift_case()  # (samples, settled, confidence, max_step, level)
