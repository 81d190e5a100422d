"""Files in memory, for the journals of simulated machines: what outlives a crash."""

from lvs.journal import Journal


def make_journal(index, like=None):
    """A journal for the machine numbered `index`, in files of its own; like: a journal whose files
    they are copies of."""
    files = MemoryFiles()
    if like:
        old = like.log.files.files
        files.files = {name: bytearray(old[name]) for name in old}
    return Journal("flash of node%d" % index, files=files)


class _Reader:
    def __init__(self, data):
        self._data = data
        self._at = 0

    def readinto(self, buffer):
        """Fill a buffer; returns the number of bytes."""
        n = min(len(buffer), len(self._data) - self._at)
        buffer[:n] = self._data[self._at : self._at + n]
        self._at += n
        return n

    def close(self):
        """Nothing is left open."""


class _Writer:
    def __init__(self, name):
        self.name = name
        self.data = bytearray()

    def write(self, data):
        """Write behind what is there; durable once the file is finished."""
        self.data.extend(bytes(data))

    def close(self):
        """Not finished: nothing of it stays."""


class MemoryFiles:
    """The same methods as lvs.journal_files.Files, over a dict of names and bytes."""

    def __init__(self):
        self.files = {}

    def names(self):
        """Names of the files."""
        return list(self.files)

    def _file(self, name):
        if name not in self.files:
            raise OSError(2)
        return self.files[name]

    def size(self, name):
        """Bytes in a file."""
        return len(self._file(name))

    def open(self, name):
        """A file to read from."""
        return _Reader(self._file(name))

    def append(self, name, data):
        """Write behind what a file holds."""
        self._file(name).extend(bytes(data))

    def replace(self, name, data):
        """Write a file in place of what is there."""
        self.files[name] = bytearray(bytes(data))

    def create(self, name):
        """An empty file to write to."""
        self.files[name] = bytearray()
        return _Writer(name)

    def finish(self, writer):
        """Make a created file durable."""
        self.files[writer.name] = writer.data

    def remove(self, name):
        """Delete a file."""
        self._file(name)
        del self.files[name]
