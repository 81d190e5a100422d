"""Machines on one network: a network namespace each, and a hub between them that is not kind.

Each machine has a tap device of its own, whose other end the hub holds: it carries Ethernet frames
between them as a broadcast cell does, and loses, doubles, delays and reorders them from a seed.
Linux and root only; `missing()` says what is not there.
"""

import fcntl
import heapq
import os
import random
import select
import shutil
import struct
import subprocess
import threading
import time

_TUNSETIFF = 0x400454CA
_IFF_TAP = 0x0002
_IFF_NO_PI = 0x1000


def missing():
    """Why namespaces cannot be used here, as one line; "" if they can."""
    if os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None or not os.path.exists("/dev/net/tun"):
        return "network namespaces need the command ip and /dev/net/tun"
    name = "lvs%dt" % (os.getpid() % 10000)
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        return "this machine does not allow network namespaces"
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return ""


def _ip(*words, netns=None):
    inside = ["-n", netns] if netns else []
    subprocess.run(["ip", *inside, *words], check=True, capture_output=True)


class Hub(threading.Thread):
    """Carries frames between the machines, with faults; a machine can be cut off.

    loss, double, late: probabilities for each copy; a late frame arrives up to 500 ms later.
    """

    def __init__(self, count, seed, loss, double, late):
        super().__init__(daemon=True)
        self.rng = random.Random(seed)
        self.loss, self.double, self.late = loss, double, late
        self.cut = set()
        self.carried = self.lost = 0
        self.names = []
        self.taps = []
        self._over = False
        try:
            for i in range(count):
                self._plug(i)
        except BaseException:
            self.close()
            raise

    def _plug(self, i):
        name = "lvs%dn%d" % (os.getpid() % 10000, i)
        device = "lvs%dt%d" % (os.getpid() % 10000, i)
        _ip("netns", "add", name)
        self.names.append(name)
        tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        self.taps.append(tap)
        fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH", device.encode(), _IFF_TAP | _IFF_NO_PI))
        _ip("link", "set", device, "netns", name)
        _ip("link", "set", device, "name", "eth0", netns=name)
        _ip("addr", "add", "10.77.0.%d/24" % (i + 1), "brd", "+", "dev", "eth0", netns=name)
        _ip("link", "set", "eth0", "up", netns=name)
        _ip("link", "set", "lo", "up", netns=name)

    def address(self, i):
        """IPv4 address of a machine."""
        return "10.77.0.%d" % (i + 1)

    def command(self, i, words):
        """A command line that runs in the machine's namespace."""
        return ["ip", "netns", "exec", self.names[i], *words]

    def run(self):
        """Carry frames until closed."""
        waiting, number = [], 0
        while not self._over:
            now = time.monotonic()
            ready, _, _ = select.select(self.taps, [], [], 0.01 if waiting else 0.05)
            for tap in ready:
                source = self.taps.index(tap)
                try:
                    frame = os.read(tap, 2048)
                except OSError:
                    continue
                for target in range(len(self.taps)):
                    if target == source or self.cut & {source, target}:
                        continue
                    number = self._later(waiting, number, now, frame, target)
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                _, _, frame, target = heapq.heappop(waiting)
                try:
                    os.write(self.taps[target], frame)
                    self.carried += 1
                except OSError:
                    self.lost += 1  # its queue is full, or it is gone

    def _later(self, waiting, number, now, frame, target):
        if self.rng.random() < self.loss:
            self.lost += 1
            return number
        for _ in range(1 + (self.rng.random() < self.double)):
            delay = self.rng.random() * 0.5 if self.rng.random() < self.late else 0.002
            heapq.heappush(waiting, (now + delay, number, frame, target))
            number += 1
        return number

    def close(self):
        """Unplug all machines; their namespaces and devices go."""
        self._over = True
        if self.is_alive():
            self.join()
        for tap in self.taps:
            os.close(tap)
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        self.taps, self.names = [], []
