"""Node: the public face, the lifecycle, and the asyncio tasks around the protocol.

``tick`` and ``handle`` are all of it: a simulator calls them as ``run`` does. Everything the node
knows of the world it is handed: a transport, a clock, a source of entropy, a journal.
"""

import asyncio

from .anti_entropy import Sender
from .config import CLOSING, Config
from .drift_core import Drift
from .entropy_engine import I_MIN, Governor, Noise, Trickle
from .fixed import MAX_RAW, LvsError, NotDurable, parse_amount, serial_diff
from .ledger import Ledger
from .mesh_clock import MeshClock
from .peers import NONE, TC_START, TRUSTED, Peers
from .placement import held_map, hold, ranked, rebalance
from .ram_journal import RamJournal
from .routes import Routes
from .state_shard import GREW, NEW, OLD
from .vaultguard import note_correction
from .voices import DIVERGED
from .wire import EP, JOINING, LOW_POWER, RECOVERING, SLOTS, VALUE, WANT, Frame

INIT = "INIT"  # looking for peers and state
JOIN = "JOINING"  # has a settled vector, fetches rows
ACTIVE = "ACTIVE"
LOW = "LOW_POWER"  # active, with long intervals
RECOVER = "RECOVERING"  # doubts its own state: adopts its peers'

_ALONE = 8  # cycles without an offer until a node goes on by itself
_ENOUGH = 3  # offers that suffice
_PATIENCE = 5  # cycles to wait for more after the first offer
_ROWS = 32  # cycles for fetching rows before a node calls itself active all the same
_SILENCE = 16  # cycles without an echo after which contributions go to a session of their own
_LOUD = 192  # frames an epoch beyond which a route's are not counted as everybody's traffic
_FORGERY = 1024  # cycles between two sessions that somebody's forgery forces on a node
_LAST_CYCLE = MAX_RAW - (1 << 20)  # 34 years
_STRAY = 64  # cycles by which a fresh node's clock may be behind before it joins anew


class Node:
    """A member of a mesh.

    config: dict, path of a JSON file or Config; transport, clock, entropy, journal: the world;
    each has a default for a real machine (UDP, its clock, its random bits, RAM). frame: a
    wire.Frame to decode into, which nodes of one simulation may share. Raises ConfigError.
    """

    def __init__(
        self, config, transport=None, clock=None, entropy=None, journal=None, frame=None
    ):
        self.config = cfg = Config(config)
        if clock is None or entropy is None:
            from . import world

            clock = clock or world.clock
            entropy = entropy or world.entropy
        if transport is None:
            from .transport_layer import UdpTransport

            transport = UdpTransport(cfg.address, cfg.broadcast, cfg.port, clock)
        self.transport = transport
        self.now = clock
        self.journal = journal or RamJournal()
        self.frame = frame or Frame()
        now = clock()
        self.noise = Noise(entropy)
        self.trickle = Trickle(self.noise, now)
        self.governor = Governor(cfg.kb_per_min, now)
        lifetime = cfg.lifetime
        # A mesh begins where no horizon is negative.
        self.clock = MeshClock(now, (lifetime + 2) * 64)
        self.routes = Routes(cfg.routes, self.noise.nonce())
        self.peers = Peers(cfg.sessions, self.noise.nonce())
        self.drift = Drift()
        self.ledger = Ledger(len(cfg.channels))
        self.ledger.new_epoch(cfg.route_budget)
        self.shards = (len(cfg.channels) + SLOTS - 1) // SLOTS
        self.replicas = []  # the shards held here, by number
        self.dropped = {}
        self.received = self.received_bytes = 0
        self.recoveries = 0
        self.doubts = ""  # why this node last recovered
        self.rejoins = 0
        self.load = 0
        self.sender = Sender(self)
        self._low = False
        self._running = True  # until stop(), which may come before run()
        self._overstated_at = -_FORGERY
        self._heard_at = None  # cycle when anybody was last heard
        self._peer_addrs = None
        self.peer_error = ""
        self.remembered = []  # addresses from the journal
        self.state = INIT
        self._epoch = self.clock.epoch()
        self._rotate()
        if self.journal.restore(self):
            self._epoch = self.clock.epoch()
            self._rotate()
        for index in ranked(self.ledger.session.nonce, self.shards):
            if len(self.replicas) < cfg.held and not self.replica(index):
                hold(self, index)
        self._seek(INIT)

    # --- for applications ---------------------------------------------------------------------

    def _channel(self, name):
        for c, known in enumerate(self.config.channels):
            if known == name:
                return c
        raise LvsError(
            "channel '%s' is not in this mesh; there are: %s"
            % (name, ", ".join(self.config.channels))
        )

    def replica(self, index):
        """The replica of a shard, or None if it is not held here."""
        for r in self.replicas:
            if r.index == index:
                return r
        return None

    def contribute(self, channel, amount, durable=False):
        """Add an amount (VU: int, float or decimal text) to a channel.

        What exceeds max_allowed_shift waits and is issued over the next cycles. durable: return
        only when a power cut can no longer lose it (the journal is written; without it that takes
        up to Journal's ``flush_s``). Raises LvsError and changes nothing for an unknown channel,
        an amount that is no number, negative or too large, or durable without a journal. Raises
        NotDurable when the journal cannot be written: then the contribution counts all the same,
        and must not be made again; only a power cut could lose it.
        """
        c = self._channel(channel)
        raw = parse_amount(amount)
        if durable and not self.journal.durable:
            raise LvsError("durable: this node has no journal; give it journal=Journal(path)")
        ready = self._issuing()
        if ready and raw:
            self._part()
        held = self.replica(c // SLOTS)
        self.ledger.add(c, raw, self._raw(c) if held else 0, ready)
        if durable:  # told from the next cycle on, so that the journal knows it untold
            self._keep()
        elif ready:
            self._issue(self.ledger.session, c)

    async def flush(self):
        """Return when a power cut can no longer lose what was contributed so far.

        Raises NotDurable when the journal cannot be written, LvsError when there is none.
        """
        if not self.journal.durable:
            raise LvsError("flush: this node has no journal; give it journal=Journal(path)")
        self._keep()

    def _keep(self):
        if not self.journal.flush(self):
            raise NotDurable(
                "accepted, but not safe from a power cut: %s; do not contribute it again"
                % self.journal.error
            )

    def _raw(self, c):
        r = self.replica(c // SLOTS)
        return r.shard.value(c % SLOTS) if r else self.sender.read(c)

    def value(self, channel, raw=False):
        """Value of a channel in VU (float), or in raw units (int, exact). 1 VU is 256 raw.

        A channel of a shard that this node does not hold is asked for from the holders; until they
        answer it is the newest known. ``age`` tells.
        """
        v = self._raw(self._channel(channel))
        return v if raw else v / 256

    def age(self, channel):
        """Cycles since the value was last heard: 0 if held here, None if never."""
        c = self._channel(channel)
        return 0 if self.replica(c // SLOTS) else self.sender.age(c // SLOTS)

    def changes(self):
        """Async iterator of (channel, value) for every channel whose value changed."""
        return Changes(self)

    def rows(self):
        """Iterator of (session, channel, claimed raw, credited raw) over the rows held here."""
        for r in self.replicas:
            s = r.shard
            for k in range(s.count):
                p = s.position(k)
                yield (
                    session_name(s.start[p], s.nonce[p]),
                    self.config.channels[r.first_channel() + s.slot[p]],
                    s.claimed[p],
                    s.credited[p],
                )

    def low_power(self, on):
        """Enter or leave low power: intervals four times as long, contributions kept."""
        self._low = bool(on)
        self.trickle.least = 4 * I_MIN if on else I_MIN
        if self.state in (ACTIVE, LOW):
            self.state = LOW if on else ACTIVE

    def status(self):
        """What there is to know about this node, as a dict for people and programs."""
        reps = self.replicas
        trusted, trust = self.peers.trust()
        return {
            "state": self.state,
            "mesh": self.config.mesh,
            "tag": "%08x" % self.config.tag,
            "session": session_name(self.ledger.session.start, self.ledger.session.nonce),
            "cycle": self.clock.cycle,
            "epoch": self._epoch,
            "horizon": max([r.shard.horizon for r in reps] or [0]),
            "peers": self.peers.recent(self.clock.cycle, 256),
            "trusted": trusted,
            "trust_mean": trust,
            "confidence": min([r.confidence for r in reps] or [0]),
            "established": all([r.established for r in reps]),
            "diverged": any([r.verdict == DIVERGED for r in reps]),
            "pending_raw": self.ledger.outstanding(),
            "rows": sum([r.shard.count for r in reps]),
            "rows_max": self.config.rows * len(self.replicas),
            "refused": sum([r.refused for r in reps]),
            "expired": sum([r.expired for r in reps]),
            "max_step": max([r.max_step for r in reps] or [0]),
            "dropped": dict(self.dropped),
            "sent": self.sender.sent,
            "received": self.received,
            "sent_bytes": self.sender.sent_bytes,
            "received_bytes": self.received_bytes,
            "recoveries": self.recoveries,
            "rejoins": self.rejoins,
            "held": [r.index for r in reps],
            "warnings": self._warnings(),
        }

    def _warnings(self):
        out = []
        for text in (
            getattr(self.transport, "error", ""),
            self.peer_error,
            self.journal.error,
            self.journal.notice,
            self.doubts,
        ):
            if text:
                out.append(text)
        if self.dropped.get("tag"):
            out.append(
                "mesh: %d frames of another mesh, channel list or mesh parameter were heard and "
                "ignored; nodes that belong together need the same" % self.dropped["tag"]
            )
        for r in self.replicas:
            if r.refused:
                out.append(
                    "rows: shard %d had no room for a row %d times; raise 'rows'"
                    % (r.index, r.refused)
                )
            if r.orphan:
                out.append("shard %d: no node held it; what it had is lost" % r.index)
            if r.verdict == DIVERGED:
                out.append("shard %d: most peers hold other values; drifting there" % r.index)
        return out

    async def run(self):
        """Take part in the mesh until ``stop`` is called: the receive task and the cycle task."""
        receiving = asyncio.create_task(self._receive_task())
        try:
            while self._running:
                await _sleep_ms(min(self.tick(), 100))
        finally:
            self._running = False
            receiving.cancel()
            self.journal.close()
            self.transport.close()

    async def _receive_task(self):
        while self._running:
            self.receive()
            await _sleep_ms(15)

    def stop(self):
        """Let ``run`` return. Nothing is said to anybody: a silent exit is as good as any."""
        self._running = False

    # --- contributions ------------------------------------------------------------------------

    def _issuing(self):
        return self.state in (ACTIVE, LOW, JOIN)

    def _rotate(self):
        if self.ledger.sessions:
            for r in self.replicas:
                self.sender.retire(r)
        self.ledger.open(self.clock.epoch(), self.noise.nonce())
        self.ledger.session.alone = self._silence() > _SILENCE
        cfg = self.config
        # Not all nodes at once: a session ends up to a quarter early.
        self._session_end = self.clock.epoch() + cfg.session_epochs - self.noise.below(
            1 + cfg.session_epochs // 4
        )

    def _part(self):
        """Perhaps nobody hears me: keep what follows apart from what they may know."""
        session = self.ledger.session
        if not session.alone and self._silence() > _SILENCE and session.unknown():
            self._rotate()

    def _issue(self, session, c):
        r = self.replica(c // SLOTS)
        if r and r.shard.count >= r.shard.capacity and not session.total[c]:
            return  # no room for a row: it waits
        if self.ledger.issue(session, c, self.config.max_allowed_shift - 1):
            p = r.own_row(session, c) if r else -1
            if session is self.ledger.session:
                self.sender.own(c, self.now())
            elif p >= 0:
                self.sender.learned(r, p, self.now())

    def _issue_all(self):
        ledger = self.ledger
        ledger.new_cycle()
        ledger.place(not self.journal.error)
        # Not before the journal lets it go: told twice, it would count twice.
        if ledger.barred() and not self.journal.sync(self) and ledger.session.barred():
            self._rotate()  # for what comes a session without a bar
        for session in list(ledger.sessions):
            for c in range(ledger.channels):
                if session.total[c] < session.target[c]:
                    self._issue(session, c)

    def _silence(self):
        return 0x7FFF if self._heard_at is None else self.clock.cycle - self._heard_at

    # --- hearing ------------------------------------------------------------------------------

    def _drop(self, reason):
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def receive(self, limit=8):
        """Handle up to ``limit`` waiting datagrams; returns how many there were."""
        for n in range(limit):
            got = self.transport.recv()
            if got is None:
                return n
            self.handle(got[0], got[1])
        return limit

    def handle(self, data, addr):
        """One datagram: hostile until it has proved otherwise. Never raises."""
        cfg = self.config
        size = len(data)
        key = self.transport.key(addr)
        route = self.routes.known(key)
        if not self.routes.receive(route, size):
            self._drop("quota")
            return
        f = self.frame
        reason = f.decode(data, cfg.tag, len(cfg.channels))
        if reason:
            self._drop(reason)
            return
        if f.nonce == self.ledger.session.nonce:
            self._drop("own")
            return
        if f.cycle >= _LAST_CYCLE:
            self._drop("malformed")  # a clock that nobody reaches
            return
        route = self.routes.admit(key, addr, self._epoch)
        if self.routes.fresh:
            for r in self.replicas:
                r.voices.clear(route)
        self.received += 1
        self.received_bytes += size + 28
        # What liars and shouters send must not silence the others.
        if self.routes.frames[route] < _LOUD and self.peers.tc_of(f.nonce) >= TC_START:
            self.governor.spend(size)
        self._met(f.cycle >> 6)
        if self._silence() > cfg.horizon_epochs * 64:
            self._return()
        self._heard_at = self.clock.cycle
        if f.kind == EP:
            self._hear_ep(f, addr, key, route)
        else:
            self._hear_sdm(f, key, route)

    def _hear_ep(self, f, addr, key, route):
        cycle = self.clock.cycle
        offset = f.cycle - cycle
        stateless = f.flags & (JOINING | RECOVERING)
        peer = self.peers.find(f.nonce)
        if peer != NONE:
            if f.cycle < self.peers.cycle[peer]:
                self._drop("replay")
                return
            if self.peers.key[peer] != key and (
                self.peers.tc[peer] >= TRUSTED or cycle - self.peers.last[peer] < 256
            ):
                self._drop("route")  # somebody else speaks for a session that is alive
                return
        if not stateless:
            peer = self.peers.admit(f.nonce, f.start, key, cycle)
            if peer != NONE:
                self.peers.cycle[peer] = min(f.cycle, cycle + 2)
                self.peers.offset[peer] = max(-1000, min(1000, offset))
                self.peers.held[peer] = f.held
        r = self.replica(f.shard)
        if f.flags & VALUE:
            if self.peers.tc_of(f.nonce) >= TRUSTED or not self.peers.trust()[0]:
                self.sender.answer(f, cycle)
            return
        if f.flags & WANT:
            self.sender.wanted(f, addr, self.now())
        if r is None or stateless:
            if r and r.live and stateless and self.state != INIT:
                self._compare(r, f, addr)
            if not (r and r.live):
                self.trickle.hear(True, route)  # one question is enough for all who seek
            return
        self.sender.heard_state(f.shard)
        if not r.live or self.state in (INIT, RECOVER):
            self._offer(f, key, r, route)
            return
        if offset > _STRAY and not r.established:
            if key not in self._strays:
                self._strays.append(key)
            if len(self._strays) >= min(_ENOUGH, self.routes.recent(self._epoch, 2)):
                self._rejoin()
            return
        agrees = r.sample(f, self.peers, peer, self.routes, route, key, cycle)
        same = self._compare(r, f, addr) and -2 < offset < 2
        # Whoever disagrees does not silence those who have something to defend.
        if agrees or not r.established:
            self.trickle.hear(agrees and same, route)
        if not (agrees and same):
            self.trickle.news(self.now(), self._soon())

    def _soon(self):
        """Shortest Trickle interval (ms) at present: suppression bounds EPs, so little stretch."""
        return self.trickle.least * min(2, self.governor.stretch())

    def _compare(self, r, f, addr):
        bits = r.lacking(f, not f.flags & (JOINING | RECOVERING))
        if bits == 0:
            self.ledger.heard_all(r.first_channel(), r.shard.slots)
            return True
        if bits is None:
            return True
        self.sender.lacking(r, bits, f, addr, self.now())
        return r.gossip.in_flight(self.now(), self.peers.n)  # then a difference is no news

    def _hear_sdm(self, f, key, route):
        r = self.replica(f.shard)
        if r is None or not r.live:
            return
        base = r.first_channel()
        now = self.now()
        r.gossip.heard_sdm()
        for i in range(f.owns):
            self._hear_row(
                r, f.start, f.nonce, f.own_slot[i], f.own_total[i], route, base, now, key
            )
        for i in range(f.relays):
            self._hear_row(
                r,
                f.relay_start[i],
                f.relay_nonce[i],
                f.relay_slot[i],
                f.relay_total[i],
                route,
                base,
                now,
                key,
            )
        if f.corrections and f.weight:
            for i in range(f.corrections):
                note_correction(self.routes, route, f.correction_step[i])
            self.sender.corrections += 1
        if f.buckets and (not r.established or self.peers.tc_of(f.nonce) >= TRUSTED):
            r.gossip.answered(f.buckets)

    def _hear_row(self, r, start, nonce, slot, total, route, base, now, key):
        mine = self.ledger.find(start, nonce)
        if mine and not self.ledger.heard(mine, base + slot, total):
            # Somebody overstates me: contribute under another session from now on.
            if (
                mine is self.ledger.session
                and self.clock.cycle - self._overstated_at >= _FORGERY
            ):
                self._overstated_at = self.clock.cycle
                self._rotate()
        own = nonce == self.frame.nonce
        did, p = r.row(
            start, nonce, slot, total, self.routes, route, self.clock.cycle, own, self.peers
        )
        if did == NEW or did == GREW:
            self.sender.learned(r, p, now, key)
            if own:
                self.peers.contributed(nonce, r.shard.credited[p] >> 8)
        elif did == OLD:
            self.sender.behind(r, start, nonce, slot, now)

    # --- time ---------------------------------------------------------------------------------

    def tick(self):
        """Do what is due; returns the milliseconds until something is due again (1..1000)."""
        now = self.now()
        self.governor.refill(now)
        while self.clock.advance(now):
            self._cycle(now)
        if self.trickle.poll(now):
            self.sender.say_ep(now)
        wait = self.sender.poll(now)
        wait = min(wait, self.clock.wait(now), self.trickle.wait(now), 1000)
        return wait if wait > 0 else 1

    def _cycle(self, now):
        epoch = self.clock.epoch()
        for r in self.replicas:
            if r.shard.damaged and not r.suspect:
                self._repair(r)
        if epoch != self._epoch:
            self._next_epoch(epoch)
        if self.state == INIT or self.state == RECOVER:
            self._join(now)
        else:
            self._fill()
        if self.state == JOIN:
            self._synced()
        if self._issuing():
            self._issue_all()
        if self.state != RECOVER and self.state != INIT:
            cycle = self.clock.cycle
            for r in self.replicas:
                if r.cycle(self.drift, cycle):
                    self.sender.corrected(r, now)
                if r.unsettled():
                    self.trickle.hurry(now, self._soon())
                if r.gossip.cycle(now, self.peers.n):
                    self.trickle.news(now, 2 * self._soon())
        if self.clock.cycle & 3 == 0:
            self._steer()
        self.journal.note(self)

    def _steer(self):
        self.clock.steer(self.peers.clock_offset(TC_START, self.clock.cycle, 128))

    def _next_epoch(self, epoch):
        self._epoch = epoch
        self.routes.new_epoch()
        cfg = self.config
        self.ledger.new_epoch(cfg.route_budget)
        alone = self._silence() > cfg.horizon_epochs * 64
        self.ledger.fold(epoch - cfg.lifetime - 1, alone)
        if self._issuing() and epoch >= self._session_end:
            self._rotate()
        for r in self.replicas:
            if r.shard.verify() and not r.suspect:
                self._repair(r)
            if r.live and r.established and r.guard.fallen():
                self.recover("value fell by an eighth", r)
            r.next_epoch(epoch, self.clock.cycle, self.routes, self.peers)
            if r.again:
                self.sender.reset(self.now())
        if self.state == ACTIVE and self.shards > 1:
            rebalance(self)
            self.sender.new_epoch()

    # --- lifecycle ----------------------------------------------------------------------------

    def _seek(self, state):
        """Look for state: from the start, after an absence, or in doubt of my own."""
        self.state = state
        self._sought = 0
        self._offered = 0  # cycles since the first offer
        self._strays = []  # routes far ahead of a fresh clock
        self._offers = []  # (route, its clock against mine), the newest last
        for r in self.replicas:
            r.window.expire(MAX_RAW)
            r.synced = False
            r.sought = 0

    def recover(self, why, replica=None):
        """Doubt a shard's state, or all of them: stop drifting and adopt the peers' (specification
        8.2; docs/durability.md). why: for people."""
        for r in [replica] if replica else self.replicas:
            r.suspect = True
        self.doubts = "recovered %d times, last because %s" % (self.recoveries + 1, why)
        self.recoveries += 1
        if self.state != INIT:
            self._seek(RECOVER)
            self.sender.reset(self.now())

    def _repair(self, r):
        """Values or rows of a shard have changed by themselves: a flipped bit, a wild write."""
        n = r.shard.damaged
        r.repair()
        self._enter(r)
        self.recover("%d values in the memory of shard %d had changed" % (n, r.index), r)

    def _enter(self, r):
        """Enter my own rows into a shard: they are mine to know."""
        first = r.first_channel()
        for session in self.ledger.sessions:
            for c in range(first, first + r.shard.slots):
                if session.total[c]:
                    r.own_row(session, c)

    def _rejoin(self):
        """A fresh node whose clock was never the mesh's: start over, keep what was contributed."""
        self.rejoins += 1
        self.ledger.astray()
        for r in self.replicas:
            r.live = False
        self._seek(INIT)
        self.sender.reset(self.now())

    def _return(self):
        """Somebody is heard again after more than a horizon: nobody else knows what I folded."""
        if self._heard_at is None and not any(self.ledger.exile):
            return  # just switched on
        self.rejoins += 1
        for c in range(self.ledger.channels):
            owed = self.ledger.exile[c]
            if not owed:
                continue
            self.ledger.owe(c, owed)
            r = self.replica(c // SLOTS)
            if r:
                left = r.shard.settled[c % SLOTS] - owed
                r.shard.settle(c % SLOTS, left if left > 0 else 0)
        for r in self.replicas:
            r.live = False
        self._seek(INIT)
        self.sender.reset(self.now())

    def _met(self, epoch):
        """Somebody is heard in this epoch: what he can take no more of what I did alone nobody
        has taken, so it begins anew."""
        session = self.ledger.session
        oldest = epoch - (self.config.lifetime - CLOSING) - 1
        if session.alone and serial_diff(session.start, oldest) <= 0:
            self._rotate()
        for s in self.ledger.met(oldest):
            for r in self.replicas:
                r.shard.drop(s.start, s.nonce)
                r.gossip.forget()

    def _offer(self, f, key, r, route):
        if r.again and f.horizon != r.shard.horizon & 0xFFFF:
            return  # from before the fold
        # One voice a route: sessions cost nothing.
        self._offers = [o for o in self._offers if o[0] != key][-14:]
        self._offers.append((key, f.cycle - self.clock.cycle))
        r.offer(f, key, self.clock.cycle)

    def _offered_now(self):
        """How many offers there are for what is sought."""
        if self.state != RECOVER:
            return len(self._offers)
        return min([r.window.n for r in self.replicas if r.suspect] or [0])

    def _join(self, now):
        """Once a cycle while seeking: adopt, wait, or go on alone."""
        self._sought += 1
        n = self._offered_now()
        if n:
            self._offered += 1
            if n < _ENOUGH and self._offered < _PATIENCE:
                return
        elif self._sought < _ALONE:
            return
        recovering = self.state == RECOVER
        if n and not recovering:
            offsets = sorted([o[1] for o in self._offers])
            self.clock.adopt(self.clock.cycle + offsets[len(offsets) // 2], now)
        epoch = self.clock.epoch()
        moved = epoch != self._epoch
        self._epoch = epoch
        for r in self.replicas:
            self._revive(r, n, epoch, moved)
        # A session without contributions begins now, and none from before a jump of the clock
        # goes on.
        if moved or not recovering and not max(self.ledger.session.target):
            self._rotate()
        if moved:
            self.ledger.fold(epoch - self.config.lifetime - 1, False, True)
        self._sought = 0
        self.state = JOIN if n else LOW if self._low else ACTIVE
        self.sender.reset(now)

    def _revive(self, r, n, epoch, moved):
        """Give a shard state: the peers', or what I kept. n: offers; moved: the clock jumped."""
        cycle = self.clock.cycle
        if self.state == RECOVER and not r.suspect:
            return
        if n and (r.suspect or r.stale()):
            if r.adopt(epoch, cycle):
                r.repaired()
                self._enter(r)
                return
            if not r.suspect:
                return  # there is a mesh, but nobody has spoken of this shard yet
        if r.suspect:
            self.journal.repair(self, r)
            r.repaired()
        if moved:
            r.next_epoch(epoch, cycle, self.routes, self.peers)
        r.go_live(cycle)

    def _fill(self):
        """Once a cycle: shards held here without state adopt what is offered for them."""
        for r in self.replicas:
            if r.live:
                r.fetching = 0 if r.synced or not r.fetching else r.fetching - 1
                continue
            r.sought += 1
            n = r.window.n
            if n >= _ENOUGH or n and r.sought >= _PATIENCE:
                self._revive(r, n, self._epoch, False)
                r.fetching = _ROWS
                self.sender.reset(self.now())
            elif r.sought >= _ROWS:
                r.orphan = not (r.kept or r.again)  # in a mesh that has no state of it
                r.whole = True
                self._revive(r, 0, self._epoch, False)
                self._enter(r)

    def _synced(self):
        """Once a cycle while fetching rows: active when a peer's digests were equal to mine."""
        self._sought += 1
        if self._sought < _ROWS and not all([r.synced for r in self.replicas]):
            return
        self.state = LOW if self._low else ACTIVE

    def flags(self):
        """EP flags for the present state."""
        f = LOW_POWER if self._low else 0
        if self.state == INIT or self.state == JOIN:
            f |= JOINING | WANT
        elif self.state == RECOVER:
            f |= RECOVERING | WANT
        return f

    def held_map(self):
        """Bit map of the shards held here."""
        return held_map([r.index for r in self.replicas])

    def peer_addrs(self):
        """Addresses of the configured peers; those that cannot be resolved are left out."""
        if self._peer_addrs is None:
            self._peer_addrs = []
            for text in self.config.peers:
                try:
                    self._peer_addrs.append(self.transport.resolve(text))
                except LvsError as e:
                    self.dropped["peer"] = self.dropped.get("peer", 0) + 1
                    self.peer_error = str(e)
        return self._peer_addrs


class Changes:
    """Async iterator over (channel, value in VU) of a node's changes, the newest value of each."""

    def __init__(self, node):
        self._node = node
        self._last = [node._raw(c) for c in range(len(node.config.channels))]

    def __aiter__(self):
        return self

    async def __anext__(self):
        while True:
            for c, last in enumerate(self._last):
                raw = self._node._raw(c)
                if raw != last:
                    self._last[c] = raw
                    return self._node.config.channels[c], raw / 256
            await _sleep_ms(100)


def session_name(start, nonce):
    """A session as text: start epoch and nonce in hex."""
    return "%04x-%08x" % (start, nonce)


async def _sleep_ms(ms):
    await asyncio.sleep(ms / 1000)
