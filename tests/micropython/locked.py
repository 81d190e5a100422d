"""Runs the hot paths of lvs with a locked heap: whatever allocates raises MemoryError.

On a 32-bit MicroPython that includes every integer outside 31 bits. Prints one line a path, "ok"
or what happened; numbers are taken to their ends.
"""

import sys
from array import array

import micropython

from lvs import Node, drift_core, entropy_engine, fixed, state_shard, vaultguard, wide, wire
from lvs.journal import withheld
from lvs.ledger import Ledger
from lvs.routes import Routes
from lvs.votes import Votes

MOST = fixed.MAX_RAW
TAG = 0x2ABCDEF1
EPOCH = 1000
LIFETIME = 6


def check(name, path):
    """Call a path twice with an open heap, then with a locked one."""
    path()
    path()
    failed = None
    micropython.heap_lock()
    try:
        path()
    except MemoryError as e:
        failed = "allocates"
        if len(sys.argv) > 1:
            micropython.heap_unlock()
            sys.print_exception(e)
            micropython.heap_lock()
    micropython.heap_unlock()
    print(name, failed or "ok")


def ep():
    buf = bytearray(wire.MAX_FRAME)
    n = encode_ep(buf)
    return bytearray(buf[:n])


_digests = array("H", [65535] * 8)
_vector = wide.of([wide.MOST] * 16)


def encode_ep(buf):
    return wire.encode_ep(
        buf, TAG, 65535, MOST, MOST, 0, MOST, 65535, 63, 255, MOST, 16, 65535, _digests, _vector
    )


_writer = wire.SdmWriter()


def encode_sdm(w):
    w.begin(TAG, 65535, MOST, MOST, 0, 255)
    w.answers(255)
    for slot in range(5):
        w.own(slot, MOST)
    for k in range(25):
        w.relay(MOST, 65535 - k, 15, MOST)
    return w.end()


def sdm():
    n = encode_sdm(_writer)
    return bytearray(_writer.buf[:n])


def decode(frame, data, reason):
    if frame.decode(data, TAG) != reason:
        raise ValueError("not " + reason)


def rows(shard, total):
    for nonce in range(12):
        shard.merge(EPOCH, MOST - nonce, nonce & 1, total, 1)


def fold(shard):
    """Merge, credit and fold through the whole ring, from wherever it is."""
    epoch = shard.epoch
    for nonce in range(12):
        shard.merge(epoch & 0xFFFF, MOST - nonce, nonce & 1, MOST, 1)
        p = shard.find(epoch & 0xFFFF, MOST - nonce, nonce & 1)
        shard.credit(p, shard.claimed[p] - shard.credited[p])
    for slot in range(2):
        shard.shift(slot, -MOST)
    shard.advance(epoch + LIFETIME + 1)


def fill(window, settled, said):
    for k in range(drift_core.WINDOW):
        window.put(k, k, MOST - k, 509, settled, said[k & 1])
        window.put(k, k, MOST - k, 509, settled, said[k & 1], MOST)


def drift(d, window, settled, confidence, level):
    d.select(window, 0)
    d.run(window, confidence, 29999, level)
    for slot in range(16):
        settled.grow(slot, d.steps[slot])
        window.moved(slot, d.steps[slot])


_steps = (1, -1, MOST, -MOST)


def count(wides):
    """Counters at their ends and between: grown, compared, added, copied."""
    for a in wides:
        for b in wides:
            for amount in _steps:
                a.grow(0, amount)
                a.distance(0, b)
                a.part(0, 10)
                b.add(0, a, b)
                b.equals(a)
        a.copy(wides[0])


def waits(ledger):
    ledger.new_epoch(MOST)
    ledger.new_cycle()
    ledger.kept(29999)
    withheld(ledger)
    ledger.issue(0, 29999)
    ledger.echo(ledger.session, 0, 1)


def guard_epoch(guard):
    guard.new_epoch()
    for slot in range(2):
        guard.allow(slot, MOST)
        guard.allow(slot, -MOST)
    guard.fallen()


def credit(guard, routes):
    routes.new_epoch(1)
    guard.new_epoch()
    guard.credit_rest(True)


def judge(routes):
    i = routes.known(MOST)
    routes.told(i, MOST, MOST, 5, MOST)
    routes.replayed(i, MOST, 5)
    routes.steers(i, MOST)
    routes.judge(i, True)
    routes.new_epoch(1)
    routes.judge(i, False)
    routes.trusted(i)
    routes.bears(i, 0)
    routes.leaf(i)
    routes.bears(i, MOST)
    routes.clock_lead(5, 2)
    routes.holders(29, 5, 256)


def book(routes):
    i = routes.known(MOST)
    routes.receive(i, 250)
    routes.charge(i, MOST >> 2, True, 1)
    routes.reply(i, 250)


def govern(governor, trickle, now):
    governor.refill(now)
    governor.spend(250)
    governor.ready(250, 100)
    governor.stretch()
    trickle.poll(now)
    trickle.news(now)
    trickle.hurry(now)
    trickle.wait(now)


class Outside:
    """The world of a node: a transport that takes everything, a clock that is turned by hand."""

    error = ""

    def __init__(self):
        self.ticks = 1000
        self.sent = bytearray(8)  # frames, by kind

    def now(self):
        return self.ticks

    def recv(self):
        return None

    def send(self, frame, addr):
        self.sent[frame[1] & 7] += 1
        return True

    def key(self, addr):
        return addr

    def name(self, addr):
        return "host"


def node_among_others(outside):
    """A node that is ACTIVE, holds rows of others and contributed something itself."""
    config = {
        "mesh": "locked",
        "channels": ["a", "b"],
        "rows": 64,
        "routes": 16,
        "kb_per_min": 60000,
    }
    node = Node(config, outside, outside.now, numbers_source)
    for _ in range(400):
        turn(node, outside, 100)
    node.contribute("a", "0.5")
    for addr in range(2, 8):
        node.handle(rows_of_others(node, addr), addr)
    if node.state != "ACTIVE" or node.replicas[0].shard.count < 12:
        raise ValueError("not as it was to be")
    return node


def rows_of_others(node, total):
    s = node.ledger.session
    other = fixed.mix(s.nonce, total)
    w = wire.SdmWriter()
    w.begin(node.config.tag, s.start, other, node.clock.cycle, 0, 255, node.config.grain)
    w.own(0, total)
    for k in range(2):
        w.relay(other + 100 + k, s.start, k, total)
    n = w.end()
    return bytes(memoryview(w.buf)[:n])


def turn(node, outside, ms):
    outside.ticks = (outside.ticks + ms) & MOST
    node.tick()


def cycles(node, outside):
    for _ in range(20):
        turn(node, outside, 1000)


def mirrored(node):
    """The node's own EP, as if somebody else said it."""
    n = node.eps._encode(0, 0)
    frame = bytearray(memoryview(node.outbox.buf)[:n])
    wire.put30(frame, 8, 12345)
    wire.seal(frame, n - 2)
    return bytes(frame)


def hear(node, frame):
    before = node.reception.received
    node.handle(frame, 3)
    if node.reception.received == before or node.reception.dropped:
        raise ValueError("not heard")


def say_ep(node, outside):
    before = outside.sent[wire.EP]
    node.eps.say(outside.ticks)
    if outside.sent[wire.EP] == before:
        raise ValueError("not said")


def say_sdm(node, outside, addr):
    """News, rumours and an answer to everybody, or to one address."""
    before = outside.sent[wire.SDM]
    g = node.replicas[0].gossip
    g.forget()
    g.own(0, outside.ticks)
    g.lacking(0xFF, addr, addr is None, outside.ticks)
    outside.ticks = (outside.ticks + 2000) & MOST
    node.sdms.poll(outside.ticks)
    if outside.sent[wire.SDM] == before:
        raise ValueError("not said")
    for p in range(12):
        g.shard.repeats[p] = 0


def numbers():
    fixed.mix(MOST, MOST)
    fixed.hash16(MOST)
    fixed.ticks_diff(0, MOST)
    fixed.ticks_diff(1 << 29, 0)
    fixed.serial_diff(0, 65535)


def main():
    """Check every path."""
    check("numbers", numbers)
    ends = [wide.of([v]) for v in (0, MOST, MOST + 1, 1 << 31, 1 << 47, wide.MOST)]
    check("wide counters", lambda: count(ends))
    ledger = Ledger(1)
    ledger.open(5, 7)
    ledger.add(0, 1 << 47, 0)
    check("what waits", lambda: waits(ledger))
    buf = bytearray(wire.MAX_FRAME)
    check("encode EP", lambda: encode_ep(buf))
    check("encode SDM", lambda: encode_sdm(_writer))
    frame = wire.Frame()
    good, broken, rows_of, noise_of = ep(), ep(), sdm(), bytearray(40)
    broken[50] ^= 1
    check("decode EP", lambda: decode(frame, good, ""))
    check("decode SDM", lambda: decode(frame, rows_of, ""))
    check("decode a broken frame", lambda: decode(frame, broken, "checksum"))
    check("decode noise", lambda: decode(frame, noise_of, "magic"))
    shard = state_shard.Shard(0, 2, 16, LIFETIME, EPOCH)
    rows(shard, 5)
    check("merge known rows", lambda: rows(shard, 5))
    check("merge grown rows", lambda: rows(shard, MOST))
    ring = state_shard.Shard(0, 2, 16, LIFETIME, EPOCH)
    check("fold", lambda: fold(ring))
    d = drift_core.Drift()
    window = drift_core.Window(16)
    settled = wide.of([0, MOST, 1 << 30, wide.MOST] * 4)
    near = wide.of([5, MOST - 5, (1 << 30) + 5, wide.MOST - 5] * 4)
    close = near, settled
    check("samples", lambda: fill(window, settled, close))
    check("drift, confident", lambda: drift(d, window, settled, 64, 0))
    check("drift, unconfident", lambda: drift(d, window, settled, 0, 0))
    check("drift, diverged", lambda: drift(d, window, settled, 64, -1))
    apart = _vector, wide.Wide(16)
    check("samples far apart", lambda: fill(window, settled, apart))
    check("drift, confident", lambda: drift(d, window, settled, 64, 0))
    check("drift, unconfident", lambda: drift(d, window, settled, 0, 0))
    check("drift, diverged", lambda: drift(d, window, settled, 64, -1))
    check("expire the window", lambda: window.expire(5))
    routes = Routes(8, MOST)
    routes.admit(MOST, None, EPOCH)
    guard = vaultguard.ShardGuard(shard, routes)
    shard.settled[0] = wide.MOST
    shard.settled[1] = 1 << 47
    check("budgets", lambda: guard_epoch(guard))
    check("credit", lambda: credit(guard, routes))
    check("trust", lambda: judge(routes))
    votes = Votes(8)
    check("votes", lambda: votes.cast(3, 1, EPOCH))
    check("routes", lambda: book(routes))
    outside = Outside()
    node = node_among_others(outside)
    check("a tick", node.tick)
    check("a turn", lambda: turn(node, outside, 20))
    check("cycles", lambda: cycles(node, outside))
    ours = mirrored(node)
    check("an EP heard", lambda: hear(node, ours))
    check("an EP said", lambda: say_ep(node, outside))
    check("an SDM said", lambda: say_sdm(node, outside, None))
    theirs = rows_of_others(node, 12)
    check("an SDM heard", lambda: hear(node, theirs))
    check("an SDM said in answer", lambda: say_sdm(node, outside, 3))
    noise = entropy_engine.Noise(numbers_source)
    governor = entropy_engine.Governor(60000, 0)
    trickle = entropy_engine.Trickle(noise, governor, 0)
    check("governor and Trickle", lambda: govern(governor, trickle, MOST))
    check("noise", noise.nonce)
    check("jitter", lambda: noise.below(1 << 15))


def numbers_source():
    """The worst of entropy."""
    return MOST


main()
