"""Brings the board back where nothing else does: from a radio that hears nothing, from a network
or peers that stay away. And tells ``restarts`` that this start was a good one."""

import asyncio

from micropython import const

import crashlog

_LOOK_MS = const(10000)
_LIFE_S = const(120)  # after which a start was a good one
_DEAF_S = const(300)  # connected, and nothing is heard: join anew; doubles, up to ...
_DEAF_MAX_S = const(3600)  # a board may be alone


class Keeper:
    """minutes: without a network, or without a peer that was there, until a restart; 0: never.

    wifi: a Wifi or None. node: has received, dropped (reception), journal, left(). once: app's.
    """

    def __init__(self, minutes, wifi, node, once):
        self._minutes = minutes
        self._wifi = wifi
        self._node = node
        self._once = once
        self._lived = False
        self._met = False  # whether anybody was heard
        self._count = 0  # datagrams
        self._heard = self._good = self._up = crashlog.uptime()
        self._patience = _DEAF_S
        self._lack = ""

    def look(self):
        """Once in a while; restarts the board if that is all that is left."""
        now = crashlog.uptime()
        if now >= _LIFE_S and not self._lived:
            self._lived = True
            self._once("restarts").lived()
        heard = self._node.reception
        count = heard.received + sum(heard.dropped.values())
        if count != self._count:
            self._count = count
            self._heard = now
            self._patience = _DEAF_S
        if heard.received:
            self._met = True
        wifi = self._wifi
        down = wifi and wifi.state != "up"
        self._lack = "network" if down else "peer"
        if down:
            self._up = now
        if wifi and wifi.paused or not down and (not self._met or now - self._heard < _DEAF_S):
            self._good = now
        if wifi and now - max(self._heard, self._up) >= self._patience:
            self._patience = min(2 * self._patience, _DEAF_MAX_S)
            self._up = now
            wifi.doubt()
        if self._minutes and now - self._good >= 60 * self._minutes:
            self._restart()

    def _restart(self):
        # What only this board knows is worth more than a try.
        if self._node.left() and not self._node.journal.durable:
            return
        self._node.journal.flush()
        crashlog.write("no %s for %d minutes; restarting" % (self._lack, self._minutes))
        import machine

        machine.reset()

    async def run(self, check_in):
        """Look for ever."""
        while True:
            self.look()
            check_in("keeper")
            await asyncio.sleep_ms(_LOOK_MS)
