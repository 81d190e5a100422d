"""A leaf: a node that holds nothing and sleeps most of the time (docs/protocol.md, section 10).

It wakes, asks (what time it is in the mesh, the values, what is known of its own rows), tells its
running totals, hears that somebody holds them, and sleeps: ``wake``, and ``receive`` and ``tick``
until ``awake`` is False. Its state is some dozen bytes, which the caller keeps (leaf_state). What
not every waking needs is loaded when it does: leaf_restore, leaf_sessions, leaf_status, audit.
"""

from . import decimal
from .config import CLOSING, EPOCH_CYCLES, Config
from .fixed import LONG, MAX_RAW, LvsError, NotDurable, const, serial_diff, ticks_diff, unload
from .leaf_state import ASKED, SESSIONS, Kept
from .ledger import TAKEN, Ledger
from .wide import BRIM, END, Wide
from .wire import (
    AUDIT,
    BUCKETS,
    EP,
    JOINING,
    RECOVERING,
    SDM,
    SLOTS,
    VALUE,
    WANT,
    Frame,
    SdmWriter,
    encode_ep,
)

_ROUND_MS = const(400)  # between two times that it asks and tells, and up to 255 more by chance
_VOICES_MS = const(250)  # for further voices, after the first that says what time it is
_VOICES = const(3)  # ... unless there are so many
_MOST_VOICES = const(24)
_NEAR = const(1024)  # cycles, or a grain: a clock farther off waits for more voices
_OWN_MS = const(600)  # then it tells more, though nobody said what is known of its rows ...
_CLAIMS_MS = const(1800)  # ... or somebody that there is more of them: others may, too
_LATE = const(8)  # epochs before it is folded, at least, in which a session is only asked for
_ANSWERS = const(4)  # audits that are answered in a waking
_SAVED = const(256)  # cycles asleep for which it may tell at once
_LAST_CYCLE = const(0x3FEFFFFF)
_NONE = bytes(BUCKETS)
_NO_VALUES = Wide(0)


class Leaf:
    """A member of a mesh that holds nothing. Raises ConfigError.

    config: as Node's, with ``"held": 0``; transport, clock, entropy: the world, each with a
    default for a real machine; store: keeps its state (leaf_state), None: this object alone;
    board: 30 bits that no other board has, so that a copied store is noticed, 0 if there are none.
    """

    def __init__(self, config, transport=None, clock=None, entropy=None, store=None, board=0):
        self.config = cfg = config if isinstance(config, Config) else Config(config)
        if clock is None or entropy is None:
            from . import machine

            clock = clock or machine.clock
            entropy = entropy or machine.entropy
        if transport is None:
            from .transport_layer import UdpTransport

            transport = UdpTransport(cfg.address, cfg.broadcast, cfg.port, clock)
        self.transport = transport
        self.now = clock
        self._entropy = entropy
        self.ledger = ledger = Ledger(len(cfg.channels))
        self._kept = Kept(cfg.tag, board, ledger, store)
        self._store = store
        self._notices = {}  # what befell its contributions: raw
        self.dropped = {}  # reason -> frames that were not believed
        self.answers = {}  # shard: {route: Wide of values}, of the last waking that had any
        self._frame = Frame()
        self._writer = SdmWriter()
        self.awake = False
        ledger.lineage = bytes([entropy() & 255 for _ in range(12)])
        from .leaf_restore import restore

        restore(self._kept, cfg, board, ledger, store, entropy, self._notice)
        unload("leaf_restore")
        self._stored = list(ledger.waiting)  # raw: of what waits, the part that the store held
        if not ledger.sessions:
            ledger.open(0, entropy())
        self.wakings = 0

    def _notice(self, text, raw=0):
        self._notices[text] = self._notices.get(text, 0) + raw

    # --- for applications -----------------------------------------------------------------------

    def _channel(self, name):
        if name not in self.config.channels:
            raise LvsError("channel '%s' is not in this mesh" % name)
        return self.config.channels.index(name)

    def contribute(self, channel, amount, durable=False):
        """Add an amount (units: int, float or decimal text) to a channel, asleep or awake.

        It is told when the leaf is awake and hears somebody. durable: return only when the store
        has it. Raises as Node.contribute does.
        """
        c = self._channel(channel)
        if self.config.about(c, "retired", False):
            raise LvsError("channel '%s' is retired; contribute to another" % channel)
        raw, carry = decimal.steps(amount, self.config.steps[c], self.ledger.carried.get(c, 0))
        if durable:
            self._need()
        try:
            self.ledger.add(c, raw, min(self._raw(c), END), carry)
        except LvsError:
            end = decimal.text(END, self.config.steps[c])
            raise LvsError("amount %s is too large: the end is %s" % (amount, end)) from None
        if self.awake and self._grown:
            self._grown = False
        if durable:
            self.flush()

    def _need(self):
        if not self._store:
            raise LvsError("durable: this leaf has no store; give it one")

    def flush(self):
        """See that the store has what was contributed so far. Raises NotDurable; LvsError when
        there is none."""
        self._need()
        if not self._kept.write():
            raise NotDurable(
                "accepted, but not safe from a power cut: %s; do not contribute it again"
                % self._kept.error
            )

    def _raw(self, c):
        given = self.answers.get(c // SLOTS, {})
        values = sorted([vector[c % SLOTS] for vector in given.values()])
        return values[(len(values) - 1) // 2] if values else 0

    def value(self, channel, raw=False):
        """Value of a channel as holders told it in the last waking in which any did: in units
        (float), or raw (int); 0 if there was none. Of several answers the one in the middle."""
        return self._raw(self._channel(channel)) if raw else float(self.text(channel))

    def text(self, channel):
        """Exact value of a channel, as ``value`` has it, as decimal text."""
        c = self._channel(channel)
        return self.config.text(c, self._raw(c))

    def left(self):
        """Raw contributed here that nobody is known to hold; the store keeps it."""
        return self.ledger.left()

    def status(self):
        """What there is to know about this leaf, as a dict for people and programs."""
        from .leaf_status import status

        unload("leaf_status")
        return status(self, self._kept, self._notices)

    # --- a waking -------------------------------------------------------------------------------

    met = False  # in this waking it heard what time it is

    def wake(self, most_ms=3000):
        """Begin a waking of at most ``most_ms``."""
        now = self.now()
        self.awake = True
        self.wakings += 1
        self._began = now
        self._most = most_ms
        self._due = (now + self._entropy() % 64) & 0x3FFFFFFF
        self.met = self._grown = self._echoed = False
        # Nothing can be kept, so nothing is told.
        self._mute = self._kept.error != "" and not self._kept.write()
        self._voices = {}  # route: cycle at the beginning of this waking
        self._patience = _VOICES, _VOICES_MS
        self._first = self._met_at = now
        self._claims = {}  # channel: {route: total}, more than was told of the present session
        self._asked = []  # (address, shard, first slot, bytes) of audits to answer
        self._answered = 0
        self._unread = list(range(-(-len(self.config.channels) // SLOTS)))
        self._told = False  # all of it, in this waking
        self._alone = False

    def receive(self, limit=8):
        """Handle up to ``limit`` waiting datagrams; returns how many there were."""
        for n in range(limit):
            got = self.transport.recv()
            if got is None:
                return n
            self.handle(got[0], got[1])
        return limit

    def tick(self):
        """Do what is due; returns the milliseconds until something is due again, at most 50."""
        if not self.awake:
            return 1000
        now = self.now()
        if not self.met and self._voices:
            enough, wait = self._patience
            if len(self._voices) >= enough or ticks_diff(now, self._first) >= wait:
                self._meet(now)
        if self.met and not self._grown:
            own = self._echoed or not max(self.ledger.session.total)
            wait = _CLAIMS_MS if self._claims else 0 if own else _OWN_MS
            if ticks_diff(now, self._met_at) >= min(wait, 3 * self._most // 5):
                self._grow(now)
        if self.met and self._asked:
            self._answer(now)
        if self._done() or ticks_diff(now, self._began) >= self._most:
            self._sleep()
            return 1000
        if ticks_diff(now, self._due) >= 0:
            self._say()
            self._due = (now + _ROUND_MS + self._entropy() % 256) & 0x3FFFFFFF
        return max(1, min(50, ticks_diff(self._due, now)))

    def _done(self):
        if not self._grown or self._unread:
            return False
        for s in self.ledger.sessions:
            if s.known != s.total:
                return False
        return self._told

    def _sleep(self):
        """Keep what there is, and sleep."""
        kept = self._kept
        self._overstated()
        if self.met:
            for s in self.ledger.sessions[:-1]:
                if (
                    self._fresh
                    and not self._telling(s)
                    and serial_diff(s.start, self._closing) > 0
                ):
                    kept.asked[s.nonce] = min(kept.asked.get(s.nonce, 0) + 1, ASKED)
            kept.cycle = self._cycle(self.now())
        elif self._alone:
            kept.far = True
        kept.write()
        self.awake = False
        unload("audit")
        unload("leaf_sessions")

    def _cycle(self, now):
        return self._base + ticks_diff(now, self._began) // 1000

    # --- what it hears first: the time ----------------------------------------------------------

    def _meet(self, now):
        """Somebody said what time it is: of several voices the one in the middle counts. Where it
        is not what was known, others are waited for: liars may be quicker. One that is alone, and
        a session off, if anything was known, has to say so in two wakings."""
        kept = self._kept
        cycles = sorted(self._voices.values())
        self._base = cycles[(len(cycles) - 1) // 2]
        cycle = self._cycle(now)
        ahead = cycle - kept.cycle
        near = max(_NEAR, self.config.grain * EPOCH_CYCLES)
        if self._patience[0] == _VOICES and not -near < ahead < near:
            self._patience = _MOST_VOICES, 3 * self._most // 5
            return
        span = self.config.session_epochs * EPOCH_CYCLES
        far = not kept.cycle or not -span < ahead < span
        if far and len(cycles) < 2 and not kept.far:
            self._alone = True
            return
        kept.far = False
        self.met = True
        self._met_at = now
        epoch = cycle >> 6
        self._fresh = epoch != kept.cycle >> 6
        if not kept.cycle:
            kept.cycle = max(0, cycle - _SAVED)
        elif kept.cycle >= cycle:
            kept.cycle = max(0, cycle - 1)
        cfg = self.config
        self._late = cfg.horizon(epoch + max(cfg.horizon_epochs // 4, _LATE))
        self._closing = cfg.horizon(epoch + CLOSING)
        self._renew(epoch)
        self.ledger.begin(cycle)

    def _renew(self, epoch):
        """See that the present session is one of the present span, and let go what is folded."""
        ledger = self.ledger
        s = ledger.session
        horizon = self.config.horizon(epoch)
        grain = self.config.span(epoch, ledger.lineage)[1]
        last = (epoch + 1) // self.config.grain
        gone = any(
            [
                serial_diff(old.start, horizon) <= 0 or serial_diff(old.start, last) > 0
                for old in ledger.sessions
            ]
        )
        if gone or s.start != grain or s.fate == TAKEN or len(ledger.sessions) > SESSIONS:
            from .leaf_sessions import renew

            ends = grain, horizon, last
            renew(ledger, self._kept, ends, self._entropy(), self._notice)
            unload("leaf_sessions")

    # --- what it tells --------------------------------------------------------------------------

    def _grow(self, now):
        """Add what waits to the totals, as far as the cycles since it last did so allow, and keep
        them before they are told."""
        cfg, ledger, kept = self.config, self.ledger, self._kept
        cycles = min(self._cycle(now) - kept.cycle, _SAVED)
        if cycles <= 0:
            return
        self._grown = True
        self._overstated()
        ledger.kept(MAX_RAW)
        ledger.new_cycle()
        ledger.new_epoch(min(cycles, EPOCH_CYCLES) * (cfg.route_budget // EPOCH_CYCLES))
        grown = 0
        for c in range(ledger.channels):
            self._stored[c] = 0
            if not ledger.free[c] or self._raw(c) >= BRIM:
                continue
            if ledger.session.total[c] >> LONG:
                ledger.open(ledger.session.start, self._entropy())
            grown += ledger.issue(c, cycles * (cfg.max_allowed_shift - 1))
        if grown:
            kept.cycle += cycles
            self._told = False
            self._due = now
            self._mute = not kept.write()

    def _telling(self, session):
        """Is it told, or, in its last days, only asked for, so that nobody takes it any more?"""
        if not self.met:
            return not self._kept.asked.get(session.nonce, 0)
        return session is self.ledger.session or serial_diff(session.start, self._late) > 0

    def _say(self):
        """Ask, and tell: a total of 0 says nothing, so that who holds more answers with it."""
        now = self.now()
        cycle = self._cycle(now) if self.met else self._kept.cycle
        cfg, s = self.config, self.ledger.session
        w = self._writer
        for index in range(-(-len(cfg.channels) // SLOTS)):
            if index in self._unread or not self.met:
                # A horizon that nobody has: digests are not to be compared with mine.
                n = encode_ep(
                    w.buf,
                    cfg.tag,
                    s.start,
                    s.nonce,
                    cycle,
                    index,
                    self._entropy(),
                    cfg.horizon(cycle >> 6) + 0x8000 & 0xFFFF,
                    WANT,
                    0,
                    0,
                    len(cfg.channels),
                    cfg.fingerprint(index, cfg.listed(index)),
                    _NONE,
                    _NO_VALUES,
                )
                self.transport.send(memoryview(w.buf)[:n], None)
            if not self._mute:
                self._say_rows(index, cycle)
        self._told = True

    def _say_rows(self, index, cycle):
        """Each session says its own: a crowded ring has places for nothing else."""
        ledger, w = self.ledger, self._writer
        for s in reversed(ledger.sessions):
            present = s is ledger.session
            telling = self._telling(s)
            self._begin(s, index, cycle)
            for c in range(index * SLOTS, min((index + 1) * SLOTS, ledger.channels)):
                total = s.total[c]
                ask = s.known[c] != total or present and not self._echoed
                if total and (ask or telling and not self._told):
                    if w.buf[18] > SLOTS - 2:  # own rows of a frame
                        self._end()
                        self._begin(s, index, cycle)
                    w.own(c % SLOTS, total if telling else s.known[c])
                    if ask:
                        w.own(c % SLOTS, 0)
            self._end()

    def _begin(self, s, index, cycle):
        cfg = self.config
        self._writer.begin(cfg.tag, s.start, s.nonce, cycle, index, 0, cfg.grain)

    def _end(self):
        w = self._writer
        if not w.empty():
            n = w.end()
            self.transport.send(memoryview(w.buf)[:n], None)

    # --- what it hears --------------------------------------------------------------------------

    def handle(self, data, addr):
        """One datagram: hostile until it has proved otherwise. Never raises."""
        if not self.awake:
            return
        f = self._frame
        reason = f.decode(data, self.config.tag, self.config.grain)
        if not reason and f.cycle >= _LAST_CYCLE:
            reason = "malformed"
        if not reason:
            mine = self.ledger.find(f.start, f.nonce)
            if f.kind == AUDIT:
                self._audited(f.body, f.shard, addr)
            elif f.kind == SDM:
                self._hear_sdm(f, mine, self.transport.key(addr))
            elif f.kind == EP and not mine:
                reason = self._hear_ep(f, self.transport.key(addr))
        if reason:
            self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def _hear_ep(self, f, key):
        """What a holder shows: the time, and values if they were asked for."""
        if f.flags & (JOINING | RECOVERING) or not f.held >> f.shard & 1:
            return ""
        if abs(serial_diff(f.horizon, self.config.horizon(f.cycle >> 6))) > 1:
            return "malformed"
        now = self.now()
        if not self._voices:
            self._first = now
        if key in self._voices or len(self._voices) < _MOST_VOICES:
            self._voices[key] = f.cycle - ticks_diff(now, self._began) // 1000
        if self.config.contradicts(f.shard, f.channels, f.prints):
            self._notice("channels: the list of a holder contradicts this one")
        if f.flags & VALUE:
            if f.shard in self._unread:
                self._unread.remove(f.shard)
                self.answers[f.shard] = {}
            given = self.answers.get(f.shard, {})
            if len(given) < _VOICES:
                given[key] = Wide(SLOTS)
                given[key].copy(f.vector)
        return ""

    def _audited(self, body, shard, addr):
        """Somebody asks what was contributed here, of how many bytes."""
        from .audit import asked

        what = asked(body)
        if what and self._answered < _ANSWERS:
            self._answered += 1
            self._asked.append((addr, shard, what[0], what[2]))

    def _answer(self, now):
        from .audit import tell

        tell(
            self._asked, self.transport, self.config.tag, self._cycle(now), self.ledger, self._raw
        )

    def _hear_sdm(self, f, mine, key):
        """Rows: mine are echoes, of which one voice is enough, as they are told again."""
        first = f.shard * SLOTS
        if mine is self.ledger.session:  # it comes back, or somebody speaks in it, too
            for i in range(f.owns):
                if f.own_total[i] > mine.held(first + f.own_slot[i]):
                    self._claim(first + f.own_slot[i], key, f.own_total[i])
                    return
        for i in range(f.relays):
            s = self.ledger.find(f.relay_start[i], f.relay_nonce[i])
            if not s or mine or not f.relay_total[i]:
                continue
            if s is self.ledger.session:
                self._echoed = True
            if not self.ledger.echo(s, first + f.relay_slot[i], f.relay_total[i]):
                self._claim(first + f.relay_slot[i], key, f.relay_total[i])

    def _claim(self, c, key, total):
        """A route says that the mesh has more of the present session than was told here."""
        said = self._claims.setdefault(min(c, self.ledger.channels), {})
        if key in said or len(said) < _MOST_VOICES:
            said[key] = total

    def _overstated(self):
        if self._claims:
            from .leaf_sessions import overstated

            claims, self._claims = self._claims, {}
            parts = claims, self._voices, self._entropy(), self._notice
            overstated(self.ledger, self._stored, *parts)
