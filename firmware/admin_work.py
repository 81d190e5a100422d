"""What the administration service does for whoever has proved the key: one request, one answer.

``admin`` loads this module for a request and unloads it.
"""

import asyncio
import gc
import hashlib
import json
import os
import sys
from binascii import b2a_base64, hexlify

from micropython import const

import crashlog
from admin import Refused
from app import once
from lvs import Config, ConfigError, __version__, wire

READABLE = ("/lvs.json", "/deployed.txt", "/crash.log", "/crash.old")
STAGE = "/update"
# What no update may bring: the secrets, what the board keeps, what has a meaning in /update.
KEPT = (
    "secrets.json journal leaf.0 leaf.1 today frozen.id update crash.log crash.old restarts "
    "old list commit try trial failed about manifest"
).split()
_PIECE = const(512)  # bytes of a file in one answer
_NAMES = const(16)  # of routes in one answer
_LINES = const(300)  # of a manifest
_HOLD_S = const(120)  # that new files must do, unless less is asked for
_FREE = const(8)  # blocks of flash that an update leaves
_EEXIST = const(17)
_ENOSPC = const(28)


async def answer(admin, request, link):
    """The answer to a request, a dict; {"error": one line} if it cannot be. Raises Refused."""
    if not isinstance(request, dict):
        raise Refused("malformed")
    works = {"status": status, "peers": peers, "read": read, "logs": logs, "reboot": reboot}
    try:
        work = works.get(request.get("do", ""))
        if request.get("do") == "update":
            return await Update(admin, request, link).run()
        if work is None:
            return {"error": "this board does not know how to '%s'" % request.get("do")}
        return work(admin, request)
    except ConfigError as e:
        return {"error": str(e)}
    except (ValueError, KeyError, TypeError, OSError) as e:
        return {"error": "%s: %s" % (type(e).__name__, e)}
    except Refused:
        raise
    except Exception as e:  # who has the key is told
        admin.count("failed")
        print("LVS: admin: %s: %s" % (type(e).__name__, e))
        return {"error": "%s: %s" % (type(e).__name__, e)}


def exists(path):
    """Whether there is something at a path."""
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def load(path, default):
    """What a JSON file holds, or the default."""
    try:
        with open(path) as f:
            return json.load(f)
    except (OSError, ValueError):
        return default


def frozen(at=0):
    """The name of a frozen build, or (1) the hashes of its files; "" if this is none."""
    try:
        return __import__("frozen").read()[at]
    except ImportError:
        return ""


def heard(node):
    """Numbers of the routes that are heard."""
    routes, since = node.routes, node.clock.cycle - 256
    return [i for i in range(1, routes.n) if routes.heard[i] >= since]


def status(admin, _request):
    """Who this board is and how it is."""
    node, wifi, board = admin.node, admin.wifi, admin.board
    gc.collect()
    replicas = node.replicas
    wlan = board["wifi"] or {}
    told = {
        "name": wlan.get("hostname", "lvs"),
        "board": board.get("profile", ""),
        "machine": getattr(sys.implementation, "_machine", ""),
        "micropython": list(sys.implementation.version[:3]),
        "mpy": getattr(sys.implementation, "_mpy", 0),
        "lvs": __version__,
        "frozen": frozen() or not str(getattr(wire, "__file__", "/")).startswith("/"),
        "protocol": wire.VERSION,
        "mesh": node.config.mesh,
        "tag": "%08x" % node.config.tag,
        "uptime_s": crashlog.uptime(),
        "rssi": wifi.rssi() if wifi else None,
        "heap_free": gc.mem_free() if hasattr(gc, "mem_free") else None,
        "state": node.state,
        "peers": len(heard(node)),
        "established": all([r.established for r in replicas]),
        "diverged": any([r.votes.diverged for r in replicas]),
        "raw": [
            node.raw(c, False) if node.placement.find(c // wire.SLOTS) else None
            for c in range(len(node.config.channels))
        ],
        "channels": node.config.channels,
        "left": node.left(),
        "page": bool(board.get("status_page")),
        "counts": admin.counts,
        "update": "",
    }
    if admin.tidying:
        told["update"] = "tidying"
    for name in ("try", "trial", "failed"):
        if exists(STAGE + "/" + name):
            told["update"] = name
            told["id"] = load(STAGE + "/about", {}).get("id")
    return told


def peers(admin, request):
    """Addresses that are heard, as text: some, "from" a place in the list on, and the "next"."""
    node, first = admin.node, request["from"]
    here = heard(node)
    names = [node.transport.name(node.routes.addr[i]) for i in here[first : first + _NAMES]]
    return {"peers": names, "next": first + _NAMES if first + _NAMES < len(here) else None}


def read(_admin, request):
    """A piece of a file that may be read, in base64: "at" is where it begins."""
    if request["path"] not in READABLE:
        return {"error": "%s is not to be read over the air" % request["path"]}
    try:
        with open(request["path"], "rb") as f:
            f.seek(request["at"])
            data = f.read(_PIECE)
    except OSError:
        return {"data": None}
    return {"data": b2a_base64(data).decode().strip(), "more": len(data) == _PIECE}


def logs(admin, request):
    """What was printed since "since" (characters from the start), as far as it is still there."""
    missed = max(0, admin.printed - request["since"])
    said = admin.said
    return {"text": said[max(0, len(said) - missed) :] if missed else "", "next": admin.printed}


def reboot(admin, _request):
    """Restart after the answer."""
    admin.restart = True
    return {"restarting": True}


def make_folders(path):
    """Make the folders above a path. Raises OSError."""
    parts = path.split("/")
    for n in range(2, len(parts)):
        try:
            os.mkdir("/".join(parts[:n]))
        except OSError as e:
            if e.args[0] != _EEXIST:
                raise


async def digest(path):
    """SHA-256 of a file in hex; None if it is not there."""
    h = hashlib.sha256()
    buffer = bytearray(_PIECE)
    try:
        with open(path, "rb") as f:
            while True:
                n = f.readinto(buffer)
                if not n:
                    return hexlify(h.digest()).decode()
                h.update(memoryview(buffer)[:n])
                await asyncio.sleep_ms(0)
    except OSError:
        return None


def allowed(path):
    """Whether an update may put something there."""
    names = path.split("/")
    if names[0] or len(names) < 2 or len(path) > 100:
        return False
    return names[1] not in KEPT and not any([name in ("", ".", "..") for name in names[1:]])


def full(path, size):
    """What is said where there is no room for a file of so many bytes."""
    stat = os.statvfs("/")
    return "the flash is full: %s takes %d KB and %d must stay, of %d" % (
        path,
        size + 1023 >> 10,
        _FREE * stat[0] >> 10,
        stat[0] * stat[3] >> 10,
    )


class Update:
    """Takes in a manifest, then the files of it that the board lacks, and orders the trial.

    The manifest's lines are "HASH SIZE PATH", or "- 0 PATH" for a file to remove. For each the
    board says "=" (nothing to do) or "+" (it is to be sent). Its hash was in the request that
    carries the MAC, so nothing that comes after needs one.
    """

    def __init__(self, admin, request, link):
        self.admin = admin
        self.link = link
        self.id = request["manifest"]
        self.lines = request["lines"]
        self.hold = request.get("hold", _HOLD_S)
        self.order = []
        self.frozen = frozen(1)
        self.writing = STAGE + "/manifest", 80 * self.lines  # what is, and its size

    async def run(self):
        """All of it; the answer."""
        if exists(STAGE + "/trial") or exists(STAGE + "/try"):
            return {"error": "an update is on trial; wait until it is over"}
        if self.admin.tidying:
            return {"error": "the last update is being tidied up; try again"}
        if not 0 < self.lines <= _LINES or not 0 < self.hold <= _HOLD_S:
            return {"error": "not an update"}
        try:
            error = await self._take()
        except OSError as e:
            if e.args[0] != _ENOSPC:
                raise
            error = full(*self.writing)
        if error:
            for _ in once("trial").clean(STAGE):  # a full flash: the room is the journal's
                await asyncio.sleep_ms(0)
            return {"error": error}
        self.admin.restart = bool(self.order)
        return {"changed": len(self.order)}

    async def _take(self):
        """Stage all of it and order the trial; what is wrong, if anything. Raises Refused, and
        OSError, ConfigError or ValueError, too."""
        make_folders(STAGE + "/old/x")
        for name in ("failed", "commit", "list"):
            if exists(STAGE + "/" + name):
                os.remove(STAGE + "/" + name)
        if not await self._manifest():
            raise Refused("broken off")
        with open(STAGE + "/manifest") as f:
            for line in f:
                error = await self._file(line)
                if error:
                    return error
        os.remove(STAGE + "/manifest")
        if self.order:
            self._begin()
        return ""

    async def _manifest(self):
        """Take the manifest in; whether it is the one that was announced."""
        h = hashlib.sha256()
        with open(STAGE + "/manifest", "wb") as f:
            for _ in range(self.lines):
                line = await self.link.line()
                if line is None:
                    return False
                h.update(line)
                h.update(b"\n")
                f.write(line)
                f.write(b"\n")
        return hexlify(h.digest()).decode() == self.id

    async def _file(self, line):
        """Deal with one line of the manifest; what is wrong, if anything."""
        wanted, size, path = line.split()
        size = int(size)
        if not allowed(path):
            return "%s does not go over the air" % path
        if any([name.lstrip("+-") == path for name in self.order]):
            return "%s does not go over the air" % path
        there = exists(path)
        if path + " " + wanted in self.frozen:
            wanted = "-"  # a file would hide it
        elif path in ("/boot.py", "/main.py") and (self.frozen or wanted == "-"):  # run first
            return "%s does not go over the air" % path
        if wanted == "-":
            if there:
                self.order.append("-" + path)
            await self.link.send(b"=")
            return ""
        if there and await digest(path) == wanted:
            await self.link.send(b"=")
            return ""
        self.order.append(path if there else "+" + path)
        self.writing = path, size
        for target in (path, STAGE + path, STAGE + "/old" + path):
            make_folders(target)
        if await digest(STAGE + path) == wanted:
            await self.link.send(b"=")
            return ""
        stat = os.statvfs("/")
        if size + _FREE * stat[0] > stat[0] * stat[3]:
            return full(path, size)
        await self.link.send(b"+")
        return await self._receive(STAGE + path, size, wanted)

    async def _receive(self, path, size, wanted):
        h = hashlib.sha256()
        try:
            with open(path, "wb") as f:
                while size:
                    data = await self.link.some(size)
                    size -= len(data)
                    h.update(data)
                    f.write(data)
        except OSError:
            while size:  # who sends does not listen before the end
                size -= len(await self.link.some(size))
            if exists(path):
                os.remove(path)
            raise
        if hexlify(h.digest()).decode() != wanted:
            os.remove(path)
            return "%s did not arrive whole" % path[len(STAGE) :]
        return ""

    def _begin(self):
        """Order the trial: the list comes last, and whole. Raises ConfigError or ValueError if the
        board could not start with what is staged."""
        names = [path[2:] if path[0] == "+" else path[1:] for path in self.order]
        if "boot.py" in names:
            with open(STAGE + "/boot.py") as f:
                text = f.read()
            if "finish_update" not in text:
                raise ValueError("boot.py cannot take an update back")
            try:
                compile(text, "boot.py", "exec")
            except SyntaxError:
                raise ValueError("boot.py has a mistake") from None
        own = [name for name in ("lvs.json", "profile.json") if name in names]
        if own:
            Config(once("settings").load("/", own))
        self.writing = STAGE + "/list", 80 * len(self.order)
        node = self.admin.node
        peers = [node.routes.key[i] for i in heard(node)]
        with open(STAGE + "/about", "w") as f:
            json.dump({"id": self.id, "hold": self.hold, "peers": peers[:16]}, f)
        with open(STAGE + "/list", "w") as f:
            f.write("\n".join(self.order) + "\n")
        os.rename(STAGE + "/list", STAGE + "/try")
