"""`lvs plan`: what fits is said with its figures, what does not with the mend and exit code 1."""

import json

import pytest
from click.testing import CliRunner

from lvs import Config
from lvs_tools.board import measure, profiles
from lvs_tools.plan import command, fit
from lvs_tools.sim import scenario


def call(*arguments):
    return CliRunner().invoke(command.command, [str(a) for a in arguments])


def figures(*arguments):
    done = call(*arguments, "--json", "-")
    return done.exit_code, json.loads(done.output)


def test_a_mesh_of_defaults_fits():
    code, said = figures()
    assert (code, said["fits"], said["problems"]) == (0, True, [])
    assert said["rows"] == said["rows_needed"] == Config({"channels": ["a"]}).rows
    assert [board["board"] for board in said["boards"]] == profiles.names()


def test_what_does_not_fit_is_said_with_the_mend():
    code, said = figures("--nodes", 300, "--channels", 3, "--per-minute", 60, "--amount", 40)
    assert code == 1 and not said["fits"]
    named = [text.split(":")[0] for text in said["problems"]]
    assert named == ["rows", "traffic", "pace", "counter"]
    assert "'kb_per_min'" in said["problems"][1] and "'route_budget'" in said["problems"][2]


def test_that_no_board_carries_it_is_said_with_the_mends():
    assert figures("--nodes", 10)[1]["carried_by"]
    assert call("--nodes", 10).output.splitlines()[-1] == "fits"
    assert figures("--nodes", 60, "--channels", 8)[1]["carried_by"] == []
    shown = call("--nodes", 60, "--channels", 8).output
    assert shown.splitlines()[-1].startswith("fits computers, and none of these boards")
    assert all(f"\n{name}: " in shown for name in profiles.names())


def test_a_board_that_must_carry_it_says_how_many_nodes_it_has_room_for():
    code, said = figures("--nodes", 100, "--board", "RPI_PICO_W")
    (problem,) = said["problems"]
    assert code == 1 and "128 rows are room for 31 nodes" in problem
    mended = problem.split("set 'rows' to ")[1].split(" ")[0].replace(",", "")
    profile = profiles.load("RPI_PICO_W")
    config = {**profile["config"], "channels": ["a"], "nodes": 100, "rows": int(mended)}
    assert fit.board(Config(config), profile)["problems"] == []
    assert figures("--nodes", 31, "--board", "RPI_PICO_W")[0] == 0


def test_a_board_without_the_memory_says_so():
    profile = {**profiles.load("RPI_PICO_W"), "heap_kb": 130}
    config = {**profile["config"], "channels": ["a"], "nodes": 10, "rows": 600}
    (problem,) = fit.board(Config(config), profile)["problems"]
    assert "bytes of heap" in problem and "'rows'" in problem


def test_channels_beyond_what_so_few_boards_hold_are_said(tmp_path):
    board = ("--board", "RPI_PICO_W")
    assert figures("--nodes", 3, "--channels", 16, *board)[0] == 1  # for its rows alone
    code, said = figures("--nodes", 3, "--channels", 17, *board)
    assert code == 1 and "RPI_PICO_W: channels: 17 are 2 shards" in said["problems"][0]
    path = tmp_path / "lvs.json"
    path.write_text(json.dumps({"channels": [f"c{i}" for i in range(17)], "held": 1}))
    assert "fewer than 10 nodes" in figures(path)[1]["problems"][0]  # 300 are only a default
    problems = figures(path, "--nodes", 10)[1]["problems"]
    assert not any("shard may" in text for text in problems)


def test_the_file_of_a_node_is_read_and_its_errors_are_one_line(tmp_path):
    path = tmp_path / "lvs.json"
    path.write_text(json.dumps({"channels": ["a", "b"], "rows": 100, "nodes": 50}))
    code, said = figures(path)
    assert code == 1 and "rows: 100 are room for 12 nodes, not for 50" in said["problems"][0]
    assert figures(path, "--nodes", 12)[0] == 0
    for text in ("{", '{"channels": 5}', "[]"):
        path.write_text(text)
        done = call(path)
        assert done.exit_code == 2, text
    assert call("--amount", "-1").exit_code == call("--board", "PICO").exit_code == 2


def test_the_file_of_a_leaf_says_what_it_asks_of_the_nodes(tmp_path):
    path = tmp_path / "leaf.json"
    path.write_text('{"mesh": "m", "channels": ["a", "b"], "held": 0, "nodes": 40}')
    of_leaf = figures(path)
    path.write_text('{"mesh": "m", "channels": ["a", "b"], "nodes": 40}')
    assert of_leaf == figures(path)


def test_it_is_shown_in_80_columns():
    done = call("--nodes", 10000, "--channels", 480, "--per-minute", 100, "--amount", "4000")
    assert done.exit_code == 1 and done.output.splitlines()[-1] == "does not fit"
    assert max(map(len, done.output.splitlines())) <= 80
    assert "no ring has more than 32,767" in done.output


def test_the_terms_of_days_and_decimals_are_said(tmp_path):
    path = tmp_path / "lvs.json"
    channels = [{"name": "energy", "step": "0.001", "unit": "kWh"}, {"name": "n", "step": "1"}]
    path.write_text(json.dumps({"channels": channels, "nodes": 20, "horizon_h": 24}))
    code, said = figures(path, "--per-minute", 10, "--amount", "0.25")
    assert code == 0
    assert (said["horizon_h"], said["session_h"], said["step"]) == (24, 24, "0.001")
    assert said["end"] == "211106232532.992"
    minutes = 211106232532.992 / (20 * 10 * 0.25)
    assert said["years_to_end"] == pytest.approx(minutes / 525960, rel=0.01)
    assert said["units_per_min"] == 2.5
    shown = call(path).output
    assert "may be apart for 24 h" in shown and "211106232532.992" in shown


def test_a_counter_that_ends_soon_is_said_with_the_mend():
    code, said = figures("--nodes", 20, "--per-minute", 900, "--amount", "1000000")
    text = said["problems"][-1]
    assert code == 1 and text.startswith("counter: at its end") and "coarser step" in text
    assert "after 2.23e-05 years" in text  # it was said to be never


def test_rows_of_nodes_at_full_pace_are_counted():
    """Sixteen rows of each are alive: a session that is full is followed by another."""
    code, said = figures("--nodes", 40, "--per-minute", 30, "--amount", 30)
    assert code == 1 and said["rows_of_one"] == 16 and said["rows"] < said["rows_needed"]
    assert said["problems"][0].startswith("rows:") and "coarser step" in said["problems"][0]
    code, said = figures("--nodes", 40, "--per-minute", 30, "--amount", 1)
    assert said["rows_of_one"] == 2 and said["rows"] >= said["rows_needed"]


def test_the_heap_of_a_journal_is_counted():
    name = "RPI_PICO_W"
    profile = profiles.load(name)
    config = Config({**profile["config"], "channels": ["a"], "board": {"journal": True}})
    found = fit.board(config, profile)
    assert (
        found["heap_bytes"]
        == found["heap_with_journal_bytes"]
        > 20000 + found["heap_without_journal_bytes"]
    )


def test_figures_for_programs_say_their_unit():
    said = figures("--nodes", 10, "--per-minute", 2)[1]
    assert said["pace_raw_per_epoch"] == 2133 and "pace" not in said
    assert all(key.endswith("_bytes") for b in said["boards"] for key in b if "heap" in key)


def test_the_heap_is_the_measured_one():
    """Of the board that is measured: within a twentieth of what was accepted last."""
    profile = profiles.load(measure.TEST_BOARD)
    config = Config(measure.settings(profile))
    accepted = json.loads(measure.ACCEPTED.read_text())["heap_full_tables"]
    assert fit.heap(config, config.rows, True) == pytest.approx(accepted, rel=0.05)


@pytest.mark.parametrize("name", profiles.names())
def test_a_board_with_full_tables_and_its_journal_keeps_what_a_node_leaves_free(name):
    profile = profiles.load(name)
    config = Config(measure.settings(profile))
    most = profile["budget_kb"] * 1024
    assert fit.heap(config, config.rows, True) <= most
    assert most <= fit.board(config, profile)["heap_most_bytes"]


def test_a_scenario_is_looked_at_before_it_runs():
    assert scenario.problems(scenario.load("town")) == []
    (said,) = scenario.problems(scenario.load("town", ["config.rows=512"]))
    assert "room for 63 nodes, not for 300" in said
    said = scenario.problems(scenario.load("g6_traffic", ["workload.contributions_per_minute=9"]))
    assert said[0].startswith("traffic: about ")
