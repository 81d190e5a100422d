"""board.sources: each kind, its mistakes, and that what it counts reaches the node."""

import sys
import types
from fractions import Fraction

import pytest

from lvs import ConfigError, LvsError

CHANNELS = ["water", {"name": "energy", "unit": "kWh"}, {"name": "old", "retired": True}]


def pulse(**keys):
    return {"kind": "pulse", "pin": 4, "channel": "water", **keys}


class FakeNode:
    def __init__(self):
        self.given = []

    def contribute(self, channel, amount):
        if channel == "energy" and amount.startswith("9"):
            raise LvsError("too large")
        self.given.append((channel, amount))


def test_each_kind_contributes(bench, live):
    import source_kinds
    import sources

    module = types.ModuleType("my_source")
    module.__dict__["read"] = lambda: "0.25"
    sys.modules["my_source"] = module
    try:
        found = source_kinds.make_all(
            [
                {"kind": "pulse", "pin": 4, "channel": "water", "pulses": 2},
                {"kind": "button", "pin": 5, "channel": "water"},
                {"kind": "adc", "pin": 34, "channel": "energy", "per_hour": 3600},
                {"kind": "callback", "module": "my_source", "channel": "energy", "every_s": 1},
            ],
            CHANNELS,
        )
    finally:
        del sys.modules["my_source"]
    node = FakeNode()
    bench.analog[34] = 65535  # 3600 units an hour: one a second
    for pin in (4, 5):
        bench.sleep_ms(100)
        bench.drive(pin, 0)
        bench.sleep_ms(100)
        bench.drive(pin, 1)
    seen = []
    live(sources.run([], found, node, seen.append), 10_000)
    totals = {}
    for channel, amount in node.given:
        totals[channel] = totals.get(channel, 0) + Fraction(amount)
    assert totals["water"] == Fraction("1.5")
    # 10.4 s at one a second, and a quarter each second
    assert 10 * 1.25 <= totals["energy"] <= 11 * 1.25
    assert set(seen) == {"sources"}


def test_adc_does_not_guess_over_a_long_gap(bench):
    from adc_integral import AdcIntegral

    adc = AdcIntegral({"pin": 34, "per_hour": 1000, "zero": 100})
    bench.analog[34] = 40000
    bench.sleep_ms(3_600_000)
    assert adc.take() is None
    bench.sleep_ms(1000)
    assert 0 < float(str(adc.take())) < 1
    bench.analog[34] = 100  # at zero
    bench.sleep_ms(1000)
    assert adc.take() is None


def test_a_failing_callback_is_reported_once_and_counts_nothing(bench, capsys):
    from callback import Callback

    module = types.ModuleType("bad_source")
    module.__dict__["read"] = lambda: 1 / 0
    sys.modules["bad_source"] = module
    try:
        source = Callback({"module": "bad_source"})
    finally:
        del sys.modules["bad_source"]
    for _ in range(3):
        bench.sleep_ms(1000)
        assert source.take() is None
    assert source.errors == 3
    assert capsys.readouterr().out.count("ZeroDivisionError") == 1


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"kind": "puls", "pin": 4, "channel": "water"}, "kind must be one of"),
        ("pulse", "kind must be one of"),
        ({"kind": "pulse", "channel": "water"}, r"sources\[0\].pin is missing"),
        ({"kind": "pulse", "pin": 4}, r"sources\[0\].channel is missing"),
        ({"kind": "pulse", "pin": 4, "channel": "wine"}, "'wine' is not in channels"),
        ({"kind": "pulse", "pin": 4, "channel": "old"}, "'old' is retired"),
        ({"kind": "pulse", "pin": 4, "channel": "water", "pulse": 3}, "pulse: unknown key"),
        ({"kind": "pulse", "pin": 4, "channel": "water", "pulses": 0}, "must be a number above 0"),
        ({"kind": "pulse", "pin": 4, "channel": "water", "pull": "sideways"}, "sideways"),
        (pulse(pulse=3), "did you mean 'pulses'?"),
        (pulse(debounce_ms="20"), r"debounce_ms: '20'; must be of type int"),
        (pulse(debounce_ms=5000), r"debounce_ms: 5000; must be 0 to 1000"),
        (pulse(debounce_ms=True), r"debounce_ms: True; must be of type int"),
        (pulse(active=2), r"active: 2; must be 0 or 1"),
        (pulse(units=[1]), r"units: \[1\]; must be of type int or float or str"),
        (pulse(pin="GP15"), r"sources\[0\]: pin 'GP15' invalid pin"),
        ({"kind": "adc", "pin": 4, "channel": "water", "per_hour": 1, "zero": 70000}, "zero"),
        ({"kind": "callback", "module": "nowhere", "channel": "water"}, "module 'nowhere'"),
    ],
)
def test_a_mistake_is_one_clear_line(bench, entry, text):
    import source_kinds

    with pytest.raises(ConfigError, match=text) as caught:
        source_kinds.make_all([entry], CHANNELS)
    assert "\n" not in str(caught.value)


def test_a_refused_contribution_does_not_stop_the_others(bench, capsys):
    import sources

    class Gives:
        def __init__(self, amount):
            self.amount = amount

        def take(self):
            return self.amount

    node = FakeNode()
    given = [("energy", Gives("9")), ("water", Gives(None)), ("water", Gives("1.5"))]
    sources.contribute_once(given, node)
    assert node.given == [("water", "1.5")]
    assert "energy: too large" in capsys.readouterr().out
