"""Frozen builds: what goes into one, what deployments do to it, which file wins."""

import asyncio
import random
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from lvs_tools import interpreters, places
from lvs_tools.board import deploy, frozen_build, profiles
from lvs_tools.board.profiles import BoardError
from lvs_tools.board.result import sha256
from lvs_tools.fuzz import admin_talk

FROZEN = SimpleNamespace(
    ID="2", PROFILE="{}", FILES="/app.mpy 11\n/lib/lvs/wire.mpy 22\n/profile.json 33"
)


def listed(files):
    return {path: sha256(data) for path, data in files.items()}


# --- the build -----------------------------------------------------------------------------------


def test_the_module_frozen_says_what_a_deployment_would_bring():
    profile = profiles.load("RPI_PICO_W")
    space = {}
    exec(frozen_build.frozen_module(profile), space)
    said = dict(line.split() for line in space["FILES"].splitlines())
    wanted = profiles.files(profile, profile["arch"], status_page=False)
    assert deploy.plan(wanted, dict.fromkeys(wanted), [], said) == ([], [])
    assert space["read"]() == (space["ID"], space["FILES"])
    assert '"RPI_PICO_W"' in space["PROFILE"] and len(space["ID"]) == 16


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """What a build looks at, with a make that notes how it was called."""
    root = tmp_path / "micropython"
    for folder in ("py", "lib/pico-sdk/x", "lib/micropython-lib/x", "ports/rp2/boards/RPI_PICO_W"):
        (root / folder).mkdir(parents=True)
    (root / "py" / "mpconfig.h").write_text(
        "#define MICROPY_VERSION_MAJOR 1\n#define MICROPY_VERSION_MINOR 28\n"
        "#define MICROPY_VERSION_MICRO 0\n"
    )
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("make", "cmake", "arm-none-eabi-gcc"):
        (programs / name).write_text('#!/bin/sh\necho "error: not in a test: $@"\nexit 1\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.delenv("MICROPYTHON_DIR", raising=False)
    return root


def firmware(*arguments):
    done = CliRunner().invoke(
        frozen_build.command, ["--board", "RPI_PICO_W", *map(str, arguments)]
    )
    assert done.output.count("\n") == 1
    return done.exit_code, done.output


def test_a_build_that_fails_is_one_line_and_its_log_is_kept(sources, tmp_path):
    out = tmp_path / "out"
    (out / "RPI_PICO_W").mkdir(parents=True)
    (out / "RPI_PICO_W" / "left").write_text("of an earlier build, which make would take")
    code, text = firmware("--micropython", sources, "--out", out)
    assert code == 1 and "the build failed: error: not in a test: -C" in text
    said = (out / "RPI_PICO_W" / "build.log").read_text()
    assert f"FROZEN_MANIFEST={out}/RPI_PICO_W/manifest.py" in said
    assert not (out / "RPI_PICO_W" / "left").exists()


def test_what_cmake_found_wrong_is_in_the_line(tmp_path):
    said = (
        "ok\nCMake Error at CMakeLists.txt:99 (add_executable):\n  Cannot find:\n\n    lib/x.c\n"
    )
    with pytest.raises(BoardError, match=r"\(add_executable\): Cannot find: lib/x\.c; all of it"):
        frozen_build.make(["sh", "-c", f"printf '{said}'; exit 1"], tmp_path / "log")


def test_a_compiler_without_32_bits_is_named(sources, tmp_path):
    (sources / "ports" / "unix").mkdir()
    (sources / "ports" / "unix" / "Makefile").write_text("")
    gcc = tmp_path / "bin" / "gcc"
    gcc.write_text("#!/bin/sh\nexit 1\n")
    gcc.chmod(0o755)
    with pytest.raises(BoardError, match="gcc-multilib is needed"):
        frozen_build.interpreter(profiles.load("RPI_PICO_W"), sources, tmp_path / "out")


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ("", "MicroPython's sources are needed: MICROPYTHON_DIR=folder"),
        ("py/mpconfig.h", "these are not MicroPython's sources"),
        ("ports/rp2/boards/RPI_PICO_W", "has no board RPI_PICO_W"),
        ("lib/pico-sdk/x", "BOARD=RPI_PICO_W submodules"),
    ],
)
def test_what_is_missing_is_one_line_with_the_mend(sources, gone, says):
    if gone:
        path = sources / gone
        path.unlink() if path.is_file() else path.rmdir()
    code, text = firmware(*(["--micropython", sources] if gone else []))
    assert code == 1 and says in text


# --- deployments ---------------------------------------------------------------------------------


def test_a_deployment_brings_what_differs_and_removes_what_hides_a_frozen_file():
    old, new = {"/a.mpy": b"1", "/b.mpy": b"1"}, {"/a.mpy": b"2", "/b.mpy": b"1"}
    frozen = listed(old)
    assert deploy.plan(new, dict.fromkeys(new), [], frozen) == (["/a.mpy"], [])
    there = {"/a.mpy": sha256(b"2"), "/b.mpy": sha256(b"0")}
    assert deploy.plan(new, there, [], frozen) == ([], ["/b.mpy"])
    assert deploy.plan(old, there, [], frozen) == ([], ["/a.mpy", "/b.mpy"])


def test_another_main_py_wants_another_image():
    files = {"/boot.py": b"1", "/main.py": b"1"}
    deploy.check_frozen("PORT", {}, files)
    deploy.check_frozen("PORT", listed(files), files)
    with pytest.raises(BoardError, match="main.py is frozen into its MicroPython"):
        deploy.check_frozen("PORT", listed({**files, "/main.py": b"0"}), files)


def test_over_the_air_too(monkeypatch):
    """The board compares with what is frozen: nothing is sent, and a file that hides it goes."""
    files = admin_talk.Files()
    admin = admin_talk.board(files, random.Random(1))
    monkeypatch.setattr(
        admin_talk.admin_work, "frozen", lambda what: "/app.mpy 11\n/x.mpy 22\n/main.py 33"
    )
    answers = []

    async def send(data):
        answers.append(data)

    update = admin_talk.admin_work.Update(
        admin, {"manifest": "", "lines": 1}, SimpleNamespace(send=send)
    )
    for line in ("11 5 /app.mpy", "22 5 /x.mpy", "33 5 /main.py"):
        assert asyncio.run(update._file(line)) == ""
    assert answers == [b"="] * 3 and update.order == ["-/app.mpy"]
    assert "does not go over the air" in asyncio.run(update._file("44 5 /boot.py"))


# --- on the board --------------------------------------------------------------------------------


def test_files_of_an_earlier_build_go_with_the_next(bench, monkeypatch, capsys):
    import overlay

    files = admin_talk.Files()
    files.files["/update/trial"] = b"/app.mpy\n"
    monkeypatch.setattr(overlay, "os", files)
    monkeypatch.setattr(overlay, "open", files.open, raising=False)
    overlay.tidy(FROZEN)
    assert sorted(files.files) == ["/boot.py", "/frozen.id", "/lvs.json", "/secrets.json"]
    assert capsys.readouterr().out == "LVS: /app.mpy is frozen now; the file is removed\n"
    files.files["/app.mpy"] = b"an update over the air"
    overlay.tidy(FROZEN)
    assert "/app.mpy" in files.files


def test_a_frozen_profile_serves_until_there_is_a_file(bench, monkeypatch, tmp_path):
    import sys

    import settings

    monkeypatch.setitem(
        sys.modules,
        "frozen",
        SimpleNamespace(PROFILE='{"name": "X", "config": {"rows": 99}, "board": {"led": false}}'),
    )
    (tmp_path / "lvs.json").write_text(
        '{"mesh": "m", "channels": ["a"], "board": {"wifi": false}}'
    )
    data = settings.load(f"{tmp_path}/")
    assert (data["rows"], data["board"]["led"], data["board"]["profile"]) == (99, False, "X")
    (tmp_path / "profile.json").write_text('{"config": {"rows": 77}}')
    assert settings.load(f"{tmp_path}/")["rows"] == 77


_PREFER = """
import sys
sys.path.append({firmware!r})
import overlay
overlay.prefer({library!r}, {frozen!r} + "/lvs")
from lvs.user import said
print(said())
del sys.modules["lvs.user"]
import lvs.user
print(lvs.user.said(), lvs.whose)
"""


@pytest.mark.parametrize("init", [False, True])
def test_a_file_of_the_library_wins_over_a_frozen_module(tmp_path, init):
    if interpreters.micropython() is None:
        pytest.skip(interpreters.mend("micropython"))
    frozen, library = tmp_path / "frozen" / "lvs", tmp_path / "flash" / "lvs"
    user = (
        "from .low import where\nfrom . import late\n\ndef said():\n    return where, late.where"
    )
    for folder, names in ((frozen, ("low", "late", "other")), (library, ("late",))):
        folder.mkdir(parents=True)
        for name in names:
            (folder / f"{name}.py").write_text(f"where = {folder.parent.name!r}\n")
    (frozen / "__init__.py").write_text("whose = 'frozen'\nfrom .other import where\n")
    (frozen / "user.py").write_text(user)
    if init:
        (library / "__init__.py").write_text("whose = 'flash'\nfrom .other import where\n")
    script = tmp_path / "try.py"
    script.write_text(
        _PREFER.format(
            firmware=str(places.FIRMWARE), library=str(library), frozen=str(frozen.parent)
        )
    )
    said = interpreters.run("micropython", script, path=[frozen.parent]).split("\n")
    assert said[0] == "('frozen', 'flash')"
    assert said[1] == f"('frozen', 'flash') {'flash' if init else 'frozen'}"
