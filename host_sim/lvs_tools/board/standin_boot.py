"""The inside of the stand-in board (MicroPython on Linux): see standin.py.

    micropython -i standin_boot.py SHIMS IMAGE BENCH PIPE main|nomain WINDOW TRIAL PACE

Mounts a file as littlefs at /, as boards have it, and runs boot.py and main.py; the REPL follows.
WINDOW, TRIAL: milliseconds that boot.py waits for Ctrl-C, and gives new files; "": as it says.
PACE: how many times as fast the node's clock runs; "": as clocks do.
"""

import os
import sys

import vfs

_shims, _image, _bench, _pipe, _mode, _window, _trial, _pace = sys.argv[1:9]


class _Flash:
    """A block device in a file; what is written is there, also when the process is killed."""

    block = 4096

    def __init__(self, path):
        self._blocks = os.stat(path)[6] // self.block
        self._file = open(path, "r+b")

    def readblocks(self, number, buffer, offset=0):
        """Read into buffer."""
        self._file.seek(number * self.block + offset)
        self._file.readinto(buffer)

    def writeblocks(self, number, buffer, offset=None):
        """Write; without an offset the block counts as erased."""
        self._file.seek(number * self.block + (offset or 0))
        self._file.write(buffer)

    def ioctl(self, operation, _argument):
        """4: blocks; 5: bytes in one; 6: erase."""
        if operation == 4:
            return self._blocks
        if operation == 5:
            return self.block
        return 0 if operation == 6 else None


def _mount(flash):
    try:
        vfs.mount(vfs.VfsLfs2(flash), "/")
    except OSError:  # a chip that was erased
        vfs.VfsLfs2.mkfs(flash)
        vfs.mount(vfs.VfsLfs2(flash), "/")


sys.path[:] = [_shims, ".frozen"]
import bench  # noqa: E402

bench.load(_bench, _pipe)
for _name in ("machine", "network", "esp32", "rp2", "espnow"):
    __import__(_name)  # kept in sys.modules when the computer's files are out of sight
_flash = _Flash(_image)
vfs.umount("/")
_mount(_flash)
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib"]
sys.argv[:] = []


def _run(name):
    """Run a start-up file as boards do; True unless it was interrupted or failed."""
    try:
        source = open(name)
    except OSError:
        return True
    try:
        text = source.read()
        if _window:
            text = text.replace("_WINDOW_MS = const(2000)", "_WINDOW_MS = " + _window)
        if _trial:
            text = text.replace("_TRIAL_MS = const(360000)", "_TRIAL_MS = " + _trial)
        exec(text, globals())  # noqa: S102 - what a board does with its start-up files
        return True
    except KeyboardInterrupt:
        print("KeyboardInterrupt")
    except Exception as e:
        sys.print_exception(e)
    finally:
        source.close()
    return False


def _hurry(pace):
    """Let the node's clock run faster; not the watchdog's, nor asyncio's."""
    try:
        from lvs import machine
    except Exception:  # half a copy: main.py will say so
        return
    ticks = machine._ticks_ms
    if ticks:
        machine._ticks_ms = lambda: ticks() * pace & 0x3FFFFFFF


def _apart():
    """Whoever binds every interface binds its own address: stand-ins share this machine's."""
    try:
        from lvs import config
    except Exception:  # half a copy: main.py will say so
        return
    checked = config.Config.__init__

    def made(self, source):
        checked(self, source)
        if self.address == "0.0.0.0":
            self.address = bench.address
        if self.broadcast == "255.255.255.255":
            self.broadcast = "127.255.255.255"

    config.Config.__init__ = made


bench.tell("alive")
if _run("boot.py") and _mode == "main":
    _apart()
    if _pace:
        _hurry(int(_pace))
    _run("main.py")
