"""Node: the public face, and what its parts do in a turn, a cycle, an epoch.

``receive`` and ``tick`` are all of it: a simulator calls them as the run loop does. Everything the
node knows of the world it is handed: a transport, a clock, a source of entropy, a journal.
"""

from . import decimal
from .fixed import LvsError, NotDurable, unload
from .run_loop import Changes, run
from .wide import END
from .wire import SLOTS


class Node:
    """A member of a mesh. Its parts, each handed those that it works with: assembly.

    config: dict, path of a JSON file or Config; transport, clock, entropy, journal: the world;
    each has a default for a real machine (UDP, its clock, its random bits, RAM). frame: a
    wire.Frame to decode into, which nodes of one process may share. Raises ConfigError.
    """

    def __init__(self, config, transport=None, clock=None, entropy=None, journal=None, frame=None):
        from .assembly import assemble

        try:
            world, pace, state, rules, voices = assemble(
                config, transport, clock, entropy, journal, frame
            )
        finally:
            unload("assembly")
        self.config, self.transport, self.now, self.journal = world
        self.noise, self.governor, self.trickle, self.clock = pace
        self.routes, self.ledger, self.placement, self.elsewhere = state
        self.contributions, self.life = rules
        self.outbox, self.eps, self.sdms, self.reception = voices
        self.replicas = self.placement.replicas
        self.running = True  # until stop(), which may come before run()
        self._drain = ()  # (cycle of stop(), cycles to wait), once it was called
        self.wake = int  # () -> : something is due at once; the run loop listens

    # --- for applications ---------------------------------------------------------------------

    def _channel(self, name):
        for c, known in enumerate(self.config.channels):
            if known == name:
                return c
        raise LvsError(
            "channel '%s' is not in this mesh; there are: %s"
            % (name, ", ".join(self.config.channels))
        )

    def contribute(self, channel, amount, durable=False):
        """Add an amount (units: int, float or decimal text) to a channel.

        What is finer than the channel's step is carried to the next contribution. What exceeds
        max_allowed_shift waits and is issued over the next cycles. durable: return only when a
        power cut can no longer lose it (the journal is written; without it that takes up to
        Journal's ``flush_s``). Raises LvsError and changes nothing for an unknown or retired
        channel, an amount that is no number, negative or too large, or durable without a journal.
        Raises NotDurable when the journal cannot be written: then the contribution counts all the
        same, and must not be made again; only a power cut could lose it.
        """
        c = self._channel(channel)
        if self.config.about(c, "retired", False):
            raise LvsError("channel '%s' is retired; contribute to another" % channel)
        raw, carry = decimal.steps(amount, self.config.steps[c], self.ledger.carried.get(c, 0))
        if durable and not self.journal.durable:
            raise LvsError("no journal: give this node journal=Journal(path)")
        r = self.placement.find(c // SLOTS)
        value = r.shard.value(c % SLOTS) if r else 0
        # Durable, it is told from the next cycle on, so that the journal knows it untold.
        try:
            self.contributions.add(c, raw, carry, value, self.life.issuing(), not durable)
        except LvsError:
            end = decimal.text(END, self.config.steps[c])
            raise LvsError("amount %s is too large: the end is %s" % (amount, end)) from None
        self.wake()
        if durable:
            self._keep()

    async def flush(self):
        """Return when a power cut can no longer lose what was contributed so far.

        Raises NotDurable when the journal cannot be written, LvsError when there is none.
        """
        if not self.journal.durable:
            raise LvsError("no journal: give this node journal=Journal(path)")
        self._keep()

    def _keep(self):
        if not self.journal.flush():
            raise NotDurable(
                "accepted, but not safe from a power cut: %s; do not contribute it again"
                % self.journal.error
            )

    def raw(self, c, ask=True):
        """Raw value of channel number c. ask: for a newer one, where it is held elsewhere."""
        r = self.placement.find(c // SLOTS)
        if not r:
            return self.elsewhere.read(c, self.clock.cycle if ask else None)
        return r.shard.value(c % SLOTS) + self.ledger.untold(c)

    def value(self, channel, raw=False):
        """Value of a channel in units, its offset included (float; ``text`` is exact), or raw: the
        number of steps that were counted (int).

        A channel of a shard that this node does not hold is asked for from the holders; until they
        answer it is the newest known. ``age`` tells.
        """
        return self.raw(self._channel(channel)) if raw else float(self.text(channel))

    def text(self, channel):
        """Exact value of a channel in units, its offset included, as decimal text."""
        c = self._channel(channel)
        return self.config.text(c, self.raw(c))

    def values(self, ask=True):
        """What every face shows: a list of dicts, one a channel, with name, text, unit, raw and,
        where the configuration has them, label, class and retired. ask: for newer values of
        shards that are not held here."""
        return self._told("values", ask)

    def age(self, channel):
        """Cycles since the value was last heard: 0 if held here, None if never."""
        index = self._channel(channel) // SLOTS
        return 0 if self.placement.find(index) else self.elsewhere.age(index, self.clock.cycle)

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
        self.trickle.low_power(on, self.now())
        self.life.low_power(bool(on))
        self.wake()

    def rows(self):
        """Iterator of (session, channel, claimed raw, credited raw) over the rows held here."""
        from .status import rows

        return rows(self.placement.replicas, self.config.channels)

    def status(self):
        """What there is to know about this node, as a dict for people and programs."""
        return self._told("status")

    def _told(self, what, *given):
        from . import status

        try:
            return getattr(status, what)(self, *given)
        finally:
            unload("status")  # seldom asked for, and not small
            unload("capacity")

    def run(self, check_in=None):
        """Take part in the mesh until ``stop`` is called: a coroutine, see run_loop."""
        return run(self, check_in)

    def stop(self, drain_s=60):
        """Let ``run`` return, and ``running`` be False, as soon as others hold what was
        contributed here, or nobody is there, at the latest after so many seconds. ``left()``
        tells what is left then."""
        self._drain = self.clock.cycle, drain_s
        self._stop()
        self.wake()

    def left(self):
        """Raw contributed here that nobody else is known to hold; a journal keeps it."""
        return self.ledger.left()

    def left_text(self):
        """What nobody else is known to hold, as text: "0.864 kWh of energy, 2.000 of people"."""
        return self._told("amounts")

    def _stop(self):
        if self.contributions.drained(*self._drain):
            self.running = False

    # --- for the run loop ---------------------------------------------------------------------

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
        self.reception.hear(data, addr)

    def tick(self):
        """Do what is due; returns the milliseconds until something is due again (1..1000)."""
        now = self.now()
        clock = self.clock
        self.governor.refill(now)
        while clock.advance(now):
            self._cycle(now)
        if self.trickle.poll(now):
            self.eps.say(now)
        wait = min(self.sdms.poll(now), self.eps.poll(now))
        self.sdms.say_elsewhere()
        return max(1, min(wait, clock.wait(now), self.trickle.wait(now)))

    def _cycle(self, now):
        clock = self.clock
        for r in self.placement.replicas:
            if r.shard.damaged:
                self.life.repair(r)
        if clock.turned():
            self._next_epoch()
        self.life.cycle(now)
        if self.life.issuing():
            self.contributions.cycle()
            for r in self.placement.replicas:
                r.cycle(clock.cycle)
                if r.unsettled():
                    self.trickle.hurry(now)
                if r.gossip.cycle(now):
                    self.trickle.news(now, 2)
        if clock.cycle & 3 == 0:
            # Four cycles of half the length gain two, of twice the length lose four.
            clock.steer(self.routes.clock_lead(clock.epoch(), clock.slew * (3 - clock.slew)))
            self.eps.question(clock.cycle)
        self.journal.note(not self.life.seeking())
        if self._drain:
            self._stop()

    def _next_epoch(self):
        cycle = self.clock.cycle
        epoch = self.clock.epoch()
        self.routes.new_epoch(epoch)
        self.contributions.new_epoch(self.life.issuing())
        for r in self.placement.replicas:
            if r.shard.verify():
                self.life.repair(r)
            if r.reliable and r.established and r.guard.fallen():
                self.life.recover("value fell by an eighth", r)
            r.next_epoch(epoch, cycle, self.now())
            if not r.live:
                self.trickle.restart(self.now())
            if r.votes.disputed and r.live:
                self.eps.vote(r.index, self.now())
        if self.life.issuing():
            if self.placement.rebalance(self.routes, cycle, self.noise):
                self.trickle.restart(self.now())
            # Now and then the known, too: perhaps only a liar passed them on.
            often = 1 + (min(504, self.config.horizon_epochs) >> 3)
            self.elsewhere.new_epoch(self.placement.held_map(), not epoch % often)
