"""A mesh that begins with given values, and one that takes over what another mesh had."""

import pytest

from lvs import ConfigError
from lvs.config import Config
from lvs.journal import Journal
from lvs_tools.world.memory_files import MemoryFiles
from tests.support.cell import Cell
from tests.support.leaf_bench import LeafCell, Store

WATER = {"name": "water", "step": "0.001"}


def journal(files):
    return Journal("j", files=files)


# --- start ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_mesh_starts_with_given_values(seed):
    """Whoever comes first, and when: one that is alone has them as well."""
    cell = Cell(channels=[{**WATER, "start": "12345.678"}, "heat"], loss=0.2, seed=seed)
    cell.contributed["water"] = 12345678
    for _ in range(4):
        cell.add()
        cell.run(7)
    cell.active()
    cell.contribute(2, 700)
    cell.contribute(3, 5, "heat")
    cell.settle()
    assert cell.nodes[1].text("water") == "12346.378"
    assert sum(node.ledger.given(0) for node in cell.nodes.values()) == 700
    cell.run(64 * 100)  # folded
    cell.settle()


def test_the_start_belongs_to_the_mesh():
    plain = Config({"channels": [WATER]})
    some = Config({"channels": [{**WATER, "start": 5}]})
    assert plain.tag == Config({"channels": [{**WATER, "start": 0}, "heat"]}).tag != some.tag
    assert some.tag == Config({"channels": [{**WATER, "start": "5.000"}, "heat"]}).tag
    assert some.tag != Config({"channels": [{**WATER, "start": 6}]}).tag
    assert some.starts == {0: 5000}


@pytest.mark.parametrize("start", ["x", -1, "0.0005", 3 << 46, None])
def test_a_start_that_cannot_be(start):
    with pytest.raises(ConfigError, match="start: .*whole steps, 0 to 211106232532.992"):
        Config({"channels": [{**WATER, "start": start}]})


# --- before --------------------------------------------------------------------------------------

OLD = {"session_epochs": 12, "horizon_epochs": 12}
BEFORE = {"tag": "%08x" % Config({"channels": ["water"], **OLD}).tag, **OLD}
NEW = {
    "name": {"mesh": "other"},
    "budgets": {"max_allowed_shift": 5000, "route_budget": 1 << 21},
    "longer": {"session_epochs": 30, "horizon_epochs": 40},
    "grains": {"session_epochs": 200, "horizon_epochs": 200},
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("change", NEW.values(), ids=NEW)
def test_node_by_node_while_all_contribute(change, seed):
    """In each mesh the others are strangers; nothing is lost or counted twice."""
    cell = Cell(seed=seed, loss=0.1, **OLD)
    new = {**OLD, **change, "before": BEFORE}
    media = [MemoryFiles() for _ in range(4)]
    for files in media:
        cell.add(journal=journal(files))
    cell.active()
    for _ in range(28):  # sessions follow each other, and are folded
        for address in cell.nodes:
            cell.contribute(address, 100 + address)
        cell.run(64)
    for address in list(cell.nodes):
        for each in cell.nodes:
            cell.contribute(each, 1000 * address + each)
        cell.run(70)
        cell.nodes[address].journal.flush()
        node = cell.add(address, journal(media[address - 1]), **new)
        assert node.ledger.given(0) > 0 and node.config.tag != Config(cell.config).tag
    for address in cell.nodes:
        cell.contribute(address, 3)
    cell.settle(120)
    for _ in range(28):
        cell.run(64)
        cell.contribute(1, 1)
    cell.settle()
    assert sum(n.ledger.given(0) for n in cell.nodes.values()) == cell.contributed["water"]
    held = [node.replicas[0] for node in cell.nodes.values()]
    assert all(r.established and r.shard.settled.equals(held[0].shard.settled) for r in held)
    node = cell.add(2, journal(media[1]), **new)
    cell.settle(60)
    assert node.journal.notice == ""


def test_of_both_journals_the_new_one_counts():
    """What waited before and was told since does not wait again."""
    files = MemoryFiles()
    cell = Cell(2, **OLD)
    cell.add(journal=journal(files))
    cell.active()
    cell.contribute(3, 30000)
    cell.run(3)
    cell.nodes[3].journal.flush()
    assert sum(cell.nodes[3].ledger.waiting) > 0
    new = {**OLD, **NEW["name"], "before": BEFORE}
    for lives in range(3):
        for address in (1, 2, 3):
            cell.add(address, journal(files) if address == 3 else None, **new)
        cell.active()
        cell.run(30)
        assert cell.nodes[3].ledger.given(0) == 30000
        assert sum(cell.nodes[3].ledger.waiting) == 0, lives
    cell.settle()


@pytest.mark.parametrize("seconds", [0, 5, 20])
def test_the_first_to_move_loses_its_power_as_soon_as_something_is_durable(seconds):
    """The first segment has the values, too: nobody else in the new mesh could give them back."""
    files = MemoryFiles()
    cell = Cell(1, **OLD)
    cell.add(journal=journal(files))
    cell.active()
    for _ in range(50):
        cell.contribute(1, 1000)
        cell.run(64)
    cell.run(1100)  # a checkpoint
    assert cell.values(cell.nodes[2]) == [50000]
    del cell.nodes[1]
    new = {**OLD, **NEW["name"], "before": BEFORE}
    node = cell.add(2, journal(files), **new)
    cell.run(seconds)
    node.contribute("water", 1, durable=True)
    node = cell.add(2, journal(files), **new)
    cell.active()
    assert cell.values(node) == [51000]


@pytest.mark.parametrize("change", NEW.values(), ids=NEW)
def test_a_leaf_brings_what_waits_and_what_it_told(change):
    """What holders heard of it since their checkpoints none of them brings."""
    files, store = MemoryFiles(), Store()
    cell = LeafCell(**OLD)
    cell.add(journal=journal(files))
    cell.active()
    for _ in range(60):
        leaf = cell.leaf(50, store)
        cell.give(leaf, 10)
        cell.waking(leaf)
        cell.run(64)
    leaf = cell.leaf(50, store)
    cell.give(leaf, 1)
    cell.waking(leaf)
    cell.settle()
    leaf.contribute("water", "0.007", durable=True)
    cell.contributed["water"] += 7
    new = {**OLD, **change, "before": BEFORE}
    cell.add(1, journal(files), **new)
    cell.active()
    assert not cell.settled()
    for _ in range(30):
        leaf = cell.leaf(50, store, **new)
        cell.give(leaf, 1)
        cell.waking(leaf)
        cell.run(64)
        assert leaf.met and leaf.left() == 0
    assert not leaf.status()["warnings"]
    cell.settle()


def test_rows_may_not_be_folded_sooner():
    assert Config({"channels": ["a"], **OLD, "before": BEFORE})
    for wrong in (
        {**BEFORE, "horizon_epochs": 21},
        {**BEFORE, "session_epochs": 21},
        {**BEFORE, "session_epochs": 0},
        {**BEFORE, "horizon_epochs": "x"},
        {"tag": BEFORE["tag"]},
        {**OLD, "tag": "123"},
        {**OLD, "tag": "0123ABCD"},
        {**BEFORE, "more": 1},
        7,
    ):
        with pytest.raises(ConfigError, match="^before"):
            Config({"channels": ["a"], **OLD, "before": wrong})
    with pytest.raises(ConfigError, match="^before.*in steps"):
        Config({"channels": ["a"], "horizon_h": 72, "before": BEFORE})
