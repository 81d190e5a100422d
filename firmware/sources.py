"""Contribution sources: the specification's ``VU = contribution_value(user_action)``.

``board.sources`` in lvs.json lists them; docs/boards/sources.md has an example of each.
"""

import asyncio

from micropython import const

from lvs import LvsError

_POLL_MS = const(200)


def contribute_once(sources, node):
    """Hand to the node what the sources have counted."""
    for channel, source in sources:
        amount = source.take()
        if amount is not None:
            try:
                node.contribute(channel, amount)
            except LvsError as e:
                print("LVS: %s: %s" % (channel, e))


async def run(sources, node, check_in):
    """Do so for ever."""
    while True:
        contribute_once(sources, node)
        check_in("sources")
        await asyncio.sleep_ms(_POLL_MS)
