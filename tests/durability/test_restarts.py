"""Which session a life goes on with, and what becomes of what nobody is known to hold."""

import pytest

from lvs import restart
from lvs.config import CLOSING
from lvs.fixed import mix
from lvs.journal import Journal
from lvs.ledger import LATE, SURE, Ledger, Session
from lvs.state_shard import NEW
from lvs_tools.world.memory_files import MemoryFiles
from tests.support.cell import Cell
from tests.support.worlds import advance, world_of

FOLDING = {"session_epochs": 3, "horizon_epochs": 3}


def journal(files):
    return Journal("j", files=files)


def image(files):
    """A copy of a flash."""
    copy = MemoryFiles()
    copy.files = {name: bytearray(data) for name, data in files.files.items()}
    return copy


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5])  # in 5 of 30 a life of 50 s tells nothing yet
def test_a_board_that_restarts_every_minute_leaves_three_rows(seed):
    files = MemoryFiles()
    cell = Cell(3, loss=0.2, seed=seed, rows=24)
    node = cell.add(journal=journal(files))
    cell.active()
    lives = []
    for _ in range(12):
        cell.contribute(4, 10)
        cell.contribute(1, 3)
        cell.run(50)
        node.contribute("water", 1, durable=True)
        cell.contributed["water"] += 1000
        lives.append((node.ledger.session.start, node.ledger.session.nonce))
        assert max(node.ledger.session.total) > 0
        node = cell.add(4, journal(files))
        spoken = node.ledger.find(*lives[-1])
        assert spoken and spoken.fate != SURE
    cell.settle(60)
    assert all(a != b for a, b in zip(lives, lives[1:], strict=False))
    spans = [start for start, _ in set(lives)]
    assert max(map(spans.count, spans)) <= 3 and len(set(spans)) <= 2


@pytest.mark.parametrize("seed", range(5))
def test_a_copied_flash_tells_nothing_again(seed):
    """The copy is switched on when the mesh has folded all that it knows of."""
    files = MemoryFiles()
    cell = Cell(3, loss=0.1, seed=seed, **FOLDING)
    cell.add(journal=journal(files))
    cell.active()
    cell.contribute(4, 200 * 1000)
    cell.run(12)
    assert cell.nodes[4].status()["pending_raw"] > 100 * 1000
    cell.nodes[4].journal.flush()
    copied = image(files)
    for _ in range(18):
        cell.contribute(4, 5)
        cell.run(64)
    copy = cell.add(5, journal(copied))
    assert sum(copy.ledger.waiting) > 100 * 1000
    cell.run(60)
    cell.contribute(5, 7)
    cell.settle(60)
    assert "a copy of it is in use" in copy.journal.notice
    assert sum(copy.ledger.waiting) == 0


@pytest.mark.parametrize("about", [{}, FOLDING])
def test_an_old_image_written_back_tells_nothing_again(about):
    """Over the newer flash of the same board, hours later by the scale of the second mesh: what
    waited in it was told since, and the rows of that are there still, or folded."""
    files = MemoryFiles()
    cell = Cell(3, loss=0.1, **about)
    cell.add(journal=journal(files))
    cell.active()
    cell.contribute(4, 200 * 1000)
    cell.run(12)
    cell.nodes[4].journal.flush()
    old = image(files)
    for _ in range(18):
        cell.contribute(4, 5)
        cell.run(60)
    node = cell.add(4, journal(old))
    assert sum(node.ledger.waiting) > 100 * 1000
    cell.run(60)
    cell.contribute(4, 7)
    cell.settle(60)


@pytest.mark.parametrize("about", [{}, FOLDING])
def test_five_clones_of_a_board_that_was_alone_count_once(about):
    files = MemoryFiles()
    cell = Cell(loss=0.1, **about)
    cell.add(journal=journal(files))
    cell.active()
    cell.contribute(1, 10 * 1000)
    cell.run(600)  # longer than the horizon of the second
    cell.nodes[1].journal.flush()
    for address in range(1, 6):
        cell.add(address, journal(image(files)))
    cell.settle(120)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("restart", [False, True])
def test_what_nobody_could_hear_is_told_when_somebody_can(seed, restart):
    """Alone for longer than a horizon, through a power cut too: it waits, and counts once."""
    files = MemoryFiles()
    cell = Cell(3, loss=0.1, seed=seed, **FOLDING)
    node = cell.add(journal=journal(files))
    cell.active()
    cell.contribute(4, 100)
    cell.settle()
    cell.run(30)
    cell.links = lambda a, b: 4 not in (a, b)
    cell.run(30)
    for k in range(16):
        cell.run(64)
        cell.nodes[4].contribute("water", 1, durable=True)
        cell.contributed["water"] += 1000
        cell.contribute(1, 3)
        if restart and k in (3, 9):
            cell.run(20)
            node = cell.add(4, journal(files))
    cell.run(20)
    assert cell.nodes[4].value("water", raw=True) > 16 * 1000
    cell.links = lambda a, b: True
    cell.settle(300)
    cell.run(64 * 11)
    cell.settle(10)
    assert node is cell.nodes[4]


def test_two_that_come_back_at_once_do_not_answer_each_others_questions_for_ever():
    """Both ask for rows and have state to show: there were no tokens left for the rows."""
    cell = Cell(0)
    files = MemoryFiles(), MemoryFiles()
    for i in range(2):
        cell.add(1 + i, journal(files[i]))
    cell.active()
    cell.run(64)
    for address in 1, 2:
        cell.contribute(address, 5)
    cell.run(80)
    for i in range(2):
        cell.add(1 + i, journal(files[i]))
    cell.run(60)
    for node in cell.nodes.values():
        assert node.status()["sent"] < 60
        assert node.governor.tokens > 0
    cell.settle(60)


def test_a_life_knows_how_many_neighbours_the_last_one_had():
    files = MemoryFiles()
    cell = Cell(6)
    cell.add(journal=journal(files))
    cell.active()
    cell.run(200)
    cell.nodes[7].contribute("water", 1, durable=True)
    again = cell.add(7, journal(files))
    assert again.routes.near == 0 and again.routes.crowd == 6


def test_a_nonce_that_was_heard_makes_no_copy_of_anybody():
    """A liar tells a row of a session in which nothing was contributed, or of another grain."""
    files = MemoryFiles()
    cell = Cell(3)
    node = cell.add(journal=journal(files))
    cell.active()
    cell.run(70)
    heard = [(s.start, s.nonce) for s in node.ledger.sessions]
    node.contributions.rotate()
    cell.contribute(4, 100 * 1000)
    cell.run(4)
    node.journal.flush()
    waits = sum(node.ledger.waiting)
    assert waits > 50 * 1000
    for other in list(cell.nodes.values())[:3]:
        for start, nonce in heard:
            for grain in start, start + 1:
                other.replicas[0].row(grain, nonce, 0, 1, 1)
    again = cell.add(4, journal(files))
    cell.run(60)
    assert again.journal.notice == "" and again.ledger.lineage == node.ledger.lineage
    cell.contributed["water"] += 2  # the liar's
    cell.settle(90)


def test_rows_of_others_are_hardly_ever_taken_for_those_of_a_copy():
    """Each of 300 nodes looks at some thousand rows when all come back from a blackout."""
    ledger = Ledger(1)
    ledger.lineage = b"twelve bytes"
    found = sum(restart.descends(ledger, i & 63, mix(i, 0x2545F49)) for i in range(30000))
    assert found == 0


def test_what_was_taken_back_is_not_counted_twice_after_many_restarts():
    """A session in its closing has no total left: its row in the checkpoint is lowered all the
    same, whatever began since."""
    restarts = (480, 510, 540, 570, 600, 630)
    events = [
        {"at_cycle": at, "action": "contribute", "nodes": [0], "value": 1}
        for at in (20, 150, 280, 410)
    ] + [{"at_cycle": at, "action": "restart", "nodes": [0]} for at in restarts]
    world = world_of(
        nodes=1,
        cycles=1500,
        workload={"contributions_per_minute": 0},
        config={"session_epochs": 2, "horizon_epochs": 4},
        event=events,
    )
    advance(world, 1500)
    assert world.account.given[0] == 4000 == world.machines[0].node.raw(0)
    assert world.result()["verdict"] == "exact"


def test_rows_learned_after_a_partition_are_in_a_journal_before_the_next_one():
    """Who learned them loses its power, and is cut off from their owner until they close."""

    def partition(at, until):
        cuts = [{"at_cycle": at, "action": "partition", "nodes": [node]} for node in (1, 2)]
        return [*cuts, {"at_cycle": until, "action": "heal"}]

    events = [
        {"at_cycle": 28, "action": "contribute", "nodes": [0, 1, 2], "value": 1, "durable": True},
        *partition(36, 410),
        {"at_cycle": 40, "action": "contribute", "nodes": [0], "value": 50, "durable": True},
        *partition(484, 848),
        {"at_cycle": 486, "action": "crash", "nodes": [1, 2]},
        {"at_cycle": 490, "action": "restart", "nodes": [1, 2]},
    ]
    world = world_of(
        nodes=3,
        cycles=1400,
        seed=23,
        workload={"contributions_per_minute": 0, "durable": True},
        config={"session_epochs": 2, "horizon_epochs": 6},
        event=sorted(events, key=lambda event: event["at_cycle"]),
    )
    advance(world, 1400)
    assert {m.node.raw(0) for m in world.machines} == {53000}


def test_state_that_was_offered_is_in_no_journal_without_its_rows():
    """Else a power cut would leave a settled vector, and the rows of the state before."""
    files = MemoryFiles()
    cell = Cell(2)
    node = cell.add(journal=journal(files))
    cell.active()
    cell.run(40)  # a first checkpoint
    cell.contribute(1, 5000)
    cell.contribute(2, 700)
    cell.run(5)
    node.life._rejoin()
    cell.run(60, until=lambda: node.state == "ACTIVE")
    node.contribute("water", 0.011, durable=True)
    cell.run(8)
    again = Cell().add(3, journal(image(files)))
    assert again.raw(0) == 5711


def test_the_last_session_is_mine_even_where_the_journal_has_no_total_of_it():
    """More may have been told in it: its rows are no sign of somebody who uses a copy."""
    first = Ledger(1)
    first.lineage = b"twelve bytes"
    first.open(7, 1)
    session = first.session
    again = Ledger(1)
    again.open(7, 2)
    restart.restore(again, [Session(session.start, session.nonce, 1)], [1000], first.lineage)
    assert again.find(session.start, session.nonce)
    assert not restart.descends(again, session.start, session.nonce)


@pytest.mark.parametrize("older", [0, 1])
def test_a_session_that_the_ledger_has_folded_is_no_copy(older):
    """The shard may hold its rows for longer, or fetch them from somebody who does."""
    cell = Cell(2, **FOLDING)
    node = cell.add(journal=journal(MemoryFiles()))
    cell.active()
    lineage, shard = node.ledger.lineage, node.replicas[0].shard
    closing = node.config.horizon(node.clock.epoch() + CLOSING)
    shard.horizon -= CLOSING
    copied = Ledger(1)
    copied.lineage = lineage
    copied.open(closing + 1 - older, 1 << 20)
    session = copied.session
    assert restart.descends(node.ledger, session.start, session.nonce)
    assert shard.merge(session.start, session.nonce, 0, 5, 0) == NEW
    given = restart.copies(node.ledger, node.replicas, closing, 1024, lambda: 7)
    assert given == (0, not older)


def _cut_before_the_power(seed, links, told_for):
    """A node that nobody hears any more tells for some seconds, loses its power, and is back for
    good when the others have folded what they knew; returns (cell, node, its files)."""
    files = MemoryFiles()
    cell = Cell(3, loss=0.1, seed=seed, **FOLDING)
    node = cell.add(journal=journal(files))
    cell.active()
    for _ in range(5):
        cell.run(30)
        node.contribute("water", 3, durable=True)
        cell.contributed["water"] += 3000
    cell.run(60, until=lambda: not node.left())
    cell.settle(10)
    cell.links = links
    for k in range(told_for):
        cell.run(1)
        if k < 8:
            node.contribute("water", 1, durable=True)
            cell.contributed["water"] += 1000
    cell.nodes.pop(4)
    cell.run(64 * 12)
    cell.links = lambda a, b: True
    node = cell.add(4, journal(files))
    cell.active()
    cell.run(64)
    return cell, node, files


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("mute", [False, True])
def test_what_nobody_showed_before_a_power_cut_is_told_again(seed, mute):
    """Half a minute alone is enough; a minute and a half where others are heard."""
    links = lambda a, b: a != 4 and (mute or b != 4)  # noqa: E731
    cell, node, _ = _cut_before_the_power(seed, links, 90 if mute else 35)
    cell.run(64 * 9)
    assert not node.status()["lost"]
    cell.settle(10)


@pytest.mark.parametrize("seed", range(3))
def test_what_was_told_in_the_last_seconds_before_a_cut_is_said_to_be_lost(seed):
    """Nobody can say whether anybody heard it; restarts do not make the doubt go away."""
    cell, node, files = _cut_before_the_power(seed, lambda a, b: 4 not in (a, b), 10)
    (text,) = node.status()["lost"]
    assert text.startswith("water +8.000: told shortly before") and "lvs audit" in text
    assert {n.raw(0) for n in cell.nodes.values()} == {cell.contributed["water"] - 8000}
    assert node.ledger.given(0) == cell.contributed["water"]  # an audit shows it
    node.contribute("water", 1, durable=True)
    again = cell.add(4, journal(image(files)))
    cell.active()
    assert again.status()["lost"] == [text]


def test_what_others_took_while_a_clock_was_found_is_not_told_again():
    """Back from alone: in the seconds until the clock jumps, others hear rows that close then."""
    cell = Cell(3, seed=3, **FOLDING)
    node = cell.add(journal=journal(MemoryFiles()))
    cell.active()
    cell.run(200)
    cell.links = lambda a, b: 4 not in (a, b)
    node.contribute("water", 1)
    cell.run(30)
    (told,) = [s for s in node.ledger.sessions if s.known != s.total]
    assert node.ledger.silent and told.total[0] == 1000
    while node.config.horizon(node.clock.epoch() + CLOSING) < told.start:
        node.clock.cycle += 64
    node.clock.hear()
    node.contributions.fold()
    assert told.fate == LATE and told.total[0] == 1000 and not node.ledger.waiting[0]
    assert node.raw(0) == 1000  # shown all the same


def test_what_is_known_of_an_older_session_is_in_the_journal_soon():
    """Told alone, in two sessions, and then heard: another life must not tell it again."""
    files = MemoryFiles()
    cell = Cell(3, session_epochs=2, horizon_epochs=20)
    node = cell.add(journal=journal(files))
    cell.active()
    cell.run(64)
    cell.links = lambda a, b: 4 not in (a, b)
    for _ in range(2):
        node.contribute("water", 1, durable=True)
        cell.run(64 * 3)
    node.contribute("water", 1, durable=True)
    cell.run(30)
    assert len([s for s in node.ledger.sessions if s.known != s.total]) > 1
    cell.links = lambda a, b: True
    cell.run(60, until=lambda: not node.left())
    cell.run(12)
    again = Cell(session_epochs=2, horizon_epochs=20).add(4, journal(image(files)))
    assert not again.ledger.apart() and not again.ledger.partial


@pytest.mark.parametrize("seed", range(6))
def test_a_meter_whose_only_peer_is_off_for_good_never_runs_back(seed):
    """Nor after a restart just before that."""
    files = MemoryFiles()
    cell = Cell(1, seed=seed, loss=0.5, **FOLDING)
    node = cell.add(4, journal(files))
    cell.active()
    for _ in range(4):
        cell.run(16)
        node.contribute("water", 1, durable=True)
    cell.run(2)
    cell.nodes.pop(4)
    cell.run(1)
    node = cell.add(4, journal(files))
    cell.run(4 + seed)
    cell.nodes.pop(1)
    shown = []
    for _ in range(64 * 11):
        cell.run(1)
        shown.append(node.raw(0))
    assert shown == sorted(shown) and shown[-1] == 4000
