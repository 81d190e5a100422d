"""Transports: how frames leave and arrive. This is the one file here that may import socket.

A transport is any object with these; a simulator or a radio can stand in for UDP. Addresses
are its own affair: what ``recv`` and ``resolve`` give, the others take.

``send(frame, addr)``  Hand a frame (a buffer of at most 250 bytes) to the network; addr None: to
                       all. False if it was not taken: the node counts it, the next one repairs it.
``recv()``             (frame, addr) of a datagram that waits, or None at once. Never an empty one.
``key(addr)``          The route of an address, 0 .. 2**30 - 1: the host, not the port.
``name(addr)``         The address as text of at most 64 bytes, which ``resolve`` takes.
``resolve(text)``      The address of such a text, or of a configured peer; None while a name's is
                       being looked up. Raises LvsError.
``error``              What is wrong at present, one line for people; "" if nothing is.
``close()``            Give up what is held. A transport that is used again opens again.
``sockets``            A list of what asyncio can wait on, another one whenever they are; who has
                       none is asked every 20 ms.

Nothing but ``resolve`` raises, and nothing waits: a lost frame is repaired by the next one.
"""

import select
import socket

from .fixed import LvsError, const, ticks_diff

_READ = const(256)  # bytes: a frame has at most 250; lwIP allocates what is asked for
_RETRY_MS = const(5000)  # between attempts to open a socket
_EADDRINUSE = (98, 112, 48, 10048)  # Linux, lwIP, BSD, Windows
_NO_ADDRESS = (99, 49, 10049)
_UNREACHABLE = (101, 113, 118, 10051, 10065)  # network or host: Linux, lwIP, Windows


def _make_poll():
    poll = getattr(select, "poll", None)
    if poll and hasattr(poll(), "ipoll"):
        return poll()
    from .no_poll import EachSocket

    return EachSocket()


def _sockaddr(host, port):
    return socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][-1]


class UdpTransport:
    """UDP over IPv4. One socket, and a second for broadcasts when bound to a single address.

    address: where to bind ("0.0.0.0": every interface); broadcast: where broadcasts go; port: for
    both. A port in use or a network that is down does not raise: ``error`` names it, and the
    socket is tried again every five seconds.
    """

    def __init__(self, address, broadcast, port, clock):
        self.error = ""
        self._address = address
        self._broadcast = broadcast
        self._port = port
        self._clock = clock
        self.sockets = []
        self._target = None
        self._poll = None
        self._tried = None  # ticks of the last attempt to open
        self._lookup = None  # of names, once there is one
        self.open()

    def open(self):
        """Try to open the sockets; returns True when they are."""
        self.close()
        self._tried = self._clock()
        try:
            self.sockets.append(self._bind(self._address, False))
            if self._address != "0.0.0.0":  # noqa: S104 - a bound socket hears no broadcasts
                self.sockets.append(self._bind(self._broadcast, True))
            self._target = _sockaddr(self._broadcast, self._port)
        except OSError as e:
            self._close_sockets()
            self.error = self._explain(e)
            return False
        self._poll = _make_poll()
        for s in self.sockets:
            self._poll.register(s, 1)
        self.error = ""
        return True

    def _bind(self, host, shared):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if shared:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_BROADCAST", 6), 1)
            s.bind(_sockaddr(host, self._port))
            s.setblocking(False)
        except OSError:
            s.close()
            raise
        return s

    def _explain(self, e):
        code = e.args[0] if e.args else 0
        if code in _EADDRINUSE:
            return "port: %d is in use on %s; choose another" % (
                self._port,
                self._address,
            )
        if code in _NO_ADDRESS:
            return "address: %s is not one of this machine's" % self._address
        return "network: cannot open UDP %s:%d (%s)" % (
            self._address,
            self._port,
            e,
        )

    def _ready(self):
        """Whether the sockets are open; if not, try to open them."""
        return bool(self.sockets) or self._rested() and self.open()

    def _rested(self):
        """Whether the last attempt to open is some time ago; ticks of long ago seem ahead."""
        tried = self._tried
        return tried is None or not 0 <= ticks_diff(self._clock(), tried) < _RETRY_MS

    def send(self, frame, addr):
        """Hand a frame to the network; False when it was not taken (it is not tried again)."""
        if not self._ready():
            return False
        try:
            self.sockets[0].sendto(frame, self._target if addr is None else addr)
        except OSError as e:
            code = e.args[0] if e.args else 0
            if code in _UNREACHABLE:
                self.error = "network: unreachable (%s)" % e
            return False
        if self.error:
            self.error = ""
        return True

    def recv(self):
        """(frame, address) of one waiting datagram, or None."""
        if not self._ready():
            return None
        assert self._poll  # it is there while the sockets are
        for sock, _ in self._poll.ipoll(0):
            try:
                got = sock.recvfrom(_READ)
            except OSError:
                continue  # nothing there after all, or an ICMP error of an earlier frame
            if not got[0]:
                # A zero-length datagram leaves an ESP32 socket deaf (micropython-lib#736).
                if self._rested():
                    self.open()
                return None
            return got
        return None

    def key(self, addr):
        """The 30-bit route of an address: its IPv4 host."""
        if not isinstance(addr, tuple):  # MicroPython for Linux: a raw sockaddr_in
            b = addr[4]
            h = (addr[5] << 16) | (addr[6] << 8) | addr[7]
        else:
            b = h = part = 0
            dots = 0
            for ch in addr[0]:
                if ch == ".":
                    b, h = (part, 0) if dots == 0 else (b, (h << 8) | part)
                    part = 0
                    dots += 1
                else:
                    part = part * 10 + ord(ch) - 48
            h = (h << 8) | part
        return (((b & 0x3F) << 24) | h) ^ (b >> 6)

    def resolve(self, text):
        """Address of "host" or "host:port", None while it is not known. Raises LvsError."""
        host, _, port = text.partition(":")
        try:
            number = int(port or self._port)
            if not host.replace(".", "").isdigit():
                host = self._found(host)
            return host and _sockaddr(host, number)
        except (OSError, ValueError) as e:
            raise LvsError("peers: '%s' cannot be resolved (%s)" % (text, e))

    def _found(self, host):
        """The address that a name has as far as is known: it is looked up in the background."""
        if not self._lookup:
            from .lookup import Lookup

            self._lookup = Lookup(self._clock)
        return self._lookup.find(host)

    def moved(self):
        """This machine has another address: open anew, and look all names up again."""
        if self._lookup:
            self._lookup.renew()
        self.open()

    def name(self, addr):
        """An address as text for ``resolve``."""
        if isinstance(addr, tuple):
            return "%s:%d" % (addr[0], addr[1])
        return "%d.%d.%d.%d:%d" % (addr[4], addr[5], addr[6], addr[7], addr[2] << 8 | addr[3])

    def close(self):
        """Close the sockets."""
        self._close_sockets()
        self._tried = None

    def _close_sockets(self):
        for s in self.sockets:
            s.close()
        self.sockets = []
        self._poll = None
