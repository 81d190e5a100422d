"""A disk in memory for a machine's journal: what was written is still there after a crash."""


class Disk:
    """Stands for `lvs.journal_files.Files`, on a medium that neither fails nor wears."""

    def __init__(self):
        self._files = {}
        self.written = 0  # bytes

    def names(self):
        """Names of the files, in the same order on every interpreter."""
        return sorted(self._files)

    def size(self, name):
        """Bytes in a file."""
        return len(self._file(name))

    def open(self, name):
        """A file to read from."""
        return _Reading(self._file(name))

    def append(self, name, data):
        """Write behind what a file holds."""
        self._files[name] = self._files.get(name, b"") + bytes(data)
        self.written += len(data)

    def replace(self, name, data):
        """Write a small file in place of what is there."""
        self._files[name] = b""
        self.append(name, data)

    def create(self, name):
        """An empty file to write to; a crash leaves what was written by then."""
        self._files[name] = b""
        return _Writing(self, name)

    def finish(self, file):
        """Make a created file durable: here it is at once."""
        file.close()

    def remove(self, name):
        """Delete a file."""
        self._file(name)
        del self._files[name]

    def _file(self, name):
        data = self._files.get(name)
        if data is None:
            raise OSError(2)
        return data


class _Reading:
    def __init__(self, data):
        self._data = data
        self._at = 0

    def readinto(self, buffer):
        """Read into a buffer; returns how many bytes."""
        n = min(len(buffer), len(self._data) - self._at)
        buffer[:n] = self._data[self._at:self._at + n]
        self._at += n
        return n

    def close(self):
        """Nothing is left open."""


class _Writing:
    def __init__(self, disk, name):
        self._disk = disk
        self._name = name

    def write(self, data):
        """Write behind what was written."""
        self._disk.append(self._name, data)
        return len(data)

    def close(self):
        """Nothing is left open."""
