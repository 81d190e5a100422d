"""MicroPython's ``network`` module for a simulated board: see ``bench``."""

import bench

STA_IF = 0
AP_IF = 1

# The ESP32's figures; other ports have others, so the firmware asks by name.
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202

_names = []


def hostname(name=None):
    """The name that the board tells DHCP; at most 32 characters."""
    if name is not None:
        if len(name) > 32:
            raise ValueError("hostname too long")
        _names[:] = [name]
    return _names[0] if _names else "mpy"


def country(code=None):
    """The radio's country code."""
    return code or "XX"


class WLAN:
    """The radio, as station or access point: one object per interface, however often asked."""

    IF_STA = 0
    IF_AP = 1
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2
    _made = {}
    _config = {}

    def __new__(cls, interface=0):
        """The one object of an interface."""
        if interface not in cls._made:
            self = super().__new__(cls)
            self._active = False
            self._target = None
            self._started = 0
            self._config = {"pm": cls.PM_PERFORMANCE, "channel": 6}
            cls._made[interface] = self
        return cls._made[interface]

    def __init__(self, interface=0):
        pass

    def active(self, on=None):
        """Whether the radio is on; or switch it."""
        if on is None:
            return self._active
        self._active = bool(on)
        if not on:
            self._target = None

    def connect(self, ssid, key=None):
        """Begin to join a network; ``status()`` tells how it goes."""
        if not self._active:
            raise OSError("Wifi Not Started")
        if self._target and bench.port == "esp32" and self.status() == STAT_CONNECTING:
            raise OSError("Wifi Internal State Error")
        bench.tell("connect " + ssid)
        self._target = (ssid, key or "")
        self._started = bench.ticks_ms()

    def disconnect(self):
        """Leave the network."""
        if not self._active and bench.port == "esp32":
            raise OSError("Wifi Not Started")
        self._target = None

    def status(self, what=None):
        """How the connection stands, or ``status("rssi")``."""
        if what == "rssi":
            if not self.isconnected():
                raise OSError("STA not connected")
            return bench.rssi
        if not self._active or not self._target:
            return STAT_IDLE
        ssid, key = self._target
        if bench.ticks_diff(bench.ticks_ms(), self._started) < bench.join_ms:
            return STAT_CONNECTING
        if ssid not in bench.air:
            return STAT_NO_AP_FOUND
        if bench.air[ssid] != key:
            return STAT_WRONG_PASSWORD
        return STAT_GOT_IP

    def isconnected(self):
        """Whether there is an address."""
        return self._active and self.status() == STAT_GOT_IP

    def ifconfig(self):
        """(address, mask, gateway, DNS); zeros without a connection."""
        if not self.isconnected():
            return ("0.0.0.0",) * 4
        return (bench.address, "255.255.255.0", "127.0.0.1", "127.0.0.1")

    def scan(self):
        """Networks in reach: (name, bssid, channel, rssi, security, hidden)."""
        if not self._active:
            raise OSError("STA must be active")
        return [(name.encode(), b"\0" * 6, 6, bench.rssi, 3, False) for name in bench.air]

    def config(self, *args, **settings):
        """Read one setting by name, or set several."""
        if args:
            if args[0] == "mac":
                return b"\x02LVS\x00\x01"
            if args[0] not in self._config:
                raise ValueError("unknown config param")
            return self._config[args[0]]
        for name in settings:
            known = ("pm", "channel", "txpower", "ssid", "key", "security")
            if name == "reconnects" and bench.port == "esp32":
                continue
            if name not in known:
                raise ValueError("unknown config param")
        self._config.update(settings)
