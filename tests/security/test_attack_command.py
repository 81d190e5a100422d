"""`lvs attack` runs, goes on where it was, and says what it found; and the rules beside it."""

import json

import pytest
from click.testing import CliRunner

from host_sim import attack, baselines, scenario

FEW = ("--nodes", "9", "--cycles", "64", "--workers", "1", "--shares", "0.33",
       "--strategies", "drain,splitter")


def attacked(folder, *options):
    done = CliRunner().invoke(attack.command, [*FEW, "--out", str(folder), *options])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_small_attack_is_run_once_and_then_remembered(tmp_path):
    rows = json.loads(attacked(tmp_path, "--json", "-"))
    assert {row["strategy"] for row in rows} == {"drain", "splitter"}
    assert all(row["budget_violations"] == 0 and row["alive"] == 6 for row in rows)
    kept = (tmp_path / "results.jsonl").read_text()
    assert json.loads(attacked(tmp_path, "--json", "-")) == rows
    assert (tmp_path / "results.jsonl").read_text() == kept
    assert "drain" in attacked(tmp_path)


def test_the_document_names_the_command_and_the_figures():
    row = {"strategy": "drain", "share": 0.33, "topology": "lan", "seed": 1, "cold": False,
           "settled_shift_mean": -7.5, "settled_shift_max": 9, "spread": 3,
           "budget_violations": 0, "negative_values": 0}
    text = attack.document(attack.summarise([row]), {"nodes": 9, "cycles": 64}, [0.33], "lvs x")
    assert "    lvs x\n" in text
    assert "| drain | -7.5 |" in text and "| drain | 3 |" in text
    assert "| mean: drain | -100000 |" in text or "| mean: drain | -9" in text


@pytest.mark.parametrize("options", [["--shares", "1.5"], ["--strategies", "dance"],
                                     ["--topologies", "moon"]])
def test_what_it_does_not_know_it_says(options):
    done = CliRunner().invoke(attack.command, options)
    assert done.exit_code == 2
    assert options[1] in done.output


@pytest.mark.parametrize("name", attack.STRATEGIES)
def test_every_strategy_makes_a_scenario(name):
    checked = attack.scenario_of(name, 0.2, "islands", 1, 30, 64)
    assert sum(liar["count"] for liar in scenario.plan(checked)["adversaries"]) == 6


def test_simpler_rules_are_dragged_away():
    """A plain mean at 20 % liars, without limit; a trimmed one holds until a quarter or so."""
    assert baselines.shift("mean", "drain", 0.2) < -50000
    assert baselines.shift("literal", "drain", 0.2) < -50000
    assert abs(baselines.shift("trimmed", "drain", 0.1)) < 5000
    assert baselines.shift("trimmed", "drain", 0.45) < -50000
    assert baselines.shift("mean", "sleeper", 0.2) is None
