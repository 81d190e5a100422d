"""A file system that promises little: what FAT or a laptop's may leave after a power cut.

What is written to a file may arrive in part, as zeros, or as what lay on the medium before; an
emptied file may stay empty. Only what a finished call has written is safe.
"""

import random


class _Writer:
    def __init__(self, name):
        self.name = name
        self.data = b""

    def write(self, data):
        self.data += bytes(data)

    def close(self):
        pass


class _Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def readinto(self, buffer):
        part = self.data[self.at : self.at + len(buffer)]
        buffer[: len(part)] = part
        self.at += len(part)
        return len(part)

    def close(self):
        pass


class PlainFiles:
    """lvs.journal_files.Files over a dict, with a trace of (name, old content, new content)."""

    def __init__(self, files):
        self.files = dict(files)
        self.trace = []

    def _put(self, name, data):
        self.trace.append((name, self.files.get(name), data))
        if data is None:
            del self.files[name]
        else:
            self.files[name] = data

    def names(self):
        return sorted(self.files)

    def _get(self, name):
        if name not in self.files:
            raise OSError(2)
        return self.files[name]

    def size(self, name):
        return len(self._get(name))

    def open(self, name):
        return _Reader(self._get(name))

    def append(self, name, data):
        self._put(name, self._get(name) + bytes(data))

    def replace(self, name, data):
        self._put(name, b"")
        self._put(name, bytes(data))

    def create(self, name):
        self._put(name, b"")
        return _Writer(name)

    def finish(self, writer):
        self._put(writer.name, writer.data)

    def remove(self, name):
        self._get(name)
        self._put(name, None)


def cuts(files, trace):
    """Every state that a power cut during the trace can leave: (operations completed, files)."""
    rng = random.Random(1)
    state = dict(files)
    stale = []  # what was written before, anywhere: it may lie where new blocks come from
    for k, (name, old, new) in enumerate(trace):
        yield k, state
        if new:
            kept = old if old is not None and new.startswith(old) else b""
            size = len(new) - len(kept)
            garbage = bytes(rng.randrange(256) for _ in range(size))
            torn = [
                kept + new[len(kept) : len(kept) + n]
                for n in sorted({1, 5, 9, size // 2, size - 2, size - 1})
            ]
            torn += [kept + (old * (size // len(old) + 1))[:size] for old in stale[-5:]]
            torn += [
                kept + bytes(size),
                kept + garbage,
                kept + new[len(kept) : len(kept) + size // 2] + bytes(size - size // 2),
                kept + bytes(size // 2) + new[len(kept) + size // 2 :],
                kept + bytes([new[len(kept)]]) + garbage[1:],
            ]
            for i in range(len(kept), len(new)):  # a bit of what is being written did not take
                torn.append(new[:i] + bytes([new[i] ^ 1 << i % 8]) + new[i + 1 :])
            for content in torn:
                if content != new:
                    yield k, {**state, name: content}
            stale.append(new)
        if new is None:
            del state[name]
        else:
            state[name] = new
    yield len(trace), state
