"""Files of one folder, as a journal needs them: the only file here that touches a file system.

A simulator or a test hands a journal something else with the same seven methods. All of them raise
OSError; whatever they return from has reached the medium.
"""

import os


class Files:
    """The files in a folder, which is made when the first one is written."""

    def __init__(self, path):
        self.path = path if path.endswith("/") else path + "/"

    def names(self):
        """Names of the files, in no order; none when there is no folder."""
        try:
            return list(os.listdir(self.path))
        except OSError as e:
            if e.args and e.args[0] == 2:  # ENOENT
                return []
            raise

    def size(self, name):
        """Bytes in a file."""
        return os.stat(self.path + name)[6]

    def open(self, name):
        """A file to read from: readinto(buffer), close()."""
        return open(self.path + name, "rb")

    def append(self, name, data):
        """Write behind what a file holds."""
        with open(self.path + name, "ab") as f:
            f.write(data)
            _sync(f)

    def replace(self, name, data):
        """Write a small file in place of what is there."""
        f = self.create(name)
        try:
            f.write(data)
        except OSError:
            f.close()
            raise
        self.finish(f)

    def create(self, name):
        """An empty file to write to: write(data), close(). ``finish`` makes it durable."""
        try:
            return open(self.path + name, "wb")
        except OSError as e:
            if not e.args or e.args[0] != 2:
                raise
        self._make_folder()
        return open(self.path + name, "wb")

    def finish(self, f):
        """Make a created file durable, and close it."""
        try:
            _sync(f)
        finally:
            f.close()
        if hasattr(os, "fsync"):  # its name, too; boards' file systems need no such care
            folder = os.open(self.path, os.O_RDONLY)  # pyright: ignore
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def remove(self, name):
        """Delete a file."""
        os.remove(self.path + name)

    def _make_folder(self):
        path = ""
        why = None
        for part in self.path.split("/"):
            path += part + "/"
            try:
                os.mkdir(path[:-1] or "/")
                why = None
            except OSError as e:
                if e.args and e.args[0] == 17:  # EEXIST
                    why = None
                elif why is None:
                    why = e  # of the first that is missing: what follows only says ENOENT
        if why is not None:
            raise why


def _sync(f):
    f.flush()
    if hasattr(os, "fsync"):
        os.fsync(f.fileno())
