"""The run loop, in virtual time: when it receives, when it ticks, what it leaves behind."""

import asyncio

import pytest

from lvs.entropy_engine import Governor
from tests.support.firmware_bench import sleep_ms

WRAP = 1 << 30


class Worker:
    """A node's outside: notes when it is called; the loop must not see more of a node."""

    wake = staticmethod(int)

    def __init__(self, bench, due_ms=1000, datagrams=(), work_ms=0):
        self.now = bench.ticks_ms
        self.bench = bench
        self.due_ms = due_ms
        self.datagrams = list(datagrams)  # ms, since the start, at which one comes in
        self.work_ms = work_ms
        self.running = True
        self.governor = Governor(50, 0)
        self.journal = self.transport = self
        self.received, self.ticked, self.closed = [], [], 0
        self._start = bench.ticks_ms()

    def age(self):
        return (self.now() - self._start) % WRAP

    def receive(self):
        self.received.append(self.age())
        self.bench.sleep_ms(self.work_ms)
        came = [at for at in self.datagrams if at <= self.age()]
        self.datagrams = self.datagrams[len(came) :]
        return len(came)

    def tick(self):
        self.ticked.append(self.age())
        return self.due_ms

    def close(self):
        self.closed += 1


def gaps(times):
    return [b - a for a, b in zip(times, times[1:], strict=False)]


@pytest.fixture(params=[0, WRAP - 2500], ids=["early", "across the wrap"])
def start(bench, request):
    bench.power_on(now=request.param)


@pytest.fixture
def run(bench, live):
    from lvs.run_loop import run

    return lambda node, ms=5000, check_in=None: live(run(node, check_in), ms)


def test_who_is_not_woken_looks_every_20_ms_and_ticks_when_something_is_due(bench, run, start):
    node = Worker(bench)
    run(node)
    assert set(gaps(node.received)) == {20}
    assert set(gaps(node.ticked)) == {1000}
    assert node.received[-1] >= 4980


def test_what_is_due_sooner_is_done_then(bench, run, start):
    node = Worker(bench, due_ms=7)
    run(node)
    assert set(gaps(node.ticked)) == {7}


def test_what_comes_in_is_answered_at_once(bench, run, start):
    """Also when nothing was due: a tick follows in the same turn."""
    node = Worker(bench, datagrams=[1030, 2051, 3111])
    run(node)
    assert {1040, 2060, 3120} <= set(node.ticked)
    assert len(node.ticked) < 60


def test_who_makes_something_due_is_served_in_the_next_turn(bench, run, start):
    node = Worker(bench, datagrams=[1010])
    heard = node.receive

    def receive():
        if 500 <= node.age() < 520:
            node.wake()
        return heard()

    node.receive = receive
    run(node)
    assert {500, 1020} <= set(node.ticked)


def test_it_checks_in_once_a_turn(bench, run, start):
    turns = []
    node = Worker(bench)
    run(node, check_in=lambda: turns.append(node.age()))
    assert turns == node.received


@pytest.mark.parametrize("work_ms", [0, 5, 60])
def test_the_load_is_the_share_of_the_time_that_it_computes(bench, run, start, work_ms):
    node = Worker(bench, work_ms=work_ms)
    run(node, 12_000)
    share = 100 * work_ms * len(node.received) / 12_000
    assert abs(node.governor.load - share) <= 2 and (work_ms == 0 or share > 15)


def test_others_get_a_turn_however_busy_it_is(bench, live, start):
    from lvs.run_loop import run

    node = Worker(bench, due_ms=1, work_ms=50)
    ticks = []

    async def story():
        asyncio.create_task(run(node))
        while True:
            ticks.append(node.age())
            await sleep_ms(10)

    live(story(), 3000)
    assert max(gaps(ticks)) <= 70


@pytest.mark.parametrize("end", ["stop", "cancel", "crash", "stop before"])
def test_journal_and_transport_are_closed_whatever_ends_it(bench, live, end):
    from lvs.run_loop import run

    node = Worker(bench)

    async def story():
        if end == "stop before":
            node.running = False
        task = asyncio.create_task(run(node))
        await sleep_ms(500)
        if end == "stop":
            node.running = False
        elif end == "cancel":
            task.cancel()
        elif end == "crash":
            node.tick = lambda: 1 // 0
        await task

    error = {"cancel": asyncio.CancelledError, "crash": ZeroDivisionError}.get(end)
    if error:
        with pytest.raises(error):
            live(story(), 2000)
    else:
        live(story(), 2000)
    assert node.closed == 2
    assert (len(node.received) == 0) == (end == "stop before")
