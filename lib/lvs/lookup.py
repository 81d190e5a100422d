"""Names of hosts become addresses here, in the background: nothing waits for a name server.

Loaded when a peer is configured by name. On CPython a thread asks the system; on MicroPython,
whose ``getaddrinfo`` blocks, a datagram asks the name server (RFC 1035),
or everybody for names in .local (RFC 6762, 6.7).
"""

import os
import socket
import sys

from .fixed import const, ticks_diff

PORT = 53  # where the name server listens
_AGAIN_MS = const(10000)  # after a question without an answer
_RENEW_MS = const(300000)  # after an answer: hosts move


def server():
    """The name server's address, "" if there is none yet."""
    try:
        import network

        return network.ipconfig("dns")
    except ImportError:  # no board
        with open("/etc/resolv.conf") as f:
            for line in f:
                if line.startswith("nameserver "):
                    return line.split()[1]
    return ""


def question(number, host):
    """The datagram that asks for the IPv4 address of a host."""
    parts = [bytes((number >> 8, number & 255)) + b"\1\0\0\1\0\0\0\0\0\0"]
    for label in host.encode().split(b"."):
        if not 0 < len(label) < 64:
            raise ValueError("label")
        parts.append(bytes((len(label),)) + label)
    return b"".join(parts) + b"\0\0\1\0\1"


def answer(data, asked):
    """The address in the answer to a question, as text; None if it has none, or is no answer."""
    try:
        if data[:2] != asked[:2] or not data[2] & 0x80 or data[3] & 15:
            return None
        at = 12
        for kind in range((data[4] << 8 | data[5]) + (data[6] << 8 | data[7])):
            while data[at] and data[at] < 192:
                at += data[at] + 1
            at += 2 if data[at] else 1
            if kind < data[5]:
                at += 4  # the question, said again
                continue
            size = data[at + 8] << 8 | data[at + 9]
            if data[at : at + 2] == b"\0\1" and size == 4 and at + 14 <= len(data):
                return "%d.%d.%d.%d" % tuple(data[at + 10 : at + 14])
            at += 10 + size
    except IndexError:
        pass
    return None


class Lookup:
    """Addresses of hosts, as far as they are known. clock: ticks in ms."""

    def __init__(self, clock):
        self._clock = clock
        self._hosts = {}  # name: [address or None, ticks of the last question, or None]
        self._socket = None
        self._asked = {}  # name: question that is out

    def find(self, host):
        """The address of a host as text, None while it is not known. Returns at once."""
        self._collect()
        entry = self._hosts.get(host)
        if entry is None:
            entry = self._hosts[host] = [None, None]
        now = self._clock()
        rest = _RENEW_MS if entry[0] else _AGAIN_MS
        if entry[1] is None or not 0 <= ticks_diff(now, entry[1]) < rest:
            entry[1] = now
            if sys.implementation.name == "cpython":
                import _thread

                _thread.start_new_thread(_system, (host, entry))
            else:
                self._ask(host)
        return entry[0]

    def renew(self):
        """The network is another: ask for all again. What is known holds until then."""
        for entry in self._hosts.values():
            entry[1] = None

    def _ask(self, host):
        try:
            if not self._socket:
                self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
            local = host.endswith(".local")
            to = ("224.0.0.251", 5353) if local else (server(), PORT)
            number = os.urandom(2)
            self._asked[host] = question(number[0] << 8 | number[1], host)
            self._socket.sendto(self._asked[host], socket.getaddrinfo(*to)[0][-1])
        except (OSError, ValueError):
            pass  # no network, or no name: asked again

    def _collect(self):
        """Take the answers that have come."""
        while self._socket:
            try:
                data = self._socket.recvfrom(512)[0]
            except OSError:
                break  # none is left
            for host, asked in list(self._asked.items()):
                found = answer(data, asked)
                if found:
                    self._hosts[host][0] = found
                    del self._asked[host]
        if self._socket and not self._asked:
            self._socket.close()
            self._socket = None


def _system(host, entry):
    try:
        entry[0] = socket.getaddrinfo(host, 0, socket.AF_INET)[0][4][0]
    except (OSError, UnicodeError):
        pass
