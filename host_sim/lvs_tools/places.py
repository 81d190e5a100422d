"""Where the project's files are: the one module that knows a checkout from an installed wheel."""

import json
import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent  # this one
HOST = PACKAGE.parent  # the folder to import lvs_tools from
ROOT = HOST.parent  # the project's, in a checkout; of no use elsewhere
CHECKOUT = (ROOT / "lib" / "lvs").is_dir()  # or the package is installed without the project
LIB = ROOT / "lib" if CHECKOUT else HOST  # the folder to import lvs from
PROTOCOL = LIB / "lvs"
FIRMWARE = (ROOT if CHECKOUT else PACKAGE) / "firmware"
BOARDS = (ROOT if CHECKOUT else PACKAGE) / "boards"
EMULATOR = PACKAGE / "emulator"  # run.mjs, and what npm must install for it
WASM = PACKAGE / "wasm"  # run.mjs, and what npm must install for it


def wasm_package():
    """The npm package of MicroPython for WebAssembly: (name, release)."""
    ((name, release),) = json.loads((WASM / "package.json").read_text())["dependencies"].items()
    return name, release


def wasm_home():
    """The folder whose node_modules has MicroPython for WebAssembly, once it was fetched."""
    if CHECKOUT:
        return WASM
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "lvs" / f"wasm-{wasm_package()[1]}"
