"""Bits that flip in a shard's memory: found, counted, told to nobody, repaired from the peers."""

import random

import pytest

from lvs import wire
from lvs.replica import DOUBTED, EMPTY
from lvs.state_shard import DAMAGED, Shard
from tests.support import parts
from tests.support.cell import Cell, Speaker

EPOCH = 64  # cycles


def mesh(**config):
    """Five nodes with a value and some rows."""
    cell = Cell(5, **config)
    cell.prime(100000)
    for address in cell.nodes:
        cell.contribute(address, 300 + address)
    cell.settle()
    return cell


def flip(shard, what, bit, which=0):
    """Flip a bit as a cosmic ray does: past all that knows of it."""
    if what == "settled":
        shard.settled[0] ^= 1 << bit
        return
    column = getattr(shard, what)
    column[shard.position(which)] ^= 1 << bit % (8 * column.itemsize if what != "slot" else 4)


@pytest.mark.parametrize("what", ["settled", "claimed", "credited", "nonce", "start"])
@pytest.mark.parametrize("bit", [0, 9, 15, 29])
def test_a_flipped_bit_is_found_told_to_nobody_and_repaired(what, bit):
    if what == "start" and bit > 15:
        bit = 12
    cell = mesh()
    expected = dict(cell.contributed)
    node = cell.nodes[2]
    flip(node.replicas[0].shard, what, bit, 3)
    cell.run(EPOCH + 40)
    status = node.status()
    assert status["recoveries"] == 1
    assert [w for w in status["warnings"] if "memory of shard 0" in w]
    cell.settle(200)
    assert cell.contributed == expected
    for other in cell.nodes.values():
        rows = {(name, claimed) for name, _, claimed, _ in other.rows()}
        assert rows == {(name, claimed) for name, _, claimed, _ in cell.nodes[1].rows()}
        assert all(300 < claimed < 306 for _, claimed in rows)


def test_many_flips_in_many_nodes():
    rng = random.Random(4)
    cell = mesh()
    for round_ in range(6):
        for address in rng.sample(sorted(cell.nodes), 2):
            shard = cell.nodes[address].replicas[0].shard
            for _ in range(rng.randrange(1, 5)):
                flip(
                    shard,
                    rng.choice(["settled", "claimed", "credited", "nonce"]),
                    rng.randrange(30),
                    rng.randrange(shard.count),
                )
        cell.run(EPOCH + 30)
        cell.contribute(1 + round_ % 5, 11)
        cell.settle(200)
    assert sum(n.life.recoveries for n in cell.nodes.values()) >= 12


def test_a_flipped_row_of_a_node_alone_comes_back_from_its_ledger():
    cell = Cell(1)
    cell.active()
    cell.contribute(1, 500)
    cell.run(5)
    shard = cell.nodes[1].replicas[0].shard
    shard.claimed[shard.position(0)] ^= 1 << 20
    cell.run(EPOCH + 20)
    cell.settle()
    assert [row[2:] for row in cell.nodes[1].rows()] == [(500, 500)]


def test_without_peers_settled_values_come_from_the_journal():
    from lvs.journal import Journal
    from lvs_tools.world.memory_files import MemoryFiles

    cell = Cell()
    node = cell.add(journal=Journal("j", files=MemoryFiles()))
    cell.active()
    shard = node.replicas[0].shard
    parts.settle(shard, 0, 4321)
    cell.run(200)  # it is in the journal
    shard.settled[0] ^= 1 << 17
    cell.run(EPOCH + 20)
    assert node.status()["recoveries"] == 1 and node.value("water", raw=True) == 4321


def test_a_checkpoint_keeps_nothing_of_a_shard_in_doubt():
    """Else what the memory made of it would be found after a power cut."""
    from lvs.journal import Journal
    from lvs_tools.world.memory_files import MemoryFiles

    files = MemoryFiles()
    cell = Cell()
    journal = Journal("j", files=files)
    node = cell.add(journal=journal)
    cell.active()
    r = node.replicas[0]
    parts.settle(r.shard, 0, 4321)
    cell.run(200)  # it is in the journal
    r.seek(DOUBTED)
    parts.settle(r.shard, 0, 99)
    journal._renew(0)
    del cell.nodes[1]
    again = cell.add(journal=Journal("j", files=files))
    assert again.replicas[0].phase == EMPTY


def test_a_repair_from_the_journal_while_it_writes_a_checkpoint():
    from lvs.journal import Journal
    from lvs_tools.world.memory_files import MemoryFiles

    cell = Cell(channels=["c%d" % i for i in range(40)], held=3, rows=64)
    journal = Journal("j", files=MemoryFiles())
    node = cell.add(journal=journal)
    cell.active()
    cell.run(100)
    shard = node.replicas[2].shard
    for k in range(64):
        shard.merge(shard.epoch, 1000 + k, k % shard.slots, 50 + k, 0)
    settled = node.replicas[0].shard
    parts.settle(settled, 0, 4321)
    cell.run(70)  # it is in the journal
    journal._begin()
    settled.settled[0] ^= 1 << 17
    journal.repair(node.replicas[0])
    cell.run(3)
    assert settled.settled[0] == 4321 and journal.error == ""
    cell.run(40)
    assert journal.error == "" and journal._phase == 0


def test_the_state_and_what_the_node_says_meanwhile():
    cell = mesh()
    node = cell.nodes[3]
    flip(node.replicas[0].shard, "settled", 20)
    at = len(node.transport.sent)
    cell.run(EPOCH + 2, lambda: node.state == "RECOVERING")
    assert node.state == "RECOVERING"
    cell.contribute(3, 7)  # is accepted, and waits
    assert node.status()["pending_raw"] == 7
    cell.run(30, lambda: node.state == "ACTIVE")
    said = [wire.Frame() for _ in node.transport.sent[at:]]
    for f, (frame, _) in zip(said, node.transport.sent[at:], strict=True):
        assert f.decode(frame, node.config.tag) == ""
        if f.kind == wire.EP and not f.flags & (wire.RECOVERING | wire.JOINING):
            assert f.vector[0] == 100000  # never the flipped value
    assert any(f.kind == wire.EP and f.flags & wire.RECOVERING for f in said)
    cell.settle()


def test_nothing_that_is_heard_triggers_recovery():
    """Hostile values and rows from many addresses, for epochs: no node forgets."""
    rng = random.Random(7)
    cell = mesh()
    cell.run(70)
    node = cell.nodes[1]
    voices = [Speaker(node, 50 + k, 5000 + k) for k in range(40)]
    held = node.replicas[0].shard.settled[0]
    for _ in range(3 * EPOCH):
        for voice in rng.sample(voices, 6):
            kind = rng.randrange(4)
            value = rng.choice([0, 1, held // 2, held * 2, 2**30 - 1, held - 90])
            if kind == 0:
                voice.ep([value])
            elif kind == 1:
                voice.ep([value], flags=rng.randrange(128), digests=[rng.randrange(65536)] * 8)
            elif kind == 2:
                voice.sdm(own=[(0, rng.randrange(2**30))])
            else:
                row = rng.choice(list(node.rows()))[0].split("-")
                voice.sdm(relayed=[(int(row[0], 16), int(row[1], 16), 0, rng.randrange(2**30))])
        cell.run(1)
    assert node.life.recoveries == 0 and node.state == "ACTIVE"
    assert node.replicas[0].shard.verify() == 0


def test_somebody_with_a_wild_clock_makes_a_lone_node_forget_nothing():
    """What it did alone begins anew under another session; that is no fall of the value."""
    cell = Cell(1)
    cell.active()
    cell.contribute(1, 4000)
    cell.run(10 * EPOCH)
    node = cell.nodes[1]
    assert node.replicas[0].established is False
    parts.establish(node.replicas[0], node.clock.cycle)
    cell.run(EPOCH)
    liar = Speaker(node, 50, 5000)
    for _ in range(EPOCH):
        liar.ep([0], cycle=node.clock.cycle + 100 * EPOCH)
        liar.ep([0])
        cell.run(1)
    cell.settle()
    assert node.life.recoveries == 0 and cell.values(node) == [4000]


def test_a_ledger_for_recovery_is_the_nodes_own():
    """Rows of other sessions under my number, in a damaged shard, do not come back as mine."""
    cell = mesh()
    node = cell.nodes[1]
    own = node.ledger.session
    shard = node.replicas[0].shard
    p = shard.find(own.start, own.nonce, 0)
    shard.claimed[p] = shard.credited[p] = 2**29
    cell.run(EPOCH + 30)
    cell.settle(200)
    assert shard.claimed[shard.find(own.start, own.nonce, 0)] == own.total[0]


# --- the checksums themselves --------------------------------------------------------------------


@pytest.fixture
def shard():
    s = Shard(0, 3, 12, 20, 100)
    for k in range(9):
        s.merge(100, 1000 + k, k % 3, 50 + k, 0)
        s.credit(s.find(100, 1000 + k, k % 3), 20 + k)
    for slot in range(3):
        parts.settle(s, slot, 12345 * slot)
    return s


def test_every_bit_counts(shard):
    columns = {"nonce": 30, "start": 16, "slot": 4, "claimed": 30, "credited": 30, "check": 16}
    for name, bits in columns.items():
        column = getattr(shard, name)
        for p in range(shard.count):
            for bit in range(bits):
                old = column[p]
                column[p] ^= 1 << bit
                assert shard.verify() == 1 and not shard.sound(p), (name, p, bit)
                column[p] = old
    for name, bits in {"settled": 30, "seals": 16}.items():
        column = getattr(shard, name)
        for slot in range(3):
            for bit in range(bits):
                old = column[slot]
                column[slot] ^= 1 << bit
                assert shard.verify() == 1 and not shard.intact()
                column[slot] = old
    shard.inflow[1] ^= 4
    assert shard.verify() == 1
    shard.inflow[1] ^= 4
    assert shard.verify() == 0


def test_a_damaged_row_does_not_grow(shard):
    p = shard.find(100, 1003, 0)
    shard.claimed[p] ^= 2
    assert shard.merge(100, 1003, 0, 5000, 0) == DAMAGED
    credited = shard.credited[p]
    shard.credit(p, 1)
    assert shard.credited[p] == credited and shard.damaged == 1


def test_purging_leaves_the_sound_rows(shard):
    for k in (2, 5):
        shard.credited[shard.find(100, 1000 + k, k % 3)] ^= 1 << 25
    assert shard.verify() == 2
    shard.purge()
    assert shard.verify() == 0 and shard.count == 7
    assert [shard.inflow[s] for s in range(3)] == [
        sum(20 + k for k in range(9) if k % 3 == s and k not in (2, 5)) for s in range(3)
    ]


def test_a_damaged_row_is_not_folded(shard):
    shard.credited[shard.find(100, 1004, 1)] ^= 1 << 28
    shard.advance(100 + 21)
    assert shard.count == 0
    assert shard.settled[1] == 12345 + 21 + 27


def test_taking_back_a_row(shard):
    shard.lower(100, 1004, 1, 10)
    assert shard.inflow[1] == 21 + 10 + 27 and shard.verify() == 0
    shard.lower(100, 1004, 1, 0)
    assert shard.find(100, 1004, 1) == -1 and shard.count == 8 and shard.verify() == 0
    assert shard.inflow[1] == 21 + 27
