"""The run loop: where a node meets asyncio; no other file here knows of it.

Boards and computers run the same one. A simulator calls ``receive`` and ``tick`` itself.
"""

import asyncio

from .fixed import MAX_RAW, const, ticks_diff

_TURN_MS = const(20)  # longest rest: receive queues hold 4 datagrams (RP2, lwIP)
_TICK_MS = const(100)  # longest time without a tick: another task's contribution may be due
_LOAD_MS = const(5000)  # over which the load is measured
_LOOK_MS = const(100)  # between two looks for changes


async def run(node, check_in=None):
    """Take part in the mesh until ``node.stop()``; then close the node's journal and transport.

    A turn receives, ticks if something is due or came in, and rests until something is due, for
    20 ms at most. ``check_in()`` is called once a turn: a watchdog learns that the node is alive.
    The governor's ``load``: the share of the time (percent) that the turns of the last 5 s took.
    """
    now = node.now
    sleep_ms = getattr(asyncio, "sleep_ms", _sleep_ms)
    due = since = now()
    busy = 0
    try:
        while node.running:
            began = now()
            if node.receive() or ticks_diff(began, due) >= 0:
                due = (began + min(node.tick(), _TICK_MS)) & MAX_RAW
            ended = now()
            busy += ticks_diff(ended, began)
            passed = ticks_diff(ended, since)
            if passed >= _LOAD_MS:
                node.governor.report(min(100, 100 * busy // passed))
                busy = 0
                since = ended
            if check_in:
                check_in()
            await sleep_ms(max(1, min(_TURN_MS, ticks_diff(due, ended))))
    finally:
        node.journal.close()
        node.transport.close()


class Changes:
    """Async iterator over (channel, value in units) of a node's changes, the newest of each."""

    def __init__(self, node):
        self._node = node
        self._last = [node.value(name, raw=True) for name in node.config.channels]

    def __aiter__(self):
        return self

    async def __anext__(self):
        sleep_ms = getattr(asyncio, "sleep_ms", _sleep_ms)
        while True:
            for c, name in enumerate(self._node.config.channels):
                raw = self._node.value(name, raw=True)
                if raw != self._last[c]:
                    self._last[c] = raw
                    return name, self._node.value(name)
            await sleep_ms(_LOOK_MS)


async def _sleep_ms(ms):
    """MicroPython's ``asyncio.sleep_ms``, which allocates nothing there."""
    await asyncio.sleep(ms / 1000)
