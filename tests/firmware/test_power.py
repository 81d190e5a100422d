"""Low power: when, with hysteresis; the radio off; contributions kept."""

import asyncio
from types import SimpleNamespace

import pytest

from tests.support.firmware_bench import sleep_ms


@pytest.mark.parametrize(
    ("low", "high", "reason"),
    [
        ((3300, -60, 5), (3650, -60, 5), "battery"),
        ((4000, -90, 5), (4000, -70, 5), "signal"),
        ((4000, -60, 95), (4000, -60, 30), "load"),
    ],
)
def test_each_reason_with_hysteresis(bench, low, high, reason):
    from power import Judge

    judge = Judge({})
    assert [judge.look(*low) for _ in range(3)] == [False, False, True]
    assert judge.reason.startswith(reason)
    assert [judge.look(*high) for _ in range(3)] == [True, True, False]


def test_one_bad_moment_changes_nothing(bench):
    from power import Judge

    judge = Judge({})
    for _ in range(10):
        judge.look(4000, -95, 5)
        judge.look(4000, -95, 5)
        assert not judge.look(4000, -60, 5)


def test_between_the_thresholds_it_stays_as_it_is(bench):
    from power import Judge

    judge = Judge({"below_mv": 3400, "above_mv": 3600})
    for _ in range(5):
        assert not judge.look(3500, None, None)
    for _ in range(5):
        judge.look(3300, None, None)
    for _ in range(5):
        assert judge.look(3500, None, None)


class FakeNode:
    """Notes what it is told, and whether there was a network then."""

    governor = SimpleNamespace(load=0)

    def __init__(self):
        self.calls = []

    def up(self) -> bool:
        return True

    def low_power(self, on):
        self.calls.append(on)
        assert self.up()


def test_new_files_on_trial_are_heard_before_power_is_saved(bench, live, monkeypatch):
    import power
    from watchdog import Watchdog

    trial = [True]
    asked = SimpleNamespace(on_trial=lambda: trial[0])
    monkeypatch.setattr(power, "once", {"restarts": asked}.get)
    node = FakeNode()
    bench.analog[34] = 30000
    saver = power.Power({"battery_pin": 34}, None, Watchdog(0), node, True)

    async def story():
        task = asyncio.create_task(saver.run())
        await sleep_ms(300_000)
        assert node.calls == []
        trial[0] = False
        await sleep_ms(60_000)
        task.cancel()
        return node.calls

    assert live(story(), 400_000)[0] is True


@pytest.mark.parametrize("deep", [True, False])
def test_the_radio_sleeps_and_wakes(bench, live, deep):
    from power import Power
    from watchdog import Watchdog
    from wifi import Wifi

    bench.air["home"] = "secret123"
    dog = Watchdog(8000)
    wifi = Wifi({"ssid": "home", "password": "secret123"}, lambda text: None)
    node = FakeNode()
    node.up = wifi.up
    power = Power({"battery_pin": 34, "awake_s": 10, "asleep_s": 50}, wifi, dog, node, deep)
    radio = []

    async def watch():
        while True:
            radio.append(wifi.up())
            await sleep_ms(500)

    async def story():
        bench.analog[34] = 40000  # 4.0 V behind the divider
        dog.expect("power", 30_000)
        dog.expect("wifi", 30_000)
        asyncio.create_task(wifi.run(dog.check_in))
        asyncio.create_task(power.run())
        asyncio.create_task(dog.run())
        asyncio.create_task(watch())
        await sleep_ms(60_000)
        assert node.calls == [] and power.battery_mv and power.battery_mv > 3900
        bench.analog[34] = 30000  # 3.0 V
        await sleep_ms(40_000)
        assert node.calls == [True]
        radio.clear()
        await sleep_ms(600_000)
        share = sum(radio) / len(radio)
        bench.analog[34] = 42000
        await sleep_ms(400_000)
        # on waking it speaks, each minute
        assert 10 <= node.calls.count(True) <= 20 and node.calls[-1] is False and wifi.up()
        return share

    share = live(story(), 2_000_000)
    # Awake 10 s of 60, less the time for joining. In light sleep the watching task sleeps, too.
    assert (0.05 < share < 0.25) if not deep else share > 0
    slept = [line for line in bench.told if line.startswith("lightsleep")]
    assert bool(slept) == deep
