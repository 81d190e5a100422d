"""Runs the cases of cases.jsonl on any Python that has lib/lvs, boards included.

    python run.py [CASES]

Each line of the file is a case: [kind, what is given, what must come out]. Read line by line, so
that a board needs the memory of one case only. Prints one line of JSON: how many cases of each
kind, and the first that failed; exit 1 if one did.
"""

import json
import sys
from array import array

from lvs import audit, config, decimal, drift_core, fixed, names, state_shard, wide, wire

_MERGED = ("same", "grew", "new", "old", "expired", "future", "full")
_SHOWN = 5  # failures printed
_SIGN = 100  # cases, a second or two of a Pico: mpremote gives up after ten without a word

_frame = wire.Frame()
_buf = bytearray(wire.MAX_FRAME)


def _hex(data):
    return "".join(["%02x" % b for b in data])


def _bytes(text):
    return bytes([int(text[i : i + 2], 16) for i in range(0, len(text), 2)])


def decode(frame, data, tag) -> str | dict:
    """What a wire.Frame makes of bytes: the reason why it drops them, or its fields as a dict."""
    f = frame
    reason = f.decode(data, tag)
    if reason:
        return reason
    head = {"kind": f.kind, "start": f.start, "nonce": f.nonce, "cycle": f.cycle, "shard": f.shard}
    if f.kind == wire.EP:
        body = {
            "noise": f.noise,
            "horizon": f.horizon,
            "flags": f.flags,
            "load": f.load,
            "held": f.held,
            "channels": f.channels,
            "prints": f.prints,
            "digests": list(f.digests),
            "vector": list(f.vector)[: f.count],
        }
    elif f.kind == wire.NAMES:
        said = names.decode(f.body)
        if not said:
            return "malformed"
        body = {"names": [[slot, m, e, name] for slot, (m, e), name in said]}
    elif f.kind == wire.AUDIT:
        said = audit.decode(f.body)
        if not said:
            return "malformed"
        what, since, account, first, slots = said
        body = {"what": what, "since": since, "account": account, "first": first, "slots": slots}
    else:
        body = {
            "weight": f.weight,
            "buckets": f.buckets,
            "own": [[f.own_slot[i], f.own_total[i]] for i in range(f.owns)],
            "relayed": [
                [f.relay_start[i], f.relay_nonce[i], f.relay_slot[i], f.relay_total[i]]
                for i in range(f.relays)
            ],
        }
    head.update(body)
    return head


def _back(data, given):
    """What was encoded must be what is decoded; returns the frame's hex, or what is amiss."""
    got = decode(_frame, data, given["tag"])
    if not isinstance(got, dict):
        return got
    for key in got:
        told = given.get(key)
        if key == "names":
            told = told[: len(got[key])]  # that fit
        if key != "kind" and got[key] != told:
            return "%s decoded as %r" % (key, got[key])
    return _hex(data)


def _ep(given):
    g = given
    n = wire.encode_ep(
        _buf,
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
        array("H", g["digests"]),
        wide.of(g["vector"]),
    )
    return _back(bytes(_buf[:n]), given)


def _sdm(given):
    w = wire.SdmWriter()
    g = given
    w.begin(g["tag"], g["start"], g["nonce"], g["cycle"], g["shard"], g["weight"])
    w.answers(g["buckets"])
    fits = True
    for slot, total in g["own"]:
        fits = fits and w.own(slot, total)
    for start, nonce, slot, total in g["relayed"]:
        fits = fits and w.relay(nonce, start, slot, total)
    n = w.end()
    return _back(bytes(w.buf[:n]), given) if fits else "no room"


def _names(given):
    g = given
    named = [(slot, (m, e), name) for slot, m, e, name in g["names"]]
    head = g["tag"], g["start"], g["nonce"], g["cycle"], g["shard"]
    n = names.encode(_buf, *head, named)
    return _back(bytes(_buf[:n]), given)


def _drop(text, tag):
    got = decode(_frame, _bytes(text), tag)
    return "taken" if isinstance(got, dict) else got


def _steps(text, m, e, carry):
    try:
        return list(decimal.steps(text, (m, e), carry))
    except fixed.LvsError:
        return None


def _tag(mesh, numbers):
    names = (
        "max_allowed_shift",
        "route_budget",
        "session_epochs",
        "horizon_epochs",
    )
    data = {"mesh": mesh, "channels": ["water"]}
    for i, name in enumerate(names):
        data[name] = numbers[i]
    return config.Config(data).tag


def _print(listed, step):
    channels = [{"name": name, "step": step} for name in listed]
    return config.Config({"channels": channels}).fingerprint(0, len(listed))


def _wide(start, steps):
    """A counter that grows from a start; what it is after each step, by how much that is above the
    start as drift sees it, and a thousandth."""
    first, now = wide.of([start]), wide.of([start])
    said = []
    for step in steps:
        now.grow(0, step)
        said.append([now[0], first.distance(0, now), now.part(0, 10)])
    return said


def _shard(slots, lifetime, epoch, steps, grain=1, settled=0):
    """Merge, credit and advance; what each step gave, then all that the shard holds."""
    s = state_shard.Shard(0, slots, 64, lifetime, epoch, grain)
    s.adopt(wide.of([settled] * slots), s.horizon, epoch)
    said = []
    for step in steps:
        if step[0] == "merge":
            said.append(_MERGED[s.merge(step[1], step[2], step[3], step[4], 1)])
        elif step[0] == "credit":
            for k in range(s.count):
                p = s.position(k)
                s.credit(p, s.claimed[p] - s.credited[p])
        else:
            said.append(s.advance(step[1]))
    rows = []
    for k in range(s.count):
        p = s.position(k)
        rows.append([s.start[p], s.nonce[p], s.slot[p], s.claimed[p], s.credited[p]])
    rows.sort()
    return [
        said,
        list(s.settled)[:slots],
        [s.value(i) for i in range(slots)],
        list(s.digests),
        rows,
    ]


def _drift(samples, settled, confidence, max_step, level):
    slots = len(settled)
    window = drift_core.Window(slots)
    for i, (noise, weight, vector) in enumerate(samples):
        window.put(i + 1, 0, noise, weight, wide.of(settled), wide.of(vector))
    drift = drift_core.Drift()
    drift.select(window, 0)
    error = drift.run(window, confidence, max_step, level)
    return [list(drift.steps)[:slots], error]


KINDS = {
    "crc16": lambda text: fixed.crc16(_bytes(text), len(text) // 2),
    "mix": fixed.mix,
    "mix4": fixed.mix4,
    "hash16": fixed.hash16,
    "serial_diff": fixed.serial_diff,
    "ticks_diff": fixed.ticks_diff,
    "steps": _steps,
    "text": lambda raw, m, e, offset: decimal.text(raw, (m, e), offset),
    "tag": _tag,
    "print": _print,
    "wide": _wide,
    "ep": _ep,
    "sdm": _sdm,
    "names": _names,
    "drop": _drop,
    "shard": _shard,
    "coefficient": drift_core.coefficient,
    "correction": drift_core.correction,
    "drift": _drift,
}


def run(path):
    """Run all cases of a file; returns (dict kind: number, [what failed])."""
    counts = {}
    failed = []
    with open(path) as f:
        for line in f:
            kind, given, expected = json.loads(line)
            counts[kind] = counts.get(kind, 0) + 1
            if sum(counts.values()) % _SIGN == 0:
                print("vectors:", sum(counts.values()))
            got = KINDS[kind](*given)
            if got != expected:
                failed.append("%s%r: %r instead of %r" % (kind, given, got, expected))
    return counts, failed


def main():
    """Run the file that the command names, or the one beside this script."""
    name = sys.argv[1] if len(sys.argv) > 1 else "cases.jsonl"
    counts, failed = run(name)
    print(json.dumps({"cases": counts, "failed": failed[:_SHOWN], "failures": len(failed)}))
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
