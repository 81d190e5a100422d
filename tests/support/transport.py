"""The transport of all tests, in memory and on every interpreter: an address is a number.

It has the whole interface of the product's transports (lvs.transport_layer). What waits in
``inbox`` is received, what is sent is in ``sent``.
"""

from lvs import LvsError


class Transport:
    """Takes every frame; each address is its own route.

    carry: called with (frame as bytes, address or None for all) for each frame that is sent;
    keep: whether ``sent`` keeps them, which a test of memory cannot have.
    """

    def __init__(self, carry=None, keep=True):
        self.error = ""
        self.inbox = []  # (frame, address), the next one first
        self.sent = []  # (frame, address or None)
        self.open = True
        self._carry = carry
        self._keep = keep

    def send(self, frame, addr):
        frame = bytes(frame)  # its owner may use the buffer again
        if self._keep:
            self.sent.append((frame, addr))
        if self._carry:
            self._carry(frame, addr)
        return True

    def recv(self):
        return self.inbox.pop(0) if self.inbox else None

    def key(self, addr):
        return addr

    def resolve(self, text):
        try:
            return int(text)
        except ValueError:
            raise LvsError("peers: '%s' cannot be resolved" % text) from None

    def name(self, addr):
        return str(addr)

    def close(self):
        self.open = False
