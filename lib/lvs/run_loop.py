"""The run loop: where a node meets asyncio, of which beside this only ``rests`` knows.

Boards and computers run the same one. A simulator calls ``receive`` and ``tick`` itself.
"""

import asyncio

from .fixed import MAX_RAW, const, ticks_diff
from .rests import Rest, Tasks, sleep_ms

_LOAD_MS = const(5000)  # over which the load is measured
_LOOK_MS = const(100)  # between two looks for changes


async def run(node, check_in=None):
    """Take part in the mesh until ``node.stop()``; then close the node's journal and transport.

    A turn receives, ticks if something is due or came in, and rests until something is due, for
    a second at most, or something comes in. ``check_in()`` is called once a turn: a watchdog
    learns that the node is alive. The governor's ``load``: the share of the time (percent) that
    the turns of the last 5 s took.
    """
    now = node.now
    rest = _rest(node.transport)
    node.wake = rest.wake
    due = since = now()
    busy = 0
    try:
        while node.running:
            began = now()
            came = node.receive()
            if came or rest.woken or ticks_diff(began, due) >= 0:
                rest.woken = False
                due = (began + node.tick()) & MAX_RAW
            ended = now()
            busy += ticks_diff(ended, began)
            passed = ticks_diff(ended, since)
            if passed >= _LOAD_MS:
                node.governor.report(min(100, 100 * busy // passed))
                busy = 0
                since = ended
            if check_in:
                check_in()
            await rest.sleep_ms(max(1, min(rest.listen(came), ticks_diff(due, ended))))
            rest.asleep = False
    finally:
        rest.close()
        node.journal.close()
        node.transport.close()


def _rest(transport):
    """How to rest: woken by what comes in, where asyncio can wait for all that it comes by."""
    if hasattr(transport, "sockets"):
        if hasattr(getattr(asyncio, "core", None), "_io_queue"):
            return Tasks(transport)
        if not hasattr(asyncio, "sleep_ms"):
            from .readers import Readers

            try:
                return Readers(transport)
            except NotImplementedError:
                pass
    return Rest()


class Changes:
    """Async iterator over (channel, value in units) of a node's changes, the newest of each."""

    def __init__(self, node):
        self._node = node
        self._last = [node.value(name, raw=True) for name in node.config.channels]

    def __aiter__(self):
        return self

    async def __anext__(self):
        while True:
            for c, name in enumerate(self._node.config.channels):
                raw = self._node.value(name, raw=True)
                if raw != self._last[c]:
                    self._last[c] = raw
                    return name, self._node.value(name)
            await sleep_ms(_LOOK_MS)
