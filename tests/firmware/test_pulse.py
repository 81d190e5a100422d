"""Pulse counter and button: every pulse once, however the contact bounces."""

import random

import pytest

from lvs.journal import Journal
from lvs_tools.world.memory_files import MemoryFiles
from tests.support.cell import Cell


def make(bench, **settings):
    from pulse import Pulse

    return Pulse({"pin": 4, **settings})


def close_and_open(bench, rng, closed_ms=60, open_ms=60, bounces=3):
    """One pulse of a bouncing contact: bounces of up to 3 ms at both ends."""
    for level, rest in ((0, closed_ms), (1, open_ms)):
        for _ in range(rng.randrange(bounces + 1)):
            bench.drive(4, level)
            bench.sleep_ms(rng.randrange(1, 4))
            bench.drive(4, 1 - level)
            bench.sleep_ms(rng.randrange(1, 4))
        bench.drive(4, level)
        bench.sleep_ms(rest)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("port", ["esp32", "rp2"])
def test_bouncing_contact_counts_each_pulse_once(bench, seed, port, monkeypatch):
    bench.power_on(port=port)
    monkeypatch.setattr("sys.platform", port)
    rng = random.Random(seed)
    meter = make(bench)
    bench.sleep_ms(100)
    for _ in range(50):
        close_and_open(bench, rng)
    assert float(str(meter.take())) == 50 == meter.count
    assert meter.take() is None


def test_pulses_across_the_wrap_of_ticks(bench):
    bench.power_on(now=(1 << 30) - 500)
    meter = make(bench)
    for _ in range(10):
        bench.sleep_ms(60)
        bench.drive(4, 0)
        bench.sleep_ms(60)
        bench.drive(4, 1)
    assert bench.ticks_ms() < 1000  # wrapped on the way
    assert float(str(meter.take())) == 10


def test_a_pulse_after_a_week_of_silence_counts(bench):
    meter = make(bench)
    for _ in range(7 * 24):  # the sources' task looks far more often
        bench.sleep_ms(3_600_001)
        meter.take()
    bench.drive(4, 0)
    assert float(str(meter.take())) == 1


def test_active_high_and_units(bench):
    meter = make(bench, active=1, pull="down", units=10, pulses=4)
    for _ in range(6):
        bench.sleep_ms(50)
        bench.drive(4, 1)
        bench.sleep_ms(50)
        bench.drive(4, 0)
    assert float(str(meter.take())) == 15


def test_flash_that_is_erased_costs_no_pulse(bench, monkeypatch):
    """25 pulses a second through erases of 400 ms on an RP2, which serves no interrupt then."""
    bench.power_on(port="rp2")
    monkeypatch.setattr("sys.platform", "rp2")
    meter = make(bench)
    bench.sleep_ms(100)
    for k in range(250):
        bench.deaf = k % 25 < 10
        for level in (0, 1):
            bench.drive(4, level)
            bench.sleep_ms(20 + level)  # idle for more than debounce_ms
    assert meter.count + meter.counter.new() == 250


def test_interrupts_lose_them(bench, monkeypatch):
    """What the state machine is for: the same by interrupt, since no machine is free."""
    bench.power_on(port="rp2")
    bench.claimed = range(8)
    monkeypatch.setattr("sys.platform", "rp2")
    meter = make(bench)
    bench.claimed = (7,)
    bench.sleep_ms(100)
    for k in range(50):
        bench.deaf = k % 25 < 10
        for level in (0, 1):
            bench.drive(4, level)
            bench.sleep_ms(20 + level)
    assert meter.counter.new() < 45


@pytest.mark.parametrize("port", ["esp32", "rp2"])
def test_a_clean_signal_at_the_hardwares_pace(bench, monkeypatch, port):
    """debounce_ms 0: no interrupt is needed on either; with it 250 pulses a second."""
    bench.power_on(port=port)
    monkeypatch.setattr("sys.platform", port)
    bench.deaf = True
    meters = [make(bench, pin=4 + active, debounce_ms=0, active=active) for active in (0, 1)]
    bench.sleep_ms(5)
    for _ in range(1000):
        for level in (0, 1):
            bench.drive(4, level)
            bench.drive(5, level)
            bench.sleep_ms(2)
    assert [meter.counter.new() for meter in meters] == [1000, 1000]


def test_as_many_meters_as_there_are_counters_and_then_interrupts(bench, monkeypatch, capsys):
    bench.power_on(port="rp2")
    monkeypatch.setattr("sys.platform", "rp2")
    from pulse import Pulse

    meters = [Pulse({"pin": pin}) for pin in range(9)]
    bench.sleep_ms(50)
    for pin in range(9):
        bench.drive(pin, 0)
    bench.sleep_ms(1)
    assert [float(str(meter.take())) for meter in meters] == [1] * 9
    assert capsys.readouterr().out.count("counted by interrupt") == 2


def test_started_again_at_the_repl_the_same_machine_counts_on(bench, monkeypatch):
    bench.power_on(port="rp2")
    monkeypatch.setattr("sys.platform", "rp2")
    for _ in range(20):
        meter = make(bench)
        bench.sleep_ms(50)
        bench.drive(4, 0)
        bench.sleep_ms(50)
        bench.drive(4, 1)
        assert float(str(meter.take())) == 1
    assert list(bench.machines) == [0]


def test_button_ignores_a_nervous_finger(bench):
    from pulse import Button

    button = Button({"pin": 4})
    bench.sleep_ms(100)
    for pause in (30, 30, 200, 200):  # released for 30 ms: still the same press
        bench.drive(4, 0)
        bench.sleep_ms(100)
        bench.drive(4, 1)
        bench.sleep_ms(pause)
    assert float(str(button.take())) == 2


@pytest.mark.parametrize(
    "settings, step, says",
    [
        ({"units": "0.001"}, "0.001", "0.864"),
        ({"units": 1, "pulses": 450}, "0.001", "1.920"),  # a pulse is two steps and two ninths
        ({"units": "0.0001"}, "0.001", "0.086"),
    ],
)
def test_what_a_meter_counts_survives_288_resets(bench, settings, step, says):
    """Three pulses between two of them, each followed by a clean end."""
    import sources

    files = MemoryFiles()
    cell = Cell(0, channels=[{"name": "energy", "step": step}])
    for _ in range(288):
        node = cell.add(1, Journal("j", files=files))
        meter = make(bench, **settings)
        for _ in range(3):
            bench.sleep_ms(60)
            bench.drive(4, 0)
            bench.sleep_ms(60)
            bench.drive(4, 1)
            sources.contribute_once([("energy", meter)], node)
        cell.run(1)
        node.journal.close()
    node = cell.add(1, Journal("j", files=files))
    cell.run(60)
    assert node.text("energy") == says
