"""Plays one liar in a mesh of real processes: an adversary of the simulator over real UDP.

    python3 -m lvs_tools.mesh.liar_main CONFIG.json PATH.py CLASS HOSTS SEED

HOSTS: how many addresses the mesh has, from 127.0.0.2 on. It speaks from its own address alone:
what it would say from others' is not said. It ends with its input.
"""

import os
import select
import sys
import time

from lvs.config import Config
from lvs.transport_layer import UdpTransport
from lvs_tools.world.liars import STEP_MS, MeshView, load_class
from lvs_tools.world.prng import Prng

_FIRST = 2  # of the last number of the first address; the simulator's addresses begin with 1


class Radio:
    """What a liar hears and says, with addresses as the simulator has them."""

    def __init__(self, config, hosts):
        self._transport = UdpTransport(config.address, config.broadcast, config.port, lambda: 0)
        if self._transport.error:
            raise OSError(self._transport.error)
        self._port = config.port
        self._hosts = hosts

    def heard(self):
        """All datagrams that wait, as (frame, address)."""
        found = []
        while (got := self._transport.recv()) is not None:
            number = int(got[1][0].rpartition(".")[2]) - _FIRST + 1
            if got[1][0].startswith("127.0.0.") and 1 <= number <= self._hosts:
                found.append((got[0], number))
        return found

    def say(self, frame, to):
        """A frame to an address, None: to all."""
        if to is None:
            self._transport.send(frame, None)
        elif isinstance(to, int) and 1 <= to <= self._hosts:
            self._transport.send(frame, (f"127.0.0.{to + _FIRST - 1}", self._port))


def main(path, file, name, hosts, seed):
    """Lie until the input ends."""
    config = Config(path)
    assert config.address
    own = int(config.address.rpartition(".")[2]) - _FIRST + 1
    radio = Radio(config, hosts)
    addresses = list(range(1, hosts + 1))
    liar = load_class(file, name)(
        Prng(seed, 500000 + own), MeshView(config, own, addresses, [own])
    )
    began = time.monotonic()
    while True:
        now = int((time.monotonic() - began) * 1000)
        for to, frame, source in liar.step(now, radio.heard()):
            if source in (None, own):
                radio.say(bytes(frame), to)
        if select.select([0], [], [], STEP_MS / 1000)[0] and not os.read(0, 1024):
            return


if __name__ == "__main__":
    _, _config, _file, _name, _hosts, _seed = sys.argv
    main(_config, _file, _name, int(_hosts), int(_seed))
