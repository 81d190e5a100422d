"""A leaf as a process of its own: leaf_process.py CONFIG STORE RAW.

At its first start it contributes RAW to every channel; each waking is a new start from its store,
two files. Runs on CPython and on MicroPython, until it is killed.
"""

import sys
import time

from lvs import decimal
from lvs.leaf import Leaf


class Store:
    """Two files whose names begin with a path."""

    def __init__(self, path):
        self.path = path

    def read(self, i):
        try:
            with open(self.path + str(i), "rb") as file:
                return file.read()
        except OSError:
            return b""

    def write(self, i, data):
        with open(self.path + str(i), "wb") as file:
            file.write(bytes(data))


def main(config, path, raw):
    store = Store(path)
    fresh = not store.read(0) and not store.read(1)
    while True:
        leaf = Leaf(config, store=store, board=9)
        if fresh:
            for c, name in enumerate(leaf.config.channels):
                leaf.contribute(name, decimal.text(raw, leaf.config.steps[c]))
            leaf.flush()
            fresh = False
        leaf.wake()
        while leaf.awake:
            leaf.receive()
            time.sleep(leaf.tick() / 1000)
        leaf.transport.close()
        time.sleep(0.5)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
