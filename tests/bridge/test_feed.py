"""What was accepted reaches the ledger once, wherever the bridge is killed in between."""

import itertools
from typing import Any

import pytest

from lvs import LvsError, Node, NotDurable
from lvs.config import Config
from lvs.journal import Journal
from lvs_tools.bridge.feed import Feeder
from lvs_tools.bridge.store import KEPT_S, Contribution, Store, StoreError, atto
from tests.support.transport import Transport

CONFIG = {"mesh": "m", "channels": ["water", {"name": "energy", "step": "0.5"}], "rows": 16}
TAG = Config(CONFIG).tag


class Killed(BaseException):
    """The process is gone."""


class Life:
    """A bridge's store, node and feeder, from one start to a kill at the n-th step, or to the end.

    Steps are before and after each thing that is durable when it returns.
    """

    def __init__(self, folder, kill_at=None):
        self._left = itertools.count() if kill_at is None else iter(range(kill_at))
        self.warnings = []
        self.store = Store(folder / "bridge.db", TAG)
        self.node: Any = Node(
            CONFIG, Transport(keep=False), lambda: 0, lambda: 77, Journal(str(folder / "journal"))
        )
        self.store.accept = self._cut(self.store.accept)
        self.store.set_fed = self._cut(self.store.set_fed)
        self.node.contribute = self._cut(self.node.contribute)
        self.feeder = Feeder(self.node, self.store, self.warnings.append)

    def _cut(self, function):
        def cut(*given, **named):
            self._step()
            result = function(*given, **named)
            self._step()
            return result

        return cut

    def _step(self):
        if next(self._left, None) is None:
            raise Killed

    def given(self):
        """Raw that the node contributed, by channel."""
        return [self.node.ledger.given(c) for c in range(2)]


WANTED = [
    [Contribution("a", "water", "1.5"), Contribution("b", "energy", "2")],
    [Contribution("c", "water", "0.0004")],  # less than a step: it waits for more
    [Contribution("d", "water", "0.0007"), Contribution("a", "water", "1.5")],
]


def live(folder, todo, kill_at):
    """One life: what is not acknowledged stays in ``todo``; returns the Life, None if killed."""
    life = None
    try:
        life = Life(folder, kill_at)
        life.feeder.step()
        while todo:
            results = life.store.accept(todo[0])
            assert set(results) <= {"counted", "known"}
            todo.pop(0)
            life.feeder.step()
        return life
    except Killed:
        return None
    finally:
        if life:
            life.store.close()


@pytest.mark.parametrize("first", range(23))
def test_killed_twice_anywhere_each_counts_once(first, tmp_path):
    todo = list(WANTED)
    for kill_at in (first, first * 7 % 23, None):
        last = live(tmp_path, todo, kill_at)
    assert last
    assert last.given() == [1501, 4]
    assert last.warnings == []


def test_every_moment_of_a_life_is_among_them(tmp_path):
    assert live(tmp_path, list(WANTED), 21) is None
    (tmp_path / "again").mkdir()
    assert live(tmp_path / "again", list(WANTED), 22)


def test_a_key_is_one_contribution(tmp_path):
    store = Store(tmp_path / "bridge.db", TAG)
    once = Contribution("k", "water", "1")
    assert store.accept([once, once, Contribution("k", "water", "1.0")]) == [
        *("counted", "known", "known")
    ]
    assert "used for another" in store.accept([Contribution("k", "water", "2")])[0]
    assert "used for another" in store.accept([Contribution("k", "energy", "1")])[0]
    assert "number" in store.accept([Contribution("x", "water", "much")])[0]
    assert "negative" in store.accept([Contribution("x", "water", "-1")])[0]
    assert store.total("water") == 10**18
    assert store.total("energy") == 0


def test_keys_are_forgotten_after_a_month_but_never_totals(tmp_path):
    store = Store(tmp_path / "bridge.db", TAG)
    old = Contribution("old", "water", "1")
    assert store.accept([old], now=1000.0) == ["counted"]
    assert store.accept([old], now=1000.0 + KEPT_S - 10) == ["known"]  # and heard again
    store.accept([Contribution("new", "water", "1")], now=1000.0 + KEPT_S + 10)
    assert store.accept([old], now=1000.0 + KEPT_S + 10) == ["known"]
    store.accept([], now=1000.0 + 3 * KEPT_S)
    assert store.accept([old], now=1000.0 + 3 * KEPT_S) == ["counted"]
    assert store.total("water") == 3 * 10**18


def test_a_file_of_another_mesh_is_refused(tmp_path):
    Store(tmp_path / "bridge.db", TAG).close()
    with pytest.raises(StoreError, match="--state"):
        Store(tmp_path / "bridge.db", TAG ^ 1)
    Store(tmp_path / "bridge.db", TAG ^ 1, before=TAG).close()  # a mesh that was migrated goes on
    Store(tmp_path / "bridge.db", TAG ^ 1).close()


@pytest.mark.parametrize(
    ("text", "n"), [("1", 10**18), ("1e-18", 1), ("10e-19", 1), ("0", 0), ("2.50e1", 25 * 10**18)]
)
def test_amounts_are_exact(text, n):
    assert atto(text) == n


def test_an_amount_beyond_18_decimals_is_refused():
    with pytest.raises(LvsError, match="finer"):
        atto("1e-19")


def test_a_journal_that_was_lost_doubles_nothing_and_says_what_may_be_missing(tmp_path):
    life = Life(tmp_path)
    life.store.accept([Contribution("a", "water", "1")])
    life.feeder.step()
    life.store.accept([Contribution("b", "water", "2")])  # killed before the node has it
    life.store.close()
    for path in (tmp_path / "journal").iterdir():
        path.unlink()
    life = Life(tmp_path)
    assert not life.feeder.step()
    assert life.given() == [0, 0]
    assert "; 1.000 contributed before" in life.warnings[0]
    assert "2.000 accepted just before" in life.warnings[1]
    life.store.accept([Contribution("c", "water", "4")])
    assert life.feeder.step()
    assert life.given() == [4000, 0]


def test_what_a_full_disk_did_not_keep_is_not_given_twice(tmp_path):
    life = Life(tmp_path)
    contribute = life.node.contribute

    def failing(*given, durable):
        contribute(*given)
        raise NotDurable("the file system is full")

    life.node.contribute = failing
    life.store.accept([Contribution("a", "water", "1")])
    assert life.feeder.step()
    assert life.warnings == ["the file system is full"]
    assert not life.feeder.step()
    life.store.close()
    life = Life(tmp_path)  # killed before the journal could be written
    assert not life.feeder.step()
    assert "1.000 contributed before" in life.warnings[0]
    life.store.close()
    assert Life(tmp_path).warnings == []  # it is said once


def test_what_the_node_takes_no_more_waits_and_is_said_once(tmp_path):
    life = Life(tmp_path)

    def refuse(*_, durable):
        raise LvsError("the end")

    contribute = life.node.contribute
    life.node.contribute = refuse
    life.store.accept([Contribution("a", "water", "1")])
    for _ in range(3):
        assert not life.feeder.step()
    assert life.warnings == ["water: the end; it waits"]
    assert life.feeder.waiting(0) == 1000
    life.node.contribute = contribute
    assert life.feeder.step()
    assert life.given() == [1000, 0]
