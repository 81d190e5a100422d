"""Adversaries in the world: how they are loaded, what they know, when they speak."""

import sys

from lvs_tools.world.prng import Prng

STEP_MS = 200  # a liar is asked this often what it has to say
_QUEUE = 64  # datagrams between its polls; a liar may have a better radio than a board


class LiarError(Exception):
    """An adversary's own code failed; the text says which and how."""


class MeshView:
    """What an adversary knows of the mesh from the start: everything that is no secret.

    config: the mesh's lvs Config (channels, tag, budgets); address: its own; addresses: of all
    machines; allies: of all liars, its own included; shared: a dict that all liars of the world
    have in common, for they know each other; nodes: how many there are.
    """

    def __init__(self, config, address, addresses, allies=(), shared=None):
        self.config = config
        self.address = address
        self.addresses = addresses
        self.allies = allies
        self.shared = {} if shared is None else shared
        self.nodes = len(addresses)

    @property
    def tag(self):
        """The mesh tag that every frame must carry."""
        return self.config.tag

    @property
    def grain(self):
        """Epochs in a grain: sessions begin, and rows are aged, in grains."""
        return self.config.grain

    @property
    def channels(self):
        """Names of the mesh's channels; sixteen make a shard."""
        return self.config.channels


def load_class(path, name):
    """Return the class `name` of the Python file at `path`; raises ImportError without it."""
    folder, _, file = path.rpartition("/")
    module = file[:-3] if file.endswith(".py") else file
    sys.path.insert(0, folder or ".")
    try:
        loaded = __import__(module)
    finally:
        sys.path.pop(0)
    found = getattr(loaded, name, None)
    if found is None:
        raise ImportError("%s has no class %s" % (path, name))
    return found


class Liar:
    """Runs one adversary on a machine: collects what it hears, sends what it says."""

    def __init__(self, machine, made_by, begin_ms, view, seed, timeline, network, trace):
        machine.liar = self
        machine.cap = _QUEUE
        self.machine = machine
        self.heard = []
        self.adversary = made_by(Prng(seed, 500000 + machine.index), view)
        self._begin = begin_ms
        self._timeline = timeline
        self._network = network
        self._trace = trace
        self._phase = machine.prng.below(STEP_MS)
        timeline.at(begin_ms + self._phase, self.step, None)

    def begin(self, ms):
        """Let it begin at `ms`, earlier than planned; of several the last one first."""
        self._begin = ms
        self._timeline.first(ms + self._phase, self.step, None)

    def hear(self, datagrams):
        """Take what reached the machine, a list of (frame, source)."""
        if self._timeline.now >= self._begin:
            self.heard.extend(datagrams)

    def step(self, _):
        """Let the adversary speak; schedules the next time."""
        now = self._timeline.now
        self._timeline.at(now + STEP_MS, self.step, None)
        machine = self.machine
        if not machine.running():
            self.heard = []
            return
        heard, self.heard = self.heard, []
        try:
            said = [
                (to, bytes(frame), source) for to, frame, source in self.adversary.step(now, heard)
            ]
        except Exception as error:  # of somebody's own file: say whose
            raise LiarError(
                "adversary %s, node %d, at %d ms: %s: %s"
                % (type(self.adversary).__name__, machine.index, now, type(error).__name__, error)
            ) from error
        for destination, frame, source in said:
            self._trace.frame(frame, now, machine.index)
            self._network.send(
                machine, frame, destination, machine.addr if source is None else source
            )
