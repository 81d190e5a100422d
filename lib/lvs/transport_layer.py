"""Transports: how frames leave and arrive. This is the one file here that may import socket.

A transport has five methods, and a simulator or a radio can stand in for UDP:
``send(frame, addr)`` hands a frame to the network (addr None: broadcast), True if it went;
``recv()`` returns (frame, addr) or None at once; ``key(addr)`` is the 30-bit route of an address
(the host, not the port); ``resolve(text)`` makes an address of "host" or "host:port"; ``close()``.
Nothing here raises once it is open, except resolve: a lost frame is repaired by the next one.
"""

import select
import socket

from .fixed import LvsError, ticks_diff

_READ = 256  # a frame has at most 250; lwIP allocates what is asked for
_RETRY = 5000  # ms between attempts to open a socket
_EADDRINUSE = (98, 112, 48)  # Linux, lwIP, BSD
_NO_ADDRESS = (99, 49)


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
        self.unsent = 0  # frames that the network did not take
        self._address = address
        self._broadcast = broadcast
        self._port = port
        self._clock = clock
        self._sockets = []
        self._target = None
        self._tried = None
        self._poll = None
        self.open()

    def open(self):
        """Try to open the sockets; returns True when they are."""
        self.close()
        self._tried = self._clock()
        try:
            self._sockets.append(self._bind(self._address, False))
            if self._address != "0.0.0.0":  # noqa: S104 - a bound socket hears no broadcasts
                self._sockets.append(self._bind(self._broadcast, True))
            self._target = _sockaddr(self._broadcast, self._port)
        except OSError as e:
            self.close()
            self.error = self._explain(e)
            return False
        self._poll = select.poll()
        for s in self._sockets:
            self._poll.register(s, select.POLLIN)
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
            return "port: %d is in use on %s; choose another or stop what uses it" % (
                self._port,
                self._address,
            )
        if code in _NO_ADDRESS:
            return "address: %s is not one of this machine's" % self._address
        return "network: cannot open UDP %s:%d (%s); trying again" % (
            self._address,
            self._port,
            e,
        )

    def _again(self):
        if self._tried is None or ticks_diff(self._clock(), self._tried) >= _RETRY:
            return self.open()
        return False

    def send(self, frame, addr):
        """Hand a frame to the network; False when it was not taken (it is not tried again)."""
        if not self._sockets and not self._again():
            return False
        try:
            self._sockets[0].sendto(frame, self._target if addr is None else addr)
        except OSError as e:
            self.unsent += 1
            code = e.args[0] if e.args else 0
            if code in (101, 113, 118):  # network or host unreachable (Linux, lwIP)
                self.error = "network: unreachable (%s); frames wait for the next change" % e
            return False
        if self.error:
            self.error = ""
        return True

    def recv(self):
        """(frame, address) of one waiting datagram, or None."""
        if not self._sockets and not self._again():
            return None
        poll = self._poll
        if poll is None:
            return None
        for s, _ in getattr(poll, "ipoll", poll.poll)(0):
            if not isinstance(s, int):
                sock = s
            else:  # CPython gives the descriptor
                sock = next(x for x in self._sockets if x.fileno() == s)
            try:
                frame, addr = sock.recvfrom(_READ)
            except OSError:
                continue  # nothing there after all, or an ICMP error of an earlier frame
            if not frame:
                # A zero-length datagram leaves an ESP32 socket deaf (micropython-lib#736).
                if ticks_diff(self._clock(), self._tried) >= _RETRY:
                    self.open()
                return None
            return frame, addr
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
        """Address of "host" or "host:port". Raises LvsError."""
        host, _, port = text.partition(":")
        try:
            return _sockaddr(host, int(port or self._port))
        except (OSError, ValueError) as e:
            raise LvsError("peers: '%s' cannot be resolved (%s)" % (text, e))

    def name(self, addr):
        """An address as text for ``resolve``."""
        if isinstance(addr, tuple):
            return "%s:%d" % (addr[0], addr[1])
        return "%d.%d.%d.%d:%d" % (addr[4], addr[5], addr[6], addr[7], addr[2] << 8 | addr[3])

    def close(self):
        """Close the sockets."""
        for s in self._sockets:
            s.close()
        self._sockets = []
        self._poll = None
