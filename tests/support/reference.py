"""A second implementation of docs/protocol.md: slow, obvious, and independent of lib/lvs.

Frames are dicts, rows are dictionary entries, fractions are Fractions. Nothing here is imported
from lib/lvs, so that what both say alike is what the document says.
"""

import math
import re
import struct
from decimal import Decimal, localcontext
from fractions import Fraction

MAX_RAW = 2**30 - 1
MOST = 2**48 - 1
MAX_FRAME = 250
SLOTS = 16

# --- section 2: numbers -------------------------------------------------------------------------


def mix(h, x):
    """One step of the hash: a 30-bit multiply-with-carry."""
    h = h ^ x
    return (h % 2**15 * 20021 + h // 2**15) % 2**30


def hash16(h):
    """16 bits of a 30-bit hash."""
    for constant in (0x2545F49, 0x1B873593, 0x0CC9E2D5):
        h = mix(h, constant)
    return (h ^ h // 2**14) % 2**16


def hash_text(text):
    """30 bits of a text."""
    h = 0x1505
    for byte in text.encode("utf-8"):
        h = mix(h, byte + 1)
    for constant in (0x2545F49, 0x1B873593, len(text)):
        h = mix(h, constant)
    return h


def mesh_tag(mesh, numbers, starts=None):
    """The mesh tag: the name and the mesh parameters, in the order of the document; starts: raw by
    number of the channel."""
    begun = [f"{c}:{raw}" for c, raw in sorted((starts or {}).items()) if raw]
    return hash_text("\n".join([mesh, *(str(n) for n in numbers), *begun])) or 1


def serial_diff(a, b):
    """The number in -2**15 .. 2**15 - 1 that is a - b modulo 2**16."""
    return next(
        d
        for d in (a - b - 2**16 * ((a - b) // 2**16) - k for k in (0, 2**16))
        if -(2**15) <= d < 2**15
    )


def ticks_diff(a, b):
    """The number in -2**29 .. 2**29 - 1 that is a - b modulo 2**30."""
    return next(d for d in ((a - b) % 2**30 - k for k in (0, 2**30)) if -(2**29) <= d < 2**29)


def saturate(value):
    """A sum as a wide value."""
    return min(value, MOST)


def far(distance):
    """A difference of wide values, as far as it counts."""
    return max(1 - 2**29, min(2**29 - 1, distance))


def number(text):
    """What a decimal text means, as a fraction, or None where it is no number."""
    if not re.fullmatch(
        r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", text.strip(" \t\r\n")
    ):
        return None
    return Fraction(Decimal(text.strip(" \t\r\n")))


def steps(text, m, e, carry):
    """Whole steps of m * 10**e in an amount and a carry, and the new carry; None: no amount."""
    amount = number(text)
    if amount is None or amount < 0:
        return None
    unit = Fraction(10) ** (e - 18)
    total = carry * unit + math.floor(amount / unit + Fraction(1, 2)) * unit
    whole = math.floor(total / (m * 10**18 * unit))
    return [whole, int((total - whole * m * 10**18 * unit) / unit)]


def shown(raw, m, e, offset):
    """Text of so many steps: no exponent, as many decimals as step or offset have."""
    with localcontext() as context:
        context.prec = 60
        value = raw * (Decimal(m).scaleb(e)) + Decimal(offset[0]).scaleb(offset[1])
        places = max(0, -e, -offset[1])
        return format(value.quantize(Decimal(1).scaleb(-places)), "f")


def fingerprint(channels):
    """16 bits of a shard's channels, in their order: (name, m, e) each, m * 10**e the step."""
    prints = [
        hash16(mix(hash_text(f"{name}\n{m}\n{e}"), slot))
        for slot, (name, m, e) in enumerate(channels)
    ]
    return sum(prints) % 2**16


# --- section 4: messages ------------------------------------------------------------------------


def crc16(data):
    """CRC-16/CCITT-FALSE, a bit at a time."""
    register = 0xFFFF
    for byte in data:
        for bit in range(7, -1, -1):
            feedback = (register >> 15) ^ (byte >> bit & 1)
            register = (register << 1) & 0xFFFF
            if feedback:
                register ^= 0x1021
    return register


def _seal(body):
    return body + struct.pack("<H", crc16(body))


def _head(kind, f):
    return struct.pack(
        "<BBIHIIB", 0x4C, 0x20 | kind, f["tag"], f["start"], f["nonce"], f["cycle"], f["shard"]
    )


def wide(value):
    """A number seven bits a byte, the lowest first, each but the last with a mark."""
    sevens = [value % 128]
    while value >= 128:
        value //= 128
        sevens.append(value % 128)
    return bytes([128 + s for s in sevens[:-1]] + sevens[-1:])


def unwide(body, most):
    """(the number that a body begins with, the rest of it), or None if that is none up to most."""
    size = next((i + 1 for i, byte in enumerate(body) if byte < 128), 0)
    value = sum(byte % 128 * 128**i for i, byte in enumerate(body[:size]))
    return (value, body[size:]) if body[:size] == wide(value) and value <= most else None


def encode_ep(f):
    """The bytes of an entropy packet."""
    body = struct.pack(
        "<IHBBH8H", f["noise"], f["horizon"], f["flags"], f["load"], f["prints"], *f["digests"]
    )
    numbers = [f["held"], f["channels"], *f["vector"]]
    return _seal(_head(1, f) + body + b"".join(wide(n) for n in numbers))


def relay_age(cycle, start, grain=1):
    """The byte that says when a relayed session began, or None where a byte cannot say it."""
    age = (cycle // 64 // grain + 1 - start) % 2**16
    return age if age < 256 else None


def encode_sdm(f):
    """The bytes of a state diff message.

    own: [(slot, total)]; relayed: [(start, nonce, slot, total)].
    """
    body = _head(2, f) + bytes([f["weight"], len(f["own"]), len(f["relayed"]), f["buckets"]])
    for slot, total in f["own"]:
        body += struct.pack("<BI", slot, total)
    for start, nonce, slot, total in f["relayed"]:
        body += struct.pack(
            "<IIB", nonce | slot % 4 << 30, total | slot // 4 << 30, relay_age(f["cycle"], start)
        )
    return _seal(body)


def decode(data, tag):
    """(reason, frame): ("", dict) for a good frame, (why it is dropped, None) for any other."""
    data = bytes(data)
    if len(data) < 23:
        return "short", None
    magic, kind, theirs, start, nonce, cycle, shard = struct.unpack_from("<BBIHIIB", data)
    if magic != 0x4C:
        return "magic", None
    if kind >> 4 != 2:
        return "version", None
    if theirs != tag:
        return "tag", None
    if len(data) > MAX_FRAME:
        return "malformed", None
    if struct.unpack("<H", data[-2:])[0] != crc16(data[:-2]):
        return "checksum", None
    if shard >= 30 or nonce > MAX_RAW or cycle > MAX_RAW:
        return "malformed", None
    frame = {
        "kind": kind & 15,
        "tag": theirs,
        "start": start,
        "nonce": nonce,
        "cycle": cycle,
        "shard": shard,
    }
    read = {1: _read_ep, 2: _read_sdm, 3: _read_names, 4: _read_audit}.get(kind & 15)
    fields = read and read(data[17:-2], cycle // 64)
    return ("", {**frame, **fields}) if fields else ("malformed", None)


def _read_ep(body, epoch):
    if len(body) < 26:
        return None
    noise, horizon, flags, load, prints = struct.unpack_from("<IHBBH", body)
    digests = list(struct.unpack_from("<8H", body, 10))
    numbers, body = [], body[26:]
    for most in [MAX_RAW, 480] + [MOST] * 16:
        if body or len(numbers) < 2:
            number, body = unwide(body, most) or (-1, b"")
            numbers.append(number)
    held, channels, *vector = numbers
    if flags > 127 or noise > MAX_RAW or min(numbers) < 0 or body:
        return None
    return {
        "noise": noise,
        "horizon": horizon,
        "flags": flags,
        "load": load,
        "held": held,
        "channels": channels,
        "prints": prints,
        "digests": digests,
        "vector": vector,
    }


def _read_sdm(body, epoch):
    weight, owns, relays, buckets = body[:4]
    if len(body) != 4 + 5 * owns + 9 * relays or owns > 16 or relays > 25:
        return None
    relayed_at = 4 + 5 * owns
    own = list(struct.iter_unpack("<BI", body[4:relayed_at]))
    relayed = [
        ((epoch + 1 - age) % 2**16, a % 2**30, a >> 30 | b >> 30 << 2, b % 2**30)
        for a, b, age in struct.iter_unpack("<IIB", body[relayed_at:])
    ]
    if any(s >= 16 or total > MAX_RAW for s, total in own):
        return None
    return {
        "weight": weight,
        "buckets": buckets,
        "own": own,
        "relayed": relayed,
    }


def encode_names(f):
    """The bytes of a frame that says names: [(slot, m, e, name)], as many as it has room for."""
    body = _head(3, f)
    for slot, m, e, name in f["names"]:
        name = name.encode()
        record = struct.pack("<BIB", slot, m + 2**20 * (e + 9), len(name)) + name
        if len(body) + len(record) > MAX_FRAME - 2:
            break
        body += record
    return _seal(body)


def _read_names(body, epoch):
    names = []
    while len(body) > 5:
        slot, step, size = struct.unpack_from("<BIB", body)
        m, e = step % 2**20, step // 2**20 - 9
        name, rest = body[6 : 6 + size], body[6 + size :]
        if slot > 15 or not 0 < m < 10**6 or e > 9 or not name or len(name) < size:
            return None
        try:
            names.append([slot, m, e, name.decode()])
        except UnicodeError:
            return None
        body = rest
    return None if body else {"names": names}


def encode_question(f):
    """The bytes of an audit's question, padded to what an answer may have."""
    body = _head(4, {**f, "start": 0, "cycle": 0})
    body += struct.pack("<BBI", 0, f["first"], f["seconds"])
    return _seal(body.ljust(MAX_FRAME - 2, b"\0"))


def encode_audit(f):
    """The bytes of an answer to an audit; slots: [(given, waiting, value)] from the first on."""
    body = struct.pack("<BBII", f["what"], f["first"], f["since"], f["account"])
    return _seal(_head(4, f) + body + b"".join(wide(n) for slot in f["slots"] for n in slot))


def _read_audit(body, epoch):
    """Of an answer; who is asked reads questions."""
    if len(body) < 10:
        return None
    what, first, since, account = struct.unpack_from("<BBII", body)
    numbers, body = [], body[10:]
    while body:
        number, body = unwide(body, MOST) or (-1, b"")
        numbers.append(number)
    slots = [tuple(numbers[i : i + 3]) for i in range(0, len(numbers), 3)]
    if (
        what not in (1, 2)
        or first + len(slots) > 16
        or first > 15
        or max(since, account) > MAX_RAW
    ):
        return None
    if -1 in numbers or len(numbers) % 3:
        return None
    return {"what": what, "since": since, "account": account, "first": first, "slots": slots}


# --- section 3: state ---------------------------------------------------------------------------


class Rows:
    """A shard as the document has it: settled per slot, and a dictionary of rows."""

    def __init__(self, slots, lifetime, epoch, grain=1):
        self.settled = [0] * slots
        self.lifetime = lifetime
        self.epoch = epoch
        self.grain = grain
        self.horizon = epoch // grain - lifetime - 1
        self.rows = {}  # (start, nonce, slot): [claimed, credited]

    def merge(self, start, nonce, slot, total):
        """Learn a running total: the larger one stays; returns what the document calls it."""
        key = (start, nonce, slot)
        if key in self.rows:
            row = self.rows[key]
            known, row[0] = row[0], max(row[0], total)
            return "grew" if total > known else "same" if total >= row[1] else "old"
        if serial_diff(start, self.horizon) <= 0:
            return "expired"
        if serial_diff(start, (self.epoch + 1) // self.grain) > 0:
            return "future"
        if total == 0:
            return "same"
        self.rows[key] = [total, 0]
        return "new"

    def claims(self):
        """The set of all that is claimed."""
        return {(*key, row[0]) for key, row in self.rows.items()}

    def credit_all(self):
        """Let every claim count."""
        for row in self.rows.values():
            row[1] = row[0]

    def value(self, slot):
        """Settled plus credited."""
        credited = sum(row[1] for key, row in self.rows.items() if key[2] == slot)
        return saturate(self.settled[slot] + credited)

    def advance(self, epoch):
        """Go to an epoch and fold the sessions past the horizon; returns the rows folded."""
        self.epoch = epoch
        self.horizon = max(self.horizon, epoch // self.grain - self.lifetime - 1)
        due = [key for key in self.rows if serial_diff(key[0], self.horizon) <= 0]
        for key in due:
            slot = key[2]
            self.settled[slot] = saturate(self.settled[slot] + self.rows.pop(key)[1])
        return len(due)

    def digests(self):
        """Eight 16-bit sums over what is credited."""
        sums = [0] * 8
        for (start, nonce, slot), (_, credited) in self.rows.items():
            if credited:
                sums[bucket(nonce, slot)] += row_hash(self.epoch, start, nonce, slot, credited)
        return [s % 2**16 for s in sums]


def bucket(nonce, slot):
    """The digest that a row is summed into."""
    return (nonce ^ nonce // 128 ^ slot) % 8


def row_hash(epoch, start, nonce, slot, credited):
    """16 bits of a row, salted with the epoch."""
    h = mix(epoch % 2**16, nonce)
    h = mix(h, credited)
    return hash16(mix(h, 16 * start + slot))


# --- section 5: the drift function --------------------------------------------------------------


def weighted_median(values, weights, upper=False):
    """The smallest value such that it and all below it have half of the weight (upper: more)."""
    half = Fraction(sum(weights) + upper, 2)
    return min(
        v for v in values if sum(w for u, w in zip(values, weights, strict=True) if u <= v) >= half
    )


def middle_mean(values, weights):
    """The mean of the middle half by weight, rounded half up.

    The samples stand in a row by value, each as wide as its weight; a quarter of the whole (in
    whole units of weight) is cut off at either end. Values are clamped to +-32767.
    """
    ruler = [v for v, w in sorted(zip(values, weights, strict=True)) for _ in range(w)]
    cut = len(ruler) // 4
    kept = ruler[cut : len(ruler) - cut]
    offsets = [max(-32767, min(32767, v)) for v in kept]
    return (Fraction(sum(offsets), len(offsets)) + Fraction(1, 2)).__floor__()


def coefficient(confidence, trust, scatter):
    """DC in Q8."""
    dc = (32 if confidence >= 16 else 192) * (192 + trust // 4) // 256
    return dc - dc // 4 if scatter else dc


def correction(distance, confidence, dc, dither, limit):
    """The signed step for a signed distance."""
    far = min(abs(distance), 2**20 - 1)
    up = 255 if confidence >= 16 else dither
    size = min(far, limit, (far * dc + up) // 256)
    return size if distance > 0 else -size


def dither(noise, slot):
    """Eight bits that all who heard the same packets share."""
    return mix(mix(noise, slot + 1), 0x1B873593) // 128 % 256


def own_weight(confidence):
    """Weight of a node's own value."""
    return 288 if confidence >= 16 else 32


def drift(samples, settled, confidence, max_step, level=0):
    """(steps, error) of one cycle; error: 0, 1, or 2 for a distance of more than one unit.

    samples: [(noise, weight, vector)], all with my horizon, weight > 0, at least one.
    level: 0, or the one weight that every sample and my own get, or -1: a vote each, whose median
    decides, at a tie the upper one (a diverged node).
    """
    quorum = level == -1
    level = abs(level)
    weights = [level or weight for _, weight, _ in samples]
    trust = sum(min(w, 255) for w in weights) // len(weights)
    noise = 0
    for n, _, _ in samples:
        noise ^= n
    confident = quorum or confidence >= 16 and not level
    known = 16 if confident else 0
    weights.append(level or own_weight(confidence))
    steps = []
    error = 0
    for slot, mine in enumerate(settled):
        values = [far(vector[slot] - mine) for _, _, vector in samples] + [0]
        if confident:
            distance = weighted_median(values, weights, quorum)
        else:
            distance = middle_mean(values, weights)
        error = max(error, min(2, abs(distance)))
        dc = coefficient(known, trust, max(values) - min(values) > 8 * max_step)
        steps.append(correction(distance, known, dc, dither(noise, slot), max_step))
    return steps, error


# --- section 7: budgets -------------------------------------------------------------------------


def epoch_budget(settled):
    """Raw units that a settled value may move in an epoch."""
    return min(MAX_RAW, max(1, settled // 1024))
