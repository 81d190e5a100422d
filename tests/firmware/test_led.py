"""The LED: groups of blinks that can be counted."""

import asyncio

import pytest

from tests.support.firmware_bench import sleep_ms


def groups(bench, live, led, code, ms):
    """Number of blinks in each group that was shown."""
    states = []

    async def story():
        asyncio.create_task(led.run(lambda: code, lambda name: None))
        for _ in range(ms // 20):
            states.append(led._pin.value())
            await sleep_ms(20)

    live(story(), ms + 1000)
    found, dark, blinks = [], 0, 0
    for before, now in zip(states, states[1:], strict=False):
        if now and not before:
            if dark * 20 > 1000 and blinks:
                found.append(blinks)
                blinks = 0
            blinks += 1
        dark = 0 if now else dark + 1
    return found


@pytest.mark.parametrize(
    "code",
    [
        "active",
        "joining",
        "no network",
        "wrong password",
        "no connection",
        "configuration",
        "crashed",
    ],
)
def test_every_code_can_be_counted(bench, live, code):
    from led import CODES, Led

    led = Led({"pin": 2})
    found = groups(bench, live, led, code, 30_000)
    assert found and set(found[:-1] or found) == {CODES[code]}
    assert len(set(CODES.values())) == len(CODES)


def test_active_low(bench):
    from led import Led

    led = Led({"pin": 8, "active_low": True})
    assert bench.levels[8] == 1
    led.set(True)
    assert bench.levels[8] == 0


def test_no_led_is_no_error(bench):
    from led import Led

    for settings in (None, False, {}):
        Led(settings).show("crashed", 1)
