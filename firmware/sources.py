"""Contribution sources: the specification's ``VU = contribution_value(user_action)``.

``board.sources`` in lvs.json lists them; docs/boards/sources.md has an example of each.
"""

import asyncio

from micropython import const

from lvs import LvsError

_POLL_MS = const(200)

_made = [], []  # entries of board.sources, and the sources that were made of them
_node = None


def known(entries):
    """The sources of these entries if they count already, as after Ctrl-C; else None."""
    return _made[1] if _made[1] and entries == _made[0] else None


def contribute_once(sources, node):
    """Hand to the node what the sources have counted."""
    for channel, source in sources:
        amount = source.take()
        if amount is not None:
            try:
                node.contribute(channel, amount)
            except LvsError as e:
                print("LVS: %s: %s" % (channel, e))


def collect():
    """The same with what runs: before whatever ends the program."""
    if _node:
        contribute_once(_made[1], _node)


async def run(entries, sources, node, check_in):
    """Do so for ever, and once more at the end."""
    global _made, _node
    _made = entries, sources
    _node = node
    try:
        while True:
            contribute_once(sources, node)
            check_in("sources")
            await asyncio.sleep_ms(_POLL_MS)
    finally:
        collect()
