"""On what machine, and with which versions, something was measured."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import lvs
from lvs_tools import interpreters
from lvs_tools.places import wasm_package

# program: what prints its version, and where
_VERSIONS = {
    "valgrind": ["--version"],
    "pypy3": ["-c", "import sys; print('.'.join(map(str, sys.pypy_version_info[:3])))"],
    "serf": ["version"],
    "mosquitto": ["-h"],
}
_NUMBER = re.compile(r"\d+(\.\d+)+[\w.-]*")


def _version(program, arguments):
    """A program's version, or "" where it is missing or says none."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if path is None:
        return ""
    try:
        done = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ""
    found = _NUMBER.search(done.stdout + done.stderr)
    return found.group() if found else ""


def _processor():
    """The processor's name, as well as the system knows it."""
    try:
        text = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def of_this_machine():
    """{"machine": ..., "versions": ...} as texts; programs that are not here are left out."""
    versions = {
        "lvs": lvs.__version__,
        platform.python_implementation(): platform.python_version(),
        "MicroPython": interpreters.micropython_release(),
        "MicroPython for WebAssembly": wasm_package()[1] if interpreters.wasm() else "",
        **{name: _version(name, arguments) for name, arguments in _VERSIONS.items()},
    }
    return {
        "machine": {
            "system": f"{platform.system()} {platform.release()}",
            "processor": _processor(),
            "processors": os.cpu_count() or 1,
        },
        "versions": {name: version for name, version in versions.items() if version},
    }
