"""Rests of the run loop that a datagram ends, on CPython. Loaded there."""

import asyncio

from .fixed import MAX_RAW
from .rests import Woken


class Readers(Woken):
    """Its ears are descriptors of sockets, watched by asyncio. Raises NotImplementedError where
    asyncio watches none (Windows)."""

    def __init__(self, transport):
        super().__init__(transport)
        self._loop = asyncio.get_event_loop()
        self._over = asyncio.Event()
        self.sleep_ms = self._sleep
        self._loop.remove_reader(MAX_RAW)  # nobody's: can it?

    async def _sleep(self, ms):
        timer = self._loop.call_later(ms / 1000, self._over.set)
        try:
            await self._over.wait()
        finally:
            timer.cancel()
        self._over.clear()

    def end(self):
        """End the rest."""
        if self.asleep:
            self._over.set()

    def ear(self, sock):
        """The ear of a socket, on it."""
        ear = sock.fileno()
        self.send(ear)
        return ear

    def send(self, ear):
        """Let asyncio watch a descriptor."""
        self._loop.add_reader(ear, self._hear, ear)

    def _hear(self, ear):
        self._loop.remove_reader(ear)
        self.announce(ear)

    def forget(self, ear):
        """Forget an ear."""
        self._loop.remove_reader(ear)
