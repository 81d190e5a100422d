"""LVS: counters that a mesh of boards shares without a server, a leader or an identity.

    from lvs import Node
    node = Node("config.json")
    node.contribute("water", "2.5")
    asyncio.run(node.run())

A node that must remember over a power cut is given a journal, which costs a board 16 KB of heap:

    from lvs.journal import Journal
    node = Node("config.json", journal=Journal("/journal"))

A sensor on a battery, which sleeps most of the time, holds nothing: lvs.leaf.Leaf.
"""

from .config import Config
from .fixed import ConfigError, LvsError, NotDurable
from .node_runtime import Node

__all__ = ("Config", "ConfigError", "LvsError", "Node", "NotDurable")
__version__ = "0.2.0"
