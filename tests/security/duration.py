"""How long attacks last: seconds, or minutes in `make flood`, with the same checks."""

import os

import pytest

LONG = bool(os.environ.get("LVS_LONG"))
only_long = pytest.mark.skipif(not LONG, reason="takes minutes: make flood")
