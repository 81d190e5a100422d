"""Floods one established node with invented sessions and prints what became of it, as JSON.

    python sybil_inside.py SESSIONS ADDRESSES EACH_S HONEST    (any interpreter that runs lvs)

A frame for each session: a draining EP, an invented row, or a question for everything; EACH_S
frames a second of virtual time. HONEST peers, each with a row, talk meanwhile.
"""

import gc
import json
import sys

from lvs import Node
from lvs.fixed import MAX_RAW, mix
from lvs.wide import of
from lvs.wire import MAX_FRAME, WANT, SdmWriter, encode_ep
from tests.support.parts import establish, settle
from tests.support.transport import Transport

VALUE = 100000
ROW = 1000  # raw, of each honest peer before the flood
WARM = 600  # sessions until tables and their indices have their full size
PATIENCE_S = 10  # seconds of flood in which a contribution must be credited
SPEAK_S = 4  # seconds between two honest frames


class Flood:
    """The node and all who talk to it."""

    def __init__(self, addresses, each_s, honest):
        self.ms = 0
        self.noise = 1
        self.addresses = addresses
        self.each_s = each_s
        self.honest = honest
        self.said = 0
        self.buf = bytearray(MAX_FRAME)
        self.writer = SdmWriter()
        config = {"channels": ["a"], "session_epochs": 48, "horizon_epochs": 32}
        config.update(rows=512, routes=128)
        self.node = Node(config, Transport(keep=False), self.clock, self.bits)
        self.replica = self.node.replicas[0]
        self.prime()

    def clock(self):
        return self.ms & MAX_RAW

    def bits(self):
        self.noise = mix(mix(self.noise, 0x2545F49), 0x1B873593)
        return self.noise

    def prime(self):
        node = self.node
        node.life.activate()
        settle(self.replica.shard, 0, VALUE)
        establish(self.replica, node.clock.cycle)
        epoch = node.clock.epoch()
        for i in range(self.honest):
            route = node.routes.admit(1 + i, 1 + i, epoch)
            if route:  # as many as the table holds
                node.routes.agreed[route] = 255
        self.epoch = epoch
        self.totals = [ROW] * self.honest
        for i in range(self.honest):
            self.honest_row(i)

    def head(self, nonce):
        return self.node.config.tag, self.epoch, nonce, self.node.clock.cycle, 0

    def ep(self, nonce, source, value, flags=0):
        shard = self.replica.shard
        n = encode_ep(
            self.buf,
            *self.head(nonce),
            self.bits(),
            shard.horizon & 0xFFFF,
            flags,
            0,
            1,
            1,
            0,
            shard.digests,
            of((value,)),
        )
        self.node.handle(memoryview(self.buf)[:n], source)

    def row(self, nonce, source, total):
        w = self.writer
        w.begin(*self.head(nonce), 32)
        w.own(0, total)
        self.node.handle(memoryview(w.buf)[: w.end()], source)

    def honest_row(self, i):
        self.row(1 + i, 1 + i, self.totals[i])

    def flood(self, sessions):
        """One frame under each of so many new sessions; honest peers and time go on."""
        for _ in range(sessions):
            self.said += 1
            source = 1000 + self.said % self.addresses
            nonce = self.bits() | 0x1000000
            kind = self.said & 3
            if kind < 2:
                self.ep(nonce, source, VALUE - (VALUE >> 3), WANT if kind else 0)
            else:
                self.row(nonce, source, 1 + (self.bits() & 0x3FF))
            if self.said % self.each_s == 0:
                self.second()

    def second(self):
        for _ in range(4):
            self.ms += 250
            self.node.tick()
        i = self.ms // 1000
        if i % SPEAK_S == 0:
            who = 1 + i // SPEAK_S % self.honest
            self.ep(who, who, self.replica.shard.settled[0])

    def trusted(self):
        """Honest peers that are trusted still."""
        routes = self.node.routes
        return len([i for i in range(self.honest) if routes.trusted(routes.known(1 + i))])

    def credited(self, i):
        """Raw credited to an honest peer's row."""
        p = self.replica.shard.find(self.epoch, 1 + i, 0)
        return self.replica.shard.credited[p] if p >= 0 else -1

    def until(self, done, limit_s):
        """Seconds of further flood until that is true."""
        for s in range(limit_s):
            if done():
                return s
            self.flood(self.each_s)
            yield
        return limit_s if done() else None


def run(sessions, addresses, each_s, honest):
    """The whole story; a collection of garbage takes place at each yield."""
    flood = Flood(addresses, each_s, honest)
    node = flood.node
    trusted = flood.trusted()
    flood.flood(WARM)
    yield
    before = heap()
    growth = []
    part = (sessions - WARM) // 4
    for _ in range(4):
        for _ in range(0, part, each_s):
            flood.flood(min(part, each_s))
            yield
        growth.append(heap() - before)
    # During the flood: an honest peer and the node itself contribute.
    flood.totals[3] += 500
    flood.honest_row(3)
    peer_s = yield from flood.until(lambda: flood.credited(3) == ROW + 500, PATIENCE_S)
    node.contribute("a", 2)
    session = node.ledger.session

    def own():
        p = flood.replica.shard.find(session.start, session.nonce, 0)
        return p >= 0 and flood.replica.shard.credited[p] == 2000

    own_s = yield from flood.until(own, PATIENCE_S)
    print(
        json.dumps(
            {
                "said": flood.said,
                "heap_growth": growth,
                "received": node.reception.received,
                "trusted_before": trusted,
                "trusted": flood.trusted(),
                "honest_rows": len([i for i in range(honest) if flood.credited(i) >= ROW]),
                "rows": flood.replica.shard.count,
                "peer_credited_s": peer_s,
                "own_credited_s": own_s,
                "settled": flood.replica.shard.settled[0],
                "established": flood.replica.established,
                "diverged": node.status()["diverged"],
                "routes": node.routes.n,
                "seconds": flood.ms // 1000,
            }
        )
    )


def heap():
    """Bytes in use; 0 where the interpreter cannot tell."""
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0


steps = run(*[int(a) for a in sys.argv[1:5]])
if sys.platform != "webassembly":  # there whoever runs the script takes them, see wasm/run.mjs
    for _ in steps:
        gc.collect()
