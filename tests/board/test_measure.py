"""Memory on 32-bit objects: inside the budget, and no worse than what was accepted."""

import json

import pytest
from click.testing import CliRunner

from lvs_tools.board import measure, profiles


@pytest.fixture(scope="module")
def measured(request):
    from tests.support.interpreters import require

    require("wasm")
    return measure.measure(profiles.load(measure.TEST_BOARD), measure.TEST_CYCLES)


def test_all_figures_are_there(measured):
    assert set(measure.KEYS) <= set(measured)
    assert measured["tables_full"] and measured["peers"] == 63
    assert measured["state"] == "ACTIVE"
    assert measured["rows"] == 128 - 128 // 4 + 16  # all but what is kept for its own rows
    figures = [
        measured[key]
        for key in ("heap_import", "heap_start", "heap_full_tables", "heap_high_water")
    ]
    assert figures == sorted(figures) and figures[0] > 10_000
    assert "/lib/lvs/node_runtime.mpy" in measured["mpy_bytes"]


def test_a_whole_node_runs_in_100_kb(measured):
    """Guarantee G7, for the smallest board, with 64 peers and every table full; its journal comes
    on top."""
    profile = profiles.load(measure.TEST_BOARD)
    profile["board"]["journal"] = False
    bare = measure.measure(profile, 20)
    assert bare["tables_full"] and bare["heap_full_tables"] <= 100 * 1024
    assert 15_000 < measured["heap_full_tables"] - bare["heap_full_tables"] < 25_000


def test_with_its_journal_40_kb_are_left(measured):
    """Of the heap of the smallest board, at full tables and with the garbage of a cycle."""
    profile = profiles.load(measure.TEST_BOARD)
    assert profile["board"].get("journal", True)
    assert measured["heap_high_water"] + 40 * 1024 <= profile["heap_kb"] * 1024
    assert measured["budget"] == (profile["heap_kb"] - 40) * 1024


def test_a_leaf_runs_in_45_kb(measured):
    """Guarantee G15: the whole program of a leaf, awake and answered by five holders."""
    for channels, most in ((4, 60), (16, 150)):
        leaf = measure.measure_leaf(profiles.load("ESP32_GENERIC"), channels)
        assert leaf["left"] == 0
        assert 10_000 < leaf["heap_start"] <= leaf["heap_high_water"] <= measure.LEAF_BUDGET
        assert leaf["state_bytes"] <= most


def test_full_tables_cost_next_to_nothing(measured):
    """Tables are made once: what peers say does not grow the heap."""
    assert measured["heap_full_tables"] - measured["heap_start"] < 4096


def test_no_figure_is_2_percent_above_what_was_accepted(measured):
    accepted = json.loads(measure.ACCEPTED.read_text())
    worse = measure.regressions(measured, accepted)
    assert not worse, "; ".join(worse) + " (if that is right: lvs measure --accept)"


def test_a_regression_is_seen():
    accepted = dict.fromkeys(measure.GUARDED, 1000)
    assert measure.regressions(accepted, accepted) == []
    assert measure.regressions({**accepted, "heap_start": 1030}, accepted) == []
    assert len(measure.regressions({**accepted, "heap_start": 1040}, accepted)) == 1


@pytest.mark.parametrize(("beyond", "largest"), [(0, 640), (1, None)])
def test_the_largest_block_of_a_heap_that_grew_is_not_told(monkeypatch, beyond, largest):
    profile = profiles.load(measure.TEST_BOARD)
    total = profile["heap_kb"] * 1024 + beyond
    said = f"RESULT {{}}\nGC: total: {total}, used: 9, free: 9\n max blk sz: 9, max free sz: 40\n"
    monkeypatch.setattr(measure, "_run", lambda *_: (said, {}))
    assert measure.measure(profile)["largest_free"] == largest


def test_above_the_budget_is_exit_code_1(monkeypatch, tmp_path):
    figures = {
        **dict.fromkeys(measure.KEYS, 5),
        "mpy_bytes": {"/a": 3},
        "tables_full": True,
        "rows": 1,
        "budget": 4,
    }
    monkeypatch.setattr(measure, "measure", lambda profile, cycles, program: figures)
    path = tmp_path / "out.json"
    result = CliRunner().invoke(measure.command, ["--board", "RPI_PICO_W", "--json", str(path)])
    assert result.exit_code == 1 and "1 bytes above the budget" in result.output
    assert set(measure.KEYS) <= set(json.loads(path.read_text()))


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(measure.command, ["--json", str(tmp_path / "file" / "m.json")])
    assert result.exit_code == 2 and "there is no folder" in result.output
