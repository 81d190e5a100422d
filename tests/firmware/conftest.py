"""Firmware on CPython: the stand-ins for the hardware modules, and a bench in virtual time."""

import asyncio
import sys

import pytest

import lvs.world  # bound to the real clock before the stand-ins come
from host_sim import boards, shims

FIRMWARE = boards.ROOT / "firmware"


@pytest.fixture
def bench(monkeypatch):
    """A board just switched on; firmware modules are imported anew in each test."""
    bench = shims.install()
    bench.power_on()
    monkeypatch.setattr(lvs.world, "_ticks_ms", bench.ticks_ms)
    sys.path.append(str(FIRMWARE))
    names = {path.stem for path in FIRMWARE.glob("*.py")}
    for name in names & set(sys.modules):
        del sys.modules[name]
    yield bench
    for name in names & set(sys.modules):
        del sys.modules[name]
    sys.path.remove(str(FIRMWARE))
    shims.uninstall()


@pytest.fixture
def live(bench):
    """live(coroutine, ms): run firmware tasks for some virtual time."""
    return lambda coroutine, ms: asyncio.run(bench.run(coroutine, ms))
