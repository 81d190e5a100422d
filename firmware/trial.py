"""New files on trial: found good once the node has been a member of its mesh for two minutes.

Else they are taken back at the next start, for which boot.py sees after six minutes.
"""

import asyncio
import json
import os

ABOUT = "/update/about"  # JSON: the update's id, its hold in seconds, the routes heard before it


def good(admin, peers):
    """Whether all is as it was before: the network, the mesh with somebody who was heard then, and
    this service. A board that had heard nobody must have been asked something instead."""
    node, wifi = admin.node, admin.wifi
    if node.state not in ("ACTIVE", "LOW_POWER") or not admin.listening:
        return False
    if wifi and wifi.state != "up":
        return False
    if not peers:
        return admin.counts["served"] > 0
    routes, cycle = node.routes, node.clock.cycle
    found = [routes.known(key) for key in peers]
    return any([cycle - routes.heard[i] <= 256 for i in found if i])


def clean(path):
    """Remove a folder with all that is in it; one step of work at each ``next``."""
    try:
        entries = list(os.ilistdir(path))
    except OSError:
        return
    for entry in entries:
        inside = path + "/" + entry[0]
        if entry[1] & 0x4000:
            yield from clean(inside)
        else:
            os.remove(inside)
        yield
    os.rmdir(path)


async def watch(admin):
    """Keep the new files once they have been good without a break for as long as was asked."""
    try:
        with open(ABOUT) as f:
            about = json.load(f)
        held = 0
        while held < about["hold"]:
            await asyncio.sleep_ms(1000)
            held = held + 1 if good(admin, about["peers"]) else 0
        os.rename("/update/trial", "/update/commit")  # from here on they are the valid ones
        with open("/update/commit") as f:
            named = "/boot.py" in [line.rstrip("\n").lstrip("+") for line in f]
        if named:  # else what is staged is left from a transfer that broke off
            os.rename("/update/boot.py", "/boot.py")
        admin.tidying = True
        os.remove("/update/commit")
        print("LVS: update kept")
        for _ in clean("/update"):
            await asyncio.sleep_ms(20)
    except Exception as e:
        print("LVS: trial: %s: %s" % (type(e).__name__, e))
    finally:
        admin.tidying = False
