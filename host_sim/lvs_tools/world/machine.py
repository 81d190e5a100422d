"""A simulated machine: what a node runs on, and what outlives the node when the power goes."""

from lvs import LvsError
from lvs_tools.world.network import HEADERS
from lvs_tools.world.prng import Prng

_ADDR_MASK = (1 << 30) - 1
_NAME = "node"

# what becomes of a machine
WAITING = 0  # has not joined yet
UP = 1
DOWN = 2  # crashed, may restart
GONE = 3  # left for ever


class Machine:
    """One machine; it is also the transport of the node that runs on it.

    index: its number in the world; addr: its address, index + 1; node: the running node or None.
    """

    def __init__(self, index, clock, seed, network, trace, timeline, queue):
        self.index = index
        self.addr = index + 1
        self.clock = clock
        self.prng = Prng(seed, 1000 + index)
        self.state = WAITING
        self.node = None
        self.liar = None
        self.sleeper = None  # of a leaf
        self.journal = None
        # for the network
        self.inbox = []
        self.cap = queue
        self.phase = self.prng.below(20)
        self.group = 0
        self.deaf = -1  # a loss of its own, in 1/2**30; below 0: the link's
        self.overflow = 0
        self.hearers = None
        self.hearers_of = -1
        # for the world
        self.due = -1  # virtual ms of the node's next tick
        self.low_power = False
        self.late = False  # joins by an event, not at the start
        self.away = None  # name of the other mesh that it was carried to
        self.stopping = False  # told to stop: switched off when its node is done
        self.watches = []  # of the node's replicas
        self.seen_cycle = -1  # the node's cycle when they looked last
        self.sent_bytes = 0
        self.received_bytes = 0
        self._network = network
        self._trace = trace
        self._timeline = timeline

    def running(self):
        """True while it is switched on."""
        return self.state == UP

    # --- a transport (lvs.transport_layer) ------------------------------------------------------

    error = ""

    def send(self, frame, addr):
        """Send a frame to an address, or to all (None); False if the link is too busy."""
        frame = bytes(frame)  # the node reuses its buffer
        self.sent_bytes += len(frame) + HEADERS
        self._trace.frame(frame, self._timeline.now, self.index)
        return self._network.send(self, frame, addr, self.addr)

    def recv(self):
        """The next datagram of the inbox as (frame, addr), or None."""
        return self.inbox.pop(0) if self.inbox else None

    def key(self, addr):
        """The 30-bit route of an address: here the address itself."""
        return addr & _ADDR_MASK

    def resolve(self, text):
        """The address of a configured peer such as 'node7'."""
        number = text[len(_NAME) :]
        if not text.startswith(_NAME) or not number.isdigit():
            raise LvsError("peers: no machine '%s'; they are node0, node1 and so on" % text)
        return int(number) + 1

    def name(self, addr):
        """An address as text for `resolve`."""
        return name_of(addr - 1)

    def close(self):
        """Nothing is left open."""


def name_of(index):
    """The host name under which other machines configure the machine numbered `index`."""
    return _NAME + str(index)
