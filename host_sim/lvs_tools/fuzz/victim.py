"""One established node under attack, in virtual time, and the referee that watches it.

The referee knows nothing of how VaultGuard works: it sees values, settled vectors, clock and
memory from outside and raises Broken as soon as one of them does what guarantees G2, G3 and G7
exclude (docs/security.md), whatever was said to the node before.
"""

import random
from array import array

from lvs import LvsError, Node, decimal
from lvs.config import EPOCH_CYCLES
from lvs.fixed import MAX_RAW
from lvs.wide import MOST, of
from lvs.wire import MAX_FRAME, SdmWriter, encode_ep
from lvs_tools.world import prime

VALUE = 100000  # raw; a budget of 97 an epoch
_FIRST = 1  # address of the first honest peer
_QUIET_MS = 1000000  # an honest peer is heard at least so often: the victim is not left alone
_SLACK = 2  # cycles by which the clock may be ahead of twice the time: one under way, one due


class Broken(AssertionError):
    """A guarantee does not hold; the text says which and by how much."""


class Outnumbered(Exception):
    """More than half of all neighbours are the attacker's and have clocks far ahead: the victim
    comes back to them as after a power cut, as it should (docs/protocol.md, section 10)."""


class Port:
    """The victim's transport: counts what it sends, by destination. Addresses are numbers."""

    error = ""

    def __init__(self):
        self.sent = {}  # address or None: bytes
        self.frames = 0

    def send(self, frame, addr):
        """Book a frame."""
        self.frames += 1
        self.sent[addr] = self.sent.get(addr, 0) + len(frame)
        return True

    def recv(self):
        """Nothing: the attacker calls handle."""
        return None

    def key(self, addr):
        """The address is its route."""
        return addr & MAX_RAW

    def resolve(self, text):
        """An address written as a number."""
        if not text.isdigit():
            raise LvsError("peers: '%s' is no number" % text)
        return int(text)

    def name(self, addr):
        """An address as text for ``resolve``."""
        return str(addr)

    def close(self):
        """Nothing is open."""


def establish(node, value, peers):
    """Bring a new node to where a long quiet life would have led it.

    value: raw, settled in every channel; peers: (nonce, address) of trusted sessions.
    """
    prime.settle(node, [[value] * r.shard.slots for r in node.replicas], True)
    node.clock.hear()
    prime.trust(node, peers, False)


def _doubt_at_once(votes):
    count = votes.count

    def hasty(*args):
        for _ in range(4):
            count(*args)

    votes.count = hasty


class Victim:
    """An established node among ``peers`` trusted ones, which agree with it and are heard.

    value: raw, of every channel; start: its ticks; peers: how many are trusted, at the addresses
    1, 2, ...; made: called with the node before it is used; hasty: it doubts itself in the first
    epoch in which a majority is off, so that short attacks move it. Other keys go to the
    configuration.
    """

    def __init__(self, seed=1, value=VALUE, peers=8, start=0, made=None, hasty=False, **config):
        self.rng = random.Random(seed)
        self.ms = start
        self.begin_ms = start
        self.port = Port()
        self.node = Node(
            {"channels": ["a", "b"], "session_epochs": 48, "horizon_epochs": 32, **config},
            self.port,
            self._clock,
            lambda: self.rng.getrandbits(30),
        )
        self.sessions = [(self.node.clock.grain(), 1000 + i) for i in range(peers)]
        establish(
            self.node,
            value,
            [(nonce, self.address(i)) for i, (_, nonce) in enumerate(self.sessions)],
        )
        if hasty:
            for r in self.node.replicas:
                _doubt_at_once(r.votes)
        self._heartbeat = start
        self._buf = bytearray(MAX_FRAME)
        self._writer = SdmWriter()
        if made:
            made(self.node)
        self.referee = Referee(self)

    def _clock(self):
        return self.ms & MAX_RAW

    def address(self, peer):
        """Address of an honest peer."""
        return _FIRST + peer

    # --- what happens to it ---------------------------------------------------------------------

    def say(self, frame, source):
        """A datagram arrives."""
        heard = self.referee.heard
        heard[source] = heard.get(source, 0) + len(frame)
        self.node.handle(frame, source)
        self.referee.look()

    def wait(self, ms):
        """Time passes, tick by tick, as Node.run lets it; honest peers are heard now and then."""
        end = self.ms + ms
        while self.ms < end:
            self.ms += min(end - self.ms, max(1, int(self.node.tick())), 1000)
            self.referee.look()
            if self.ms - self._heartbeat > _QUIET_MS and self.sessions:
                self.agree(0)
        self.node.tick()
        self.referee.look()

    def stall(self, ms):
        """The machine does nothing for a while, then goes on."""
        self.ms += ms
        self.node.tick()
        self.referee.look()

    def settled(self, shard=0):
        """What the node has settled in the channels of a shard that it knows, raw."""
        replica = self.node.placement.find(shard)
        assert replica
        known = replica.shard
        return [int(known.settled[s]) for s in range(known.slots)]

    def contribute(self, channel, raw):
        """The application contributes."""
        amount = decimal.text(raw, decimal.STEP)
        self.node.contribute(self.node.config.channels[channel], amount)
        self.referee.given += raw
        self.referee.look()

    # --- frames ---------------------------------------------------------------------------------

    def ep(
        self,
        session,
        vector=None,
        cycle=None,
        horizon=None,
        flags=0,
        digests=None,
        shard=0,
        noise=None,
    ):
        """An EP; what is not given is as an honest peer in full agreement has it."""
        node = self.node
        r = node.placement.find(shard)
        assert r
        n = encode_ep(
            self._buf,
            node.config.tag,
            session[0] & 0xFFFF,
            session[1],
            node.clock.cycle & MAX_RAW if cycle is None else cycle,
            shard,
            self.rng.getrandbits(30) if noise is None else noise,
            (r.shard.horizon if horizon is None else horizon) & 0xFFFF,
            flags,
            0,
            1 << shard,
            0,
            0,
            r.shard.digests if digests is None else digests,
            r.shard.settled if vector is None else of(vector),
            r.shard.slots if vector is None else len(vector),
        )
        return bytes(self._buf[:n])

    def sdm(self, session, own=(), relays=(), cycle=None, weight=32, shard=0, buckets=0):
        """An SDM. own: (slot, total); relays: (start, nonce, slot, total)."""
        w = self._writer
        w.begin(
            self.node.config.tag,
            session[0] & 0xFFFF,
            session[1],
            self.node.clock.cycle & MAX_RAW if cycle is None else cycle,
            shard,
            weight,
            self.node.config.grain,
        )
        w.answers(buckets)
        for slot, total in own:
            w.own(slot, total)
        for start, nonce, slot, total in relays:
            w.relay(nonce, start & 0xFFFF, slot, total)
        return bytes(w.buf[: w.end()])

    def agree(self, peer):
        """An honest peer says its EP."""
        self._heartbeat = self.ms
        self.say(self.ep(self.sessions[peer]), self.address(peer))


class Referee:
    """Judges a victim after every event; raises Broken, or Outnumbered when that is over.

    heard: bytes by the address that they came from; given: raw contributed by the victim itself.
    """

    def __init__(self, victim):
        self.node = node = victim.node
        self.victim = victim
        self.heard = {}
        self.given = 0
        self.credited = 0  # raw that has come in by others' rows, ever
        self.drifted = 0  # raw that settled values have moved, ever
        self._cycle0 = self._cycle = int(node.clock.cycle)
        self._issued = 0
        self._slots = [(r, s) for r in node.replicas for s in range(r.shard.slots)]
        self._settled = [int(r.shard.settled[s]) for r, s in self._slots]
        self._value = [int(r.shard.value(s)) for r, s in self._slots]
        self._drift = [0] * len(self._slots)  # since the last look
        self._new_epoch(True)
        for r in node.replicas:
            self._wrap(r)
        self._load = weigh(node)
        cfg = node.config
        # Beyond what was allocated from the start: entries of the fixed tables' indices, own
        # sessions with four totals a channel, the scratch of joining and of unanswered wishes.
        own = 2 + cfg.session_epochs + cfg.horizon_epochs
        self._load_limit = self._load + 2 * cfg.routes + own * (16 + 5 * len(cfg.channels)) + 400

    def _wrap(self, replica):
        """See each fold from both sides: it moves settled values without changing any value."""
        shard = replica.shard
        advance = shard.advance

        def watched(epoch):
            self._look_at_settled()
            before = [shard.value(s) for s in range(shard.slots)]
            folded = advance(epoch)
            if [shard.value(s) for s in range(shard.slots)] != before:
                raise Broken("folding changed a value: %s" % before)
            self._settled = [int(r.shard.settled[s]) for r, s in self._slots]
            self._new_epoch(replica is self.node.replicas[0])
            return folded

        shard.advance = watched

    def value(self, channel):
        """Raw value of a channel."""
        return self.node.value(self.node.config.channels[channel], raw=True)

    def _new_epoch(self, first):
        if first:
            self._inflow = 0  # raw credited to others' rows in this epoch
        self._limit = [max(1, v >> 10) for v in self._settled]
        self._moved = [0] * len(self._slots)

    def _look_at_settled(self):
        for k, (r, s) in enumerate(self._slots):
            now = int(r.shard.settled[s])
            step = now - self._settled[k]
            if step:
                self._drift[k] += step
                self._settled[k] = now
                self._moved[k] += abs(step)
                self.drifted += abs(step)
                if abs(step) >= self.node.config.max_allowed_shift:
                    raise Broken("a step of %d raw" % step)
                if self._moved[k] > self._limit[k]:
                    raise Broken(
                        "settled moved by %d raw in an epoch; the budget is %d"
                        % (self._moved[k], self._limit[k])
                    )

    def look(self):
        """Check everything."""
        node = self.node
        self._look_at_settled()
        drift, self._drift = self._drift, [0] * len(self._slots)
        issued = self.given - int(sum(node.ledger.waiting))
        gain = 0
        # A node that was alone may take back what it said itself, to say it anew.
        taken_back = max(0, self._issued - issued)
        for k, (r, s) in enumerate(self._slots):
            v = int(r.shard.value(s))
            if not (0 <= v <= MOST and 0 <= r.shard.settled[s] <= MOST):
                raise Broken("a value of %d raw, settled %d" % (v, r.shard.settled[s]))
            if v < min(MOST, self._value[k] + drift[k]) - taken_back:
                raise Broken(
                    "a value fell by %d raw beyond the drift" % (self._value[k] + drift[k] - v)
                )
            gain += v - self._value[k] - drift[k]
            self._value[k] = v
        gain -= issued - self._issued
        self._issued = issued
        self._inflow += gain
        self.credited += gain
        cfg = node.config
        bound = len(self.heard) * cfg.route_budget
        if self._inflow > bound:
            raise Broken(
                "%d raw were credited in an epoch to %d addresses; the bound is %d"
                % (self._inflow, len(self.heard), bound)
            )
        self._look_at_clock()
        self._look_at_state()
        for addr, size in self.victim.port.sent.items():
            if addr is not None and size > self.heard.get(addr, 0):
                raise Broken(
                    "%d bytes were sent to an address from which %d had come"
                    % (size, self.heard.get(addr, 0))
                )

    def _look_at_clock(self):
        cycle = int(self.node.clock.cycle)
        if cycle < self._cycle:
            raise Broken("the clock went back from cycle %d to %d" % (self._cycle, cycle))
        self._cycle = cycle
        most = (self.victim.ms - self.victim.begin_ms) // 500 + _SLACK
        if cycle - self._cycle0 > most:
            raise Broken(
                "the clock advanced by %d cycles in %d ms"
                % (cycle - self._cycle0, self.victim.ms - self.victim.begin_ms)
            )

    def _look_at_state(self):
        node = self.node
        if self._outnumbered():
            raise Outnumbered()
        if node.life.recoveries or node.life.rejoins or node.state != "ACTIVE":
            raise Broken("an established node was brought to %s" % node.state)
        for r in node.replicas:
            s = r.shard
            if not r.established or not r.live or s.count > s.capacity:
                raise Broken("a replica is no longer what it was")
        if node.routes.n > node.routes.size:
            raise Broken("a table grew")

    def _outnumbered(self):
        """Did the victim just begin to come back, and may it?"""
        node = self.node
        ahead = sum(offset > EPOCH_CYCLES for offset in node.life._clocks.values())
        return node.state == "INIT" and 2 * ahead > node.routes.near

    def weigh(self):
        """Check the memory; slower, so only now and then."""
        load = weigh(self.node)
        if load > self._load_limit:
            raise Broken(
                "the node holds %d items; %d at the start, %d allowed"
                % (load, self._load, self._load_limit)
            )
        for r in self.node.replicas:
            for k in range(r.shard.count):
                p = r.shard.position(k)
                if not 0 <= r.shard.credited[p] <= r.shard.claimed[p] <= MAX_RAW:
                    raise Broken(
                        "a row with %d of %d credited" % (r.shard.credited[p], r.shard.claimed[p])
                    )


def weigh(thing):
    """Number of items in all containers of lvs objects reachable from one: what could grow."""
    total = 0
    todo, done = [thing], set()
    while todo:
        part = todo.pop()
        if id(part) in done or isinstance(part, (int, float, str, Port)) or part is None:
            continue
        done.add(id(part))
        if isinstance(part, (bytes, bytearray, array)):
            total += len(part)
        elif isinstance(part, dict):
            total += len(part)
            todo += part.values()
        elif isinstance(part, (list, tuple, set)):
            total += len(part)
            todo += [p for p in part if not isinstance(p, int)]
        elif type(part).__module__.startswith("lvs."):
            todo += vars(part).values()
    return total
