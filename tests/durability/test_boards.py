"""The journal on MicroPython: its own littlefs, 31-bit integers, and the wear of the flash."""

import json
from pathlib import Path

from lvs_tools import interpreters
from tests.durability import wear
from tests.support.interpreters import PATH

HERE = Path(__file__).parent


def test_cuts_and_failures_under_vfslfs2(micropython):
    """Every prefix of what MicroPython's own littlefs writes, and a failure of each operation."""
    said = interpreters.run(micropython, HERE / "vfs_cuts.py", path=PATH, heap=16 << 20)
    result = json.loads(said.splitlines()[-1])
    print(result)
    assert result["cuts"] > 50 and result["failures"] > 25 and result["noticed"] > 3
    assert result["wrong"] == []


def test_damage_under_vfslfs2(micropython):
    """Full, read-only, garbled, of another format: said in one line, and the node works on."""
    said = interpreters.run(micropython, HERE / "vfs_damage.py", path=PATH, heap=16 << 20)
    result = json.loads(said.splitlines()[-1])
    words = {
        "full": "full: delete something",
        "read_only": "read-only: mount it writable",
        "garbage": "nothing in it can be read",
        "older": "format 0 is not this version's",
    }
    assert set(result) == set(words)
    for case, (warning, *wrong) in result.items():
        assert words[case] in warning and "\n" not in warning, (case, warning)
        assert wrong == [], case


def test_the_same_bytes_on_every_interpreter(interpreter, tmp_path):
    """A journal written by one interpreter is the same as another's, to the byte."""
    script = tmp_path / "write.py"
    script.write_text(
        "from lvs_tools.world.memory_files import MemoryFiles\n"
        "from tests.support.node_bench import Bench\n"
        "files = MemoryFiles()\n"
        "bench = Bench(files)\n"
        "for k in range(9):\n"
        "    bench.contribute(k % 2, k % 3 == 0)\n"
        "    bench.hear_row(100 + k, k % 2, 900 + k, True)\n"
        "    bench.run(5)\n"
        "for name in sorted(files.files):\n"
        "    print(name, ''.join(['%02x' % b for b in files.files[name]]))\n"
    )
    said = interpreters.run(interpreter, script, path=PATH)
    expected = interpreters.run("cpython", script, path=PATH)
    assert len(said) > 500 and said == expected


def test_wear_is_what_the_documentation_says():
    """Six contributions a minute for six hours: docs/durability.md has the figures of a day."""
    size, how = wear.BOARDS["Pico W (file system of 848 KB)"]
    figures = wear.measure(size, how, hours=6, per_minute=6)
    print(figures)
    assert figures["erases_per_day"] < 2500
    assert figures["years_if_spread_evenly"] > 15
    assert figures["journal_bytes"] < 40_000
    assert figures["most_programmed_in_a_second"] < 10_000
