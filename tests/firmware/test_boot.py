"""boot.py: the escape window, and an update that may be cut anywhere."""

import os
import re
import shutil
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from lvs_tools import interpreters, places
from lvs_tools.board.deploy import commit_order

BOOT = (places.FIRMWARE / "boot.py").read_text()


class Cut(Exception):
    """The power fails."""


class Disk:
    """A folder as a board's filesystem; the power fails at the k-th change."""

    def __init__(self, root, cut_at=None):
        self.root, self.left = str(root), cut_at

    def path(self, path):
        assert path.startswith("/")
        return self.root + path

    def _change(self):
        if self.left is not None:
            if self.left == 0:
                raise Cut
            self.left -= 1

    def stat(self, path):
        return os.stat(self.path(path))

    def rename(self, old, new):
        self._change()
        os.replace(self.path(old), self.path(new))

    def remove(self, path):
        self._change()
        os.remove(self.path(path))


def boot(bench, disk, capsys=None):
    """Run boot.py with the board's root in a folder; returns its globals."""
    names: dict[str, Any] = {"__name__": "__main__"}
    source = BOOT.replace("import os\n", "")
    names["os"] = disk
    names["open"] = lambda path: open(disk.path(path))
    exec(compile(source, "boot.py", "exec"), names)
    return names


OLD = {"/boot.py": "old", "/main.py": "old", "/app.mpy": "old", "/gone.mpy": "old"}
NEW = {"/boot.py": "new", "/main.py": "new", "/app.mpy": "new", "/lib/lvs/wire.mpy": "new"}


def staged(root):
    """A board with the old version, a complete new one staged, and the order to switch."""
    shutil.rmtree(root, ignore_errors=True)
    for files, base in ((OLD, ""), (NEW, "/update")):
        for path, text in files.items():
            target = root / (base + path)[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    (root / "lib" / "lvs").mkdir(parents=True, exist_ok=True)
    lines = [*commit_order(NEW), "-/gone.mpy"]
    (root / "update" / "commit").write_text("\n".join(lines) + "\n")


def state(root):
    return {p: (root / p[1:]).read_text() for p in {*OLD, *NEW} if (root / p[1:]).exists()}


def test_an_update_is_finished(bench, tmp_path):
    staged(tmp_path)
    boot(bench, Disk(tmp_path))
    assert state(tmp_path) == NEW
    assert not (tmp_path / "update" / "commit").exists()


@pytest.mark.parametrize("cut", range(6))
@pytest.mark.parametrize("again", range(6))
def test_an_update_cut_twice_is_finished_all_the_same(bench, tmp_path, cut, again):
    staged(tmp_path)
    changes = 6  # four files, one removal, the order itself
    for at in (cut, again):
        try:
            boot(bench, Disk(tmp_path, at))
        except Cut:
            pytest.fail("boot.py let an error out")
    boot(bench, Disk(tmp_path))
    assert state(tmp_path) == NEW
    assert not (tmp_path / "update" / "commit").exists() and changes == 6


def test_a_flash_that_fails_in_the_middle_is_mounted_anew(bench, tmp_path):
    staged(tmp_path)
    disk = Disk(tmp_path)
    rename, left = disk.rename, [1]

    def failing(old, new):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(5)
        rename(old, new)

    disk.rename = failing
    with pytest.raises(bench.Reset):
        boot(bench, disk)
    boot(bench, Disk(tmp_path))
    assert state(tmp_path) == NEW


def test_without_the_order_nothing_is_touched(bench, tmp_path):
    staged(tmp_path)
    (tmp_path / "update" / "commit").unlink()
    boot(bench, Disk(tmp_path))
    assert state(tmp_path) == OLD


def test_a_fresh_board_without_any_file(bench, tmp_path):
    names = boot(bench, Disk(tmp_path))
    assert names["stay"] is False


def test_ctrl_c_in_the_window_keeps_the_repl(bench, tmp_path, capsys):
    staged(tmp_path)
    sleep = bench.sleep_ms

    def interrupted(ms):
        sleep(ms)
        if bench.ticks_ms() > 1000:
            raise KeyboardInterrupt

    import time

    time.__dict__["sleep_ms"] = interrupted
    names = boot(bench, Disk(tmp_path))
    assert names["stay"] is True
    assert state(tmp_path) == OLD  # nothing happens until the next start
    main = (places.FIRMWARE / "main.py").read_text()
    exec(compile(main, "main.py", "exec"), names)
    assert "not started" in capsys.readouterr().out and "app" not in names


START = """
import sys
names = {"stay": True, "__name__": "__main__"}
exec(open(sys.argv[1]).read(), names)
import app, parts
config = {"mesh": "m", "channels": ["a"], "port": 47811, "board": {"journal": False}}
node = parts.make_node(config, None)
import micropython
micropython.mem_info()
"""


def test_what_lives_is_not_strewn_over_all_of_the_memory(micropython, tmp_path):
    """Or there is no room in one piece for the table of names, and the board restarts for ever."""
    script = tmp_path / "start.py"
    script.write_text(START)
    main = places.FIRMWARE / "main.py"
    path = (places.FIRMWARE, places.LIB)
    said = interpreters.run(micropython, script, [main], path=path, heap=340 * 1024)
    free = int(re.findall(r"free: (\d+)", said)[0])
    largest = int(re.findall(r"max free sz: (\d+)", said)[0]) * 32  # bytes in a block
    assert largest > free // 3, said


def test_out_of_memory_is_said_and_counts_as_a_crash(bench, monkeypatch, capsys):
    done = []

    def without_room():
        raise MemoryError

    def once(name):
        return SimpleNamespace(announce=lambda crashed: done.append((name, crashed)))

    monkeypatch.setitem(sys.modules, "app", SimpleNamespace(main=without_room, once=once))
    with pytest.raises(bench.Reset):
        exec((places.FIRMWARE / "main.py").read_text(), {"__name__": "__main__"})
    assert capsys.readouterr().out == "LVS: out of memory; restarting\n"
    assert done == [("restarts", 1)]


def test_after_a_soft_reset_a_running_watchdog_is_fed(bench, tmp_path):
    import machine

    machine.WDT(timeout=8000)
    for _ in range(10):
        bench.sleep_ms(3000)
        bench.watchdogs[0].feed()
    boot(bench, Disk(tmp_path))  # as mpremote does before each command
    bench.sleep_ms(600_000)


def test_after_power_on_none_is_started(bench, tmp_path):
    boot(bench, Disk(tmp_path))
    assert not any(line.startswith("wdt") for line in bench.told)
    assert bench.ticks_ms() >= 2000  # the window
