"""The gates of `make lint` reject what a board lacks, and accept what it has."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from lvs_tools import interpreters
from tools import lint

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOC = '"""A module."""\n'


def ruff(source, name):
    """The codes that ruff reports for a source at that place in the project."""
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ruff"),
            "check",
            "--no-cache",
            "--output-format=json",
            f"--stdin-filename={name}",
            "-",
        ],
        cwd=lint.ROOT,
        input=DOC + source,
        capture_output=True,
        text=True,
    )
    return {found["code"] or "invalid-syntax" for found in json.loads(done.stdout)}


@pytest.mark.parametrize("name", ["lib/lvs/sample.py", "firmware/sample.py"])
@pytest.mark.parametrize(
    "source, code",
    [
        ("match 1:\n    case 1:\n        pass\n", "invalid-syntax"),
        ("import asyncio\n\nasyncio.timeout(1)\n", "TID251"),
        ("from asyncio import Queue\n\nQueue()\n", "TID251"),
        ("from dataclasses import dataclass\n\nprint(dataclass)\n", "TID251"),
        ("import typing\n\nprint(typing)\n", "TID251"),
        ("import struct\n\nstruct.unpack('<I', b'1234')\n", "TID251"),
        ("x = 1 + 1  " + "#" * 99 + "\n", "E501"),
        ("def public():\n    return 1\n", "D103"),
        ("print(undefined)\n", "F821"),
    ],
)
def test_ruff_rejects_on_boards(name, source, code):
    assert code in ruff(source, name)


@pytest.mark.parametrize(
    "source",
    [
        "from micropython import const\n\n_A = const(1)\nprint(_A)\n",
        "_A = const(1)\nprint(_A)\n",
        "import micropython\n\n\n@micropython.viper\ndef _f(b: ptr8) -> uint:\n    return b[0]\n",
        "import asyncio\n\nasyncio.wait_for(asyncio.sleep_ms(1), 1)\n",
    ],
)
def test_ruff_accepts_micropython(source):
    assert ruff(source, "lib/lvs/sample.py") == set()


def test_ruff_knows_what_runs_on_a_computer():
    assert ruff("import dataclasses\n\nprint(dataclasses)\n", "host_sim/sample.py") == set()
    assert "S602" in ruff(
        "import subprocess\n\nsubprocess.run('x', shell=True)\n", "host_sim/sample.py"
    )


@pytest.mark.parametrize(
    "name, source, found",
    [
        ("lib/lvs/a.py", "x = (5).bit_length()", "MicroPython has no method bit_length()"),
        ("firmware/a.py", "'ab'.removeprefix('a')", "MicroPython has no method removeprefix()"),
        ("lib/lvs/a.py", "import json, time", "must not touch time"),
        ("lib/lvs/a.py", "from machine import Pin", "must not touch machine"),
        ("lib/lvs/a.py", "import os.path", "must not touch os"),
        ("lib/lvs/a.py", "def f():\n    from os import remove", "must not touch os"),
        ("lib/lvs/a.py", "import asyncio", "must not touch asyncio"),
        ("lib/lvs/a.py", "with open('x') as f: pass", "must not touch open()"),
        ("lib/lvs/run_loop.py", "import asyncio, os", "must not touch os"),
        ("lib/lvs/machine.py", "open('x'); import socket", "must not touch socket"),
        ("lib/lvs/transport_layer.py", "import socket; open('x')", "must not touch open()"),
    ],
)
def test_board_findings(name, source, found):
    ((line, text),) = lint.board_findings(Path(name), "\n" + source)
    assert line >= 2
    assert found in text


@pytest.mark.parametrize(
    "name, source",
    [
        ("lib/lvs/transport_layer.py", "import socket"),
        ("lib/lvs/journal_files.py", "import os\nopen('x')"),
        ("lib/lvs/run_loop.py", "import asyncio"),
        ("firmware/a.py", "import asyncio, os, time, machine\nopen('x')"),
        ("lib/lvs/a.py", "from .time import x\nfrom . import socket\nx.title"),
        ("lib/lvs/a.py", "def open(files):\n    return files.open('x')"),
    ],
)
def test_board_findings_accept(name, source):
    assert list(lint.board_findings(Path(name), source)) == []


def test_no_file_may_touch_more_than_it_does():
    for name, allowed in lint.WORLDLY.items():
        tree = ast.parse((lint.ROOT / "lib" / "lvs" / name).read_text())
        touched = {what for part in ast.walk(tree) for what in lint.touched(part)}
        assert allowed == touched & lint.WORLD


@pytest.mark.parametrize("lines, found", [(60, []), (61, ["f has 61 lines: more than 60"])])
@pytest.mark.parametrize("head", ["def", "async def"])
def test_long_functions(head, lines, found):
    body = '    """Its docstring\n\n    counts.\n    """\n' + "    x = 1\n" * (lines - 5)
    source = f"class A:\n    pass\n\n\n@a\n@b\n{head} f():\n" + body + "\n\ny = 1\n"
    assert [text for _, text in lint.long_functions(Path("a.py"), source)] == found


def test_ruff_rejects_what_is_too_complex():
    branches = "".join(f"    if x == {i}:\n        return {i}\n" for i in range(12))
    source = 'def f(x):\n    """Do."""\n' + branches
    assert ruff(source, "host_sim/sample.py") == {"C901"}
    assert ruff(source.replace("    if x == 11:\n        return 11\n", ""), "tools/a.py") == set()


def test_format_is_checked(tmp_path):
    check = lint.tool("ruff", "format", "--check", str(tmp_path))
    path = tmp_path / "sample.py"
    path.write_text("x = 1\n")
    assert check() == ""
    path.write_text("x=1\n")
    assert "sample.py" in check()


def test_lacking_methods_are_lacking(micropython, tmp_path):
    """Each of them is CPython's, and no basic type of MicroPython has it."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "print([n for n in sys.argv[1:] for t in (str, bytes, bytearray, int, float)"
        " if hasattr(t, n)])\n"
    )
    names = sorted(lint.LACKING_METHODS)
    assert all(hasattr(str, n) or hasattr(int, n) for n in names)
    assert interpreters.run(micropython, script, names) == "[]\n"


def test_banned_apis_are_lacking(micropython, tmp_path):
    """What lib/ruff.toml says is not in MicroPython is not there."""
    banned = tomllib.loads((lint.ROOT / "lib" / "ruff.toml").read_text())
    banned = banned["lint"]["flake8-tidy-imports"]["banned-api"]
    names = [n for n, why in banned.items() if why["msg"].startswith("not in MicroPython")]
    assert "asyncio.timeout" in names
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "for name in sys.argv[1:]:\n"
        "    module, _, attribute = name.partition('.')\n"
        "    try:\n"
        "        if not attribute or hasattr(__import__(module), attribute):\n"
        "            __import__(module)\n"
        "            print('has', name)\n"
        "    except ImportError:\n"
        "        pass\n"
    )
    assert interpreters.run(micropython, script, names) == ""


@pytest.mark.parametrize(
    "source, refused",
    [
        ("x = 1\n", False),
        ("def f():\n    yield from ()\n", False),
        ("x = = 1\n", True),
        (
            "import micropython\n@micropython.viper\ndef f(x: int) -> int:\n    return x + 1\n",
            False,
        ),
        ("import micropython\n@micropython.viper\ndef f(x: int):\n    yield x\n", True),
    ],
)
def test_compiler_gate(source, refused, tmp_path):
    path = tmp_path / "sample.py"
    path.write_text(source)
    output = lint.compile_source(path, str(tmp_path / "sample.mpy"))
    assert bool(output) == refused
    if refused:
        assert "sample.py" in output and "Error" in output


@pytest.mark.parametrize("board, other", [("esp32", "rp2"), ("rp2", "esp32")])
def test_types_know_the_board(board, other, tmp_path):
    config = json.loads((lint.ROOT / f"pyright-{board}.json").read_text())
    for name in ("typeshedPath", "stubPath"):
        config[name] = str(lint.ROOT / config[name])
    config["include"] = ["."]
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    (tmp_path / "sample.py").write_text(
        f"import machine\nimport {board}\nimport {other}\n"
        f"machine.Pin(2).on()\nmachine.Pin(2).no_such()\nprint({board}, {other})\n"
    )
    output = lint.tool("basedpyright", "--project", str(tmp_path))()
    assert f'Import "{other}" could not be resolved' in output
    assert "no_such" in output
    assert "2 errors" in output


def test_types_of_what_runs_on_a_computer(tmp_path):
    config = json.loads((lint.ROOT / "pyright-host.json").read_text())
    assert {"host_sim", "tools"} <= set(config["include"])
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({**config, "include": ["."]}))
    good = "import re\n\nfound = re.match('a', 'b')\nprint(found and found.group())\n"
    (tmp_path / "good.py").write_text(good)
    (tmp_path / "bad.py").write_text("import re\n\nprint(re.match('a', 'b').group())\n")
    output = lint.tool("basedpyright", "--project", str(tmp_path))()
    assert "bad.py:3" in output and "reportOptionalMemberAccess" in output
    assert "good.py" not in output and "1 error" in output
