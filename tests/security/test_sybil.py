"""Free sessions buy nothing (guarantee G7): neither memory, nor trust, nor the rows of others."""

import json
from pathlib import Path

import pytest

from lvs_tools import interpreters
from tests.security.duration import only_long
from tests.support.interpreters import PATH, require

INSIDE = Path(__file__).with_name("sybil_inside.py")
FLAT = 256  # bytes by which the heap may differ: the present garbage of a generator, a dict entry
INDEX = 1024  # bytes by which a table's index may grow until all its entries are known addresses
HONEST = 16  # addresses of the honest
EPOCH_S = 64
HEAP = 400000  # bytes that MicroPython is given, with its 64-bit objects and the attackers in it


def flood(name, sessions, addresses, each_s=1000, honest=HONEST, timeout=120):
    """Flood a node on an interpreter; returns its account, checked."""
    heap = HEAP if name == "micropython" else None
    account = json.loads(
        interpreters.run(
            require(name),
            INSIDE,
            (sessions, addresses, each_s, honest),
            path=PATH,
            heap=heap,
            timeout=timeout,
        )
    )
    assert account["said"] >= sessions
    assert account["received"] > min(sessions, 1280) // 2, "the flood was not heard"
    if name == "cpython":
        assert account["heap_growth"] == [0] * 4  # it cannot tell
    else:
        growth = account["heap_growth"]
        assert max(growth) <= FLAT + (INDEX if account["seconds"] > EPOCH_S else 0)
        assert growth[-1] - growth[-2] <= FLAT
    assert account["trusted_before"] == honest
    epochs = account["seconds"] // EPOCH_S
    if addresses > honest and epochs:
        # More voices than the honest have: trust begins anew, and the speed limit is what is left.
        assert 0 <= 100000 - account["settled"] <= epochs * (100000 >> 10)
    else:
        assert account["trusted"] == account["trusted_before"] and not account["diverged"]
        assert account["settled"] == 100000
    assert account["honest_rows"] == honest
    assert account["established"]
    assert account["rows"] <= 512 and account["routes"] <= 128
    for who in ("peer_credited_s", "own_credited_s"):
        assert account[who] is not None and account[who] <= 5, account
    return account


@pytest.mark.parametrize("addresses, honest", [(1, HONEST), (4, HONEST), (64, HONEST), (64, 80)])
def test_two_thousand_sessions(addresses, honest):
    flood("micropython", 2000, addresses, honest=honest)


def test_two_thousand_sessions_within_two_epochs():
    """Slow enough for the liars' voices to count: they are fewer than the honest."""
    flood("cpython", 2000, 64, each_s=16, honest=80)


def test_two_thousand_sessions_on_32_bits():
    flood("wasm", 2000, 4, each_s=200)


@only_long
@pytest.mark.parametrize("addresses, honest", [(1, HONEST), (4, HONEST), (64, HONEST), (64, 80)])
@pytest.mark.parametrize("name", ["cpython", "micropython"])
def test_a_hundred_thousand_sessions(name, addresses, honest):
    flood(name, 100000, addresses, honest=honest, timeout=600)
