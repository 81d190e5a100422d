"""Contribution sources: the specification's ``VU = contribution_value(user_action)``.

``board.sources`` in lvs.json lists them; docs/boards/sources.md has an example of each.
"""

import asyncio

from micropython import const

from amounts import text
from lvs import LvsError

_POLL_MS = const(200)


def contribute_once(sources, node):
    """Hand to the node what the sources have counted; returns the raw units."""
    total = 0
    for channel, source in sources:
        raw = source.take()
        if raw:
            try:
                node.contribute(channel, text(raw))
                total += raw
            except LvsError as e:
                print("LVS: %s: %s" % (channel, e))
    return total


async def run(sources, node, check_in):
    """Do so for ever."""
    while True:
        contribute_once(sources, node)
        check_in("sources")
        await asyncio.sleep_ms(_POLL_MS)
