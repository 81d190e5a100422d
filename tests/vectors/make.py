"""Writes cases.jsonl from tests/support/reference.py: `python -m tests.vectors.make`.

Chosen cases for the edges, and drawn ones (from a fixed seed) for the rest. lib/lvs has no part
in it.
"""

import json
import random
import sys
from pathlib import Path

from tests.support import reference as ref

CASES = Path(__file__).with_name("cases.jsonl")

RAW = (0, 1, 255, 256, 32767, 32768, 2**20, 2**29, 2**30 - 2, 2**30 - 1)
WIDE = (2**30 - 1, 2**30, 2**30 + 1, 2**31 - 1, 2**31, 2**47 - 1, 2**47, 2**48 - 2, 2**48 - 1)
CYCLES = (0, 63, 64, 82 * 64, 2**22 - 1, 2**22, 2**30 - 1)


def _raw(rng):
    return rng.choice(RAW) if rng.random() < 0.3 else rng.randrange(2 ** rng.randrange(1, 31))


def _wide(rng):
    return rng.choice(WIDE) if rng.random() < 0.3 else rng.randrange(2 ** rng.randrange(1, 49))


def _wides(rng):
    for start in (0, 1, *WIDE):
        for step in (0, 1, -1, 2**29, -(2**29), 2**30 - 1, -(2**30) + 1):
            yield start, [step] * 3
    for _ in range(20):
        sign = rng.choice((1, -1))
        yield _wide(rng), [sign * _raw(rng), -sign * _raw(rng), sign * _raw(rng)]


def _counters(rng):
    for start, steps in _wides(rng):
        now, said = start, []
        for step in steps:
            now = max(0, ref.saturate(now + step))
            said.append([now, ref.far(now - start), min(2**30 - 1, now // 1024)])
        yield "wide", [start, steps], said


STEPS = ((1, 0), (1, -3), (1, -6), (25, 0), (5, -2), (1, -9), (999999, 9), (7, -1))


def _decimals(rng):
    texts = (
        *("0", "0.1", "0.001", "1e-05", "2.5E+3", "1e22", "12345.678", ".5", "5.", "-0", " 7\n"),
        *("0.30000000000000004", "0." + "3" * 40, "1e-999", "281474976710.655", "0.0000000005"),
        *("", ".", "+", "-1", "1e", "1e1000", "e3", "1 0", "1,5", "nan", "inf", "0x10", "1.2.3"),
        *("++1", "\u0663", "--1", "1e+-1", "1e1.5", "-1e-999"),
    )
    for text in texts:
        for m, e in STEPS[:5]:
            carry = rng.choice((0, 1, m * 10**18 - 1, rng.randrange(m * 10**18)))
            yield "steps", [text, m, e, carry], ref.steps(text, m, e, carry)
    for m, e in STEPS:
        for raw in (0, 1, 864, *WIDE, rng.randrange(2**48)):
            for offset in ((0, 0), (12345678, -3), (-5, -1), (3, 2)):
                yield "text", [raw, m, e, offset], ref.shown(raw, m, e, offset)


def _numbers(rng):
    for text in (b"", b"123456789", bytes(range(256)), b"\xff" * 22, b"\0" * 250):
        yield "crc16", [text.hex()], ref.crc16(text)
    for _ in range(10):
        data = rng.randbytes(rng.randrange(1, 250))
        yield "crc16", [data.hex()], ref.crc16(data)
    pairs = [(a, b) for a in RAW for b in (0, 1, 2**15, 2**30 - 1)]
    for a, b in pairs + [(_raw(rng), _raw(rng)) for _ in range(30)]:
        yield "mix", [a, b], ref.mix(a, b)
        yield "mix4", [a, b, b, a], ref.mix(ref.mix(ref.mix(a, b), b), a)
        yield "ticks_diff", [a, b], ref.ticks_diff(a, b)
    for h in [*RAW, *(_raw(rng) for _ in range(30))]:
        yield "hash16", [h], ref.hash16(h)
    starts = (0, 1, 0x7FFF, 0x8000, 0xFFFF)
    for a, b in [(a, b) for a in starts for b in starts]:
        yield "serial_diff", [a, b], ref.serial_diff(a, b)
    yield from _decimals(rng)
    numbers = [4096, 1048576, 48, 32]
    for mesh, changed in (
        ("lvs", numbers),
        ("lvs water", numbers),
        ("h\u00f6f", numbers),
        ("lvs", [4095, *numbers[1:]]),
        ("lvs", [*numbers[:3], 33]),
    ):
        yield "tag", [mesh, changed], ref.mesh_tag(mesh, changed)
    for names in (["water"], ["water", "power"], ["power", "water"], ["\u6c34", "k Wh"]):
        for m, e in STEPS[:3]:
            listed = [(name, m, e) for name in names]
            yield "print", [names, ref.shown(1, m, e, (0, 0))], ref.fingerprint(listed)


def _head(rng, channels):
    return {
        "tag": rng.randrange(2**30),
        "start": rng.randrange(2**16),
        "nonce": _raw(rng),
        "cycle": rng.choice([*CYCLES, rng.randrange(2**30)]),
        "shard": rng.randrange((channels + 15) // 16),
    }


def _slots(head, channels):
    return min(16, channels - 16 * head["shard"])


def draw_ep(rng, channels):
    """A random entropy packet."""
    head = _head(rng, channels)
    return {
        **head,
        "noise": _raw(rng),
        "horizon": rng.randrange(2**16),
        "flags": rng.randrange(128),
        "load": rng.randrange(256),
        "held": _raw(rng),
        "channels": channels,
        "prints": rng.randrange(2**16),
        "digests": [rng.randrange(2**16) for _ in range(8)],
        "vector": [_wide(rng) for _ in range(_slots(head, channels))],
    }


def draw_sdm(rng, channels, full=False):
    """A random state diff message; full: no further relayed row would fit."""
    head = _head(rng, channels)
    slots = _slots(head, channels)
    epoch = head["cycle"] // 64
    own = [[s, _raw(rng)] for s in rng.sample(range(slots), rng.randrange(min(slots, 5) + 1))]
    room = (250 - 23 - 5 * len(own)) // 9
    relayed = [
        [
            (epoch + 1 - rng.choice((0, 1, 255, rng.randrange(256)))) % 2**16,
            _raw(rng),
            rng.randrange(slots),
            _raw(rng),
        ]
        for _ in range(room if full else rng.randrange(min(room, 6) + 1))
    ]
    return {
        **head,
        "weight": rng.randrange(256),
        "buckets": rng.randrange(256),
        "own": own,
        "relayed": relayed,
    }


def _frames(rng):
    for channels in (1, 2, 16, 17, 40, 480):
        for _ in range(4):
            f = draw_ep(rng, channels)
            yield "ep", [f], ref.encode_ep(f).hex()
        for full in (False, False, False, True):
            f = draw_sdm(rng, channels, full)
            yield "sdm", [f], ref.encode_sdm(f).hex()
    longest = {
        **draw_sdm(rng, 16),
        "own": [],
        "cycle": 64 * 300,
        "relayed": [[300 - i, i, i % 16, 2**30 - 1] for i in range(25)],
    }
    yield "sdm", [longest], ref.encode_sdm(longest).hex()
    for texts in (
        ["a"],
        ["water", "w\u00e4rme"],
        ["x" * 64] * 3,
        ["y" * 64, "z" * 64, "0" * 63] * 2,
    ):
        named = [
            [rng.randrange(16), rng.randrange(1, 10**6), rng.randrange(-9, 10), t] for t in texts
        ]
        f = {**_head(rng, 40), "names": named}
        yield "names", [f], ref.encode_names(f).hex()


def _sealed(body):
    return body + ref.crc16(body).to_bytes(2, "little")


def _broken(rng):
    """Good frames with one thing wrong, and what the reference makes of them."""
    ep = {**draw_ep(rng, 3), "tag": 77}
    names = {**_head(rng, 3), "tag": 77, "names": [[0, 1, -3, "water"], [2, 25, 0, "w\u00e4rme"]]}
    sdm = {
        **draw_sdm(rng, 3),
        "tag": 77,
        "own": [[0, 5], [2, 6]],
        "relayed": [[9, 8, 2, 7]],
        "cycle": 64 * 20,
    }
    for good in (ref.encode_ep(ep), ref.encode_sdm(sdm), ref.encode_names(names)):
        yield good
        for n in (0, 1, 22, 23, len(good) - 1):
            yield good[:n]
        yield good + b"\0"
        yield good + bytes(251 - len(good))
        for at, value in [
            (0, 0x4D),
            (1, 0x11),
            (1, 0x24),
            (1, 0x20),
            (2, good[2] ^ 1),
            (5, good[5] | 0x40),
            (11, 0xFF),
            (15, 0x40),
            (16, 29),
            (16, 30),
            (16, 255),
        ]:
            yield _sealed(good[:at] + bytes([value]) + good[at + 1 : -2])
            yield good[:at] + bytes([value]) + good[at + 1 :]
        for at in range(17, len(good) - 2):
            for value in (0, 3, 0x7F, 0xFF):
                yield _sealed(good[:at] + bytes([value]) + good[at + 1 : -2])
        for _ in range(10):
            at = rng.randrange(len(good))
            yield good[:at] + bytes([good[at] ^ 1 << rng.randrange(8)]) + good[at + 1 :]
    for _ in range(10):
        yield rng.randbytes(rng.randrange(251))


def _drops(rng):
    for frame in _broken(rng):
        yield "drop", [frame.hex(), 77], ref.decode(frame, 77)[0] or "taken"


def _shards(rng):
    for case in range(24):
        slots = rng.randrange(1, 17)
        lifetime = rng.choice((4, 5, 80))
        begin = epoch = rng.choice((lifetime + 2, 1000, 65535, 65536 + lifetime, 2**24 - 100))
        rows = ref.Rows(slots, lifetime, epoch)
        settled = rng.choice((0, 0, *WIDE))
        rows.settled = [settled] * slots
        sessions = [
            ((epoch + rng.randrange(-lifetime - 3, 4)) % 2**16, rng.randrange(2**30))
            for _ in range(8)
        ]
        steps, said = [], []
        for _ in range(rng.randrange(4, 30)):
            draw = rng.random()
            if draw < 0.7:
                start, nonce = rng.choice(sessions)
                slot = rng.randrange(slots)
                total = _raw(rng) if case % 4 == 0 else rng.randrange(2**20)
                steps.append(["merge", start, nonce, slot, total])
                said.append(rows.merge(start, nonce, slot, total))
            elif draw < 0.85:
                steps.append(["credit"])
                rows.credit_all()
            else:
                epoch += rng.randrange(1, 3)
                steps.append(["advance", epoch])
                said.append(rows.advance(epoch))
        held = sorted([*key, *row] for key, row in rows.rows.items())
        yield (
            "shard",
            [slots, lifetime, begin, steps, 1, settled],
            [said, rows.settled, [rows.value(s) for s in range(slots)], rows.digests(), held],
        )


def _drifts(rng):
    for confidence in (0, 15, 16, 64):
        for trust in (0, 1, 32, 128, 255):
            for scatter in (False, True):
                yield (
                    "coefficient",
                    [confidence, trust, scatter],
                    ref.coefficient(confidence, trust, scatter),
                )
    for distance in (0, 1, -1, 2, -3, 7, 255, 1023, -9999, 2**20, -(2**30 - 1), 2**30 - 1):
        for confidence, dc in ((0, 127), (0, 72), (64, 24), (64, 31)):
            for dither, limit in ((0, 1023), (255, 1023), (77, 1), (128, 29999)):
                yield (
                    "correction",
                    [distance, confidence, dc, dither, limit],
                    ref.correction(distance, confidence, dc, dither, limit),
                )
    for case in range(70):
        slots = rng.choice((1, 2, 3, 16))
        n = 1 + case % 15
        centre = rng.choice((_raw(rng), _wide(rng)))
        spread = rng.choice((1, 2, 10, 1000, 40000, 2**29, 2**30, 2**47))

        def near(centre=centre, spread=spread):
            return max(0, min(2**48 - 1, centre + rng.randrange(-spread, spread + 1)))

        samples = [
            [
                _raw(rng),
                rng.choice((1, 8, 16, 32, 64, 255, rng.randrange(1, 510))),
                [near() for _ in range(slots)],
            ]
            for _ in range(n)
        ]
        settled = [rng.choice((near(), samples[0][2][s])) for s in range(slots)]
        confidence = rng.choice((0, 1, 15, 16, 17, 40, 64))
        given = [
            samples,
            settled,
            confidence,
            rng.choice((1, 15, 1023, 29999)),
            rng.choice((0, 0, 0, 32)),
        ]
        yield "drift", given, list(ref.drift(*given))


def cases():
    """All cases, as (kind, given, expected)."""
    rng = random.Random(2026)  # noqa: S311
    for part in (_numbers, _counters, _frames, _drops, _shards, _drifts):
        yield from part(rng)


def text():
    """The whole file."""
    return "".join(json.dumps(case, separators=(",", ":")) + "\n" for case in cases())


def main():
    """Write the file; with --check only say whether it is what it should be."""
    if "--check" in sys.argv:
        sys.exit(CASES.read_text() != text())
    CASES.write_text(text())
    print(f"{CASES.name}: {sum(1 for _ in cases())} cases, {CASES.stat().st_size} bytes")


if __name__ == "__main__":
    main()
