"""Outbox: hands frames to the network, books what they cost, and knows whom else to tell.

An answer to an address is never larger than what that address sent (docs/protocol.md, section 11).
"""

from .fixed import LvsError, const
from .wire import MAX_FRAME

_CONFIGURED = const(3)  # configured peers that a broadcast also goes to
_RENEW = const(64)  # uses of peers' addresses: a name may lead elsewhere
_HEADERS = const(28)  # bytes of IPv4 and UDP around a frame


class Outbox:
    """What goes out. transport, governor, routes, noise: the node's; peers: configured ones, as
    text. ``buf``: for whatever frame is being made; ``sent``, ``sent_bytes`` (headers included);
    ``error``: a peer that has no address."""

    def __init__(self, transport, governor, routes, noise, peers):
        self._transport = transport
        self._governor = governor
        self._routes = routes
        self._noise = noise
        self._peers = peers
        self.buf = bytearray(MAX_FRAME)
        self._frame = memoryview(self.buf)  # the frame that was sent last
        self._addresses = []
        self._fresh = 0  # times that they are used before they are looked at again
        self.remembered = []  # addresses from before the last start
        self.error = ""
        self.sent = self.sent_bytes = 0
        self.unsent = 0  # frames that the transport did not take

    def send(self, buf, n, addr):
        """The first n bytes of a buffer to an address, None for all."""
        frame = self._frame
        if len(frame) != n or buf is not self.buf:
            frame = memoryview(buf)[:n]
            if buf is self.buf:
                self._frame = frame
        if not self._transport.send(frame, addr):
            self.unsent += 1
        self._governor.spend(n)
        self.sent += 1
        self.sent_bytes += n + _HEADERS

    def spread(self, buf, n):
        """To everybody: broadcast, and all configured peers."""
        self.send(buf, n, None)
        for addr in self.peers():
            self.send(buf, n, addr)

    def reply(self, buf, n, addr):
        """An answer, unless that address has not sent as much."""
        if self._routes.reply(self._route(addr), n):
            self.send(buf, n, addr)

    def allowance(self, addr):
        """Bytes that an answer to an address may have now."""
        return self._routes.allowance[self._route(addr)]

    def _route(self, addr):
        return self._routes.known(self._transport.key(addr))

    # --- configured peers ---------------------------------------------------------------------

    def peers(self):
        """Addresses of the configured peers, of those by name as far as they are known."""
        if self._fresh <= 0:
            self._fresh = _RENEW
            self._addresses = []
            self.error = ""
            for text in self._peers:
                try:
                    addr = self._transport.resolve(text)
                except LvsError as e:
                    self.error = str(e)
                    continue
                if addr is None:
                    self.error = "peers: '%s' has no address yet; it is looked up again" % text
                    self._fresh = 0
                else:
                    self._addresses.append(addr)
        self._fresh -= 1
        return self._addresses

    def some_peers(self, seeking):
        """Some configured peers, in turn by chance: who may be beyond a broadcast's reach. Also
        those that were known before the last start, while there is no state."""
        peers = self.peers()
        if self.remembered and seeking:
            peers = peers + self.remembered
        if len(peers) <= _CONFIGURED:
            return peers
        return _some(peers, self._noise.below(len(peers)))


def _some(peers, first):
    return [peers[(first + i) % len(peers)] for i in range(_CONFIGURED)]
