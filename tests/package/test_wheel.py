"""The wheel: built, installed in an empty environment outside the checkout, every command tried.

The packages of each extra are lent from this environment, so that nothing is fetched: what
the wheel says that it needs is there, and nothing else.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import lvs
from lvs_tools import cli, interpreters, places
from lvs_tools.board import profiles

SITE = Path(sysconfig.get_path("purelib"))
_EACH = """
import json, sys
from click.testing import CliRunner
from lvs_tools import cli
results = [
    CliRunner().invoke(cli.main, line.split(), prog_name="lvs") for line in json.loads(sys.argv[1])
]
print(json.dumps([(result.exit_code, result.output) for result in results]))
"""
_KEPT = {name: os.environ[name] for name in ("MICROPYTHON",) if name in os.environ}
EXTRA_OF = {name: row[2] for name, row in cli.COMMANDS.items()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The path of the wheel, built as pip builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=places.ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


def needed(requirements, extra, seen):
    """Add to `seen` the distributions that these requirements name, and what those need."""
    from packaging.requirements import Requirement

    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = requirement.name.lower().replace("_", "-")
        if name == "lvs":
            for further in requirement.extras:
                needed(requirements, further, seen)
        elif name not in seen:
            seen.add(name)
            needed(metadata.requires(name) or (), "", seen)
    return seen


class Installed:
    """The wheel in an environment of its own, with one extra or none."""

    def __init__(self, folder, wheel, extra=""):
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.venv = folder / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.venv], check=True)
        python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        site = self.venv / "lib" / python / "site-packages"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
        requirements = next(iter(metadata.distributions(path=[str(site)]))).requires
        for name in needed(requirements, extra, set()):
            files = metadata.files(name)
            assert files is not None, name
            for file in files:
                self._lend(site, file)
        self.program = self.venv / "bin" / "lvs"
        self.program.write_text(
            f"#!{self.venv}/bin/python\nimport sys\nfrom lvs_tools.cli import main\n"
            "sys.exit(main(prog_name='lvs'))\n"
        )
        self.program.chmod(0o755)

    def _lend(self, site, file):
        if file.parts[0] == "..":  # a program: only MicroPython is started as one
            source, target = SITE / file, self.venv / "bin" / file.name
            if file.name == "micropython" and source.exists():
                target.symlink_to(os.path.realpath(source))
            return
        target = site / file.parts[0]
        if not target.exists():
            target.symlink_to(SITE / file.parts[0])

    def run(self, words, path="/usr/bin:/bin"):
        """Run a command outside the checkout; returns (exit code, what it printed)."""
        done = subprocess.run(
            [str(word) for word in words],
            cwd=self.home,
            env={**_KEPT, "PATH": f"{self.venv}/bin:{path}", "HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    def __call__(self, line, **options):
        """Run `lvs` with the words of a line: (exit code, what it printed)."""
        return self.run([self.program, *line.split()], **options)

    def each(self, *lines):
        """The same for many lines, in one process: (exit code, what it printed) of each."""
        code, said = self.run([self.venv / "bin" / "python", "-c", _EACH, json.dumps(lines)])
        assert code == 0, said
        return [tuple(pair) for pair in json.loads(said)]


@pytest.fixture(scope="module")
def plain(wheel, tmp_path_factory):
    """The wheel without any extra."""
    return Installed(tmp_path_factory.mktemp("plain"), wheel)


@pytest.fixture(scope="module")
def board(wheel, tmp_path_factory):
    """The wheel with the extra for boards."""
    return Installed(tmp_path_factory.mktemp("board"), wheel, "board")


def test_the_wheel_has_what_the_commands_need_and_nothing_of_the_project(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"lvs", "lvs_tools", f"lvs-{lvs.__version__}.dist-info"}
    assert {"lvs/py.typed", "lvs_tools/py.typed", "lvs_tools/wasm/run.mjs"} <= names
    for folder, where in ((places.FIRMWARE, "firmware"), (places.BOARDS, "boards")):
        for path in [*folder.rglob("*.py"), *folder.rglob("*.json")]:
            assert f"lvs_tools/{where}/{path.relative_to(folder).as_posix()}" in names
    assert not [
        name
        for name in names
        if "node_modules" in name or name.endswith(".toml") and "/scenarios/" not in name
    ]


def test_its_description_is_whole(wheel):
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"lvs-{lvs.__version__}.dist-info/METADATA").decode()
    assert f"Version: {lvs.__version__}\n" in text and "License-Expression: MIT\n" in text
    assert "Description-Content-Type: text/markdown\n" in text and "# LVS for" in text
    extras = set(re.findall(r"^Provides-Extra: (\S+)$", text, re.MULTILINE))
    assert set(cli.EXTRAS) <= extras


def test_one_version_everywhere(plain):
    root = json.loads((places.ROOT / "package.json").read_text())
    assert root["version"] == lvs.__version__
    assert plain("--version")[1].startswith(f"lvs {lvs.__version__} (CPython ")


def test_every_command_runs_or_names_its_extra(plain):
    said = dict(zip(EXTRA_OF, plain.each(*(f"{name} --help" for name in EXTRA_OF)), strict=True))
    for name, extra in EXTRA_OF.items():
        if extra:
            line = f"lvs {name} needs lvs[{extra}]: pip install 'lvs[{extra}]'\n"
            assert said[name] == (2, line)
        else:
            assert said[name][0] == 0 and said[name][1].startswith(f"Usage: lvs {name}")


def test_plain_commands_work(plain):
    asked = "init --board RPI_PICO_W --mesh m --channels a --ssid home --password secret123 --yes"
    expected = [
        (asked, 0, "lvs.json"),
        ("sim g10_same_bits --set cycles=40", 0, "trace"),
        ("sim house --plot x.png", 2, "lvs[sim]"),
        ("attack --docs", 2, "checkout"),
        ("mesh --seconds 1", 2, "--seconds"),
        ("journal .", 2, "no journal in there"),
        ("ghost", 2, "No such command"),
    ]
    found = plain.each(*(line for line, _, _ in expected))
    for (line, code, text), (exit_code, said) in zip(expected, found, strict=True):
        assert exit_code == code and text in said, (line, said)


def test_a_node_runs_from_the_wheel(plain, micropython):
    (plain.home / "one.json").write_text('{"mesh": "m", "channels": ["a"]}')
    for option in ("", "--micropython"):
        code, said = plain(f"node one.json --json {option}")
        assert code == 0 and '"ready": "m"' in said


def test_board_commands_run_with_their_extra(board):
    (board.home / "x.bin").write_text("no image")
    expected = [
        *(
            (f"{name} --help", 0, f"Usage: lvs {name}")
            for name, extra in EXTRA_OF.items()
            if extra in (None, "board")
        ),
        ("sweep x", 2, "lvs[cluster]"),
        ("bridge x", 2, "lvs[bridge]"),
        ("export x --parquet y.parquet", 2, "lvs[parquet]"),
        ("mip --out mip", 0, "mip/mpy/package.json"),
        ("mip --root", 2, "checkout"),
        ("measure --accept", 2, "checkout"),
        ("flash --board ESP32_GENERIC --image x.bin --port /nowhere", 1, "corrupted"),
        ("deploy --port /nowhere", 1, "no serial port /nowhere"),
        ("logs --port /nowhere", 1, "no serial port /nowhere"),
        ("repl --port /nowhere", 1, "no serial port /nowhere"),
        ("fleet deploy --ports /nowhere", 1, "no serial port /nowhere"),
        ("emulate", 0, "emulate: skipped"),
    ]
    found = board.each(*(line for line, _, _ in expected))
    for (line, code, text), (exit_code, said) in zip(expected, found, strict=True):
        assert exit_code == code and text in said, (line, said)
    listed = json.loads((board.home / "mip" / "mpy" / "package.json").read_text())["urls"]
    assert len(listed) == sum(not profiles.native(p) for p in places.PROTOCOL.rglob("*.py"))


def test_what_is_deployed_is_the_same_from_the_wheel(board):
    code = (
        "import hashlib; from lvs_tools.board import profiles;"
        "files = profiles.files(profiles.load('RPI_PICO_W'), compiled=False);"
        "print(sorted((name, hashlib.sha256(data).hexdigest()) for name, data in files.items()))"
    )
    found = [
        subprocess.check_output([python, "-c", code], cwd=board.home, text=True)
        for python in (board.venv / "bin" / "python", sys.executable)
    ]
    assert found[0] == found[1] and "/lib/lvs/node_runtime.py" in found[0]


def test_memory_is_measured_from_the_wheel(board, wasm):
    """With the module where `lvs measure` keeps it; where it came from does not matter."""
    kept = board.home / ".cache" / "lvs" / f"wasm-{places.wasm_package()[1]}"
    kept.mkdir(parents=True)
    (kept / "node_modules").symlink_to(places.wasm_home() / "node_modules")
    node = interpreters.node()
    assert node
    code, said = board("measure --cycles 1", path=str(Path(node).parent))
    assert code == 0 and "heap with 64 peers" in said


def test_without_node_measure_says_what_is_missing(board):
    code, said = board("measure", path="/nowhere")
    assert code == 1
    assert said.splitlines()[-1].startswith("measure: Node.js is needed: pip install")


def test_what_npm_cannot_fetch_is_one_line(monkeypatch, tmp_path):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: str(npm))
    monkeypatch.setattr(interpreters, "wasm_home", lambda: tmp_path / "home")
    with pytest.raises(interpreters.InterpreterMissing, match="ENOTFOUND"):
        interpreters.fetch_wasm()
    assert not list((tmp_path / "home").iterdir())
