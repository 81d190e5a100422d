"""ESP-NOW as a second way between nodes, beside UDP: frames without an access point.

An LVS frame fits (250 bytes). The radio must be on the same channel on every node; a board that
is joined to Wi-Fi is on its access point's channel.
"""

import espnow  # pyright: ignore[reportMissingImports] the RP2 has none

from lvs import LvsError

_BROADCAST = b"\xff" * 6
_ROOM = 16 * 263  # bytes; the default holds two frames
_PEERS = 20  # unicast peers that the radio can hold


class EspNowLink:
    """A transport of ``lvs``: addresses are 6-byte MACs."""

    def __init__(self):
        self._radio = espnow.ESPNow()
        self._radio.config(rxbuf=_ROOM)
        self._radio.active(True)
        self._radio.add_peer(_BROADCAST)
        self._peers = []
        self.failed = 0

    def send(self, frame, addr):
        """Send to a MAC, or to all for None; False if the radio would not take it."""
        mac = addr or _BROADCAST
        try:
            if addr and addr not in self._peers:
                if len(self._peers) >= _PEERS - 1:
                    self._radio.del_peer(self._peers.pop(0))
                self._radio.add_peer(addr)
                self._peers.append(addr)
            self._radio.send(mac, bytes(frame), False)
            return True
        except (OSError, ValueError):
            self.failed += 1
            return False

    def recv(self):
        """(frame, MAC) or None."""
        if not self._radio.any():
            return None
        mac, frame = self._radio.recv(0)
        return (bytes(frame), bytes(mac)) if mac and frame else None

    def key(self, addr):
        """30-bit number of the sender, for quotas."""
        low = (addr[2] & 0x3F) << 24 | addr[3] << 16 | addr[4] << 8 | addr[5]
        return low ^ addr[1] << 2

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
        """Switch it off."""
        self._radio.active(False)
