"""`make` and the set-up: short messages, nothing done twice, pins everywhere."""

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
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    return subprocess.run(
        ["make", "-C", str(ROOT), "--no-print-directory", *arguments],
        capture_output=True,
        text=True,
        env=env,
    )


def test_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    listed = re.findall(r"^  make (\S+) +\S", make("help").stdout, re.MULTILINE)
    assert set(listed) == targets
    assert {"help", "setup", "run", "test", "lint", "clean"} <= targets
    assert make().stdout == make("help").stdout


def test_missing_python_is_named():
    done = make("setup", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert done.stderr.startswith("setup: no-such-python not found; install Python 3.10 or newer")


def test_current_environment_costs_nothing():
    if not setup_env.is_current():
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
def test_unfit_python_is_refused_in_one_line(change, message, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(setup_env, "STAMP", str(tmp_path / "none"))
    change(monkeypatch)
    assert setup_env.main() == 1
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


def test_half_made_environment_is_made_anew(monkeypatch, tmp_path):
    venv = tmp_path / ".venv"
    for name, path in (
        ("VENV", venv),
        ("PYTHON", venv / "bin" / "python"),
        ("OWNER", venv / "lvs-owner"),
    ):
        monkeypatch.setattr(setup_env, name, str(path))
    venv.mkdir()
    (venv / "rubbish").touch()
    setup_env.make_venv()
    assert not (venv / "rubbish").exists()
    assert subprocess.check_output([setup_env.PYTHON, "-c", "print(6 * 7)"]) == b"42\n"
    (venv / "kept").touch()
    setup_env.make_venv()
    assert (venv / "kept").exists()


def test_one_setup_at_a_time(monkeypatch, tmp_path):
    monkeypatch.setattr(setup_env, "ROOT", str(tmp_path))
    with open(tmp_path / ".setup.lock", "w") as other:
        with setup_env.lock(), pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_everything_is_pinned_with_a_reason():
    lines = re.findall(r'^    "[a-z0-9-]+.*$', PYPROJECT, re.MULTILINE)
    assert len(lines) > 15
    for line in lines:
        assert re.match(r'    "[a-z0-9-]+==[0-9][0-9a-z.]*(;.*)?",  # .', line), line
    wasm = json.loads((ROOT / "host_sim" / "lvs_tools" / "wasm" / "package.json").read_text())
    assert all(re.match(r"\d+\.\d+\.\d+", v) for v in wasm["dependencies"].values())
    assert all("==" in pin for pin in (setup_env.STDLIB_STUBS, *setup_env.STUBS.values()))
