"""A bridge says nothing before it met its mesh, and never less unless the mesh itself fell."""

import pytest

from lvs_tools.bridge.store import Store
from lvs_tools.bridge.values import FALLEN_S, QUIET_S, Values
from tests.support.cell import Cell


class Shown(Cell):
    """A cell with a bridge's node at an address; ``history``: what was said, value by value."""

    def __init__(self, folder, count):
        super().__init__(count)
        self._path = folder / "bridge.db"
        self.warnings = []
        self.history = []
        self.store = None

    def bridge(self, address=77, **config):
        """A bridge is started, or started again."""
        node = self.add(address, **config)
        if self.store:
            self.store.close()
        self.store = Store(self._path, node.config.tag)
        return Values(node, self.store, self.warnings.append, lambda: self.now / 1000)

    def watch(self, values, seconds):
        """Let time pass; what is new is told to ``history``."""

        def each():
            for name in values.look():
                self.history.append(values.said[name])

        self.run(seconds, each=each)


@pytest.fixture
def cell(tmp_path):
    cell = Shown(tmp_path, 3)
    cell.run(30)
    cell.contribute(1, 5000)
    cell.settle()
    return cell


def test_nothing_is_said_before_the_mesh_is_met_and_then_all_of_it(cell):
    values = cell.bridge()
    assert values.look() == []
    assert not values.online()
    cell.watch(values, 60)
    assert values.met
    assert values.online()
    assert cell.history == [5000]
    cell.contribute(2, 700)
    cell.watch(values, 20)
    assert cell.history[-1] == 5700
    assert cell.history == sorted(cell.history)


def test_alone_it_says_nothing(tmp_path):
    cell = Shown(tmp_path, 0)
    values = cell.bridge()
    cell.watch(values, 60)
    assert cell.nodes[77].state == "ACTIVE"  # the node itself goes on alone
    assert values.said == {}
    assert values.quiet_s() is None


def test_a_new_start_goes_on_where_it_was(cell):
    cell.watch(cell.bridge(), 60)
    cell.contribute(1, 300)
    again = cell.bridge()  # without a journal even
    assert again.said == {}
    cell.watch(again, 60)
    assert cell.history == [5000, 5300]


def test_a_value_that_is_lower_is_held_until_it_is_the_meshs_own(cell):
    values = cell.bridge()
    cell.watch(values, 60)
    cell.store.set_floors({"water": 9000})
    again = cell.bridge()
    cell.watch(again, 120)
    assert again.met
    assert again.said == {"water": 9000}
    assert cell.warnings == []
    cell.watch(again, FALLEN_S + 60)
    assert again.said == {"water": 5000}
    assert cell.warnings == ["water: the mesh fell by 4000 raw; what is said follows it"]
    assert cell.store.floors() == {"water": 5000}


def test_who_is_not_heard_is_not_online(cell):
    values = cell.bridge()
    cell.watch(values, 60)
    for address in (1, 2, 3):
        del cell.nodes[address]
    cell.watch(values, QUIET_S + 10)
    assert values.said == {"water": 5000}
    assert values.quiet_s() > QUIET_S
    assert not values.online()


def test_what_was_said_is_kept_before_it_is_said(cell):
    values = cell.bridge()
    cell.run(60)
    cell.store.set_floors = None
    with pytest.raises(TypeError):
        values.look()
    assert values.said == {}
