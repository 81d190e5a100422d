"""Rests of the run loop: until something is due, or comes in."""

import asyncio

from .fixed import const

_TURN_MS = const(20)  # longest rest that no datagram ends: receive queues hold 4 (RP2, lwIP)
_REST_MS = const(1000)  # longest rest at all: a watchdog waits


async def _sleep_ms(ms):
    await asyncio.sleep(ms / 1000)


def sleep_ms(ms):
    """What to await for a rest; MicroPython's own allocates nothing."""
    return getattr(asyncio, "sleep_ms", _sleep_ms)(ms)


class Rest:
    """Rests of 20 ms at most: nothing wakes the loop, it has to look.

    ``woken``: something may be due sooner than was said; ``asleep``: the loop rests.
    """

    def __init__(self):
        self.sleep_ms = getattr(asyncio, "sleep_ms", _sleep_ms)
        self.woken = self.asleep = False

    def wake(self):
        """Tick as soon as may be: said by whoever made something due."""
        self.woken = True
        self.end()

    def end(self):
        """End the rest."""

    def listen(self, came):
        """Longest rest (ms) from now on. came: how many datagrams this turn found."""
        return _TURN_MS

    def close(self):
        """Nothing ends a rest any more."""


class Woken(Rest):
    """Rests that a datagram ends: each socket has an ear, which is sent back to it once what it
    announced was taken. One that announced nothing waits 20 ms: an error may last."""

    def __init__(self, transport):
        super().__init__()
        self._transport = transport
        self._sockets = None  # those that have ears
        self._ears = []
        self._heard = []  # ears that announced something
        self._quiet = False

    # What its kinds have: an ear of a socket, which announces what comes in, once each time that
    # it is sent there; sending one back to its socket; forgetting one.
    ear = send = forget = int

    def announce(self, ear):
        """Said by an ear: something came in."""
        self._heard.append(ear)
        self.end()

    def listen(self, came):
        """Send the ears back to their sockets; returns the longest rest (ms)."""
        if self._sockets is not self._transport.sockets:  # opened anew
            self.close()
            self._sockets = self._transport.sockets
            for s in self._sockets:
                self._ears.append(self.ear(s))
        self.asleep = True
        self._quiet = bool(self._heard) and not came and not self._quiet
        if self._quiet:
            return _TURN_MS
        while self._heard:
            self.send(self._heard.pop())
        return _REST_MS

    def close(self):
        """Nothing ends a rest any more."""
        self.asleep = False
        for ear in self._ears:
            self.forget(ear)
        self._ears = []
        self._heard = []


class Tasks(Woken):
    """On MicroPython a task waits for the time or for a socket. The loop waits for the time, and
    its ears are tasks: one that waits and can be forgotten. While nothing comes in, nothing is
    allocated."""

    def __init__(self, transport):
        super().__init__(transport)
        self._core = asyncio.core  # pyright: ignore[reportAttributeAccessIssue]
        self._loop = asyncio.current_task()

    def end(self):
        """End the rest."""
        if self.asleep and self._core.cur_task is not self._loop:  # else its turn has come
            self.asleep = False
            self._core._task_queue.remove(self._loop)
            self._core._task_queue.push(self._loop)

    def ear(self, sock):
        """An ear: a task."""
        return asyncio.create_task(self._hear(sock))  # pyright: ignore[reportArgumentType]

    async def _hear(self, sock):
        while True:
            yield self._core._io_queue.queue_read(sock)
            self.announce(self._core.cur_task)
            yield

    def send(self, ear):
        """Send an ear back to its socket."""
        self._core._task_queue.push(ear)

    def forget(self, ear):
        """Forget an ear."""
        self._core._io_queue.remove(ear)
        self._core._task_queue.remove(ear)
