"""ESP-NOW as a second way between nodes, beside UDP: frames without an access point.

An LVS frame fits (250 bytes). The radio must be on the same channel on every node; a board that
is joined to Wi-Fi is on its access point's channel.
"""

import time

import espnow  # pyright: ignore[reportMissingImports] the RP2 has none
from micropython import const

from lvs import LvsError

_BROADCAST = b"\xff" * 6
_ROOM = const(16) * 263  # bytes; the default holds two frames
_PEERS = const(20)  # unicast peers that the radio can hold
_RETRY_MS = const(5000)  # between attempts to switch it on


class EspNowLink:
    """A transport (lvs.transport_layer); addresses are 6-byte MACs.

    A radio that cannot be used does not raise: ``error`` says why, and it is tried again.
    """

    def __init__(self):
        self.error = ""
        self._radio = espnow.ESPNow()
        self._peers = []  # unicast, the oldest first
        self.close()  # an earlier program may have left it on, with peers
        self._ready()

    def _ready(self):
        """Whether the radio is on; if not, try to switch it on, every five seconds."""
        if self._on:
            return True
        now = time.ticks_ms()
        if self._tried is not None and 0 <= time.ticks_diff(now, self._tried) < _RETRY_MS:
            return False
        self._tried = now
        try:
            self._radio.config(rxbuf=_ROOM)
            self._radio.active(True)
            self._radio.add_peer(_BROADCAST)
        except OSError as e:
            self.error = "espnow: the radio cannot be used (%s); trying again" % e
            return False
        self.error = ""
        self._on = True
        return True

    def send(self, frame, addr):
        """Send to a MAC, or to all for None; False if the radio would not take it."""
        if not self._ready():
            return False
        try:
            if addr and addr not in self._peers:
                if len(self._peers) >= _PEERS - 1:
                    self._radio.del_peer(self._peers.pop(0))
                self._radio.add_peer(addr)
                self._peers.append(addr)
            self._radio.send(addr or _BROADCAST, frame, False)
        except OSError as e:
            self.error = "espnow: frames are not taken (%s); they wait for the next change" % e
            return False
        if self.error:
            self.error = ""
        return True

    def recv(self):
        """(frame, MAC) or None."""
        if not self._ready():
            return None
        try:
            if not self._radio.any():
                return None
            mac, frame = self._radio.recv(0)
        except (OSError, ValueError) as e:  # ValueError: its buffer is broken
            self.close()
            self._tried = time.ticks_ms()
            self.error = "espnow: nothing can be received (%s); trying again" % e
            return None
        return (bytes(frame), bytes(mac)) if mac and frame else None

    def key(self, addr):
        """The 30-bit route of a MAC."""
        low = (addr[2] & 0x3F) << 24 | addr[3] << 16 | addr[4] << 8 | addr[5]
        return low ^ addr[1] << 2

    def name(self, addr):
        """A MAC as text for ``resolve``."""
        return ":".join(["%02x" % byte for byte in addr])

    def resolve(self, text):
        """The MAC in a text like "aa:bb:cc:dd:ee:ff"; raises LvsError."""
        try:
            mac = bytes([int(part, 16) for part in text.split(":")])
        except ValueError:
            mac = b""
        if len(mac) != 6:
            raise LvsError("peers: '%s' is no MAC address" % text)
        return mac

    def close(self):
        """Switch it off; the radio forgets its peers."""
        self._on = False
        self._tried = None
        self._peers = []
        try:
            self._radio.active(False)
        except OSError:
            pass  # it was not on
