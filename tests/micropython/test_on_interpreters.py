"""The library on CPython, 64-bit and 32-bit MicroPython: the same bits, and no allocations."""

import os
import socket
import threading
from pathlib import Path

import pytest

from lvs_tools import interpreters, places
from tests.support.interpreters import PATH
from tests.vectors import make

HERE = Path(__file__).parent
MODULES = sorted(p.stem for p in (places.LIB / "lvs").glob("*.py") if p.stem != "__init__")
WORLDLY = ("lookup", "transport_layer", "world")  # sockets and clocks, which WebAssembly has not


def test_every_module_imports(interpreter):
    left_out = {"cpython": ("native",), "wasm": (*WORLDLY, "native"), "micropython": ()}[
        interpreter
    ]
    names = [m for m in MODULES if m not in left_out]
    assert interpreters.run(interpreter, HERE / "imports.py", names).split() == names


def test_a_name_server_is_asked_in_the_background(micropython):
    """Silent for a while: each look takes no time. Then it answers, and later with another."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)

        def serve():
            for k in range(4):
                asked, who = server.recvfrom(512)
                address = bytes([1, 2, 3, k])
                record = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + address
                said = asked[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + asked[12:] + record
                if k % 2:  # the first question of each is lost
                    server.sendto(said, who)

        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        printed = interpreters.run(micropython, HERE / "names.py", [port], path=PATH)
        thread.join()
    assert printed.split() == ["None", "1.2.3.1", "1.2.3.1", "1.2.3.3"]


@pytest.mark.parametrize("name", ["cpython", "micropython"])
def test_a_rest_ends_when_something_comes_in_or_is_due(name, request):
    """With a real socket: at once, and it looks no more often, which leaves no garbage."""
    interpreter = name if name == "cpython" else request.getfixturevalue(name)
    host = f"127.{80 + (name == 'cpython')}.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
    printed = interpreters.run(interpreter, HERE / "rests.py", [host, 1000])
    parts = ["datagrams", "many", "woken", "opened anew", "idle", "garbage", "ended"]
    assert printed.splitlines() == [part + " ok" for part in parts]


def test_vectors(interpreter):
    """G10: the cases of the reference, bit for bit."""
    folder = Path(make.__file__).parent
    printed = interpreters.run(interpreter, folder / "run.py", [folder / "cases.jsonl"])
    *signs, said = printed.splitlines()
    result = eval(said)
    assert result["failed"] == [] and result["failures"] == 0
    kinds = [kind for kind, _, _ in make.cases()]
    assert len(signs) == len(kinds) // 100  # a board that is silent for ten seconds is given up
    assert result["cases"] == {kind: kinds.count(kind) for kind in kinds}


def test_vectors_are_the_references():
    """The committed file is what the reference says today."""
    assert make.CASES.read_text() == make.text()
    assert make.CASES.stat().st_size < 300_000


def test_a_wrong_bit_is_found(tmp_path):
    """The runner can fail: one changed digit in the file, and it says where."""
    cases = tmp_path / "cases.jsonl"
    cases.write_text('["mix",[1,2],60063]\n["mix",[1,2],60062]\n')
    with pytest.raises(interpreters.ScriptFailed, match="mix.1, 2.: 60063 instead of 60062"):
        interpreters.run("cpython", Path(make.__file__).parent / "run.py", [cases])


@pytest.mark.parametrize("seconds", [200])
def test_a_mesh_runs_to_the_same_bits(seconds, micropython, wasm):
    """G10: nodes with loss, a restart, noise and a flipped bit, through a wrap of the ticks."""
    printed = {
        name: interpreters.run(name, HERE / "same_bits.py", [seconds], path=PATH)
        for name in ("cpython", micropython, wasm)
    }
    assert len(printed["cpython"].splitlines()) == seconds // 10
    assert "ACTIVE" in printed["cpython"]
    assert printed[micropython] == printed["cpython"]
    assert printed[wasm] == printed["cpython"]


@pytest.mark.parametrize("name", ["micropython", "wasm"])
def test_hot_paths_allocate_nothing(name, request):
    """With a locked heap; on 32 bits no number may leave the small integers either."""
    printed = interpreters.run(request.getfixturevalue(name), HERE / "locked.py")
    lines = printed.splitlines()
    assert len(lines) >= 25
    assert [line for line in lines if not line.endswith(" ok")] == []


def test_a_flood_of_sessions_changes_neither_heap_nor_rows(wasm):
    """G7, with the object sizes of a board: 2,000 invented sessions from 500 addresses."""
    lines = interpreters.run(wasm, HERE / "flood.py", path=PATH).splitlines()
    found = {
        key: list(map(int, rest.split(" of ")))
        for key, rest in (line.split(" ", 1) for line in lines)
    }
    assert found["node"][0] < 30_000  # two channels, 128 rows
    assert found["grown"][0] < 1024
    left, honest = found["honest_rows_left"]
    assert left == honest == 60
    assert 96 <= found["rows"][0] <= 128 and found["refused"][0] > 1500
    assert found["credited"][0] <= 128 * 100
    assert found["routes"][0] <= found["routes"][1]
