"""Node: the public face of the protocol.

``tick`` and ``handle`` are all of it: a simulator calls them as the run loop does. Everything the
node knows of the world it is handed: a transport, a clock, a source of entropy, a journal.
"""

from .anti_entropy import Sender
from .config import CLOSING, Config
from .drift_core import Drift
from .entropy_engine import I_MIN, Governor, Noise, Trickle
from .fixed import LvsError, NotDurable, const, parse_amount, serial_diff
from .ledger import Ledger
from .lifecycle import ACTIVE, INIT, Lifecycle
from .mesh_clock import MeshClock
from .peers import TC_START, Peers
from .placement import held_map, hold, ranked, rebalance
from .ram_journal import RamJournal
from .reception import hear
from .routes import Routes
from .run_loop import Changes, run
from .status import rows, status
from .wire import SLOTS, Frame

_SILENCE = const(16)  # cycles without an echo: then contributions go to a session of their own
_FORGERY = const(1024)  # cycles between two sessions that somebody's forgery forces on a node


class Node:
    """A member of a mesh.

    config: dict, path of a JSON file or Config; transport, clock, entropy, journal: the world;
    each has a default for a real machine (UDP, its clock, its random bits, RAM). frame: a
    wire.Frame to decode into, which nodes of one simulation may share. Raises ConfigError.
    """

    def __init__(self, config, transport=None, clock=None, entropy=None, journal=None, frame=None):
        self.config = cfg = config if isinstance(config, Config) else Config(config)
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
        self.load = 0
        self.sender = Sender(self)
        self.life = Lifecycle(self)
        self.running = True  # until stop(), which may come before run()
        self._overstated_at = -_FORGERY
        self.heard_at = None  # cycle when anybody was last heard
        self._peer_addrs = None
        self.peer_error = ""
        self.remembered = []  # addresses from the journal
        self.epoch = self.clock.epoch()
        self.rotate()
        if self.journal.restore(self):
            self.epoch = self.clock.epoch()
            self.rotate()
        for index in ranked(self.ledger.session.nonce, self.shards):
            if len(self.replicas) < cfg.held and not self.replica(index):
                hold(self, index)
        self.life.seek(INIT)

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
        ready = self.life.issuing()
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

    @property
    def state(self):
        """Lifecycle state, a word."""
        return self.life.state

    def low_power(self, on):
        """Enter or leave low power: intervals four times as long, contributions kept.

        Said again whenever the radio is back on, it makes the node speak within a second.
        """
        self.trickle.least = I_MIN
        self.trickle.restart(self.now())
        self.trickle.least = 4 * I_MIN if on else I_MIN
        self.life.low_power(bool(on))

    def rows(self):
        """Iterator of (session, channel, claimed raw, credited raw) over the rows held here."""
        return rows(self)

    def status(self):
        """What there is to know about this node, as a dict for people and programs."""
        return status(self)

    def run(self, check_in=None):
        """Take part in the mesh until ``stop`` is called: a coroutine, see run_loop."""
        return run(self, check_in)

    def stop(self):
        """Let ``run`` return. Nothing is said to anybody: a silent exit is as good as any."""
        self.running = False

    # --- contributions ------------------------------------------------------------------------

    def rotate(self):
        """Begin a session; what follows is contributed in it."""
        if self.ledger.sessions:
            for r in self.replicas:
                self.sender.retire(r)
        self.ledger.open(self.clock.epoch(), self.noise.nonce())
        session = self.ledger.session
        session.alone = session.parted = self.silence() > _SILENCE
        cfg = self.config
        # Not all nodes at once: a session ends up to a quarter early.
        self._session_end = (
            self.clock.epoch() + cfg.session_epochs - self.noise.below(1 + cfg.session_epochs // 4)
        )

    def _part(self):
        """Perhaps nobody hears me: keep what follows apart from what they may know."""
        session = self.ledger.session
        if not session.parted and self.silence() > _SILENCE and session.unknown():
            self.rotate()

    def _issue(self, session, c):
        r = self.replica(c // SLOTS)
        if r and r.shard.count >= r.shard.capacity and not session.total[c]:
            return  # no room for a row: it waits
        if self.ledger.issue(session, c, self.config.max_allowed_shift - 1):
            p = r.own_row(session, c) if r else -1
            if session is self.ledger.session:
                self.sender.own(c, self.now())
            elif p >= 0:
                self.sender.late(r, session, c % SLOTS)

    def _issue_all(self):
        ledger = self.ledger
        ledger.new_cycle()
        ledger.place(not self.journal.error)
        # Not before the journal lets it go: told twice, it would count twice.
        if ledger.barred() and not self.journal.sync(self) and ledger.session.barred():
            self.rotate()  # for what comes a session without a bar
        for session in list(ledger.sessions):
            for c in range(ledger.channels):
                if session.total[c] < session.target[c]:
                    self._issue(session, c)

    def silence(self):
        """Cycles since anybody was heard."""
        return 0x7FFF if self.heard_at is None else self.clock.cycle - self.heard_at

    def enter(self, r):
        """Enter my own rows into a shard: they are mine to know."""
        first = r.first_channel()
        for session in self.ledger.sessions:
            for c in range(first, first + r.shard.slots):
                if session.total[c]:
                    r.own_row(session, c)

    def met(self, epoch):
        """Somebody is heard in this epoch: what he can take no more of what I did alone nobody
        has taken, so it begins anew."""
        session = self.ledger.session
        oldest = epoch - (self.config.lifetime - CLOSING) - 1
        if session.alone and serial_diff(session.start, oldest) <= 0:
            self.rotate()
        for s in self.ledger.met(oldest):
            for r in self.replicas:
                r.shard.drop(s.start, s.nonce)
                r.guard.lowered()
                r.gossip.forget()

    def overstated(self, session):
        """Somebody tells more of my session than I do: contribute under another from now on."""
        if session is self.ledger.session and self.clock.cycle - self._overstated_at >= _FORGERY:
            self._overstated_at = self.clock.cycle
            self.rotate()

    # --- hearing ------------------------------------------------------------------------------

    def drop(self, reason):
        """Count a frame that was not believed."""
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
        hear(self, data, addr)

    def soon(self):
        """Shortest Trickle interval (ms) at present: suppression bounds EPs, so little stretch."""
        return self.trickle.least * min(2, self.governor.stretch())

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
                self.life.repair(r)
        if epoch != self.epoch:
            self._next_epoch(epoch)
        self.life.cycle(now)
        if self.life.issuing():
            self._issue_all()
            cycle = self.clock.cycle
            for r in self.replicas:
                if r.cycle(self.drift, cycle):
                    self.sender.corrected(r, now)
                if r.unsettled():
                    self.trickle.hurry(now, self.soon())
                if r.gossip.cycle(now, self.peers.n):
                    self.trickle.news(now, 2 * self.soon())
        if self.clock.cycle & 3 == 0:
            # Four cycles of half the length gain two, of twice the length lose four.
            slew = self.clock.slew
            self.peers.gained(2 if slew > 0 else -4 if slew < 0 else 0)
            self.clock.steer(self.peers.clock_offset(TC_START, self.clock.cycle, 128))
        self.journal.note(self)

    def _next_epoch(self, epoch):
        self.epoch = epoch
        self.routes.new_epoch(epoch)
        cfg = self.config
        self.ledger.new_epoch(cfg.route_budget)
        alone = self.silence() > cfg.horizon_epochs * 64
        self.ledger.fold(epoch - cfg.lifetime - 1, alone)
        if self.life.issuing() and epoch >= self._session_end:
            self.rotate()
        for r in self.replicas:
            if r.shard.verify() and not r.suspect:
                self.life.repair(r)
            if r.live and r.established and r.guard.fallen():
                self.life.recover("value fell by an eighth", r)
            r.next_epoch(epoch, self.clock.cycle, self.routes, self.peers)
            if r.again:
                self.sender.reset(self.now())
            if r.voices.disputed and r.live:
                self.sender.vote(r.index, self.now())
        if self.shards > 1 and self.state == ACTIVE:
            rebalance(self)
            self.sender.new_epoch()

    # --- for the modules of a node ---------------------------------------------------------------

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
