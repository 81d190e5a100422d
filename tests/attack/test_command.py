"""`lvs attack` runs, goes on where it was, and says what it found; and the rules beside it."""

import json

import pytest
from click.testing import CliRunner

from lvs_tools.attack import baselines, page
from lvs_tools.attack import cases as attack_cases
from lvs_tools.attack import command as attack
from lvs_tools.sim import kept, scenario
from lvs_tools.sim.kept import Results

FEW = (
    "--nodes",
    "9",
    "--cycles",
    "64",
    "--workers",
    "1",
    "--shares",
    "0.33",
    "--strategies",
    "drain,splitter",
)


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


def test_a_quick_look_at_another_strategy_is_one_at_it(tmp_path):
    done = CliRunner().invoke(
        attack.command,
        ["--quick", "--strategies", "forger", "--json", "-", "--out", str(tmp_path)],
    )
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert {(row["strategy"], row["share"]) for row in rows} == {("forger", 0.2), ("forger", 0.45)}


@pytest.mark.parametrize("given", [",", "nobody"])
def test_strategies_that_select_nothing_are_an_error(given):
    done = CliRunner().invoke(attack.command, ["--quick", "--strategies", given])
    assert done.exit_code == 2 and "there are drain, inflate" in done.output


def row(share, shift, **more):
    return {
        "strategy": "drain",
        "share": share,
        "topology": "lan",
        "seed": 1,
        "stage": "established",
        "nodes": 9,
        "cycles": 1536,
        "settled_shift_mean": shift,
        "settled_shift_max": 9,
        "spread": 3,
        "budget_violations": 0,
        "negative_values": 0,
        **more,
    }


def test_the_document_names_the_command_and_the_figures():
    text = page.document(
        page.summarise([row(0.33, -7.5), row(0.33, 2, seed=2), row(0.45, 1)]),
        "lvs x",
        missing=4,
        stale=1,
    )
    assert "    lvs x\n" in text
    assert "| drain | -7.5 | 1 |" in text and "| drain | 3 | 3 |" in text
    assert "2 seeds a cell (33 %; 1 cells); 1 seed a cell (45 %; 1 cells)." in text
    assert "3 runs; 4 runs of that command were not made" in text and "1 of them" in text
    assert "All cells below keep it" in text
    assert "| mean: drain | -" in text


@pytest.mark.parametrize(
    ("share", "shift", "kept"),
    [
        (0.33, -19.9, True),
        (0.33, -20, False),
        (0.45, 99, True),
        (0.45, 100, False),
        (0.6, -2000, True),
        (0.6, -2400, False),
    ],
)
def test_the_document_says_what_breaks_the_promise(share, shift, kept):
    text = "\n".join(page.judgement(page.summarise([row(share, shift)])))
    assert ("All cells below keep it" in text) == kept
    assert ("drain at %g %%: %.4g raw" % (100 * share, shift) in text) != kept


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({}, "So it is in all of them."),
        ({"error_high": 3 * 1048576 * 8}, "So it is in all of them."),
        (
            {"error_high": 3 * 1048576 * 8 + 1},
            "- lan, everybody contributes, 9 nodes, 448 cycles: ",
        ),
        ({"missing_raw": 5, "error_low": -9}, "448 cycles: drain: 5 raw missing"),
        ({"error_low": -9}, "448 cycles: drain: -9 raw too low"),
    ],
)
def test_the_document_says_what_the_honest_lack_on_other_stages(figures, said):
    zeros = dict.fromkeys(page.WORDS, 0) | {"equal_since": 9}
    summary = page.summarise([row(3 / 9, 0, stage="busy", cycles=448, **{**zeros, **figures})])
    assert said in "\n".join(page.judgement(summary))
    head, (shown,) = page.staged_table(summary, (9, 448, "lan", "busy"))
    assert dict(zip(head, shown, strict=True))["G3 allows"] == "%d" % (3 * 1048576 * 8)


def found_in(results):
    """What was found of the one world that the next test is about."""
    found = results.get({"seed": 1})
    assert found is not None
    return found["found"]


def test_results_of_other_sources_count_only_if_asked_for(tmp_path):
    path = tmp_path / "results.jsonl"
    Results(path, "before").add({"seed": 1}, {"found": 1})
    assert Results(path, "after").get({"seed": 1}) is None
    assert found_in(Results(path, "after", stale=True)) == 1
    Results(path, "after").add({"seed": 1}, {"found": 2})
    assert found_in(Results(path, "after")) == 2
    assert found_in(Results(path, "after", stale=True)) == 2


def test_a_line_that_a_full_disk_cut_off_is_no_result(tmp_path):
    path = tmp_path / "results.jsonl"
    Results(path, "now").add({"seed": 1}, {"found": 1})
    path.write_text(path.read_text() + '{"run": "3f"')
    assert found_in(Results(path, "now")) == 1


def test_words_do_not_change_what_the_sources_are_but_code_does(tmp_path):
    path = tmp_path / "one.py"

    def written(text):
        path.write_text(text)
        return kept.checksum([tmp_path])

    first = written('"""A module."""\n\n\ndef f(a):\n    """Once."""\n    return a + 1\n')
    assert written('def f(a):\n    """Twice."""\n    # why\n    return a + 1\n') == first
    assert written("def f(a):\n    return a + 2\n") != first
    assert attack.sources() not in (first, kept.checksum([tmp_path]))


def test_no_run_is_begun_when_the_minutes_are_over(tmp_path):
    assert json.loads(attacked(tmp_path, "--json", "-", "--minutes", "0")) == []
    assert not (tmp_path / "results.jsonl").exists()


def test_the_campaign_has_each_run_once_and_the_guarantee_first():
    cases = attack_cases.campaign(20)
    assert len({json.dumps(case) for case in cases}) == len(cases)
    core = [c for c in cases if c["cycles"] == 1536 and c["share"] < 0.5]
    assert len(core) == 20 * 2 * len(attack_cases.PROMISED)
    assert all(case in core for case in cases[:12])


@pytest.mark.parametrize(
    "options", [["--shares", "1.5"], ["--strategies", "dance"], ["--topologies", "moon"]]
)
def test_what_it_does_not_know_it_says(options):
    done = CliRunner().invoke(attack.command, options)
    assert done.exit_code == 2
    assert options[1] in done.output


@pytest.mark.parametrize("name", attack_cases.STRATEGIES)
def test_every_strategy_makes_a_scenario(name):
    checked = attack_cases.scenario_of(name, 0.2, "islands", 1, 30, 64)
    assert sum(liar["count"] for liar in scenario.plan(checked)["adversaries"]) == 6


def dragged(*attacked):
    """baselines.shift where the mesh still has a value."""
    shift = baselines.shift(*attacked)
    assert shift is not None
    return shift


def test_simpler_rules_are_dragged_away():
    """A plain mean at 20 % liars, without limit; a trimmed one holds until a quarter or so."""
    assert dragged("mean", "drain", 0.2) < -50000
    assert dragged("literal", "drain", 0.2) < -50000
    assert abs(dragged("trimmed", "drain", 0.1)) < 5000
    assert dragged("trimmed", "drain", 0.45) < -50000
    assert baselines.shift("mean", "sleeper", 0.2) is None
