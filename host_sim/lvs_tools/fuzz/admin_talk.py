"""Conversations with firmware/admin.py, of whoever has the key and of whoever has not, and the
restarts that they lead to."""

import ast
import asyncio
import hashlib
import hmac
import io
import json
import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import lvs.machine  # bound to the real clock before the stand-ins come  # noqa: F401
from lvs_tools import places, shims
from lvs_tools.fuzz.victim import Broken


def _firmware() -> Any:
    """The modules admin, admin_work and trial, which leave nothing else behind in this process."""
    before = set(sys.modules)
    shims.install()
    sys.path.append(str(places.FIRMWARE))
    try:
        return [import_module(name) for name in ("admin", "admin_work", "trial")]
    finally:
        sys.path.remove(str(places.FIRMWARE))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(_BOARDS):
                del sys.modules[name]
        shims.uninstall()


async def _no_time(_ms):
    await asyncio.sleep(0)


_BOARDS = (str(places.FIRMWARE), shims.PATH)
admin, admin_work, trial = _firmware()
admin_work.asyncio = SimpleNamespace(sleep_ms=_no_time)
admin_work.crashlog = SimpleNamespace(uptime=lambda: 5)
KEY = b"the key of the fuzzed board"
PATHS = ("/app.mpy", "/lvs.json", "/boot.py", "/lib/lvs/x.mpy", "/secrets.json", "/old/app.mpy")
OLD = {"/app.mpy": b"old" * 300, "/lvs.json": b"{}", "/secrets.json": b"{}", "/boot.py": b"#"}
_FLASH = 64  # KB


class Files:
    """A board's files: what the firmware asks of ``os`` and ``open``."""

    def __init__(self):
        self.files = dict(OLD)
        self.folders = {""}
        self.writes = -1  # until somebody else has filled the flash; below: never
        self._nonces = 0

    def urandom(self, n):
        """Bytes that were never given before."""
        self._nonces += 1
        return self._nonces.to_bytes(n, "big")

    def stat(self, path):
        """Raises OSError unless there is something."""
        if path not in self.files and path not in self.folders:
            raise OSError(2)

    def mkdir(self, path):
        """A folder below one that is there."""
        if path in self.folders or path.rpartition("/")[0] not in self.folders:
            raise OSError(17)
        self.folders.add(path)

    def remove(self, path):
        """A file."""
        if path not in self.files:
            raise OSError(2)
        del self.files[path]

    def rename(self, old, new):
        """A file, over another."""
        if old not in self.files:
            raise OSError(2)
        self.files[new] = self.files.pop(old)

    def ilistdir(self, path):
        """(name, kind) of what is in a folder."""
        self.stat(path)
        for kind, paths in ((0x8000, self.files), (0x4000, self.folders)):
            for found in sorted(paths):
                if found and found.rpartition("/")[0] == path:
                    yield found.rpartition("/")[2], kind

    def rmdir(self, path):
        """A folder, which must be empty."""
        if path not in self.folders or list(self.ilistdir(path)):
            raise OSError(39)
        self.folders.remove(path)

    def statvfs(self, _path):
        """How much is free."""
        used = sum(-(-len(data) // 1024) for data in self.files.values())
        return (1024, 1024, _FLASH, _FLASH - used)

    def open(self, path, mode="r"):
        """A file object."""
        if "w" in mode:
            if path.rpartition("/")[0] not in self.folders:
                raise OSError(2)
            return _Writing(self, path, "b" in mode)
        if path not in self.files:
            raise OSError(2)
        data = io.BytesIO(self.files[path])
        return data if "b" in mode else io.TextIOWrapper(data, "utf-8")


class _Writing:
    """A file that is written; it is there from the beginning."""

    def __init__(self, flash, path, binary):
        self._flash, self._path, self._binary = flash, path, binary
        flash.files[path] = b""

    def write(self, data):
        """Append. Raises OSError when the flash is full."""
        self._flash.writes -= self._flash.writes > 0
        if self._flash.writes == 0:
            raise OSError(28, "full")
        self._flash.files[self._path] += bytes(data) if self._binary else data.encode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Stream:
    """The host's side: what it says was decided before, but for what it must prove.

    heard: what those who knew the key said on this air, for who does not to say again.
    """

    def __init__(self, chance, knows, heard):
        self.chance = chance
        self.knows = knows
        self.heard = heard
        self.waiting = b""
        self.told = b""
        self.turns = 0

    def write(self, data):
        """The board says something."""
        self.told += data

    async def drain(self):
        """It is gone."""

    async def readinto(self, view):
        """Some bytes of the host."""
        if not self.waiting:
            self.waiting = self._next()
        n = min(len(view), len(self.waiting), 1 + self.chance.randrange(300))
        view[:n] = self.waiting[:n]
        self.waiting = self.waiting[n:]
        return n

    def _bytes(self, most):
        return bytes(self.chance.getrandbits(8) for _ in range(self.chance.randrange(most)))

    def _next(self):
        if self.chance.over() or self.turns > 40:
            return b""
        self.turns += 1
        if not self.knows and self.heard and self.chance.randrange(2):
            return self.chance.choice(self.heard)
        if not self.knows or self.chance.randrange(4) == 0:
            return self._bytes(700) + b"\n" * self.chance.randrange(2)
        nonce = self.told.split(b"\n")[0].split()[-1]
        served = sum(line[65:66] == b"{" for line in self.told.split(b"\n"))
        text, rest = self._request()
        proof = hmac.new(KEY, b"ask %s %d " % (nonce, served), hashlib.sha256)
        proof.update(text)
        said = proof.hexdigest().encode() + b" " + text + b"\n" + rest
        self.heard.append(said)
        return said

    def _request(self):
        chance = self.chance
        kind = chance.randrange(6)
        if kind == 0:
            return self._bytes(200), b""
        if kind < 3:
            values = (0, -1, 1 << 40, "x", None, [], "/lvs.json", "/secrets.json", 5, 1.5)
            request = {"do": chance.choice(("status", "peers", "read", "logs", "update", "x", []))}
            for name in ("path", "at", "since", "from", "manifest", "lines", "hold"):
                if chance.randrange(3):
                    request[name] = chance.choice(values)
            return json.dumps(request).encode(), self._bytes(100)
        lines, sent = [], b""
        for _ in range(chance.randrange(1, 6)):
            data = self._bytes(600)
            path = chance.choice(PATHS)
            digest = hashlib.sha256(data).hexdigest()
            if chance.randrange(8) == 0:
                digest, data = "-", b""
            lines.append(f"{digest} {len(data)} {path}\n".encode())
            sent += data
        if chance.randrange(6) == 0:
            lines.append(self._bytes(60).replace(b"\n", b"") + b"\n")
        manifest = hashlib.sha256(b"".join(lines)).hexdigest()
        request = {"do": "update", "manifest": manifest, "lines": len(lines)}
        return json.dumps(request).encode(), b"".join(lines) + sent


def board(files, chance):
    """An admin.Admin of a board with these files."""
    routes = SimpleNamespace(n=1, key=[0], heard=[0], addr=[None])
    node = SimpleNamespace(
        state="ACTIVE",
        routes=routes,
        replicas=(),
        clock=SimpleNamespace(cycle=3),
        config=SimpleNamespace(mesh="m", tag=5, channels=["a"]),
        placement=SimpleNamespace(find=lambda _: None),
        left=lambda: 0,
    )
    admin.os = admin_work.os = trial.os = files
    admin_work.open = files.open
    settings = SimpleNamespace(load=lambda *_: _settings(chance))
    once = {"admin_work": admin_work, "trial": trial, "settings": settings}
    admin.once = admin_work.once = once.__getitem__
    service = admin.Admin(KEY, {"wifi": False}, node, None)
    service._print = lambda *words, **how: None
    admin.print = service.say
    return service


def _settings(chance):
    """A configuration that this board can use, or not."""
    if chance.randrange(3) == 0:
        raise ValueError("no")
    return {"mesh": "m", "channels": ["a"] * chance.randrange(3)}


def _boot(files):
    """What boot.py does before the program starts; whether a trial begins."""
    space = {"os": files, "open": files.open, "print": lambda *_: None}
    exec(_BOOT, space)  # noqa: S102 - the firmware's own functions
    return space["finish_update"]()


def _functions():
    """The functions of boot.py, without the rest of it, compiled."""
    tree = ast.parse((places.FIRMWARE / "boot.py").read_text())
    tree.body = [part for part in tree.body if isinstance(part, ast.FunctionDef)]
    return compile(tree, "boot.py", "exec")


_BOOT = _functions()


def talk(chance):
    """Connections to one board, one after another, and its restarts. Raises Broken."""
    files = Files()
    heard = []
    for _ in range(1 + chance.randrange(4)):
        _connection(chance, files, heard)


def _own(files):
    """What is on the board besides its stage."""
    return {path: data for path, data in files.files.items() if not path.startswith("/update")}


def _connection(chance, files, heard):
    """One connection, and a restart if it leads to one. Raises Broken."""
    before, all_before = _own(files), dict(files.files)
    files.writes = chance.randrange(30) if chance.randrange(4) == 0 else -1
    service = board(files, chance)
    knows = chance.randrange(3) > 0
    stream = Stream(chance, knows, heard)
    asyncio.run(service.serve(stream))
    answers = stream.told.split(b"\n", 1)[1]
    if "failed" in service.counts:
        raise Broken("something was raised: " + service.said)
    if _own(files) != before:
        raise Broken("files changed before any restart: %s" % sorted(files.files))
    if not knows and (answers or files.files != all_before or service.counts["served"]):
        raise Broken("a stranger was answered: %r" % answers)
    if "OSError: [Errno 28]" in answers.decode("utf-8", "replace"):
        raise Broken("a full flash is not said: %r" % answers)
    if service.restart != ("/update/try" in files.files):
        raise Broken("a restart without an update, or an update without one")
    if service.restart:
        _restart(files, before, chance.randrange(2))


def _restart(files, before, good):
    """The trial of what was ordered, to its end. Raises Broken."""
    new = _whole(files.files, before)
    boot = "/boot.py" in files.files["/update/try"].decode().split()
    if not _boot(files):
        raise Broken("no trial begins")
    held = {path: new[path] for path in new if path != "/boot.py"}
    if {path: data for path, data in _own(files).items() if path != "/boot.py"} != held:
        raise Broken("on trial is not what was ordered")
    if good:  # as trial.py does
        files.rename("/update/trial", "/update/commit")
        if boot:
            files.rename("/update/boot.py", "/boot.py")
        files.remove("/update/commit")
    elif _boot(files):
        raise Broken("a second trial")
    if _own(files) != (new if good else before):
        raise Broken("neither the old set nor the new one")
    for path in [path for path in files.files if good and path.startswith("/update/")]:
        files.remove(path)  # tidied up


def _whole(files, before):
    """The files that an order leads to: every line has its file, and none may not be there.
    Raises Broken."""
    new = dict(before)
    for line in files["/update/try"].decode().split():
        path = line.lstrip("+-")
        if path in ("/secrets.json", "/old/app.mpy"):
            raise Broken("%s is to be changed" % path)
        if line[0] == "-":
            del new[path]
            continue
        if "/update" + path not in files or (line[0] == "+") == (path in before):
            raise Broken("%s is not as the order says" % line)
        new[path] = files["/update" + path]
    return new
