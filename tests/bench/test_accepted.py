"""What repeats from run to run is no worse than what was accepted last, within 2 %."""

import json

import pytest

from lvs import Config
from lvs_tools.bench import accepted, processor
from lvs_tools.places import ROOT
from lvs_tools.plan import fit
from tests.support.interpreters import require


@pytest.fixture(scope="module")
def before():
    return json.loads(accepted.PATH.read_text())


def test_a_node_allocates_no_more_than_accepted(before, tmp_path):
    require("wasm")
    assert accepted.worse(accepted.allocated(tmp_path), before) == []


def test_a_node_executes_no_more_than_accepted(before, tmp_path):
    require("micropython")
    if why := processor.missing():
        pytest.skip(why)
    assert accepted.worse(accepted.executed(tmp_path), before) == []


def test_a_small_mesh_sends_no_more_than_accepted(before, tmp_path):
    assert accepted.worse(accepted.sent(tmp_path), before) == []


def test_a_plan_reckons_with_the_traffic_that_was_measured(before):
    """Of ten nodes, each with a contribution a minute: within a quarter of what was accepted."""
    config = Config({"channels": ["a"], "nodes": 10})
    busy = before["radio: N=10, 1 a minute, 0 % loss, settled"]
    assert 1000 * fit.mesh(config, 1, fit.ONE)["kb_per_min"] == pytest.approx(busy, rel=0.25)
    idle = before["radio: N=10, 0 a minute, 0 % loss, settled"]
    assert idle <= 1000 * fit.mesh(config, 0, fit.ONE)["kb_per_min"] <= 2 * idle


def test_a_plan_reckons_with_the_traffic_of_the_page():
    """Within an eighth, as long as the governor holds nothing back; beyond it says so."""
    page = json.loads((ROOT / "docs" / "figures" / "bench.json").read_text(encoding="utf-8"))
    cells = [row for row in page["parts"]["scale"]["rows"] if row["what"] == "cell"]
    assert {10, 30, 100, 300} <= {row["nodes"] for row in cells}
    for row in cells:
        planned = fit.mesh(Config({"channels": ["a"], "nodes": row["nodes"]}), 1, fit.ONE)
        if row["nodes"] <= 300:
            assert 1000 * planned["kb_per_min"] == pytest.approx(row["bytes"], rel=0.125)
        else:
            assert any(text.startswith("traffic: ") for text in planned["problems"])


def test_what_is_accepted_is_all_that_is_compared(before):
    assert {key.split(":")[0] for key in before} == {"allocation", "processor", "radio"}


def test_more_than_accepted_is_said_and_less_is_well():
    before = {"a": 1000, "b": 0}
    assert accepted.worse({"a": 1028, "b": 8}, before) == []
    assert accepted.worse({"a": 900}, before) == []
    (said,) = accepted.worse({"a": 1029, "b": 0}, before)
    assert said.startswith("a: 1,029 is more than 2% above 1,000")
    assert len(accepted.worse({"new": 100}, before)) == 1
