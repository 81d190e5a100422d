"""Firmware on CPython: the stand-ins for the hardware modules, and a bench in virtual time."""

import asyncio
import sys
import time
from types import SimpleNamespace

import pytest
from mpremote import transport_serial

import lvs.machine  # bound to the real clock before the stand-ins come
from lvs_tools import places, shims

FIRMWARE = places.FIRMWARE


@pytest.fixture(autouse=True, scope="session")
def _a_serial_port_without_rests():
    """mpremote rests for 10 ms whenever nothing has come: most of a deployment to a stand-in."""
    transport_serial.time = SimpleNamespace(
        monotonic=time.monotonic, sleep=lambda seconds: time.sleep(seconds / 20)
    )
    yield
    transport_serial.time = time


@pytest.fixture
def bench(monkeypatch):
    """A board just switched on; firmware modules are imported anew in each test."""
    bench = shims.install()
    bench.power_on()
    monkeypatch.setattr(lvs.machine, "_ticks_ms", bench.ticks_ms)
    sys.path.append(str(FIRMWARE))
    names = {path.stem for path in FIRMWARE.glob("*.py")}
    for name in names & set(sys.modules):
        del sys.modules[name]
    yield bench
    for name in names & set(sys.modules):
        del sys.modules[name]
    sys.path.remove(str(FIRMWARE))
    shims.uninstall()


async def sleep_ms(ms):
    """MicroPython's asyncio.sleep_ms, in the bench's time: only while there is a bench."""
    await asyncio.__dict__["sleep_ms"](ms)


@pytest.fixture
def live(bench):
    """live(coroutine, ms): run firmware tasks for some virtual time."""
    return lambda coroutine, ms: asyncio.run(bench.run(coroutine, ms))
