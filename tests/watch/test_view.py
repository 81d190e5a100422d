"""What the page shows: one mesh or not and since when, the middle value, rates, charts' points."""

from lvs.config import Config
from lvs_tools.bridge.history import Recorder
from lvs_tools.watch import view
from lvs_tools.watch.series import POINTS, SPANS, Series


def amount(c, raw):
    return f"{raw} of {c}"


def test_what_is_on_its_way_is_no_difference():
    together, said, lacks = view.Together(), {}, {}
    for now in range(200):  # b shows what a does, a little later
        shown = {"a": {0: now}, "b": {0: max(0, now - 5)}}
        said, lacks = together.look(now, shown, amount)
    assert said["word"] == "DIFFER"  # never the same: nobody can know
    assert not any(lacks.values())
    said, _ = together.look(200, {"a": {0: 200}, "b": {0: 200}}, amount)
    assert (said["word"], said["nodes"], said["agree"]) == ("ONE", 2, 2)


def test_groups_are_named_with_what_they_lack_and_since_when():
    together, said, lacks = view.Together(), {}, {}
    for now in range(100):
        shown = {"a": {0: 9}, "b": {0: 9}, "c": {0: 9 if now < 30 else 4}}
        said, lacks = together.look(now, shown, amount)
    assert said["word"] == "APART"
    assert said["since_s"] == 69
    assert lacks == {"a": "", "b": "", "c": "5 of 0"}
    assert [(g["count"], g["names"], g["lacks"]) for g in said["groups"]] == [
        (2, ["a", "b"], ""),
        (1, ["c"], "5 of 0"),
    ]


def test_two_groups_that_both_count_on_are_apart_where_it_is_known_what_there_is():
    together, said = view.Together(), {}
    for now in range(100):
        shown = {"a": {0: now}, "b": {0: now}}  # each has its own half
        said, _ = together.look(now, shown, amount, there={0: 2 * now})
    assert said["word"] == "APART" and said["agree"] == 0
    # What is lost for good is lacked by nobody.
    said, _ = together.look(100, {"a": {0: 99}, "b": {0: 99}}, amount, there={0: 99})
    assert said["word"] == "ONE"


def test_one_liar_among_many_does_not_make_all_others_lack():
    together, said, lacks = view.Together(), {}, {}
    shown = {n: {0: 10} for n in range(8)} | {"liar": {0: 10**6}}
    for now in range(40):
        said, lacks = together.look(now, shown, amount)
    assert said["word"] == "ONE" and not any(lacks.values())


def test_many_small_groups_are_one_line():
    together, said = view.Together(), {}
    shown = {n: {0: n} for n in range(40)}
    for now in range(40):
        said, _ = together.look(now, shown, amount)
    assert len(said["groups"]) == 2
    assert sum(g["count"] for g in said["groups"]) == 40


def test_nobody_is_unknown_and_one_is_alone():
    together, said = view.Together(), {}
    assert together.look(0, {}, amount)[0]["word"] == "UNKNOWN"
    for now in range(60):
        said, _ = together.look(now, {"a": {0: 1}}, amount)
    assert said["word"] == "ALONE"


def test_the_middle_does_not_fall_for_a_moment_and_follows_a_fall():
    middle = view.Middle()
    assert middle.look(0, {1: {0: 5}, 2: {0: 5}, 3: {0: 900}}) == {0: 5}
    assert middle.look(10, {1: {0: 3}}) == {0: 5}
    assert middle.look(20, {}) == {0: 5}
    assert middle.look(41, {1: {0: 3}}) == {0: 3}


def test_a_rate_is_of_the_last_minute_and_begins_anew():
    rate = view.Rate()
    assert rate.look(0, 100) is None
    assert rate.look(5, 200) is None
    assert rate.look(30, 400) == 600
    for now in range(31, 200):
        rate.look(now, 400)
    assert rate.look(200, 400) == 0
    assert rate.look(201, 3) is None  # counted from 0 again


def test_charts_have_a_fixed_size_and_the_newest_of_each_step():
    series = Series()
    for now in range(0, 8000, 2):
        series.add(now, {"water": now})
    hour = series.points("hour")
    assert len(hour["times"]) == POINTS == len(hour["values"]["water"])
    assert hour["times"][-1] - hour["times"][0] < SPANS["hour"]
    assert hour["values"]["water"][-2] == hour["times"][-1] - 2
    series.add(10**6, {"power": 1.5})  # after a long time with nothing
    assert series.points("hour")["values"] == {"power": [1.5]}
    month = series.points("month")
    assert month["values"]["power"][-1] == 1.5 and month["values"]["water"][-1] is None


def test_charts_begin_with_what_a_bridge_recorded(tmp_path):
    config = Config({"mesh": "m", "channels": [{"name": "gas", "step": "0.01", "offset": "100"}]})
    recorder = Recorder(tmp_path, config, 0)
    now = 1_800_000_000
    for ago in (40 * 86400, 7200, 600, 30):
        recorder.record({"gas": (90000 * 86400 - ago) // 1000}, now - ago)
    recorder.close()
    series = Series()
    series.load(tmp_path, now)
    hour = series.points("hour")
    assert hour["times"][-1] <= now
    assert hour["values"]["gas"][-1] == (90000 * 86400 - 30) // 1000 / 100 + 100
    assert hour["values"]["gas"][0] == (90000 * 86400 - 7200) // 1000 / 100 + 100
    assert len(series.points("month")["times"]) <= POINTS


def test_nodes_apart_only_by_what_is_on_its_way_are_one_group():
    together, said = view.Together(), {}
    for now in range(200):  # two halves, each of which knows its own half a little late
        shown = {n: {0: now - (n % 3)} for n in range(4)} | {9: {0: now - 80}, 8: {0: now - 79}}
        said, _ = together.look(now, shown, amount, there={0: 2 * now})
    assert said["word"] == "APART"
    assert [group["count"] for group in said["groups"]] == [4, 2]


def test_groups_that_digests_tell_lack_what_the_others_counted():
    together, said, lacks = view.Together(), {}, {}
    for now in range(40):
        together.look(now, {n: {0: 100} for n in "abcdef"}, amount)
    shown = {n: {0: 103} for n in "abcd"} | {n: {0: 105} for n in "ef"}
    halves = [list("abcd"), list("ef")]
    for now in range(40, 60):
        said, lacks = together.look(now, shown, amount, groups=halves)
    assert (said["word"], said["since_s"], said["agree"]) == ("APART", 20, 0)
    assert [(g["count"], g["lacks"]) for g in said["groups"]] == [
        (4, "about 5 of 0"),
        (2, "about 3 of 0"),
    ]
    # One alone may say what it likes: the others have everything.
    shown = {n: {0: 103} for n in "abcde"} | {"f": {0: 10**6}}
    together = view.Together()
    for now in range(60):
        said, lacks = together.look(now, {n: {0: 100} for n in "abcdef"}, amount)
    said, lacks = together.look(60, shown, amount, groups=[list("abcde"), ["f"]])
    assert said["word"] == "APART" and said["agree"] == 5 and lacks["f"] == "about 3 of 0"
