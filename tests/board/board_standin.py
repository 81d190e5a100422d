"""What the tests of deployments share: a stand-in with its own address, and configurations."""

import itertools
import json
import os
import subprocess
import sys
import zlib

from littlefs import LittleFS, UserContext

from lvs_tools.board.standin import Standin

WIFI = {"home": "secret123"}
# mpremote's own command line, but for its rests of 10 ms whenever nothing has come.
_MPREMOTE = """
import time
from types import SimpleNamespace
from mpremote import main, transport_serial
transport_serial.time = SimpleNamespace(
    monotonic=time.monotonic, sleep=lambda seconds: time.sleep(seconds / 20))
raise SystemExit(main.main())
"""
_numbers = itertools.count(1)


def _worker():
    """A number of this pytest process: parallel ones must not share addresses."""
    return zlib.crc32(f"{os.environ.get('PYTEST_XDIST_WORKER', '')}{os.getpid()}".encode()) % 200


def address():
    """A loopback address that no other test uses."""
    return f"127.{20 + _worker()}.{next(_numbers)}.1"


def udp_port():
    """A UDP port for a mesh of this test."""
    return 20_000 + _worker() * 100 + next(_numbers) % 100


def config(ip, port, **more):
    """lvs.json for a stand-in."""
    return {
        "mesh": "test",
        "channels": ["water", "people"],
        "address": ip,
        "port": port,
        "broadcast": "127.255.255.255",
        "board": {"wifi": {"ssid": "home"}, **more.pop("board", {})},
        **more,
    }


def own_files(folder, data):
    """lvs.json and secrets.json as files: what deploy takes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lvs.json").write_text(json.dumps(data))
    (folder / "secrets.json").write_text(json.dumps({"wifi_password": WIFI["home"]}))
    return {name: folder / name for name in ("lvs.json", "secrets.json")}


def flash_image(files, kb=1024):
    """The bytes of a littlefs with {path: bytes} on it, as MicroPython's own would read it."""
    context = UserContext(kb * 1024)
    context.buffer = bytearray(b"\xff" * kb * 1024)
    disk = LittleFS(
        context=context,
        block_size=4096,
        block_count=kb // 4,
        read_size=32,
        prog_size=32,
        lookahead_size=32,
        mount=False,
    )
    disk.format()
    disk.mount()
    for path, data in files.items():
        if path.rpartition("/")[0]:
            disk.makedirs(path.rpartition("/")[0], exist_ok=True)
        with disk.open(path, "wb") as file:
            file.write(data)
    disk.unmount()
    return bytes(context.buffer)


def board(folder, ip=None, **wires):
    """A stand-in in reach of the Wi-Fi "home", which does not wait long for Ctrl-C."""
    return Standin(folder, ip or address(), WIFI, **{"window_ms": 100, **wires})


def mpremote(standin, *arguments):
    """Run mpremote's command line on a stand-in; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", _MPREMOTE, "connect", standin.port, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
