"""What the administration service takes of a board's heap: inside MicroPython for WebAssembly.

As measure_inside.py: every ``yield`` is a collection, and what is measured after it lives.
"""

import gc
import json
import sys


class _Absent:
    """What the WebAssembly build lacks and a board has in its firmware."""

    POLLIN = 1


for _name in ("socket", "select"):
    sys.modules[_name] = _Absent  # pyright: ignore[reportArgumentType]


def scenario():
    """The measurement, a generator."""
    result = {}
    yield
    import binascii  # noqa: F401
    import hashlib  # noqa: F401

    import app
    import network  # noqa: F401
    import pulse  # noqa: F401
    import sources  # noqa: F401
    import wifi  # noqa: F401

    from lvs import assembly, journal, status  # noqa: F401 - a meter's names: their table grows in steps

    yield
    start = gc.mem_alloc()
    import admin

    service = admin.Admin(b"k" * 24, {"wifi": False}, None, None)
    service._print = lambda *words: None  # pyright: ignore[reportAttributeAccessIssue]
    service.say("x" * 1499)
    link = admin.Link(None)
    yield
    result["service"] = gc.mem_alloc() - start
    module = app.once("admin_work")
    yield
    result["request"] = gc.mem_alloc() - start
    del module
    yield
    result["afterwards"] = gc.mem_alloc() - start
    print("RESULT", json.dumps(result))
    del service, link


steps = scenario()
