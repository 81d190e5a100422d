"""The account of `lvs mesh`: losses from evidence, and a verdict that errors cannot pass."""

import pytest

from lvs_tools.mesh import verdict

CHANNELS = ("water", "work")
ROWS = [
    ("s1", "water", 100, 100),
    ("s1", "water", 160, 160),  # another node knows more of the same session
    ("s2", "water", 40, 40),
    ("s3", "work", 7, 7),
]


def account(contributed, sessions, node=0):
    known = verdict.known_claims(ROWS)
    return {"node": node, **verdict.account_of_killed(contributed, sessions, known, CHANNELS)}


def test_the_largest_claim_that_anybody_knows_counts():
    assert verdict.known_claims(ROWS) == {
        ("s1", "water"): 160,
        ("s2", "water"): 40,
        ("s3", "work"): 7,
    }


def test_sessions_that_one_node_alone_knows_are_its_own():
    first = [("s1", "water", 1, 1), ("s1", "work", 1, 1), ("s2", "water", 1, 1)]
    second = [("s2", "water", 1, 1), ("s3", "water", 1, 1)]
    assert verdict.shared_sessions([first, second]) == {"s2"}
    assert verdict.shared_sessions([first]) == set()


def test_lost_is_what_was_acknowledged_and_nobody_knows():
    killed = account({"water": 250, "work": 5}, {"s1", "s2"})
    assert killed["known_raw"] == {"water": 200, "work": 0}
    assert killed["lost_raw"] == {"water": 50, "work": 5}


def test_an_instance_that_contributed_nothing_lost_nothing():
    assert account({}, set())["lost_raw"] == {"water": 0, "work": 0}


def test_exact_only_if_all_values_are_equal_and_as_expected():
    good = {"water": 9, "work": 4}
    assert verdict.reasons_against([good, good], good, [], set(), []) == []
    differ = verdict.reasons_against([good, {"water": 8, "work": 4}], good, [], set(), [])
    assert len(differ) == 1
    assert "water" in differ[0]
    wrong = verdict.reasons_against([good, good], {"water": 9, "work": 5}, [], set(), [])
    assert len(wrong) == 1
    assert "work" in wrong[0]


def test_equal_values_do_not_excuse_other_errors():
    good = {"water": 9, "work": 4}
    assert verdict.reasons_against([good], good, [], {"s9"}, []) == [
        "rows of sessions that no node announced: s9"
    ]
    assert verdict.reasons_against([good], good, [], set(), ["node 3 is gone"])
    over = account({"water": 100}, {"s1"})
    assert "60 raw more" in verdict.reasons_against([good], good, [over], set(), [])[0]


def test_spread_of_nobody_is_unknown():
    assert verdict.spread([], ["water"]) == {"water": {"min": None, "max": None}}
    assert verdict.spread([{"water": 3}, {"water": 1}], ["water"])["water"] == {
        "min": 1,
        "max": 3,
    }


def test_convergence_is_the_last_node_to_say_the_exact_values():
    want = {"water": 9}
    histories = [
        [(1.0, {"water": 4}), (12.5, want)],
        [(2.0, {"water": 4}), (11.0, {"water": 9}), (11.5, {"water": 8}), (14.0, want)],
    ]
    assert verdict.convergence_ms(histories, want, 10.0) == 4000
    assert verdict.convergence_ms([[(9.0, want)]], want, 10.0) == 0
    assert verdict.convergence_ms([*histories, []], want, 10.0) is None
    assert verdict.convergence_ms([[(9.0, {"water": 1})]], want, 10.0) is None
    assert verdict.convergence_ms(histories, want, None) is None


def test_traffic_counts_all_lives_of_a_node():
    lives = [[(600, 30.0), (600, 30.0)], [(3000, 60.0)], []]
    assert verdict.traffic(lives) == {"mean": 2100, "p99": 3000, "max": 3000}
    assert verdict.traffic([]) == {"mean": 0, "p99": 0, "max": 0}
    hundred = [[(n, 60.0)] for n in range(1, 101)]
    assert verdict.traffic(hundred)["p99"] == 99


def test_totals_add_reasons():
    assert verdict.totals([{"own": 2}, {"short": 1, "own": 3}, {}]) == {"own": 5, "short": 1}


def test_add_up_names_every_channel():
    assert verdict.add_up([{"water": 1}, {"water": 2}], CHANNELS) == {"water": 3, "work": 0}


@pytest.mark.parametrize("channels", [CHANNELS, ()])
def test_add_up_of_nothing(channels):
    assert verdict.add_up([], channels) == dict.fromkeys(channels, 0)


def test_the_word_tells_what_moves_from_what_stands_still():
    good, bad = {"water": 9}, {"water": 8}
    moved, still = [(95.0, bad)], [(80.0, bad)]
    assert verdict.word([], [good], [moved], 100.0) == "exact"
    assert verdict.word(["why"], [good, bad], [still, moved], 100.0) == "not yet"
    assert verdict.word(["why"], [good, bad], [still, still], 100.0) == "apart"
    assert verdict.word(["why"], [bad, bad], [still, []], 100.0) == "not exact"
