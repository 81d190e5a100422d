"""The three interpreters: found, run alike, and as wide as they claim."""

import pytest

from lvs_tools import interpreters
from tests.support.interpreters import require

SCRIPT = """
import sys
import helper
print(helper.NAME, __name__, sys.argv[1:])
print(open(sys.argv[1]).read())
"""

FACTS = """
import gc, sys

def bytes_of_sum(value):
    before = gc.mem_alloc()
    total = value + value
    return gc.mem_alloc() - before

gc.disable()
bytes_of_sum(0)
print(sys.maxsize, [bits for bits in range(2, 70) if bytes_of_sum(1 << bits - 2)][0])
"""


def script(folder, text):
    path = folder / "script.py"
    path.write_text(text)
    return path


def test_run_alike(interpreter, tmp_path):
    library = tmp_path / "library"
    library.mkdir()
    (library / "helper.py").write_text("NAME = 'helped'\n")
    data = tmp_path / "data" / "vectors.txt"
    data.parent.mkdir()
    data.write_text("é = 1")
    path = script(tmp_path, SCRIPT)
    printed = interpreters.run(interpreter, path, [data, "x y", '"'], path=[library])
    assert printed == f"helped __main__ {[str(data), 'x y', chr(34)]}\né = 1\n"


def test_lib_is_on_the_path(interpreter, tmp_path):
    path = script(tmp_path, "import lvs; print(lvs.__file__.replace('\\\\', '/'))")
    assert interpreters.run(interpreter, path).strip().endswith("lib/lvs/__init__.py")


@pytest.mark.parametrize(
    "ending, status, error",
    [
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import no_such_module", 1, "no_such_module"),
        ("import sys; sys.exit(3)", 3, ""),
        ("raise SystemExit('bye')", 1, "bye"),
        ("def:", 1, "SyntaxError"),
    ],
)
def test_errors_are_reported(interpreter, tmp_path, ending, status, error):
    """The traceback may be in either stream: MicroPython's unix port prints it to stdout."""
    path = script(tmp_path, "print('before')\n" + ending)
    with pytest.raises(interpreters.ScriptFailed) as caught:
        interpreters.run(interpreter, path)
    assert caught.value.status == status
    assert caught.value.stdout.startswith("before\n") == (ending != "def:")
    assert error in str(caught.value)


@pytest.mark.parametrize("ending", ["import sys; sys.exit()", "import sys; sys.exit(0)"])
def test_exit_without_error(interpreter, tmp_path, ending):
    assert interpreters.run(interpreter, script(tmp_path, "print(1)\n" + ending)) == "1\n"


@pytest.mark.parametrize(
    "name, maxsize, small_bits", [("micropython", 2**63 - 1, 63), ("wasm", 2**31 - 1, 31)]
)
def test_widths(name, maxsize, small_bits, tmp_path):
    """The sum that first needs the heap is the first that a small int cannot hold."""
    printed = interpreters.run(require(name), script(tmp_path, FACTS))
    assert printed == f"{maxsize} {small_bits}\n"


def test_heap_limit(micropython, tmp_path):
    path = script(tmp_path, "x = bytearray(100_000); print(len(x))")
    assert interpreters.run(micropython, path, heap=200_000) == "100000\n"
    with pytest.raises(interpreters.ScriptFailed, match="MemoryError"):
        interpreters.run(micropython, path, heap=64_000)


def test_environment_reaches_the_script(micropython, tmp_path):
    path = script(tmp_path, "import os; print(os.getenv('LVS_TEST'))")
    assert interpreters.run(micropython, path, env={"LVS_TEST": "seen"}) == "seen\n"


def test_micropython_may_be_named(monkeypatch, tmp_path):
    program = tmp_path / "mine"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("MICROPYTHON", str(program))
    assert interpreters.micropython() == str(program)
    monkeypatch.setenv("MICROPYTHON", str(tmp_path / "none"))
    with pytest.raises(interpreters.InterpreterMissing, match="MICROPYTHON=.*none"):
        interpreters.micropython()


def test_micropython_falls_back_to_the_path(monkeypatch, tmp_path):
    monkeypatch.delenv("MICROPYTHON", raising=False)
    monkeypatch.setattr("sys.executable", str(tmp_path / "venv" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert interpreters.micropython() is None
    program = tmp_path / "micropython"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert interpreters.micropython() == str(program)


@pytest.mark.parametrize(
    "ci, outcome", [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_missing_interpreter_fails_in_ci_and_skips_elsewhere(monkeypatch, ci, outcome):
    monkeypatch.setattr(interpreters, "micropython", lambda: None)
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="micropython: no MicroPython here"):
        require("micropython")
    with pytest.raises(interpreters.InterpreterMissing, match="set MICROPYTHON="):
        interpreters.run("micropython", "script.py")


def test_unknown_interpreter():
    with pytest.raises(ValueError, match="'jython'; there are cpython, micropython, wasm"):
        interpreters.command("jython")
