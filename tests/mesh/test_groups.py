"""Groups by digests: what proves that nodes hold different things, and what does not."""

from types import SimpleNamespace

from lvs.wire import JOINING
from lvs_tools.mesh.groups import Groups

LAG = 20


def told(showing, epochs=1, every=4):
    """Groups that heard {node: (second) -> digest of the first bucket} for whole epochs."""
    groups = Groups(LAG)
    for second in range(0, 64 * epochs, every):
        for node, digest in showing.items():
            say(groups, second, node, digest(second))
    return groups


def say(groups, second, node, digest, **about):
    frame = {"flags": 0, "held": 1, "shard": 0, "horizon": 5, "cycle": second}
    frame["digests"] = [digest, *range(7)]
    groups.hear(second, node, SimpleNamespace(**{**frame, **about}))


def test_who_stands_while_another_moves_on_is_apart():
    groups = told({"a": lambda s: 1, "b": lambda s: 1, "c": lambda s: s})
    assert groups.look(64, ["a", "b", "c"]) == [["a", "b"], ["c"]]


def test_what_may_be_on_its_way_is_no_proof():
    late = told({"a": lambda s: s // 30, "b": lambda s: max(0, s - 18) // 30})
    assert late.look(64, ["a", "b"]) == [["a", "b"]]
    busy = told({"a": lambda s: s, "b": lambda s: -s})  # each moves on at each sample
    assert busy.look(64, ["a", "b"]) == [["a", "b"]]


def test_what_cannot_be_compared_is_no_proof():
    groups = told({"a": lambda s: 1})
    for second in range(0, 64, 4):
        say(groups, second, "b", 2, horizon=6)
        say(groups, second, "c", 3, flags=JOINING)
        say(groups, second, "d", 4, cycle=second + 64)
    assert groups.look(64, ["a", "b", "c", "d"]) == [["a", "b", "c", "d"]]


def test_who_was_apart_is_until_both_show_the_same_or_nothing_for_long():
    groups = told({"a": lambda s: 1, "b": lambda s: 2})
    assert len(groups.look(64, ["a", "b"])) == 2
    groups.forget(64 * 3, {"a", "b"})
    assert len(groups.look(64 * 3, ["a", "b"])) == 2
    say(groups, 64 * 3, "a", 7)
    say(groups, 64 * 3, "b", 7)
    assert len(groups.look(64 * 3 + 1, ["a", "b"])) == 1
    groups = told({"a": lambda s: 1, "b": lambda s: 2})
    groups.look(64, ["a", "b"])
    groups.forget(64 * 9, {"a", "b"})
    groups.look(64 * 9, ["a", "b"])
    assert len(groups.look(64 * 9, ["a", "b"])) == 1


def test_invented_cycles_and_addresses_are_bounded():
    groups = Groups(LAG)
    for n in range(5000):
        say(groups, n / 1000, f"{n}", n, cycle=n * 64)
    groups.forget(64, {"1"})
    assert groups.newest("1") and not groups.newest("7")
    for n in range(300):
        say(groups, n / 100, "1", n)
    assert len(groups.look(64, [str(n) for n in range(300)])) <= 8
