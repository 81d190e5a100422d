"""A flash chip in RAM for MicroPython's own VfsLfs2, and its contents after a cut anywhere."""

SIZE = 4096


class Chip:
    """A block device that keeps a trace of (position, bytes or None for an erase)."""

    def __init__(self, blocks):
        self.blocks = blocks
        self.data = bytearray(b"\xff" * (SIZE * blocks))
        self.trace = []

    def note(self, start, data):
        """One operation."""
        self.trace.append((start, data))

    def readblocks(self, n, buf, off=0):
        start = n * SIZE + off
        buf[:] = self.data[start : start + len(buf)]

    def writeblocks(self, n, buf, off=0):
        start = n * SIZE + off
        self.note(start, bytes(buf))
        self.data[start : start + len(buf)] = buf

    def ioctl(self, op, arg):
        if op == 4:
            return self.blocks
        if op == 5:
            return SIZE
        if op == 6:
            self.note(arg * SIZE, None)
            self.data[arg * SIZE : (arg + 1) * SIZE] = b"\xff" * SIZE
            return 0
        return None


def images(start, trace):
    """(operations completed, image) for every cut, torn operations included."""
    image = bytearray(start)
    for k in range(len(trace)):
        yield k, image
        at, data = trace[k]
        after = b"\xff" * SIZE if data is None else data
        half = len(after) // 2
        before = bytes(image[at : at + half])
        image[at : at + half] = after[:half]
        yield k, image
        image[at : at + half] = before
        image[at : at + len(after)] = after
    yield len(trace), image
