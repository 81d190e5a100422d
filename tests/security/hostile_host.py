"""A hostile machine: python hostile_host.py CONFIG.json BROADCAST SECONDS [PATH:CLASS ...]

Binds the mesh's port and lets adversaries of lvs_tools/adversaries loose on it. Prints how many
frames it said.
"""

import json
import random
import select
import socket
import sys
import time
from pathlib import Path

from lvs import Config
from lvs_tools.sim.scenario import find_adversary
from lvs_tools.world.liars import MeshView, load_class

STEP_S = 0.2


def main(config, broadcast, seconds, classes):
    config = Config(json.loads(Path(config).read_text()))
    rng = random.Random(3)
    view = MeshView(config, 0, [1, 2, 3, 4])
    liars = []
    for text in classes:
        path, name = find_adversary(text, ".")
        liars.append(load_class(str(path), name)(rng, view))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.bind(("0.0.0.0", config.port))
    begin = time.monotonic()
    said = 0
    while time.monotonic() - begin < seconds:
        heard = []
        end = time.monotonic() + STEP_S
        while time.monotonic() < end:
            if select.select([s], [], [], max(0, end - time.monotonic()))[0]:
                heard.append((s.recv(2048), 1))
        for liar in liars:
            for _, frame, _ in liar.step(int((time.monotonic() - begin) * 1000), heard):
                s.sendto(bytes(frame), (broadcast, config.port))
                said += 1
    print(said)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:])
