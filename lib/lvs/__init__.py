"""LVS: counters that a mesh of boards shares without a server, a leader or an identity.

    from lvs import Node
    node = Node("config.json")
    node.contribute("water", "2.5")
    asyncio.run(node.run())

A node that must remember over a power cut is given a journal, which costs a board 16 KB of heap:

    from lvs.journal import Journal
    node = Node("config.json", journal=Journal("/journal"))

A sensor on a battery sleeps most of the time and holds nothing; it costs a third of the memory:

    from lvs.leaf import Leaf
"""

import sys

from .config import Config
from .fixed import ConfigError, LvsError, NotDurable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node_runtime import Node

__all__ = ("Config", "ConfigError", "LvsError", "Node", "NotDurable")
__version__ = "0.2.0"


def __getattr__(name):
    """Node, which a leaf does without, when it is asked for; and, as MicroPython asks for them
    here, too, the modules of this package."""
    if name == "Node":
        from .node_runtime import Node

        return Node
    try:
        __import__("lvs." + name)
    except ImportError:
        raise AttributeError(name) from None
    return sys.modules["lvs." + name]
