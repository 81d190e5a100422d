"""What the mesh has counted since midnight, for the status page: if the board knows the time.

It does after somebody has set its clock; a time server does so every twelve hours, if
``status_page.ntp`` names one.
"""

import asyncio
import json
import os
import socket
import time

from micropython import const

import crashlog
from lvs.decimal import text

PATH = "/today"
_YEAR = const(2025)  # a clock that is set is past it
_SET_S = const(43200)
_ALONE_S = const(120)  # until a board that hears nobody is believed to be alone
_AGAIN_S = const(600)  # after a time server that did not answer
_WAIT_MS = const(3000)
_EPOCHS = ((1970, 2208988800), (2000, 3155673600))  # seconds from 1900 to a port's epoch


def now():
    """Seconds since the port's epoch (UTC), None while the clock is not set."""
    seconds = int(time.time())
    return seconds if time.gmtime(seconds)[0] >= _YEAR else None


class Today:
    """Values at midnight, kept over restarts in a small file, written once a day.

    offset_min: of the local time against UTC; path: of the file. ``since``: seconds after midnight
    from which on is counted, 0 if it was seen; None: the time is not known.
    """

    def __init__(self, node, offset_min=0, path=None):
        self._node = node
        self._offset_s = 60 * offset_min
        self._path = path or PATH
        self._day = None
        self._raw = []
        self.since = None

    def _values(self):
        node = self._node
        return [node.raw(c) for c in range(len(node.config.channels))]

    def _read(self, day):
        """Whether the file has the values of this day."""
        try:
            with open(self._path) as f:
                kept = json.load(f)
            if kept["day"] == day and kept["mesh"] == self._node.config.tag:
                self._raw = [int(raw) for raw in kept["raw"]]
                self.since = int(kept["since"])
                return True
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return False

    def _write(self):
        kept = {"day": self._day, "mesh": self._node.config.tag}
        kept.update(since=self.since, raw=self._raw)
        try:
            with open(self._path, "w") as f:
                json.dump(kept, f)
        except OSError:
            pass  # then a restart begins anew

    def _sure(self):
        """Whether the values are the mesh's: else they would jump when it is met."""
        node = self._node
        values = self._values()  # asks for those that others hold
        if None in [node.age(node.config.channels[c]) for c in range(len(values))]:
            return False
        if all([r.established for r in node.placement.replicas]):
            return True
        return node.routes.n == 1 and crashlog.uptime() >= _ALONE_S

    def look(self):
        """Begin a day when there is a new one; to be called every minute or so."""
        seconds = now()
        node = self._node
        if seconds is None or node.life.seeking() or not self._sure():
            return
        day, second = divmod(seconds + self._offset_s, 86400)
        if day == self._day:
            return
        if self._day is not None or not self._read(day):
            self.since = 0 if self._day == day - 1 else second
            self._raw = self._values()
        self._day = day
        self._write()

    def sums(self):
        """What each channel got since then, as text; [] if that is not known."""
        if self.since is None:
            return []
        config = self._node.config
        found = []
        for c, raw in enumerate(self._values()):
            self._raw += [raw] * (c == len(self._raw))  # a channel that was appended today
            found.append(text(raw - self._raw[c], config.steps[c]))
        return found


def read(data, asked):
    """Seconds since 1900 in a time server's answer (RFC 4330), None if it is none."""
    if len(data) < 48 or data[0] & 7 != 4 or not 0 < data[1] < 16 or data[24:32] != asked[40:48]:
        return None
    seconds = int.from_bytes(data[40:44], "big")
    return seconds if seconds >> 31 else seconds + (1 << 32)  # from 2036 on


async def ask(address, port=123):
    """Ask the time server at a numeric address; None if there is no answer."""
    asked = b"\x23" + bytes(39) + os.urandom(8)
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        link.setblocking(False)
        link.sendto(asked, socket.getaddrinfo(address, port)[0][-1])
        for _ in range(_WAIT_MS // 100):
            await asyncio.sleep_ms(100)
            try:
                found = read(link.recvfrom(64)[0], asked)
            except OSError:
                continue  # nothing yet
            if found:
                return found
    except OSError:
        pass  # no network
    finally:
        link.close()
    return None


async def find(host):
    """The numeric address of a time server, None if it is not known."""
    if host.replace(".", "").isdigit():
        return host
    from lvs.lookup import Lookup
    from lvs.machine import clock

    lookup = Lookup(clock)
    for _ in range(_WAIT_MS // 100):
        address = lookup.find(host)
        if address:
            return address
        await asyncio.sleep_ms(100)
    return None


async def set_clock(host):
    """Set the board's clock from a time server; True if it answered."""
    address = await find(host)
    found = await ask(address) if address else None
    if found is None:
        return False
    import machine

    epoch = time.gmtime(0)[0]
    t = time.gmtime(found - [s for year, s in _EPOCHS if year == epoch][0])
    machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))
    return True


async def run(today, host):
    """Look for ever, and set the clock if a host is given."""
    due = time.ticks_ms()
    while True:
        if host and time.ticks_diff(time.ticks_ms(), due) >= 0:
            good = await set_clock(host)
            due = time.ticks_add(time.ticks_ms(), 1000 * (_SET_S if good else _AGAIN_S))
        today.look()
        await asyncio.sleep_ms(20000)
