"""LVS: counters that a mesh of boards shares without a server, a leader or an identity.

    from lvs import Node
    node = Node("config.json")
    node.contribute("water", "2.5")
    asyncio.run(node.run())
"""

from .config import Config, ConfigError
from .fixed import ONE, LvsError, NotDurable
from .journal import Journal
from .node_runtime import Node

__all__ = ("Config", "ConfigError", "Journal", "LvsError", "Node", "NotDurable", "ONE")
__version__ = "0.1.0"
