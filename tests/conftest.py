"""Fixtures and settings for all tests."""

import os
import signal
from pathlib import Path

import hypothesis
import pytest

from lvs_tools import interpreters
from tests.support.interpreters import in_ci, require
from tests.support.order import PARTS, in_parts

pytest_plugins = ["tests.support.firmware_bench"]

# What a person's terminal or shell may say must not change what is printed or found here.
for _name in (
    "COLUMNS",
    "LINES",
    "FORCE_COLOR",
    "NO_COLOR",
    "CLICOLOR_FORCE",
    "PYPY",
    "MICROPYPATH",
):
    os.environ.pop(_name, None)

# CI draws the same examples every time; a laptop new ones, and remembers those that failed.
hypothesis.settings.register_profile("laptop", max_examples=50, deadline=None)
hypothesis.settings.register_profile(
    "ci", max_examples=50, deadline=None, derandomize=True, database=None
)
hypothesis.settings.register_profile("long", max_examples=5000, deadline=None)
hypothesis.settings.load_profile("ci" if in_ci() else "laptop")

# What starts real processes, on real sockets, can be late by chance on a machine that is shared:
# in CI such a test has a second try, which the summary counts. On a laptop it has none.
_REAL_TIME = set("board bridge examples mesh package security shell tools watch website".split())

# Tests started in the background have Ctrl-C ignored, and so would everything that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    """Add --port."""
    parser.addoption("--port", help="serial port of a board, for the tests marked hardware")


def pytest_collection_modifyitems(config, items):
    """Leave the tests of real boards out where no board is named; second tries in CI; order."""
    tests = Path(__file__).parent
    name_of = {item: item.path.relative_to(tests).as_posix() for item in items}
    for item in items:
        if in_ci() and name_of[item].partition("/")[0] in _REAL_TIME:
            item.add_marker(pytest.mark.flaky(reruns=1))
    if getattr(config, "workerinput", {}).get("workercount") == len(PARTS):
        items[:] = in_parts(items, name_of.__getitem__)
    if config.getoption("--port"):
        return
    skip = pytest.mark.skip(reason="needs a board: pytest --port /dev/ttyACM0")
    for item in items:
        if item.get_closest_marker("hardware"):
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter):
    """Say in a line why the tests of real boards were left out."""
    left = [
        r
        for r in terminalreporter.stats.get("skipped", ())
        if "hardware" in getattr(r, "keywords", ())
    ]
    if left:
        terminalreporter.write_line(f"{len(left)} left out: {left[0].longrepr[2]}")


@pytest.fixture
def port(request):
    """The serial port of the board under test."""
    return request.config.getoption("--port")


@pytest.fixture(params=interpreters.NAMES)
def interpreter(request):
    """Each interpreter's name in turn, for lvs_tools.interpreters.run and command."""
    return require(request.param)


@pytest.fixture
def micropython():
    """The name of 64-bit MicroPython, which has sockets and asyncio.run."""
    return require("micropython")


@pytest.fixture
def wasm():
    """The name of 32-bit MicroPython, whose objects are as large as on a board."""
    return require("wasm")
