"""A flash chip under the real littlefs, with a record of every operation, and cuts in it."""

from typing import Any

from littlefs import LittleFS, LittleFSError, lfs
from littlefs.context import UserContext

FOLDER = "j"
BAD_BLOCK = -84  # what a bad block answers: LFS_ERR_CORRUPT; -5 is LFS_ERR_IO

# How MicroPython 1.29 sets littlefs up (extmod/vfs_lfsx.c and ports/*/modules/inisetup.py).
ESP32: dict[str, Any] = {
    "block_size": 4096,
    "read_size": 32,
    "prog_size": 32,
    "cache_size": 128,
    "lookahead_size": 32,
    "block_cycles": 100,
}
RP2: dict[str, Any] = {
    "block_size": 4096,
    "read_size": 32,
    "prog_size": 256,
    "cache_size": 1024,
    "lookahead_size": 32,
    "block_cycles": 100,
}


class Flash(UserContext):
    """A chip that writes down what is done to it.

    trace: what changed, in order: (offset, bytes) programmed or (offset, None) a block erased.
    erases: how often each block was. bad: blocks that fail to be programmed and erased.
    """

    def __init__(self, buffer, block_size):
        super().__init__(buffer=bytearray(buffer))
        self.block_size = block_size
        self.trace = []
        self.erases = {}
        self.programmed = 0
        self.bad = set()

    def read(self, cfg, block, off, size):
        start = block * self.block_size + off
        return self.buffer[start : start + size]

    def prog(self, cfg, block, off, data):
        if block in self.bad:
            return BAD_BLOCK
        start = block * self.block_size + off
        self.trace.append((start, bytes(data)))
        self.programmed += len(data)
        self.buffer[start : start + len(data)] = data
        return 0

    def erase(self, cfg, block):
        if block in self.bad:
            return BAD_BLOCK
        start = block * self.block_size
        self.trace.append((start, None))
        self.erases[block] = self.erases.get(block, 0) + 1
        self.buffer[start : start + self.block_size] = b"\xff" * self.block_size
        return 0


def cuts(image, trace, block_size, torn=True):
    """Every image that a power cut during the trace can leave: yields (operations that were
    completed, image). torn: the next operation in part, too. The image is valid until the next."""
    buffer = bytearray(image)
    for k, (start, data) in enumerate(trace):
        yield k, buffer
        size = block_size if data is None else len(data)
        after = b"\xff" * block_size if data is None else data
        if torn:
            before = bytes(buffer[start : start + size])
            for part in sorted({1, size // 2, size - 1}):
                buffer[start : start + part] = after[:part]
                yield k, buffer
            # The cells of the last bytes may have got half of their charge.
            buffer[start : start + size] = after
            for i in range(start + size - 4, start + size):
                buffer[i] = buffer[i] & 0x55 if data is None else buffer[i] | 0xAA
            yield k, buffer
            buffer[start : start + size] = before
        buffer[start : start + size] = after
    yield len(trace), buffer


def _errno(error):
    return OSError(-error.code, str(error))


class _File:
    """An open file, by the functions that MicroPython calls."""

    def __init__(self, fs, name, mode):
        self.fs = fs
        self.handle = lfs.file_open(fs, name, mode, "utf-8")

    def readinto(self, buffer):
        assert self.handle is not None  # open
        data = lfs.file_read(self.fs, self.handle, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def write(self, data):
        assert self.handle is not None  # open
        try:
            lfs.file_write(self.fs, self.handle, bytes(data))
        except LittleFSError as e:
            raise _errno(e) from None

    def close(self):
        if self.handle is not None:
            handle, self.handle = self.handle, None
            try:
                lfs.file_close(self.fs, handle)
            except LittleFSError as e:
                raise _errno(e) from None


class LfsFiles:
    """lvs.journal_files.Files on littlefs."""

    def __init__(self, flash, how=None, make=False):
        how = how or ESP32
        self.flash = flash
        self.volume = LittleFS(
            context=flash, mount=False, block_count=len(flash.buffer) // how["block_size"], **how
        )
        if make:
            self.volume.format()
        self.volume.mount()
        self.fs = self.volume.fs

    def _call(self, function, *args):
        try:
            return function(*args)
        except (LittleFSError, OSError) as e:
            if isinstance(e, LittleFSError):
                raise _errno(e) from None
            raise OSError(e.errno or 2, str(e)) from None

    def names(self):
        try:
            return self.volume.listdir(FOLDER)
        except (LittleFSError, OSError):
            return []

    def size(self, name):
        return self._call(self.volume.stat, FOLDER + "/" + name).size

    def open(self, name):
        return self._call(_File, self.fs, FOLDER + "/" + name, "r")

    def create(self, name):
        try:
            self.volume.mkdir(FOLDER)
        except (LittleFSError, OSError):
            pass  # it is there
        return self._call(_File, self.fs, FOLDER + "/" + name, "w")

    def finish(self, f):
        f.close()  # which syncs

    def append(self, name, data):
        f = self._call(_File, self.fs, FOLDER + "/" + name, "a")
        try:
            f.write(data)
        finally:
            f.close()

    def replace(self, name, data):
        f = self.create(name)
        try:
            f.write(data)
        finally:
            f.close()

    def remove(self, name):
        self._call(self.volume.remove, FOLDER + "/" + name)
