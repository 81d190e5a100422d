"""The watchdog bites when a task hangs, never while all are well or somebody uses the REPL."""

import asyncio

import pytest

from tests.support.firmware_bench import sleep_ms


@pytest.fixture
def make(bench):
    from watchdog import Watchdog

    return Watchdog


async def worker(dog, name, hang_at=None):
    beats = 0
    while True:
        beats += 1
        if hang_at and beats >= hang_at:
            while True:  # it runs on, but does its work no more
                await sleep_ms(1000)
        dog.check_in(name)
        await sleep_ms(500)


@pytest.mark.parametrize("start", [0, (1 << 30) - 30_000])
def test_quiet_while_all_check_in(bench, live, make, start):
    bench.power_on(now=start)  # the second run crosses the wrap of ticks
    reports = []
    dog = make(8000, reports.append)

    async def story():
        for name in ("node", "wifi"):
            dog.expect(name, 3000)
            asyncio.create_task(worker(dog, name))
        await dog.run()

    live(story(), 120_000)
    assert bench.told == ["wdt 8000"] and not reports


@pytest.mark.parametrize("start", [0, (1 << 30) - 12_000])
def test_bites_when_one_task_is_silent(bench, live, make, start):
    bench.power_on(now=start)  # in the second run ticks wrap while the task is silent
    reports = []
    dog = make(8000, reports.append)

    async def story():
        dog.expect("node", 3000)
        dog.expect("wifi", 30_000)
        asyncio.create_task(worker(dog, "node", hang_at=20))
        asyncio.create_task(worker(dog, "wifi"))
        await dog.run()

    with pytest.raises(bench.Reset, match="watchdog"):
        live(story(), 60_000)
    assert bench.reset_cause == 3
    assert reports == ["task 'node' is silent for more than 3000 ms"]


def test_bites_when_the_whole_program_hangs(bench, make):
    dog = make(8000)
    dog.start()
    with pytest.raises(bench.Reset):
        bench.sleep_ms(9000)  # a loop that never gives way


def test_a_task_that_recovers_in_time_saves_the_board(bench, live, make):
    reports = []
    dog = make(8000, reports.append)

    async def slow():
        while True:
            dog.check_in("slow")
            await sleep_ms(5000)

    async def story():
        dog.expect("slow", 3000)
        asyncio.create_task(slow())
        await dog.run()

    live(story(), 60_000)
    assert bench.told == ["wdt 8000"]
    assert len(reports) > 3


@pytest.mark.parametrize("port", ["esp32", "rp2"])
def test_the_repl_is_left_in_peace(bench, make, port):
    import watchdog

    bench.power_on(port=port)
    watchdog.keep_fed_if_running()
    assert not bench.timers  # nothing was started, so nothing is fed
    dog = make(8000)
    dog.start()
    watchdog.keep_fed_if_running()
    bench.sleep_ms(600_000)  # somebody thinks at the prompt
    dog.start()  # app.main() again: the tasks take over
    assert not bench.timers
    with pytest.raises(bench.Reset):
        bench.sleep_ms(10_000)


def test_none_is_started_if_switched_off(bench, live, make):
    dog = make(0)
    live(dog.run(), 20_000)
    assert bench.told == []


def test_one_that_runs_all_the_same_is_fed_on(bench, live, make):
    """boot.py started it after a soft reset, since it cannot know; the settings want none."""
    import feeding

    feeding.keep_fed()
    live(make(0).run(), 60_000)


def test_light_sleep_is_excused(bench, make):
    dog = make(8000)
    dog.expect("node", 3000)
    dog.start()
    for _ in range(10):
        bench.sleep_ms(6000)  # everything stands still on purpose
        dog.excuse()
        assert dog.look()
