"""On a frozen build: what updates brought since wins over what is frozen, and goes when another
build is flashed.

MicroPython looks for a module in / before the frozen ones, and for one of a package where the
package is. Loaded where there is a module ``frozen`` alone: see lvs_tools/board/frozen_build.py.
"""

import builtins
import os
import sys

ID = "/frozen.id"  # of the build that the files were made for
_LIBRARY = "/lib/lvs"
_UPDATE = "/update/"


def _written():
    try:
        with open(ID) as f:
            return f.read()
    except OSError:
        return ""


def tidy(frozen):
    """Remove the files of an earlier build's updates; safe to cut and repeat."""
    if _written() == frozen.ID:
        return
    for name in ("commit", "try", "trial"):  # an update that was meant for that one
        _remove(_UPDATE + name)
    for line in frozen.FILES.split("\n"):
        path = line.split(" ")[0]
        if _remove(path):
            print("LVS: %s is frozen now; the file is removed" % path)
        if path[-4:] == ".mpy":
            _remove(path[:-3] + "py")
    with open(ID, "w") as f:
        f.write(frozen.ID)


def _remove(path):
    try:
        os.remove(path)
        return True
    except OSError:
        return False


def prefer(library=_LIBRARY, frozen=".frozen/lvs"):
    """Let each module of the package lvs that is a file come before the frozen one."""
    try:
        files = [name.rsplit(".", 1)[0] for name in os.listdir(library)]
    except OSError:
        return
    if "__init__" in files:
        sys.path.insert(0, library.rsplit("/", 1)[0])
    plain = builtins.__import__

    def choose(name, names=None, local=None, wanted=(), level=0):
        lvs = sys.modules.get("lvs")
        if lvs:  # where its next module is looked for
            part = name if level else name[4:]
            setattr(lvs, "__path__", library if part in files else frozen)  # noqa: B010
        return plain(name, names, local, wanted, level)

    if files:
        builtins.__import__ = choose


def start(frozen):
    """Before anything of the program is imported."""
    try:
        tidy(frozen)
        prefer()
    except OSError as e:
        print("LVS: frozen build: %s" % e)
