"""What a board switches or shows by the value of a channel: board.sinks in lvs.json.

A sink gets a value only while the board is sure of it: see ``doubt``. docs/boards/sinks.md has an
example of each kind. Loaded where there are any.
"""

import asyncio

from micropython import const

from lvs.wire import SLOTS

_LOOK_MS = const(500)
_LIVE = const(4)  # phase of a shard that lacks nothing (lvs.replica)
_STALE_S = const(300)

# what may be wrong with a value: the key of a sink that says what it does then, the text of it
DOUBTS = {
    "if_stale": "peers are silent",
    "if_apart": "groups are apart",
    "if_new": "joining the mesh",
}

_made = []


def heard(routes, since):
    """Number of routes that showed state since a cycle."""
    n = 0
    for i in range(1, routes.n):
        if routes.heard[i] >= since:
            n += 1
    return n


def doubt(node, c, stale_s=_STALE_S, peers=1):
    """Why the value of channel number c is not to be relied on, a key of DOUBTS, or "".

    Fewer than ``peers`` nodes were heard in ``stale_s`` seconds, or, where others hold it, no
    answer (0: never stale); a quarter or more of those heard hold other values; this node is not
    established, or may lack what others have.
    """
    held = node.placement.find(c // SLOTS)
    if stale_s:
        age = 0 if held else node.age(node.config.channels[c])
        if age is None or age > stale_s:
            return "if_stale"
        if heard(node.routes, node.clock.cycle - stale_s) < peers:
            return "if_stale"
    for r in (held,) if held else node.placement.replicas:
        if r.votes.disputed or r.votes.diverged:
            return "if_apart"
        if not r.established or r.phase != _LIVE:
            return "if_new"
    return "if_new" if node.life.seeking() else ""


class Watched:
    """A sink and what it watches. settings: its entry of board.sinks; c: number of its channel;
    sink: has ``show`` and ``safe``."""

    def __init__(self, settings, c, sink):
        self.settings = settings
        self.c = c
        self.sink = sink
        self._raw = None  # that it may show

    def look(self, node):
        """Tell the sink the value (raw), or None where it is to be safe, and why."""
        settings = self.settings
        raw = node.raw(self.c)
        why = doubt(node, self.c, settings.get("stale_s", _STALE_S), settings.get("peers", 1))
        does = settings.get(why, "safe") if why else "value"
        if does == "value":
            self._raw = raw
        elif does == "safe":
            self._raw = None
        self.sink.show(self._raw, DOUBTS.get(why, ""), node, self.c)


def safe():
    """Let every sink be safe: the program ends. One that cannot be does not stop the others."""
    for watched in _made:
        try:
            watched.sink.safe()
        except Exception as e:
            print("LVS: board.sinks: %s: %s" % (type(e).__name__, e))


async def run(listed, node, check_in):
    """Look for ever. listed: (settings, number of the channel, sink) of each."""
    global _made
    _made = [Watched(*entry) for entry in listed]
    try:
        while True:
            for watched in _made:
                watched.look(node)
            check_in("sinks")
            await asyncio.sleep_ms(_LOOK_MS)
    finally:
        safe()
