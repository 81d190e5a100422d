"""Two transports as one: what is broadcast goes both ways, an answer goes the way it came."""


class BothLinks:
    """UDP and ESP-NOW side by side; an address is a MAC (6 bytes) or UDP's own."""

    def __init__(self, udp, radio):
        self.udp = udp
        self.radio = radio
        self._turn = False

    @property
    def error(self):
        """What is wrong with UDP, "" if nothing: ``Node.status()`` shows it."""
        return self.udp.error

    def _is_mac(self, addr):
        return isinstance(addr, bytes) and len(addr) == 6

    def send(self, frame, addr):
        """Send one frame; True if one of the networks took it."""
        if addr is None:
            by_radio = self.radio.send(frame, None)
            return self.udp.send(frame, None) or by_radio
        link = self.radio if self._is_mac(addr) else self.udp
        return link.send(frame, addr)

    def recv(self):
        """(frame, address) or None; the two take turns, so that neither starves the other."""
        self._turn = not self._turn
        first, second = (self.radio, self.udp) if self._turn else (self.udp, self.radio)
        return first.recv() or second.recv()

    def key(self, addr):
        """The sender's number for quotas."""
        return (self.radio if self._is_mac(addr) else self.udp).key(addr)

    def resolve(self, text):
        """An address from a configured peer: a MAC with five colons, or a host for UDP."""
        return (self.radio if text.count(":") == 5 else self.udp).resolve(text)

    def close(self):
        """Close both."""
        self.radio.close()
        self.udp.close()
