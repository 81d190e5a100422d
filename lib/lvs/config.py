"""One JSON file configures a node. What its keys mean, and how they are checked: config_check."""

from array import array

from .decimal import number, text
from .fixed import serial_diff, unload
from .wire import SLOTS

EPOCH_CYCLES = 64  # cycles (about a second each) in an epoch: the unit of budgets
CYCLE_MS = 1000
CLOSING = 4  # epochs after the horizon in which late rows count ever less: nobody can split a mesh
_GRAINS = 126  # at least, of a row's life, where it is longer: its age fits a byte


def spans(session, horizon):
    """Of a session and a horizon, in epochs: epochs in a grain, the unit in which sessions start
    and fold, and grains from a session's start until its rows are folded."""
    life = session + horizon + CLOSING
    grain = max(1, life // _GRAINS)
    return grain, -(-life // grain)


class Config:
    """A checked configuration: every key of the JSON file is an attribute.

    source: a dict, the path of a JSON file, or a Config. Raises ConfigError. ``tag`` is the mesh
    tag: a 30-bit hash of mesh name and mesh parameters, not a secret. ``channels``: names;
    ``steps``: of each, (m, e) as lvs.decimal has it; ``prints``: 16 bits of its name and step;
    ``starts``: what it has in a mesh that begins (raw), by number, if not zero.
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
    steps: list
    starts: dict
    prints: array
    peers: list
    board: dict
    data: dict

    def __init__(self, source):
        from .config_check import check

        try:
            check(self, source.data if isinstance(source, Config) else source, spans)
        finally:
            unload("config_check")
        if self.auto():
            from .capacity import found

            self.rows = found(self)
        unload("capacity")

    def auto(self):
        """True if ``rows`` is not given but found: by the rule, and what memory allows."""
        return self.held > 0 and self.data.get("rows", "auto") == "auto"

    def about(self, c, key, default: object = ""):
        """What the file says of a channel: "unit", "label", "class", "offset" or "retired"."""
        entry = self.data["channels"][c]
        return entry.get(key, default) if isinstance(entry, dict) else default

    def text(self, c, raw):
        """Exact text of a channel's value, its offset included. raw: steps."""
        return text(raw, self.steps[c], number(self.about(c, "offset", 0)))

    def listed(self, index, channels=None):
        """How many channels of a shard a list of so many has, mine if it is not said."""
        if channels is None:
            channels = len(self.channels)
        return max(0, min(SLOTS, channels - index * SLOTS))

    def fingerprint(self, index, count):
        """Sum of the prints of the first ``count`` of a shard's channels, modulo 2**16."""
        total = 0
        for c in range(index * SLOTS, index * SLOTS + count):
            total += self.prints[c]
        return total & 0xFFFF

    def contradicts(self, index, channels, prints):
        """Is a list of so many channels, with this fingerprint in a shard, neither a beginning of
        mine nor, as far as can be seen, a continuation?"""
        count = self.listed(index, channels)
        return 0 < count <= self.listed(index) and self.fingerprint(index, count) != prints

    def horizon(self, epoch):
        """Sessions that began up to this grain are folded in an epoch."""
        return epoch // self.grain - self.lifetime - 1

    def span(self, epoch, lineage):
        """(epoch, grain) in which the span of sessions of an epoch began: at a time of each
        lineage's own."""
        begun = epoch - (epoch + lineage[0] + 256 * lineage[1]) % self.session_epochs
        return begun, begun // self.grain & 0xFFFF

    # --- from the mesh before -------------------------------------------------------------------

    def moved(self):
        """Epochs in a grain of the mesh before, and those by which my clock is ahead of its."""
        before = self.data["before"]
        grain, lifetime = spans(before["session_epochs"], before["horizon_epochs"])
        # Each mesh begins where no horizon is negative.
        return grain, (self.lifetime + 2) * self.grain - (lifetime + 2) * grain

    def started(self, start, cycle, grain):
        """A grain (16 bits) there in which something began, in mine: it is folded when it was to
        be, as the clock moves. cycle: there; grain: epochs in one."""
        now = (cycle >> 6) // grain
        start = now - serial_diff(now & 0xFFFF, start)
        return (start - 1) * grain // self.grain + 1 & 0xFFFF
