"""Asks everybody in a mesh what they show, from any laptop: no node, nothing is kept.

A question is an EP of a reader that holds nothing (docs/protocol.md, section 8): each node answers
it alone with the values of the shard, its clock, state and list of channels.
"""

import asyncio
import contextlib
import errno
import random
import socket
import time

import psutil

from lvs.wide import of
from lvs.wire import BUCKETS, DIRECT, EP, JOINING, MAX_FRAME, SLOTS, WANT, encode_ep
from lvs_tools.mesh import listen
from lvs_tools.mesh.groups import Groups

# Between questions: a reply may be lost, or wait. Of who missed two of them nothing is known yet.
_PAUSES_S = (0.25, 0.25, 0.3, 0.85, 1.5, 2.0, 2.85)
_STILL = 2  # questions in a row that brought nobody new end a look at nodes that agree
_NOBODY_S = 66.0  # in which every node of a small quiet mesh says something by itself
# As large as any answer: nobody answers an address with more than it said itself.
_PADDING = of([(1 << 48) - 1] * SLOTS)


def question(tag, shard, nonce):
    """A frame that asks for the values of a shard."""
    buf = bytearray(MAX_FRAME)
    flags = JOINING | WANT | DIRECT
    none = bytes(BUCKETS)
    n = encode_ep(buf, tag, 0, nonce, 0, shard, nonce, 0, flags, 0, 0, 0, 0, none, _PADDING)
    return bytes(buf[:n])


def broadcasts(first):
    """Where to send what everybody is to hear: ``first`` and, where that is everybody, each
    network of this machine, since 255.255.255.255 leaves by one interface alone."""
    found = [first]
    if first == listen.EVERYBODY:
        for addresses in psutil.net_if_addrs().values():
            for a in addresses:
                if a.family == socket.AF_INET and a.broadcast and a.broadcast not in found:
                    found.append(a.broadcast)
    return found


class Look:
    """One look at a mesh. nonce: of the own questions.

    ``ear``: what was heard; ``first``: what each shard's slots (channel numbers) stood at when the
    look began, the largest of all; ``deaf``: why broadcasts could not be heard; ``echo``: was the
    own question heard as a broadcast? ``seconds``: how long it took.
    """

    def __init__(self, ear, tag, deaf, nonce=0):
        self.ear = ear
        ear.on_frame = self._hear
        self._own = f"{nonce:08x}"
        self._digests = Groups(0, every_s=0)
        self.tag = tag
        self.deaf = deaf
        self.echo = False
        self.first = {}
        self.seconds = 0.0

    def _hear(self, member, frame, _):
        if member.session.endswith(self._own):
            self.echo = True
            del self.ear.members[member.addr]
        elif frame.kind == EP and member.tag == self.tag:
            self._digests.hear(member.last, member.addr, frame)

    @property
    def members(self):
        """Those of this mesh, by address."""
        found = [m for m in self.ear.members.values() if m.tag == self.tag]
        return sorted(found, key=lambda m: [m.addr[0].rjust(15), m.addr[1]])

    def nodes(self):
        """The members that hold something: not leaves, nor others who look."""
        return [m for m in self.members if m.state != "READER"]

    def answered(self):
        """The members that said their values."""
        return [m for m in self.members if m.answers]

    def values(self, member):
        """What a member shows, raw by channel number."""
        return {
            index * SLOTS + slot: raw
            for index, shown in member.answers.items()
            for slot, raw in enumerate(shown.vector)
        }

    def begin(self):
        """What was shown so far is what everybody has to show in the end."""
        for member in self.answered():
            for c, raw in self.values(member).items():
                self.first[c] = max(raw, self.first.get(c, 0))

    def behind(self, member):
        """Raw by channel number that somebody had when the look began, and this member lacks."""
        shown = self.values(member)
        return {c: raw - shown[c] for c, raw in self.first.items() if shown.get(c, raw) < raw}

    def groups(self, **about):
        """Those that answered, in groups that hold different contributions, by their digests: two
        halves of a mesh may well show equal sums. The largest first; one if nobody is apart.
        about: what Groups.brief takes."""
        answered = {m.addr: m for m in self.answered()}
        cycles = sorted(m.cycle for m in answered.values() if m.cycle is not None)
        if cycles:
            self._digests.forget(cycles[len(cycles) // 2], answered)
        return [
            [answered[addr] for addr in group] for group in self._digests.brief(answered, **about)
        ]

    def apart(self):
        """Is anybody behind, or in a group of its own?"""
        return any(self.behind(m) for m in self.answered()) or len(self.groups()) > 1

    def settled(self):
        """Is nothing open: do all nodes answer, is nobody behind, and have they shown the same?"""
        answered = len(self.answered()) == len(self.nodes())
        return answered and not self.apart() and len(self.groups(least_s=0)) == 1


@contextlib.asynccontextmanager
async def opened(port, broadcast, **about):
    """An ear at the mesh's own port or, where that is taken, at another; and why."""
    own = {}
    beside = {"broadcast": broadcast, "speak_from": 0}
    ways = [own, beside]
    if broadcast != listen.EVERYBODY:
        ways.reverse()  # nodes with an address each share it, and can start while somebody looks
    async with contextlib.AsyncExitStack() as stack:
        for way in ways:
            try:
                ear = await stack.enter_async_context(listen.listening(port, **way, **about))
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                    raise
            else:
                yield ear, ""
                return
        # A node of this machine hears the broadcasts; answers still come.
        ear = await stack.enter_async_context(listen.listening(0, **about))
        yield ear, f"port {port} is in use on this machine"


async def _find(ear, patience):
    """The tag of the mesh that is heard most, or None."""
    until = time.monotonic() + patience
    while time.monotonic() < until and not ear.tags:
        await asyncio.sleep(0.1)
    return max(ear.tags, key=lambda tag: ear.tags[tag]) if ear.tags else None


async def look(tag=None, port=listen.PORT, broadcast=listen.EVERYBODY, peers=(), seconds=8.0):
    """Look at a mesh; returns a Look, or None if no mesh was heard. Raises OSError.

    tag: of the mesh, or None for whichever is heard first, for which it waits a minute; peers:
    (host, port) to ask beside the broadcast; seconds: how long it asks on while nodes differ.
    """
    nonce = random.getrandbits(30) | 1
    began = time.monotonic()
    async with opened(port, broadcast) as (ear, deaf):
        if tag is None:
            tag = await _find(ear, _NOBODY_S)
            if tag is None:
                return None
        seen = Look(ear, tag, deaf, nonce)
        known = still = 0
        for pause in _PAUSES_S:
            _ask(seen, nonce, [(b, port) for b in broadcasts(broadcast)] + list(peers))
            await asyncio.sleep(min(pause, max(0.0, began + seconds - time.monotonic())))
            answered = len(seen.answered())
            if not seen.first:
                seen.begin()
            else:
                still = still + 1 if answered == known and seen.settled() else 0
                if still == _STILL:
                    break
            known = answered
        seen.seconds = time.monotonic() - began
        return seen


def _ask(seen, nonce, addresses):
    listed = max([m.channels or 0 for m in seen.members] or [1])
    for shard in range(max(1, -(-listed // SLOTS))):
        frame = question(seen.tag, shard, nonce)
        for addr in addresses:
            for _ in range(2):  # the first of an unknown address earns no answer
                with contextlib.suppress(OSError):
                    seen.ear.send(frame, addr)
