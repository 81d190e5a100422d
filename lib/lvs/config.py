"""One JSON file configures a node. What its keys mean, and how they are checked: config_check."""

from .fixed import unload

EPOCH_CYCLES = 64  # cycles (about a second each) in an epoch: the unit of budgets and of folding
CYCLE_MS = 1000
CLOSING = 4  # epochs after the horizon in which late rows count ever less: nobody can split a mesh


class Config:
    """A checked configuration: every key of the JSON file is an attribute.

    source: a dict, the path of a JSON file, or a Config. Raises ConfigError. ``tag`` is the mesh
    tag: a 30-bit hash of mesh name, channel list and mesh parameters, not a secret.
    """

    mesh: str
    address: str
    broadcast: str
    max_allowed_shift: int
    route_budget: int
    session_epochs: int
    horizon_epochs: int
    port: int
    rows: int
    routes: int
    held: int
    replicas: int
    kb_per_min: int
    relays: int

    lifetime: int
    tag: int
    channels: list
    peers: list
    board: dict
    data: dict

    def __init__(self, source):
        from .config_check import check

        try:
            check(self, source.data if isinstance(source, Config) else source)
        finally:
            unload("config_check")
        # Epochs from a session's start until its rows are folded.
        self.lifetime = self.session_epochs + self.horizon_epochs + CLOSING
