"""MicroPython's ``espnow`` module for a simulated board: see ``bench``."""

import bench
import network

_BROADCAST = b"\xff" * 6
_NOT_INIT = (-12389, "ESP_ERR_ESPNOW_NOT_INIT")


class ESPNow:
    """Frames of at most 250 bytes between radios; no access point. 20 unicast peers at most.

    Switched off it forgets its peers, and whatever is asked of it raises OSError.
    """

    def __init__(self):
        self._active = False
        self._peers = []
        self._inbox = []
        self._room = 526
        self.mac = b"\x02LVS\x00\x01"

    def active(self, on=None):
        """Whether it is on; or switch it."""
        if on is None:
            return self._active
        if on and not any(w.active() for w in network.WLAN._made.values()):
            raise OSError(-12396, "ESP_ERR_ESPNOW_IF")
        if on and self not in bench.espnow_air:
            bench.espnow_air.append(self)
        if not on and self in bench.espnow_air:
            bench.espnow_air.remove(self)
        if not on:
            self._peers = []
            self._inbox = []
        self._active = bool(on)

    def _initialised(self):
        if not self._active:
            raise OSError(*_NOT_INIT)

    def config(self, rxbuf=None):
        """Size of the receive buffer in bytes; before active(True)."""
        if rxbuf:
            self._room = rxbuf

    def add_peer(self, mac):
        """Allow sending to a MAC."""
        self._initialised()
        if mac in self._peers:
            raise OSError(-12395, "ESP_ERR_ESPNOW_EXIST")
        if len(self._peers) >= 20:
            raise OSError(-12392, "ESP_ERR_ESPNOW_FULL")
        self._peers.append(mac)

    def del_peer(self, mac):
        """Forget a MAC."""
        self._initialised()
        if mac not in self._peers:
            raise OSError(-12393, "ESP_ERR_ESPNOW_NOT_FOUND")
        self._peers.remove(mac)

    def send(self, mac, message, sync=True):
        """Send to a MAC that was added; True if it went out."""
        self._initialised()
        if mac not in self._peers:
            raise OSError(-12393, "ESP_ERR_ESPNOW_NOT_FOUND")
        if not 0 < len(message) <= 250:
            raise OSError(-12390, "ESP_ERR_ESPNOW_ARG")
        for other in bench.espnow_air:
            if other is not self and mac in (_BROADCAST, other.mac):
                used = sum(len(m) + 13 for _, m in other._inbox)
                if used + len(message) + 13 <= other._room:
                    other._inbox.append((self.mac, bytes(message)))
        return True

    def any(self):
        """Whether a frame waits."""
        self._initialised()
        return bool(self._inbox)

    def recv(self, timeout_ms=300):
        """(mac, message), or (None, None) when nothing came in time."""
        self._initialised()
        return self._inbox.pop(0) if self._inbox else (None, None)
