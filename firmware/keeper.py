"""Brings the board back where nothing else does: from a radio that hears nothing, from a network
or peers that stay away. And tells ``restarts`` that this start was a good one."""

import asyncio

from micropython import const

import crashlog

_LOOK_MS = const(10000)
_LIFE_S = const(120)  # after which a start was a good one
_DEAF_S = const(300)  # connected, and nothing is heard: join anew; doubles, up to ...
_DEAF_MAX_S = const(3600)  # a board may be alone


def looks(minutes, wifi, node, once):
    """A generator that looks at each turn; restarts the board if that is all that is left.

    minutes: without a network, or without a peer that was there, until a restart; 0: never.
    wifi: a Wifi or None. node: has reception, journal, left(). once: app's.
    """
    heard = node.reception
    datagrams = 0
    last = good = up = crashlog.uptime()  # something was heard; all was well; the Wi-Fi came up
    patience = _DEAF_S
    lived = False
    while True:
        yield
        now = crashlog.uptime()
        if now >= _LIFE_S and not lived:
            lived = True
            once("restarts").lived()
        count = heard.received + sum(heard.dropped.values())
        if count != datagrams:
            datagrams = count
            last = now
            patience = _DEAF_S
        down = wifi and wifi.state != "up"
        if down:
            up = now
        if wifi and wifi.paused or not down and (not heard.received or now - last < _DEAF_S):
            good = now
        if wifi and now - max(last, up) >= patience:
            patience = min(2 * patience, _DEAF_MAX_S)
            up = now
            wifi.doubt()
        # What only this board knows is worth more than a try.
        if minutes and now - good >= 60 * minutes and (node.journal.durable or not node.left()):
            once("restarts").to_mend("network" if down else "peer", minutes, node.journal)


async def run(check_in, *given):
    """Look for ever."""
    for _ in looks(*given):
        check_in("keeper")
        await asyncio.sleep_ms(_LOOK_MS)
