"""Which tests are for `make flood` alone: minutes of attack, the same checks as in `make test`."""

import os

import pytest

LONG = bool(os.environ.get("LVS_LONG"))
only_long = pytest.mark.skipif(not LONG, reason="takes minutes: make flood")
