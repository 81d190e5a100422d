"""What each node knows to have contributed itself adds up to what the mesh holds, in peace."""

import pytest

from lvs.journal import Journal
from lvs.ledger import SURE
from lvs_tools.world.memory_files import MemoryFiles
from tests.support.cell import Cell

FOLDING = {"channels": ["water", "heat"], "session_epochs": 3, "horizon_epochs": 3}
CHANNELS = FOLDING["channels"]


def journal(files):
    return Journal("j", files=files)


def copied(files):
    """Another flash with the same files."""
    other = MemoryFiles()
    other.files = {name: bytearray(data) for name, data in files.files.items()}
    return other


def accounts(cell):
    """The sum of what all nodes account for, by channel (raw)."""
    nodes = cell.nodes.values()
    return [sum(node.ledger.given(c) for node in nodes) for c in range(len(CHANNELS))]


def equal(cell):
    """Do all nodes hold the same, and is it what they account for?"""
    found = [cell.values(node) for node in cell.nodes.values()]
    return found.count(accounts(cell)) == len(found)


def agree(cell):
    cell.run(120, lambda: equal(cell))
    assert equal(cell), [accounts(cell), [cell.values(n) for n in cell.nodes.values()]]


@pytest.mark.parametrize("seed", range(3))
def test_through_power_cuts_and_folds(seed):
    """Also what was told in the last seconds before a cut, which the journal does not have."""
    cell = Cell(seed=seed, loss=0.2, **FOLDING)
    media = [MemoryFiles() for _ in range(4)]
    for files in media:
        cell.add(journal=journal(files))
    cell.active()
    born = [node.ledger.since for node in cell.nodes.values()]
    assert min(born) > 0
    for turn in range(20):
        for address in cell.nodes:
            cell.contribute(address, 700 + turn, CHANNELS[(turn + address) % 2])
        cell.run(3)  # most of it told, and not written yet
        address = cell.rng.below(4) + 1
        cell.add(address, journal(media[address - 1]))
        cell.run(50)
        agree(cell)
    assert sum(accounts(cell)) > sum(cell.contributed.values()) * 9 // 10
    assert [node.ledger.since for node in cell.nodes.values()] == born
    assert max(sum(node.ledger.spent.values()) for node in cell.nodes.values()) > 0


@pytest.mark.parametrize("seed", range(3))
def test_a_copied_journal_does_not_count_twice(seed):
    """The copy begins an account of its own; what waited is told and accounted for once."""
    files = MemoryFiles()
    cell = Cell(3, loss=0.1, seed=seed, **FOLDING)
    cell.add(journal=journal(files))
    cell.active()
    cell.contribute(4, 60 * 1000)
    cell.run(8)
    cell.nodes[4].journal.flush()
    copy = copied(files)
    for _ in range(6):
        cell.contribute(4, 5)
        cell.run(64)
    cell.add(5, journal(copy))
    cell.contribute(5, 7, "heat")
    cell.run(40)
    cell.settle()
    agree(cell)
    assert cell.nodes[5].ledger.since > cell.nodes[4].ledger.since
    assert cell.nodes[5].ledger.given(0) == 0
    for _ in range(10):
        cell.contribute(5, 11)
        cell.contribute(4, 13)
        cell.run(64)
    agree(cell)
    cell.add(5, journal(copy))
    cell.add(4, journal(files))
    cell.run(30)
    agree(cell)


def test_a_node_without_a_journal_says_since_when_it_knows():
    cell = Cell(3, **FOLDING)
    cell.active()
    for address in (1, 2, 3):
        cell.contribute(address, 1000)
    agree(cell)
    cell.run(120)
    cell.add(2)
    cell.run(60)
    cell.contribute(2, 5)
    cell.settle()
    assert accounts(cell) == [2005, 0]
    assert cell.nodes[2].ledger.since > cell.nodes[1].ledger.since + 100


@pytest.mark.parametrize("seed", range(3))
def test_alone_for_longer_than_a_horizon(seed):
    """What only it knew waits again when others are heard: it is accounted for once."""
    files = MemoryFiles()
    cell = Cell(3, loss=0.1, seed=seed, **FOLDING)
    cell.add(journal=journal(files))
    cell.active()
    cell.contribute(4, 100)
    cell.settle()
    cell.run(30)
    cell.links = lambda a, b: 4 not in (a, b)
    for k in range(16):
        cell.run(64)
        cell.nodes[4].contribute("water", 1, durable=True)
        cell.contributed["water"] += 1000
        cell.contribute(1, 3)
        if k in (3, 9):
            cell.add(4, journal(files))
    cell.run(20)
    cell.links = lambda a, b: True
    cell.settle(300)
    cell.run(64 * 11)
    agree(cell)


@pytest.mark.parametrize("more", [500, 70000])
def test_what_a_life_told_last_and_others_learn_late_is_accounted_for(more):
    """Its session was believed to be sure by then; a copy of the journal may tell that much, too,
    but not more than sixteen steps."""
    files = MemoryFiles()
    cell = Cell(3, **FOLDING)
    cell.add(journal=journal(files))
    cell.active()
    cell.contribute(4, 700)
    cell.settle()
    cell.run(30)
    node = cell.add(4, journal(files))
    cell.run(60)
    session = node.ledger.sessions[0]
    assert session.total[0] == 700 and session.fate == SURE
    for other in cell.nodes.values():
        shard = other.replicas[0].shard
        shard.merge(session.start, session.nonce, 0, 700 + more, 0)
        shard.credit(shard.find(session.start, session.nonce, 0), more)
    cell.contributed["water"] += more
    cell.run(64 * 14)
    cell.settle()
    assert not node.ledger.find(session.start, session.nonce)  # it is folded
    assert accounts(cell)[0] == 700 + more * (more < 65536)
