"""A transport that loses datagrams at the receiver, the same ones for the same seed.

Radio loses frames one receiver at a time, so loss belongs here and not on the sending side,
where one draw would take a broadcast away from everybody. Runs on MicroPython and on CPython.
"""

_SKIP = 32  # losses drawn in one recv() before it says "nothing": keeps a flood bounded


class Lossy:
    """Wraps a transport; each datagram that it receives is lost with probability ``loss``.

    transport: see lvs.transport_layer; loss: 0 <= loss < 1; seed: an int. ``lost`` counts what was
    lost. Raises ValueError for a loss that is no probability.
    """

    def __init__(self, transport, loss, seed=0):
        self.transport = transport
        self.lost = 0
        self._deaf = 0
        self._below = 0
        self.faults(loss, 0)
        # Neighbouring seeds must not give neighbouring streams; the state may not be 0.
        self._state = ((seed & 0xFFFFFFFF) * 2654435761 + 0x9E3779B9) & 0xFFFFFFFF or 1
        for _ in range(8):
            self._draw()

    def faults(self, loss, deaf):
        """Lose with another probability from now on, and hear nobody whose host ends in the
        number of a bit of ``deaf``. Raises ValueError."""
        if not 0 <= loss < 1:
            raise ValueError(f"loss is {loss}; it must be at least 0 and below 1")
        self._below = int(loss * 0x1000000)
        self._deaf = deaf

    def _draw(self):
        """The next 24 pseudo-random bits (xorshift32: Marsaglia 2003)."""
        x = self._state
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        self._state = x
        return x >> 8

    def recv(self):
        """The next datagram that gets through as (frame, addr), or None."""
        for _ in range(_SKIP):
            got = self.transport.recv()
            if got is None:
                return None
            if self._draw() >= self._below and not (self._deaf and self._cut(got[1])):
                return got
            self.lost += 1
        return None

    def _cut(self, addr):
        host = self.transport.name(addr).partition(":")[0]
        return self._deaf >> int(host.split(".")[-1]) & 1

    def __getattr__(self, name):
        """Everything else is the wrapped transport's own."""
        return getattr(self.transport, name)
