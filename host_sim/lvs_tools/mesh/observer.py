"""Watches a live mesh: listens, asks now and then as a reader does, and makes the page's views.

It contributes nothing and holds nothing. It asks when something new was heard, so an idle mesh
stays idle, and the less often the more others ask: together they cost the mesh what one costs.
"""

import asyncio
import contextlib
import random
import time

from lvs import Node
from lvs.wire import EP, SDM, SLOTS, VALUE
from lvs_tools.mesh import ask, listen, looking
from lvs_tools.mesh.groups import Groups
from lvs_tools.watch import view

_TURN_S = 0.5
_ASK_S = 5.0  # between two questions to all, where there is news
_IDLE_S = 60.0  # ... and where there is none
_POKE_S = 8.0  # nobody was heard for so long: one of them is asked whether it is there
_EACH_S = 10.0  # between two questions to one that is in doubt
_DOUBTED = 2  # of whom so many are asked in a turn
_SILENT_S = 180.0  # a node that has said nothing for so long, and says an EP at least each minute
_GONE_S = 3600.0
_READS_S = 150.0  # whoever asked within this, for each that reads along, reads along
_SAYS_S = 80.0  # a mesh of one says an EP within this: then nobody is there
_PASSIVE_S = 5.0  # between two comparisons of what all EPs showed


class Mute:
    """The transport of a node that hears and says nothing."""

    error = ""

    def send(self, *_):
        """Nothing leaves."""
        return True

    def recv(self):
        """What is heard is handed to the node."""

    def key(self, addr):
        """A route of 30 bits for an address."""
        return hash(addr) & 0x3FFFFFFF

    def resolve(self, _):
        """Peers are of no use to who does not speak."""

    def name(self, addr):
        """An address as text."""
        return "%s:%d" % addr

    def close(self):
        """Nothing is open."""


class Observer:
    """One mesh, watched. config: its Config, None: whichever is heard first; port, broadcast,
    peers: where it is. clock: seconds."""

    def __init__(self, config, port, broadcast, peers=(), clock=time.monotonic):
        self.config = config
        self.port = port
        self._everybody = (broadcast, port)
        self._broadcast = broadcast
        self._peers = peers
        self._clock = clock
        self._nonce = random.getrandbits(30) | 1
        self._name = f"{self._nonce:08x}"
        self._ear = listen.Ear()
        # A node beside it, which hears all and says nothing: what its VaultGuard refuses, any
        # node's would.
        self._guard = config and Node(config, Mute(), lambda: int(clock() * 1000) & 0x3FFFFFFF)
        self._readers = {}  # address: when it asked last
        self._digests = {}  # (address, shard): of its newest EP
        self._news = False
        self._asked = self._poked = self._compared = float("-inf")
        self._asked_of = {}  # address: when it was asked alone
        self._passive = {}  # address: does it show what most show? By its broadcasts
        self._turns = 0
        self._heard = None
        self._verdict = {}  # address: does it agree, as the newest view says
        self._deaf = ""  # why broadcasts are not heard
        self._together = view.Together()
        self._groups = Groups(view.LAG_S)
        self._apart = []  # groups of addresses as text, the largest first
        self._middle = view.Middle()
        self._air = view.Rate()
        self._rates = {}

    def attach(self, ear, deaf=""):
        """Hear with this ear. deaf: why it hears no broadcasts."""
        self._ear, self._deaf = ear, deaf
        ear.on_frame = self._frame

    # --- listening ------------------------------------------------------------------------------

    def _frame(self, member, frame, data):
        now = self._clock()
        if member.session.endswith(self._name):  # the own question, as a broadcast
            self._ear.members.pop(member.addr, None)
            return
        if member.state == "READER":
            self._readers[member.addr] = now
            return
        self._heard = now
        if frame.kind == SDM:
            self._news = True
        if frame.kind == EP:
            self._groups.hear(now, member.address, frame)
        if frame.kind == EP and not frame.flags & VALUE:
            key = member.addr, frame.shard
            digests = tuple(frame.digests)
            self._news = self._news or self._digests.get(key) != digests
            self._digests[key] = digests
        if self._guard and not frame.flags & VALUE:
            self._guard.handle(data, member.addr)

    def _nodes(self):
        return [m for m in self._ear.members.values() if m.state != "READER"]

    def _forget(self, now):
        for addr, member in list(self._ear.members.items()):
            if now - member.last > _GONE_S:
                del self._ear.members[addr]
                self._rates.pop(addr, None)
                self._asked_of.pop(addr, None)
        for key in [k for k in self._digests if k[0] not in self._ear.members]:
            del self._digests[key]
        patience = _READS_S * (len(self._readers) + 1)
        for addr in [a for a, at in self._readers.items() if now - at > patience]:
            del self._readers[addr]

    # --- asking ---------------------------------------------------------------------------------

    def _question(self, addresses, copies=1):
        listed = max([m.channels or 0 for m in self._nodes()] or [1])
        for shard in range(max(1, -(-listed // SLOTS))):
            frame = ask.question(self._ear.tag, shard, self._nonce)
            for addr in [a for a in addresses for _ in range(copies)]:
                with contextlib.suppress(OSError):
                    self._ear.send(frame, addr)

    def _all(self):
        places = ask.broadcasts(self._broadcast)
        return [(b, self.port) for b in places] + list(self._peers)

    def turn(self):
        """Ask whom there is to ask."""
        now = self._clock()
        others = len(self._readers) + 1
        self._turns += 1
        quiet = now - (now - _POKE_S if self._heard is None else self._heard)
        if now - self._asked >= others * (_ASK_S if self._news else _IDLE_S):
            # The first of an unknown address earns no answer.
            self._question(self._all(), 2 if self._asked < now - _IDLE_S else 1)
            self._asked = now
            self._news = False
        elif quiet >= others * _POKE_S and now - self._poked >= others * _POKE_S:
            self._poked = now
            known = [m.addr for m in self._nodes() if m.answers]
            one = known and quiet < 2 * others * _POKE_S
            self._question([random.choice(known)] if one else self._all(), 1 if one else 2)
        else:
            doubted = sorted(
                (self._asked_of.get(m.addr, 0.0), m.addr)
                for m in self._nodes()
                if self._verdict.get(m.addr) is not True and now - m.last < _SILENT_S
            )
            for at, addr in doubted[:_DOUBTED]:
                if now - at >= others * _EACH_S:
                    self._asked_of[addr] = now
                    self._question([addr], 2)
        if self._guard:
            self._guard.tick()

    # --- what is shown --------------------------------------------------------------------------

    def _channels(self, values, shown):
        listed = len(self.config.channels) if self.config else 0
        found = []
        for c, raw in sorted(values.items()):
            said = [v[c] for v in shown.values() if c in v] or [raw]
            if c >= listed and not raw:
                continue  # a slot that nobody counts in
            channel = looking.channel(self.config, c, raw)
            channel["value"] = float(channel["text"])
            apart = max(said) - min(said)
            channel["spread"] = apart and looking.amount(self.config, c, apart)
            found.append(channel)
        return found

    def view(self):
        """The view of now."""
        now = self._clock()
        self._forget(now)
        nodes = self._nodes()
        present = [m for m in nodes if now - m.last < _SILENT_S]
        shown, when = {}, {}
        for m in present:
            if m.answers:
                shown[m.address] = {
                    index * SLOTS + slot: raw
                    for index, said in m.answers.items()
                    for slot, raw in enumerate(said.vector)
                }
                when[m.address] = min(said.when for said in m.answers.values())
        if now - self._compared >= _PASSIVE_S:
            self._compared = now
            self._compare(now, present)
        held = [self._groups.newest(node) for node in shown]
        together, lacks = self._together.look(
            now, shown, self._amount, when, groups=self._apart, held=held
        )
        self._news = self._news or together["word"] == "DIFFER"  # in doubt it asks on
        found = {m.addr: self._row(m, now, lacks) for m in sorted(nodes, key=_place)}
        self._verdict = {addr: row["agrees"] for addr, row in found.items()}
        quiet = None if self._heard is None else now - self._heard
        return {
            "kind": "live",
            "mesh": self._mesh(),
            "title": f"Live, port {self.port}",
            "time": view.now_text(),
            "clock_s": time.time(),
            "ended": "",
            "heard_s": None if quiet is None else round(quiet),
            "quiet": quiet is None
            or quiet >= min(_SAYS_S, view.QUIET_S * (len(self._readers) + 1)),
            "channels": self._channels(self._middle.look(now, shown), shown),
            "together": together,
            "nodes": view.ordered(found.values()),
            "count": len(found),
            "others": self._others(),
            "traffic": self._traffic(now, present),
            "refused": self._refused(),
            "refused_by": "By this observer, which judges what it hears as any node would",
            "warnings": self._warnings(nodes),
            "controls": None,
        }

    def _compare(self, now, present):
        """What EPs say of who agrees, and of the groups that the mesh is in."""
        self._passive = self._ear.agreements()
        cycles = sorted(m.cycle for m in present if m.cycle is not None)
        if cycles:
            names = sorted(m.address for m in present)[: view.MOST_NODES]
            self._groups.forget(cycles[len(cycles) // 2], set(names))
            self._apart = self._groups.look(now, names)

    def _amount(self, c, raw):
        name = looking.channel(self.config, c, 0)["name"]
        return f"{looking.amount(self.config, c, raw)} of {name}"

    def _mesh(self):
        if self.config:
            return self.config.mesh
        return f"Mesh with tag {self._ear.tag:08x}" if self._ear.tag is not None else "No mesh yet"

    def _others(self):
        n = len(self._readers)
        return f"{n} who only read: leaves, or others who look" if n else ""

    def _row(self, m, now, lacks):
        lack = lacks.get(m.address)
        silent = now - m.last >= _SILENT_S
        agrees = self._passive.get(m.addr) if lack is None else not lack
        if looking.other_list(self.config, m):
            agrees, lack = False, "nothing that can be compared: another list of channels"
        ago = now - m.last
        rate = self._rates.setdefault(m.addr, view.Rate()).look(now, _cost(m))
        return {
            "name": m.addr[0] if m.addr[1] == self.port else m.address,
            "state": "SILENT" if silent else m.state or "HEARD",
            "agrees": None if silent else agrees,
            "lacks": "something that most show" if lack is None else lack,
            "link": f"heard {view.span(ago)} ago" if ago >= 2 else "heard now",
            "load_percent": round(100 * m.load / 255),
            "kb_min": None if rate is None else round(rate / 1000, 2),
            "trouble": silent,
            "liar": False,
        }

    def _traffic(self, now, present):
        """What each node hears: the same that this observer does."""
        rate = self._air.look(now, sum(map(_cost, self._ear.members.values())))
        return view.traffic(
            [rate] if present else [], "On the air here: about what each node sends and receives"
        )

    def _refused(self):
        found = dict(self._ear.dropped)
        for reason, n in self._guard.reception.dropped.items() if self._guard else ():
            found[reason] = found.get(reason, 0) + n
        return found

    def _warnings(self, nodes):
        said = []
        if self._deaf:
            said.append(f"{self._deaf}: broadcasts are not heard, answers are")
        listed = max([m.channels or 0 for m in nodes] or [0])
        if self.config and listed > len(self.config.channels):
            said.append(
                f"nodes list {listed} channels, this configuration {len(self.config.channels)}:"
                " append what is missing at its end"
            )
        if self.config is None and nodes:
            said.append("no configuration: channels have numbers in place of names")
        return said

    # --- running --------------------------------------------------------------------------------

    async def run(self, show):
        """Watch, and call show(view) once a second, until it is cancelled. Raises OSError."""
        about = {"tag": self.config.tag, "grain": self.config.grain} if self.config else {}
        async with ask.opened(self.port, self._broadcast, **about) as (ear, deaf):
            self.attach(ear, deaf)
            while True:
                if ear.tag is None and ear.tags:
                    ear.tag = max(ear.tags, key=lambda tag: ear.tags[tag])
                    for addr in [a for a, m in ear.members.items() if m.tag != ear.tag]:
                        del ear.members[addr]
                if ear.tag is not None:
                    self.turn()
                if self._turns % 2 == 0 or ear.tag is None:
                    show(self.view())
                await asyncio.sleep(_TURN_S)


def _place(member):
    return [part.rjust(3) for part in member.addr[0].split(".")], member.addr[1]


def _cost(member):
    """Bytes on the air that a member said, headers included."""
    return member.bytes + 28 * sum(member.frames.values())
