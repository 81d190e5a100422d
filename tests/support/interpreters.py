"""What tests of several interpreters share."""

import os

import pytest

from lvs_tools import interpreters
from lvs_tools.places import HOST, LIB, ROOT

PATH = (LIB, HOST, ROOT)  # for scripts that import the library, lvs_tools and tests


def in_ci():
    """Whether continuous integration runs the tests: there, nothing may be left out."""
    return os.environ.get("CI") == "true"


def require(name):
    """Return `name`, or skip the test where that interpreter is missing; in CI, fail it."""
    if interpreters.command(name) is None:
        reason = f"{name}: {interpreters.mend(name)}"
        (pytest.fail if in_ci() else pytest.skip)(reason)
    return name
