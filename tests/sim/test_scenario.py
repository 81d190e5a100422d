"""Scenario files: defaults, checks, and errors that say where, what and what is allowed."""

import pytest

from lvs_tools.sim import scenario
from lvs_tools.sim.swarm.random_world import draw, to_toml


def write(folder, text):
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_an_empty_file_is_a_complete_scenario(tmp_path):
    checked = scenario.load(write(tmp_path, ""))
    assert checked["name"] == "mine"
    assert checked["nodes"] == 12
    assert checked["topology"]["kind"] == "lan"
    assert checked["workload"]["until_cycle"] == 180  # the last 120 of 300 cycles are calm
    assert checked["event"] == [] and checked["adversary"] == []


@pytest.mark.parametrize("text", ["nodes=" + "9" * 5000, "nodes=" + "[" * 100_000])
def test_what_no_scenario_has_is_no_traceback(tmp_path, text):
    with pytest.raises(scenario.ScenarioError):
        scenario.load(write(tmp_path, text))


def test_every_scenario_that_comes_along_is_valid():
    paths = sorted(scenario.SCENARIOS.glob("*.toml"))
    assert len(paths) >= 12
    for path in paths:
        assert scenario.plan(scenario.load(str(path)))["cycles"] > 0


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("nodez = 3", "line 1: nodez", "did you mean 'nodes'?"),
        ("nodes = 0", "line 1: nodes", "a whole number from 1 to"),
        ("nodes = 2.5", "line 1: nodes", "a whole number"),
        ("nodes = true", "line 1: nodes", "a whole number"),
        ("engine = 'jython'", "line 1: engine", "one of cpython, micropython, pypy"),
        ("[link]\nloss = 1.5", "line 2: link.loss", "a number from 0 to 1"),
        ("[link]\nloss = nan", "line 2: link.loss", "a number from 0 to 1"),
        ("[link]\n\nlatency = 4", "line 3: link.latency", "did you mean 'latency_ms'?"),
        ("[topology]\nkind = 'lann'", "line 2: topology.kind", "did you mean 'lan'?"),
        ("[topologie]", "line 1: topologie", "did you mean 'topology'?"),
        ("[workload]\namount = -1", "line 2: workload.amount", "negative"),
        ("[workload]\namount = 0", "line 2: workload.amount", "0.001 VU or more"),
        ("[workload]\namount = 'x'", "line 2: workload.amount", "decimal number"),
        ("[start]\nestablished = 1", "line 2: start.established", "true or false"),
        (
            "[config]\nrout_budget = 5",
            "line 2: config.rout_budget",
            "did you mean 'route_budget'?",
        ),
        ("[config]\nroute_budget = 5", "line 2: config.route_budget", "from 256"),
        ("[config]\nport = 5", "line 2: config.port", "unknown protocol parameter"),
        ("[[event]]\nat_cycle = 3", "line 1: event.0", "no action"),
        (
            "[[event]]\naction = 'crash'",
            "line 1: event.0",
            "needs nodes = [..], a fraction or an island",
        ),
        ("[[event]]\naction = 'crsh'", "line 2: event.0.action", "did you mean 'crash'?"),
        ("[[event]]\naction = 'crash'\nnodes = [12]", "line 3: event.0.nodes", "from 0 to 11"),
        ("[[event]]\naction = 'crash'\nnodes = ['1-12']", "line 3: event.0.nodes", "from 0 to 11"),
        ("[[event]]\naction = 'crash'\nnodes = ['2-1']", "line 3: event.0.nodes", "ranges"),
        (
            "[[event]]\naction = 'crash'\nnodes = [1]\nfraction = 0.5",
            "line 1: event.0",
            "one of them",
        ),
        ("[[event]]\naction = 'loss'", "line 1: event.0", "needs a value"),
        ("[[event]]\naction = 'stop'\nisland = 0", "line 3: event.0.island", "no such island"),
        (
            "[[event]]\naction = 'contribute'\nnodes = [1]\nvalue = 1e-9",
            "line 4: event.0.value",
            "must be 0.001 VU or more",
        ),
        (
            "[[event]]\naction = 'contribute'\nnodes = [1]\nvalue = 1\nchannel = 1",
            "line 5: event.0.channel",
            "no such channel",
        ),
        ("[[event]]\naction = 'clone'\nnodes = [1]", "line 1: event.0", "the source"),
        (
            "[[event]]\naction = 'clone'\nnodes = [1]\nsource = 12",
            "line 4: event.0.source",
            "no such node",
        ),
        ("[[event]]\naction = 'heal'\nevery = 5", "line 1: event.0", "go together"),
        (
            "[[event]]\naction = 'join'\nnodes = [1]\nevery = 5\ntimes = 2",
            "line 4: event.0.every",
            "once",
        ),
        ("[[event]]\naction = 'loss'\nvalue = 2", "line 3: event.0.value", "from 0 to 1"),
        (
            "[[event]]\naction = 'heal'\n[[event]]\naction = 'x'",
            "line 4: event.1.action",
            "one of",
        ),
        ("event = 3", "line 1: event", "[[event]]"),
        ("[[adversary]]\ncount = 1", "line 1: adversary.0", "has no class"),
        ("[[adversary]]\nclass = 'Dran'\ncount = 1", "line 2: adversary.0.class", "drain.py"),
        (
            "[[adversary]]\nclass = 'drain.py:Dran'\ncount = 1",
            "line 2: adversary.0.class",
            "did you mean 'Drain'?",
        ),
        ("[[adversary]]\nclass = 'Drain'", "line 1: adversary.0", "a fraction or a count"),
        ("[[adversary]]\nclass = 'Drain'\ncount = 12", "line 1: adversary", "one honest node"),
    ],
)
def test_errors_name_place_and_mend(tmp_path, text, place, said):
    path = write(tmp_path, text)
    with pytest.raises(scenario.ScenarioError) as caught:
        scenario.load(path)
    assert str(caught.value).startswith("%s, %s: " % (path, place))
    assert said in str(caught.value)


def test_broken_toml_names_file_and_line(tmp_path):
    path = write(tmp_path, "nodes = 3\nlink = ]\nseed = 4")
    with pytest.raises(scenario.ScenarioError, match="mine.toml: .*line 2"):
        scenario.load(path)


def test_a_missing_file_names_those_that_come_along():
    with pytest.raises(scenario.ScenarioError, match="did you mean 'house'"):
        scenario.load("hose")


def test_overrides_replace_keys_of_the_file(tmp_path):
    path = write(tmp_path, "[link]\nloss = 0.5\n[[event]]\nat_cycle = 3\naction = 'heal'")
    checked = scenario.load(path, ["link.loss=0.1", "topology.kind=ring", "event.0.at_cycle=9"])
    assert checked["link"]["loss"] == 0.1
    assert checked["topology"]["kind"] == "ring"
    assert checked["event"][0]["at_cycle"] == 9


@pytest.mark.parametrize(
    "setting", ["link.loss", "=3", "event.4.at_cycle=1", "nodes.x=1", "event=1"]
)
def test_bad_overrides_are_errors(tmp_path, setting):
    path = write(tmp_path, "nodes = 3\n[[event]]\naction = 'heal'")
    with pytest.raises(scenario.ScenarioError):
        scenario.load(path, [setting])


def test_adversaries_of_the_command_line_are_shares_or_numbers(tmp_path):
    path = write(tmp_path, "nodes = 20")
    checked = scenario.load(path, adversaries=["Drain=0.2", "split_view.py:SplitView=3"])
    assert [liar["count"] for liar in checked["adversary"]] == [4, 3]
    for text in ("Drain", "Drain=x"):
        with pytest.raises(scenario.ScenarioError):
            scenario.load(path, adversaries=[text])


def test_an_adversary_of_ones_own_is_found_beside_the_scenario(tmp_path):
    (tmp_path / "liar.py").write_text("class Mine:\n    pass\n", encoding="utf-8")
    path = write(tmp_path, "[[adversary]]\nclass = 'liar.py:Mine'\ncount = 1")
    assert scenario.load(path)["adversary"][0]["path"] == str(tmp_path / "liar.py")


def test_a_plan_has_integers_where_the_world_decides(tmp_path):
    path = write(
        tmp_path,
        "[link]\nloss = 0.25\n[[event]]\nat_cycle = 7\naction = 'skew'\n"
        "nodes = ['2-4', 6]\nvalue = 1.05",
    )
    plan = scenario.plan(scenario.load(path))
    assert plan["link"]["loss"] == 1 << 28
    assert plan["events"] == [
        {
            "at_ms": 7000,
            "action": "skew",
            "nodes": [2, 3, 4, 6],
            "fraction": None,
            "value": 1050000,
        }
    ]
    assert plan["workload"]["gap_ms"] == 60000


def test_a_spread_wider_than_the_value_moves_the_middle_up(tmp_path):
    checked = scenario.load(write(tmp_path, "[start]\nspread = 1000"))
    assert checked["start"]["value"] == 1000


def test_drawn_worlds_survive_the_way_through_toml(tmp_path):
    for seed in range(1, 30):
        data = draw(seed)
        again = scenario.load(write(tmp_path, to_toml(data)))
        assert scenario.plan(again) == scenario.plan(scenario.check(data))


def test_lists_that_grow():
    def growing(**event):
        return scenario.check({"workload": {"channels": 3, "listed": 1}, "event": [event]})

    planned = scenario.plan(growing(action="list", nodes=[1], value=2))
    assert planned["workload"]["listed"] == 1 and planned["events"][0]["value"] == 2
    planned = scenario.plan(growing(action="retire", nodes=[1], channel=2))
    assert planned["events"][0]["channel"] == 2
    for wrong in (
        {"action": "list", "nodes": [1]},
        {"action": "list", "nodes": [1], "value": 4},
        {"action": "list", "nodes": [1], "value": 1.5},
        {"action": "retire", "nodes": [1], "channel": 3},
    ):
        with pytest.raises(scenario.ScenarioError):
            growing(**wrong)
