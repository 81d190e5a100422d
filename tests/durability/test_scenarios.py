"""Blackouts, flipped bits and replaced nodes in the simulator: exact, and nothing is lost."""

import pytest

from lvs_tools.sim import scenario
from tests.support.worlds import measured


def run(name, seed, *overrides):
    return measured(scenario.load(name, [f"seed={seed}", *overrides]))


@pytest.mark.parametrize("seed", range(2))
def test_a_blackout_loses_nothing(seed):
    result = run("blackout", 900 + seed)
    assert result["exact"] and result["lost_raw"] == 0, result["why"]
    assert result["contributed_raw"] > 0 and result["faults"]["restart"] == 12


@pytest.mark.parametrize("seed", range(2))
def test_flipped_bits_are_mended(seed):
    result = run("corruption", 900 + seed)
    assert result["exact"] and result["lost_raw"] == 0, result["why"]
    assert result["recoveries"] >= result["faults"]["corrupt"]


def test_a_blackout_at_any_moment():
    """Contributions go on until the lights go out: what is lost is what was not durable yet."""
    for at in (97, 191):
        result = run(
            "blackout",
            at,
            "workload.until_cycle=500",
            f"event.0.at_cycle={at}",
            f"event.1.at_cycle={at + 20}",
        )
        assert result["exact"], (at, result["why"])
        # 12 nodes, 6 a minute each, a batch of 10 s at the most.
        assert result["lost_raw"] <= 12 * 2 * 1000


def test_nodes_are_replaced_until_none_of_the_first_is_left():
    """Two of ten generations here; the scenario has all."""
    result = run("replacement", 1, "cycles=700", "workload.until_cycle=500")
    assert result["exact"] and result["lost_old_raw"] == 0, result["why"]
    assert result["faults"]["leave"] >= 24
