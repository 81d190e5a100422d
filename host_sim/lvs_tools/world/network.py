"""The simulated network: what is sent arrives late, twice, out of order, elsewhere or never.

A broadcast is one event, however many hear it: receivers in one cell hear the same transmission
at the same time, each loses its copy (or gets it twice, or late) on its own.  Frames wait in the
receiver's short queue until it polls, every 20 ms at a phase of its own; what overflows is lost.
"""

from lvs_tools.world.prng import Prng, mix

POLL_MS = 20
HEADERS = 28  # bytes of IP and UDP headers of each datagram
_HOLD_MS = 2000  # a reordered frame is held back for up to this
_BACKLOG_MS = 1000  # what a busy link queues before it refuses more

# A linear congruence decides losses, a draw for each receiver: the cheapest that does. Products
# stay below 2**62, the small integers of a 64-bit MicroPython.
_A, _C, _MASK = 1103515245, 12345, 0x7FFFFFFF


class Network:
    """Carries frames between machines.

    link: the plan's link table; places: a topology.Layout; timeline; seed; poll: the world's
    function that empties a machine's inbox.  A machine has: index, addr, inbox, cap, phase,
    group, deaf, overflow, hearers, hearers_of.
    """

    def __init__(self, link, places, timeline, seed, poll):
        self.machines = []
        self.by_addr = {}
        self.loss = link["loss"] << 1  # 31 bits, as the draws
        self._duplicate = link["duplicate"]
        self._reorder = link["reorder"]
        self._one_way = link["one_way"]
        self._latency = link["latency_ms"]
        self._jitter = link["jitter_ms"]
        self._kbps = link["bandwidth_kbps"]
        self._places = places
        self._timeline = timeline
        self._poll = poll
        self._seed = mix(seed ^ 0x51ED270B)
        self._prng = Prng(seed, 3)
        self._draw = self._prng.bits()
        self._busy = {}  # cell or sender -> microsecond until which it transmits
        self._version = 0  # of the partition; hearers of an older one are found anew
        self._cells = {}
        self.uneven = False  # some machine has a loss of its own
        self.faults = {
            "lost": 0,
            "duplicated": 0,
            "reordered": 0,
            "overflowed": 0,
            "cut": 0,
            "refused": 0,
        }

    def add(self, machine):
        """Plug in a machine; they come in the order of their index."""
        self.machines.append(machine)
        self.by_addr[machine.addr] = machine

    # --- who hears whom -------------------------------------------------------------------------

    def regroup(self):
        """The machines' groups have changed: only those of one group hear each other."""
        self._version += 1
        self._cells = {}

    def _one_way_cut(self, a, b):
        """True when the directed link from machine a to b carries nothing; fixed by the seed."""
        return mix(self._seed ^ (a.index * 65537 + b.index)) >> 2 < self._one_way

    def hearers(self, sender):
        """The machines that hear a broadcast of `sender` (itself may be among them)."""
        if sender.hearers_of == self._version:
            return sender.hearers
        near = self._places.neighbours
        if near is not None:
            found = [self.machines[j] for j in near[sender.index]]
            found = [m for m in found if m.group == sender.group]
        else:
            key = (self._places.cell[sender.index], sender.group)
            found = self._cells.get(key)
            if found is None:
                cell = self._places.cell
                found = [m for m in self.machines if (cell[m.index], m.group) == key]
                self._cells[key] = found
        if self._one_way:
            found = [m for m in found if not self._one_way_cut(sender, m)]
        sender.hearers = found
        sender.hearers_of = self._version
        return found

    # --- sending --------------------------------------------------------------------------------

    def send(self, sender, frame, addr, source):
        """Carry `frame` (bytes) from a machine to `addr` (None: broadcast), as if from `source`.

        Returns False when the sender's link is too busy to take it.
        """
        delay = self._latency
        if self._jitter:
            delay += self._prng.below(self._jitter + 1)
        if self._kbps:
            waited = self._airtime(sender, addr, len(frame))
            if waited < 0:
                self.faults["refused"] += 1
                return False
            delay += waited
        at = self._timeline.now + delay
        if addr is None:
            self._timeline.at(at, self._broadcast, ((frame, source), sender))
            return True
        target = self.by_addr.get(addr)
        if target is None or target.group != sender.group:
            self.faults["cut"] += 1
        elif self._one_way and self._one_way_cut(sender, target):
            self.faults["cut"] += 1
        else:
            self._timeline.at(at, self._unicast, ((frame, source), target))
        return True

    def _airtime(self, sender, addr, size):
        """ms until a frame has been transmitted behind all before it; -1: the queue is full."""
        key = sender.index
        if addr is None and self._places.neighbours is None:
            key = -1 - self._places.cell[sender.index]
        now = self._timeline.now * 1000
        free = max(now, self._busy.get(key, 0))
        if free - now > _BACKLOG_MS * 1000:
            return -1
        free += (size + HEADERS) * 8000 // self._kbps
        self._busy[key] = free
        return (free - now) // 1000

    # --- arrival --------------------------------------------------------------------------------

    def _broadcast(self, packet):
        datagram, sender = packet
        if self._duplicate or self._reorder or self.uneven:
            for machine in self.hearers(sender):
                if machine is not sender:
                    self._unicast((datagram, machine))
            return
        loss = self.loss
        draw = self._draw
        timeline = self._timeline
        now = timeline.now
        poll = self._poll
        lost = 0
        for machine in self.hearers(sender):
            draw = (draw * _A + _C) & _MASK
            if draw < loss:
                lost += 1
                continue
            inbox = machine.inbox
            if inbox:
                if len(inbox) < machine.cap:
                    inbox.append(datagram)
                else:
                    machine.overflow += 1
            elif machine is not sender:
                inbox.append(datagram)
                timeline.at(now + (machine.phase - now) % POLL_MS, poll, machine)
        self._draw = draw
        self.faults["lost"] += lost

    def _unicast(self, packet):
        """One copy for one machine, with every fault of the link."""
        datagram, machine = packet
        prng = self._prng
        loss = self.loss >> 1
        if machine.deaf > loss:
            loss = machine.deaf
        if prng.bits() < loss:
            self.faults["lost"] += 1
            return
        if self._duplicate and prng.bits() < self._duplicate:
            self.faults["duplicated"] += 1
            self._later(datagram, machine)
        if self._reorder and prng.bits() < self._reorder:
            self.faults["reordered"] += 1
            self._later(datagram, machine)
            return
        self._into_inbox((datagram, machine))

    def _later(self, datagram, machine):
        at = self._timeline.now + 1 + self._prng.below(_HOLD_MS)
        self._timeline.at(at, self._into_inbox, (datagram, machine))

    def _into_inbox(self, packet):
        datagram, machine = packet
        inbox = machine.inbox
        if len(inbox) >= machine.cap:
            machine.overflow += 1
            return
        if not inbox:
            now = self._timeline.now
            self._timeline.at(now + (machine.phase - now) % POLL_MS, self._poll, machine)
        inbox.append(datagram)
