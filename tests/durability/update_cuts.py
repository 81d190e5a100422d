"""Power cuts during an update over the air, on MicroPython's own VfsLfs2.

    update_cuts.py BOOT.PY STRIDE [FIRST]

The update is taken in by the firmware's own code, its trial ends well, or not. The power is cut at
every operation of all that; at every STRIDE-th of the images that need a recovery, that is cut
everywhere, too. FIRST: end at the first finding. Prints one line of JSON.
"""

import asyncio
import hashlib
import json
import os
import sys
from binascii import hexlify

import admin
import admin_work
import trial
import vfs

from tests.durability.vfs_chip import Chip, images

admin_work.once = {"trial": trial}.get  # the host's files are gone once the chip is mounted
with open(sys.argv[1]) as source:
    BOOT = source.read().partition("\ntry:\n")[0]
STRIDE = int(sys.argv[2])
FIRST = len(sys.argv) > 3

OLD = {
    "/boot.py": BOOT + "# old",
    "/main.py": "old" * 30,
    "/app.mpy": "old" * 1500,
    "/lib/lvs/same.mpy": "same" * 50,
    "/lib/lvs/wire.mpy": "old" * 200,
    "/gone.mpy": "old" * 40,
    "/mine.py": "never touched",
}
NEW = {
    "/boot.py": BOOT + "# new",
    "/main.py": "new" * 31,
    "/app.mpy": "new" * 1600,
    "/lib/lvs/same.mpy": "same" * 50,
    "/lib/lvs/wire.mpy": "new" * 100,
    "/lib/more/extra.mpy": "new" * 60,
    "/mine.py": "never touched",
}
ON_TRIAL = dict(NEW)
ON_TRIAL["/boot.py"] = OLD["/boot.py"]  # it changes last
SETS = {"old": OLD, "new": NEW, "on trial": ON_TRIAL}


class Failing(Chip):
    """Raises EIO at one operation: the one with ``left`` before it."""

    left = -1  # below: never

    def note(self, start, data):
        self.left -= self.left >= -1
        if self.left == -1:
            raise OSError(5)
        super().note(start, data)


chip = Failing(96)
boot_names: dict = {"os": os}
exec(BOOT.partition("stay = False")[2], boot_names)
boot = boot_names["finish_update"]  # a start: whether a trial begins
boot_names["print"] = lambda *words: None


class Routes:
    """One peer, which is heard."""

    n = 2
    key = [0, 4711]
    heard = [0, 0]

    def known(self, key):
        return int(key == 4711)


class Node:
    routes = Routes()
    state = "ACTIVE"

    class clock:
        cycle = 5


class FakeAdmin:
    """What the update and the trial ask of the service."""

    node = Node
    wifi = None
    listening = True
    tidying = False
    restart = False


class Stream:
    """The host's side: sends the manifest, then whatever is asked for."""

    def __init__(self, lines):
        self.lines = lines
        self.told = []  # answers to lines
        self.reads = -1  # of the host, until the flash is full; below: never
        self.waiting = b"".join([line + b"\n" for line in lines])

    def write(self, data):
        for code in bytes(data):
            path = self.lines[len(self.told)].split()[2].decode()
            self.told.append(code)
            if code == 43:  # "+"
                self.waiting += NEW[path].encode()

    async def drain(self):
        pass

    async def readinto(self, view):
        self.reads -= self.reads >= 0
        if self.reads == 0:
            fill()
        n = min(len(view), len(self.waiting), 300)
        view[:n] = self.waiting[:n]
        self.waiting = self.waiting[n:]
        return n


def sha256(data):
    return hexlify(hashlib.sha256(data).digest())


def manifest():
    """The lines of the update's manifest."""
    lines = []
    for path in sorted(NEW):
        if path != "/mine.py":
            data = NEW[path].encode()
            lines.append(b"%s %d %s" % (sha256(data), len(data), path.encode()))
    return lines + [b"- 0 /gone.mpy", b"- 0 /never.mpy"]


LINES = manifest()
ID = sha256(b"".join([line + b"\n" for line in LINES])).decode()


def mount(image):
    """Put an image into the chip and mount it at the root."""
    chip.data[:] = image
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(chip), "/")  # pyright: ignore[reportArgumentType] no base class at run time
    chip.trace = []


def take_in(reads=-1):
    """The update, as far as the restart that it asks for; what is wrong with it, "" if nothing.
    reads: after which something else fills the flash; below 0: nothing does."""
    request = {"manifest": ID, "lines": len(LINES), "hold": 1, "do": "update"}
    stream = Stream(LINES)
    stream.reads = reads
    answer = asyncio.run(admin_work.answer(FakeAdmin, request, admin.Link(stream)))
    return "" if answer == {"changed": 6} else answer.get("error", str(answer))


def fill():
    """Take what is free on the flash, as the journal or somebody's program might."""
    try:
        while True:
            with open("/filler", "ab") as f:  # what is not closed well is not there
                f.write(bytes(4096))
    except OSError:
        pass


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return None


def state():
    """Of which set all files are; else "mixed: ..."."""
    paths = set(OLD) | set(NEW)
    found = {p: read(p) for p in paths}
    for name, files in SETS.items():
        if found == {p: files.get(p) for p in paths}:
            return name
    return "mixed: %s" % sorted(p for p in paths if found[p] != NEW.get(p))


def fresh():
    """An image with the old set."""
    blank = Chip(96)
    chip.data[:] = blank.data
    vfs.VfsLfs2.mkfs(chip)  # pyright: ignore[reportArgumentType] no base class at run time
    mount(bytes(chip.data))
    for folder in ("/lib", "/lib/lvs"):
        os.mkdir(folder)
    for path, text in OLD.items():
        with open(path, "w") as f:
            f.write(text)
    return bytes(chip.data)


def recover(kept, where, wrong):
    """Start until nothing is pending. kept: may the new set have been found good?"""
    try:
        begins = boot()
    except OSError as e:  # boot.py says so, and the node would start with what there is
        wrong.append("%s: %s" % (where, e))
        return ""
    first = state()
    if begins:
        if first != "on trial":
            wrong.append("%s: a trial of %s" % (where, first))
        if boot():
            wrong.append("%s: two trials" % where)
        if state() != "old":
            wrong.append("%s: taken back to %s" % (where, state()))
    elif first != "old" and not (kept and first == "new"):
        wrong.append("%s: %s" % (where, first))
    return state()


def story(good):
    """The whole of an update from the old set; (start image, trace, operation of the decision)."""
    start = fresh()
    mount(start)
    assert take_in() == "" and state() == "old"
    assert boot() and state() == "on trial"
    decided = len(chip.trace)
    if good:
        asyncio.run(trial.watch(FakeAdmin))
        assert state() == "new" and read("/update/about") is None
    else:
        assert not boot() and state() == "old" and read("/update/failed")
    return start, chip.trace, decided


def cut(good, wrong):
    """Cut everywhere; (cut points, cuts of recoveries, outcomes)."""
    start, trace, decided = story(good)
    outcomes = {}
    points = again = works = 0
    for k, image in images(start, trace):
        kept = good and k >= decided
        here = bytes(image)
        mount(here)
        where = "%s, operation %d of %d" % ("kept" if good else "taken back", k, len(trace))
        outcome = recover(kept, where, wrong)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        points += 1
        if wrong and FIRST:
            break
        inner = chip.trace
        works += bool(inner)
        if inner and works % STRIDE == 0:
            for j, second in images(here, inner):
                mount(bytes(second))
                recover(kept, "%s, then %d of %d" % (where, j, len(inner)), wrong)
                again += 1
        if points % (STRIDE * 10) == 0 and outcome == "old":
            mount(here)
            boot()
            boot()
            if not (take_in() == "" and boot() and state() == "on trial"):
                wrong.append("%s: cannot be updated again" % where)
    return points, again, outcomes


def fail(wrong):
    """Every operation of the switch fails once, for good: the old set, or the new one on trial."""
    mount(fresh())
    take_in()
    ordered = bytes(chip.data)
    chip.trace = []
    boot()
    failures = len(chip.trace)
    for k in range(failures):
        mount(ordered)
        chip.left = k
        try:
            begins = boot()
            found = state()
        except OSError:
            begins, found = None, ""  # boot.py restarts then
        chip.left = -1
        if begins is not None and found != ("on trial" if begins else "old"):
            wrong.append("failure %d of %d: %s" % (k, failures, found))
        mount(bytes(chip.data))
        recover(False, "failure %d of %d, then a start" % (k, failures), wrong)
    return failures


def crowd(wrong):
    """The flash is full after each of the host's bytes: one line says of what there is no room,
    nothing is left behind, and with room the same update goes well. Files named in these lines."""
    start = fresh()
    named = []
    reads = 1
    while True:
        mount(start)
        said = take_in(reads)
        if reads > 5 and "filler" not in os.listdir("/"):
            return named  # all had been said before
        where = "full after %d reads" % reads
        if said and not said.startswith("the flash is full: /"):
            wrong.append("%s: %s" % (where, said))
        if said and (state() != "old" or "update" in os.listdir("/")):
            wrong.append("%s: left behind" % where)
        named.append(said.split()[4] if said else "")
        os.remove("/filler")
        if said and not (take_in() == "" and boot() and state() == "on trial"):
            wrong.append("%s: cannot be updated again" % where)
        reads += 1


def main():
    wrong = []
    back = cut(False, wrong)
    kept = cut(True, wrong)
    failures = 0 if wrong and FIRST else fail(wrong)
    named = [] if wrong and FIRST else crowd(wrong)
    result = {"kept": kept, "back": back, "failures": failures, "full": named}
    print(json.dumps(dict(result, wrong=wrong[:10])))


main()
