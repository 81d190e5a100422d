"""The run loop with a real socket: what ends a rest, and how seldom it looks otherwise.

Arguments: an address of this machine that nobody uses, milliseconds of the idle part. Prints a
line a part, "ok" or what was wrong.
"""

import asyncio
import gc
import socket
import sys

from lvs.entropy_engine import Governor
from lvs.machine import clock
from lvs.rests import Woken
from lvs.run_loop import run
from lvs.transport_layer import UdpTransport


class Node:
    """A node's outside; nothing is ever due."""

    wake = staticmethod(int)

    def __init__(self, transport):
        self.now = clock
        self.running = True
        self.governor = Governor(50, 0)
        self.journal = self.transport = transport
        self.heard = self.turns = self.ticks = 0

    def receive(self):
        self.turns += 1
        n = 0
        while n < 8 and self.transport.recv():
            n += 1
        self.heard += n
        return n

    def tick(self):
        self.ticks += 1
        return 60000


def used():
    """Bytes in use, where a computer can tell."""
    return getattr(gc, "mem_alloc", int)()


async def until(done, limit_ms=30000):
    """Wait for something, without a rest in which time is lost."""
    began = clock()
    while not done() and clock() - began < limit_ms:
        await asyncio.sleep(0)
    return bool(done())


async def story(host, idle_ms):
    transport = UdpTransport(host, "127.255.255.255", 47121, clock)
    assert not transport.error, transport.error
    node = Node(transport)
    listen = Woken.listen
    Woken.listen = lambda self, came: 60 * listen(self, came)  # whoever waits so long gives up
    running = asyncio.create_task(run(node))
    await until(lambda: node.turns)
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    to = socket.getaddrinfo(host, 47121)[0][-1]

    found = 0
    for _ in range(20):
        node.heard = 0
        other.sendto(b"x", to)
        found += await until(lambda: node.heard)
    print("datagrams", "ok" if found == 20 else found)
    node.heard = 0
    for _ in range(20):  # more than a turn takes
        other.sendto(b"x", to)
    print("many", "ok" if await until(lambda: node.heard == 20) else node.heard)
    found = 0
    for _ in range(10):
        node.ticks = 0
        node.wake()
        found += await until(lambda: node.ticks)
    print("woken", "ok" if found == 10 else found)
    transport.open()  # as a board does that has another address
    node.heard = node.ticks = 0
    node.wake()  # it learns of it in its next turn
    await until(lambda: node.ticks)
    await asyncio.sleep(0)
    other.sendto(b"x", to)
    print("opened anew", "ok" if await until(lambda: node.heard) else "deaf")

    Woken.listen = listen
    node.wake()
    await until(lambda: False, 100)
    began, before = clock(), node.turns
    await asyncio.sleep(idle_ms / 1000)
    most = 5 + 3 * (clock() - began) // 1000
    print("idle", "ok" if node.turns - before <= most else node.turns - before)
    none = used()
    none = used() - none  # what looking takes
    before, busy = node.turns, used()
    while node.turns < before + 2:
        await asyncio.sleep(0)
    print("garbage", "ok" if used() - busy == none else used() - busy - none)
    node.running = False
    node.wake()
    await running
    print("ended", "ok")


asyncio.run(story(sys.argv[1], int(sys.argv[2])))
