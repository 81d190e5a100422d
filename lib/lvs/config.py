"""One JSON file configures a node. What its keys mean, and how they are checked: config_check."""

from .fixed import unload

EPOCH_CYCLES = 64  # cycles (about a second each) in an epoch: the unit of budgets
CYCLE_MS = 1000
CLOSING = 4  # epochs after the horizon in which late rows count ever less: nobody can split a mesh
_GRAINS = 126  # at least, of a row's life, where it is longer: its age fits a byte


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
    nodes: int
    rows: int
    routes: int
    held: int
    replicas: int
    kb_per_min: int
    relays: int

    lifetime: int
    grain: int
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
        life = self.session_epochs + self.horizon_epochs + CLOSING
        # Epochs in a grain, the unit in which sessions start and fold, and grains from a session's
        # start until its rows are folded.
        self.grain = max(1, life // _GRAINS)
        self.lifetime = -(-life // self.grain)
        if self.auto():
            from .capacity import found

            self.rows = found(self)
        unload("capacity")

    def auto(self):
        """True if ``rows`` is not given but found: by the rule, and what memory allows."""
        return self.data.get("rows", "auto") == "auto"

    def horizon(self, epoch):
        """Sessions that began up to this grain are folded in an epoch."""
        return epoch // self.grain - self.lifetime - 1
