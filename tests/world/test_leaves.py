"""Leaves in a simulated mesh (G15): deep sleep after each waking, loss, power cuts, liars."""

from lvs_tools.sim import scenario
from tests.support.worlds import measured


def measure(*settings, adversaries=()):
    return measured(scenario.load("leaves", settings, adversaries))


def test_g15_twenty_leaves_beside_five_nodes():
    """A short hour of the scenario; the whole of it: lvs sim leaves."""
    result = measure("cycles=1500", "workload.until_cycle=900")
    assert result["exact"], result["why"]
    leaves = result["leaves"]
    assert leaves["count"] == 20 and leaves["contributions"] > 40
    assert leaves["within_two_wakings"] > 0.99 and leaves["not_arrived"] == 0
    assert 0 < leaves["awake_s_per_day"] < 300 and leaves["kb_per_day"] < 250
    assert leaves["state_bytes"] < 64


def test_power_cuts_a_clone_and_a_restart_of_all_holders():
    result = measure(
        "cycles=1500",
        "workload.until_cycle=900",
        "leaves.count=6",
        "leaves.every_s=60",
        'event=[{at_cycle=300, action="restart", nodes=["0-4"]},'
        '{at_cycle=400, action="restart", nodes=["5-8"], every=37, times=10},'
        '{at_cycle=500, action="clone", nodes=[9], source=10},'
        '{at_cycle=510, action="restart", nodes=[9]}]',
    )
    assert result["faults"]["clone"] == 1 and result["faults"]["restart"] == 46
    assert result["exact"], result["why"]
    assert result["leaves"]["not_arrived"] == 0


def test_liars_among_the_holders_keep_no_leaf_from_contributing():
    result = measure(
        "nodes=6",
        "cycles=600",
        "workload.until_cycle=400",
        "leaves.count=8",
        "leaves.every_s=60",
        adversaries=("FalseAnswer=1",),
    )
    assert result["leaves"]["contributions"] > 15 and result["exact"], result["why"]
    assert result["leaves"]["within_two_wakings"] > 0.99


def test_errors_of_scenarios_with_leaves():
    for settings, says in (
        (["leaves.every_s=0"], "leaves.every_s"),
        (['event=[{action="skew", value=1.1, nodes=[7]}]'], "event.0.nodes"),
        (
            ['event=[{at_cycle=5, action="clone", nodes=[7], source=1}]'],
            "a leaf is a copy of a leaf",
        ),
        (['event=[{action="clone", nodes=[7], source=70}]'], "no such node"),
    ):
        try:
            scenario.load("leaves", settings)
        except scenario.ScenarioError as error:
            assert says in str(error)
        else:
            raise AssertionError(says)
