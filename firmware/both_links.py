"""Two transports as one: what is broadcast goes both ways, an answer goes the way it came."""


class BothLinks:
    """A transport (lvs.transport_layer) of two: an address is a MAC (6 bytes) or UDP's own."""

    def __init__(self, udp, radio):
        self.udp = udp
        self.radio = radio
        self._turn = False

    @property
    def error(self):
        """What is wrong with either, "" if nothing."""
        return self.udp.error or self.radio.error

    def _link(self, addr):
        """The transport that an address belongs to."""
        return self.radio if isinstance(addr, bytes) and len(addr) == 6 else self.udp

    def send(self, frame, addr):
        """Send one frame; True if one of the networks took it."""
        if addr is None:
            by_radio = self.radio.send(frame, None)
            return self.udp.send(frame, None) or by_radio
        return self._link(addr).send(frame, addr)

    def recv(self):
        """(frame, address) or None; the two take turns, so that neither starves the other."""
        self._turn = not self._turn
        first, second = (self.radio, self.udp) if self._turn else (self.udp, self.radio)
        return first.recv() or second.recv()

    def key(self, addr):
        """The 30-bit route of an address."""
        return self._link(addr).key(addr)

    def name(self, addr):
        """An address as text for ``resolve``."""
        return self._link(addr).name(addr)

    def resolve(self, text):
        """The address of a MAC (five colons), or of a host for UDP; raises LvsError."""
        return (self.radio if text.count(":") == 5 else self.udp).resolve(text)

    def moved(self):
        """This board has another address."""
        self.udp.moved()

    def close(self):
        """Close both."""
        self.radio.close()
        self.udp.close()
