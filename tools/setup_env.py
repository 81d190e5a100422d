"""Makes .venv and what `make` needs in it: python3 tools/setup_env.py [--chosen] STEP

STEP: run, what a mesh on this machine needs; board and sim, what their extras need; all (the
default), what tests and checks need, too. A step that is current takes no time; an environment in
which an installation was cut short is made anew, and one that another Python made is kept, unless
--chosen says that this Python was named on purpose. Only the standard library is used, in syntax
that an old Python can still read, so that it can say that it is too old.
"""

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
TYPINGS = os.path.join(ROOT, "typings")
LOCK = os.path.join(ROOT, "requirements.lock")  # exact releases of everything
OWNER = os.path.join(VENV, "lvs-owner")  # holds owner() once the empty environment is made
BUSY = os.path.join(VENV, "lvs-busy")  # there while pip is at work, and if it was cut short
LOG = os.path.join(VENV, "lvs-setup.log")
PIP = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input"]

RETRY = "check the network and run `make setup` again"
# The line of pip's or npm's that says why; pip wraps it in words about its subprocess.
ERROR = re.compile(r"^\s*(npm )?error:? (?!subprocess)", re.IGNORECASE)
OLDEST = (3, 10)
# step: (the extras that it installs, how long that takes)
STEPS = {
    "run": ("", "some seconds"),
    "board": ("[board]", "some seconds"),
    "sim": ("[sim]", "some seconds"),
    "docs": ("[board,bridge,docs]", "some seconds"),  # every command's --help is a page
    "all": ("[board,bridge,cluster,docs,parquet,watch,dev]", "a minute or two"),
}
# What the boards' modules look like to the type checker: one set per family, since both define
# `machine`. All of one release, the newest.
STDLIB_STUBS = "micropython-stdlib-stubs==1.29.0.post2"
STUBS = {
    "esp32": "micropython-esp32-stubs==1.29.0.post1",
    "rp2": "micropython-rp2-stubs==1.29.0.post1",
}
DEFINING = (
    "pyproject.toml",
    "requirements.lock",
    "tools/setup_env.py",
    "host_sim/lvs_tools/wasm/package.json",
    "host_sim/lvs_tools/wasm/.npmrc",
)


class SetupError(Exception):
    """What is missing and how to mend it, in one line."""


class Killed(SetupError):
    """A command was ended from outside, in the middle of its work."""


def version_of(python):
    """The version of the Python at a path, "" if it does not run: its system's may be gone."""
    code = "import sys; print(sys.version.split()[0])"
    try:
        said = subprocess.check_output([python, "-ISc", code], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return said.decode().strip()


def owner(version):
    """The Python and the place that a virtual environment belongs to: it can change neither."""
    return f"{version} {ROOT}"


def key():
    """A digest of everything that defines the environment."""
    digest = hashlib.sha256(read(OWNER).encode())
    for name in DEFINING:
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def stamp(step):
    """The file that holds key() once all of a step is in place."""
    return os.path.join(VENV, "lvs-" + step)


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
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    if status:
        with open(LOG, errors="replace") as log:
            log.seek(start)
            lines = [line.strip() for line in log if ERROR.search(line)]
        reason = lines[0][:200] if lines else f"exit {status}"
        raise (Killed if status < 0 else SetupError)(
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


def is_whole(chosen):
    """Whether .venv is one of this place that runs, no installation in it was cut short, and it
    is not another Python's than the one that was chosen."""
    version = version_of(PYTHON)
    kept = version and read(OWNER) == owner(version) and not os.path.exists(BUSY)
    return kept and (not chosen or version == sys.version.split()[0])


def make_venv(chosen):
    """An empty virtual environment, in place of one that is not whole."""
    if is_whole(chosen):
        return
    check_python()
    say("virtual environment with Python " + sys.version.split()[0])
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
    write(OWNER, owner(version_of(PYTHON)))


def install_packages(step):
    """What a step needs, in the releases of requirements.lock, and this project, editable."""
    extras, patience = STEPS[step]
    say(f"Python packages for `{step}` ({patience} the first time)")
    write(BUSY, step)
    try:
        run(PIP + ["install", "-c", LOCK, "-e", ROOT + extras], "installing the Python packages")
    except Killed:
        raise
    except SetupError:  # pip has put back what was there
        os.remove(BUSY)
        raise
    os.remove(BUSY)


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
    say("MicroPython for WebAssembly")
    run([PYTHON, "-m", "lvs_tools.interpreters", "--fetch"], "fetching it")


def note_missing():
    """Say if the platform lacks MicroPython; everything else works without it."""
    missing = [PYTHON, "-m", "lvs_tools.interpreters", "--missing", "micropython"]
    subprocess.call(missing, cwd=ROOT)


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


def is_current(step, chosen=False):
    """Whether there is nothing to do: `all` has what every other step has."""
    stamps = [read(stamp(name)) for name in (step, "all")]
    return key() in stamps and is_whole(chosen)


def main(arguments):
    """Bring the environment up to date; returns the exit status."""
    chosen = "--chosen" in arguments
    step = ([name for name in arguments if name in STEPS] or ["all"])[0]
    try:
        if is_current(step, chosen):
            return 0
        with lock():
            if not is_current(step, chosen):
                make_venv(chosen)
                install_packages(step)
                if step == "all":
                    install_stubs()
                    install_wasm()
                note_missing()
                write(stamp(step), key())
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
    sys.exit(main(sys.argv[1:]))
