"""A full, a read-only and a garbled file system under MicroPython's VfsLfs2, and a journal of
another format, for the real interpreter: each has to be said in one line, and the node works on.

Prints one line of JSON: {case: [warning, what is wrong, ...]}.
"""

import json
import os

import vfs

from lvs import NotDurable
from lvs.fixed import crc16
from lvs.journal_files import Files
from lvs.journal_reader import HEAD, Reader
from lvs.wire import put16
from tests.durability.vfs_cuts import blank, chip, mount
from tests.support.node_bench import Bench, judge

FOLDER = "/flash/journal"
AWAY = 5000000


def listed():
    """The paths of the journal's files."""
    return [FOLDER + "/" + name for name in os.listdir(FOLDER)]


def lived():
    """A node that lived for a while, on a new file system; it is switched off."""
    mount(blank())
    bench = Bench(Files(FOLDER))
    for k in range(8):
        bench.contribute(k % 2, k % 3 == 0)
        bench.run(4)
    bench.run(12)
    bench.books.durable = list(bench.books.accepted)
    return bench


def works(bench, durable):
    """What is wrong with a node that should live on; durable: and keep what it is given."""
    wrong = []
    bench.run(15)
    try:
        bench.contribute(0, True)
        if not durable:
            wrong.append("called durable")
    except NotDurable as e:
        if durable:
            wrong.append(str(e))
    bench.run(5)
    if bench.node.state != "ACTIVE":
        wrong.append(bench.node.state)
    if sum(bench.books.told.values()) < 4 ** (bench.books.given[0] - 1):
        wrong.append("not told")
    return wrong


def says(bench):
    """The journal's warnings, as status() shows them."""
    return "; ".join([w for w in bench.node.status()["warnings"] if w.startswith("journal")])


def again(books):
    """What is wrong after another restart."""
    return judge(Bench(Files(FOLDER), books.copy(), 2 * AWAY, 9).node, books)


def full():
    """Nothing fits any more; then there is room again."""
    mount(blank())
    with open("/flash/large", "wb") as f:
        try:
            while f.write(bytes(256)):
                f.flush()
        except OSError:
            pass
    bench = Bench(Files(FOLDER))
    wrong = works(bench, False)
    said = says(bench)
    os.remove("/flash/large")
    bench.run(600)
    wrong += works(bench, True)
    if says(bench):
        wrong.append("still says: " + says(bench))
    return [said] + wrong + again(bench.books)


def read_only():
    """It is mounted without the right to write."""
    books = lived().books
    os.umount("/flash")
    os.mount(vfs.VfsLfs2(chip), "/flash", readonly=True)  # pyright: ignore[reportArgumentType] no base class at run time
    bench = Bench(Files(FOLDER), books.copy(), AWAY, 7)
    wrong = judge(bench.node, books) + works(bench, False)
    return [says(bench)] + wrong


def garbage():
    """Every file holds something else."""
    books = lived().books
    x = 7
    for path in listed():
        data = bytearray(900)
        for i in range(len(data)):
            x = x * 75 % 65537
            data[i] = x & 0xFF
        with open(path, "wb") as f:
            f.write(data)
    return _mended(books)


def older():
    """A journal of format 0."""
    books = lived().books
    for path in listed():
        if "seg-" not in path:
            continue
        files = Files(FOLDER)
        reader = Reader(files, path[len(FOLDER) + 1 :])
        reader.next()
        reader.close()
        with open(path, "rb") as f:
            data = bytearray(f.read())
        data[HEAD] = 0
        put16(data, reader.end, crc16(memoryview(data), reader.end))
        with open(path, "wb") as f:
            f.write(data)
    return _mended(books)


def _mended(books):
    books = books.copy()
    books.durable = [0] * len(books.durable)  # it is gone, and that is said
    bench = Bench(Files(FOLDER), books, AWAY, 7)
    said = says(bench)
    return [said] + works(bench, True) + again(books)


def main():
    result = {}
    for case in (full, read_only, garbage, older):
        result[case.__name__] = case()
        os.umount("/flash")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
