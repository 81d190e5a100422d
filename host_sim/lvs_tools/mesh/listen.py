"""Listens on a mesh's UDP port: who is there, and what they show. No node; it says nothing.

    async with listening(port=4785) as ear:
        await asyncio.sleep(60)
        for member in ear.members.values():
            print(member.address, member.state, ear.agreement(member))

``hear`` needs no socket: whoever has datagrams from elsewhere hands them over. What asks (a
status, an audit, a fleet) sends with ``Ear.send`` from the socket that the answers come back to.
"""

import asyncio
import contextlib
import socket
import time
from dataclasses import dataclass, field

from lvs.audit import asked
from lvs.status import session_name
from lvs.wire import (
    AUDIT,
    EP,
    JOINING,
    LOW_POWER,
    NAMES,
    RECOVERING,
    SDM,
    VALUE,
    VERSION,
    WANT,
    Frame,
    get30,
)

ANY = "0.0.0.0"  # noqa: S104 - every interface of this machine
EVERYBODY = "255.255.255.255"
PORT = 4785
KINDS = {EP: "ep", SDM: "sdm", NAMES: "names", AUDIT: "audit"}
_HEAD = 6  # bytes up to the end of the mesh tag
_MAGIC = 0x4C
_MOST = 4096  # addresses that are remembered: whoever invents them costs no memory


@dataclass
class Shown:
    """What a member's newest EP of a shard showed. vector: raw; digests: of its rows; when:
    seconds of the listener's clock."""

    when: float
    cycle: int
    horizon: int
    flags: int
    prints: int
    digests: tuple
    vector: tuple


@dataclass
class Member:
    """Whoever spoke from one address (host, port). Times are seconds of the listener's clock.

    version: of the wire; with another one than mine nothing beyond ``tag`` is known. session: as
    `status` names it; flags, load, held (bits), channels: of its newest EP; ``shards``: what it
    showed of each, settled values; ``answers``: the same to readers, values; frames: by kind, or
    by the reason why they were dropped.
    """

    addr: tuple
    first: float
    last: float
    tag: int = 0
    version: int = VERSION
    session: str = ""
    cycle: int | None = None
    flags: int | None = None
    load: int = 0
    held: int = 0
    channels: int | None = None
    bytes: int = 0
    frames: dict = field(default_factory=dict)
    shards: dict = field(default_factory=dict)
    answers: dict = field(default_factory=dict)

    @property
    def address(self):
        """The address as text, "host:port"."""
        return f"{self.addr[0]}:{self.addr[1]}"

    @property
    def state(self):
        """What its newest EP says of its state, a word; "" before the first. READER: it holds
        nothing, and asks: a leaf, or somebody who looks, and lists no channels."""
        if self.flags is None:
            return ""
        if not self.held and self.flags & WANT:
            return "READER"
        if self.flags & RECOVERING:
            return "RECOVERING"
        if self.flags & JOINING:
            return "JOINING"
        return "LOW_POWER" if self.flags & LOW_POWER else "ACTIVE"


class Ear:
    """Takes datagrams and keeps who was heard: ``members``, by (host, port).

    tag: of one mesh, or None for all; grain: epochs in one, which ages of relayed rows count in;
    on_frame(member, frame, data): called with each sound frame (``frame`` is overwritten by the
    next); clock: seconds. ``dropped``: datagrams of others, by reason; ``tags``: frames of each
    mesh that was heard, mine or not.
    """

    def __init__(self, tag=None, grain=1, on_frame=None, clock=time.monotonic):
        self.tag = tag
        self.grain = grain
        self.on_frame = on_frame
        self.members = {}
        self.dropped = {}
        self.tags = {}
        self._clock = clock
        self._frame = Frame()
        self._ways = []  # asyncio's transports; the first is the one to speak from

    # --- what is heard --------------------------------------------------------------------------

    def hear(self, data, addr):
        """One datagram from addr (host, port); returns "" or why it is none of this mesh's."""
        if len(data) < _HEAD or data[0] != _MAGIC:
            return self._drop("magic")
        version, tag = data[1] >> 4, get30(data, 2)
        if version == VERSION:
            self.tags[tag] = self.tags.get(tag, 0) + 1
        if self.tag is not None and tag != self.tag:
            return self._drop("version" if version != VERSION else "tag")
        frame = self._frame
        why = frame.decode(data, tag, self.grain)
        if why not in ("", "version"):
            return self._drop(why)
        if not why and frame.kind == AUDIT and addr not in self.members and asked(frame.body):
            return ""  # who asks is no node
        member = self._member(addr)
        if member is None:
            return self._drop("crowd")
        member.tag, member.version, member.last = tag, version, self._clock()
        member.bytes += len(data)
        kind = why or KINDS[frame.kind]
        member.frames[kind] = member.frames.get(kind, 0) + 1
        if why:
            return why
        member.session = session_name(frame.start, frame.nonce)
        member.cycle = frame.cycle
        if frame.kind == EP:
            self._shown(member, frame)
        if self.on_frame:
            self.on_frame(member, frame, data)
        return ""

    def _drop(self, why):
        self.dropped[why] = self.dropped.get(why, 0) + 1
        return why

    def _member(self, addr):
        member = self.members.get(addr)
        if member is None and len(self.members) < _MOST:
            now = self._clock()
            member = self.members[addr] = Member(addr, now, now)
        return member

    def _shown(self, member, frame):
        member.flags = frame.flags
        member.load = frame.load
        member.held = frame.held
        member.channels = frame.channels
        vector = tuple(frame.vector[i] for i in range(frame.count))
        told = member.answers if frame.flags & VALUE else member.shards
        told[frame.shard] = Shown(
            self._clock(),
            frame.cycle,
            frame.horizon,
            frame.flags,
            frame.prints,
            tuple(frame.digests),
            vector,
        )

    # --- what it means --------------------------------------------------------------------------

    def agreement(self, member):
        """Does a member show the settled values that most show? True or False, or None where its
        EPs cannot be compared with anybody's: of another horizon, or no samples."""
        return self._agrees(member, self._votes())

    def agreements(self):
        """The same of all members, by address, counted once."""
        votes = self._votes()
        return {addr: self._agrees(member, votes) for addr, member in self.members.items()}

    def _votes(self):
        """{what is comparable: {vector: how many show it}}."""
        votes = {}
        for member in self.members.values():
            for index, shown in member.shards.items():
                if _sample(shown):
                    said = votes.setdefault((member.tag, index, shown.horizon), {})
                    said[shown.vector] = said.get(shown.vector, 0) + 1
        return votes

    @staticmethod
    def _agrees(member, votes):
        verdicts = []
        for index, shown in member.shards.items():
            said = votes.get((member.tag, index, shown.horizon), {})
            if _sample(shown) and sum(said.values()) > 1:
                n = said[shown.vector]
                # At a tie everybody is off: nobody can say who is right.
                verdicts.append(n == max(said.values()) and list(said.values()).count(n) == 1)
        return all(verdicts) if verdicts else None

    # --- sockets --------------------------------------------------------------------------------

    def add(self, way):
        """An asyncio datagram transport that is heard; the first is spoken from."""
        self._ways.append(way)

    @property
    def addr(self):
        """(host, port) that is spoken from."""
        return self._ways[0].get_extra_info("sockname")

    def send(self, data, addr):
        """Say something to (host, port), a broadcast address included. For those that ask."""
        self._ways[0].sendto(bytes(data), addr)

    def close(self):
        """Close the sockets."""
        for way in self._ways:
            way.close()
        self._ways = []


def _sample(shown):
    return not shown.flags & (JOINING | RECOVERING)


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, ear):
        self._ear = ear

    def datagram_received(self, data, addr):
        """A datagram came."""
        self._ear.hear(data, addr[:2])

    def error_received(self, exc):
        """An ICMP error of something that was sent: the answer is silence."""


def _bind(host, port, shared):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if shared:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.setblocking(False)
        s.bind((host, port))
    except OSError:
        s.close()
        raise
    return s


@contextlib.asynccontextmanager
async def listening(port=PORT, address=ANY, broadcast=EVERYBODY, speak_from=None, **about):
    """An Ear on a mesh's port, closed at the end. Raises OSError: in use, or not mine.

    address: every interface, or one of this machine's, which then hears broadcasts beside it;
    speak_from: another port to speak from and hear answers at (0: any that is free), where a node
    of this machine has the mesh's own. about: what Ear takes.
    """
    ear = Ear(**about)
    wanted = [(address, port, False)]
    if speak_from is not None:
        wanted = [(address, speak_from, False), (broadcast, port, True)]
    elif address != ANY:
        wanted.append((broadcast, port, True))
    sockets = []
    loop = asyncio.get_running_loop()
    try:
        for where in wanted:
            sockets.append(_bind(*where))
        while sockets:
            way, _ = await loop.create_datagram_endpoint(lambda: _Protocol(ear), sock=sockets[0])
            del sockets[0]
            ear.add(way)
        yield ear
    finally:
        for s in sockets:
            s.close()
        ear.close()
