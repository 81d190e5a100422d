"""An audit: who asks hears what each node contributed itself; nothing else follows from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvs import audit, fixed, wire
from tests.support.cell import Cell
from tests.support.leaf_bench import LeafCell, Store

ASKER = 99


class Asker:
    """Asks a cell's nodes, and keeps what they answer: ``answers`` is (address, decoded)."""

    def __init__(self, cell, address=ASKER):
        self.cell = cell
        self.address = address
        self.answers = []
        self.bytes = 0
        carry = cell.carry

        def hear(source, frame, addr):
            if addr == address:
                f = wire.Frame()
                assert f.decode(frame, cell.nodes[1].config.tag) == "" and f.kind == wire.AUDIT
                self.answers.append((source, audit.decode(f.body)))
                self.bytes = max(self.bytes, len(frame))
            else:
                carry(source, frame, addr)

        cell.carry = hear

    def ask(self, spread_s=8, shard=0, first=0, size=wire.MAX_FRAME):
        buf = bytearray(wire.MAX_FRAME)
        audit.question(buf, self.cell.nodes[1].config.tag, 4711, shard, first, spread_s)
        frame = buf if size == len(buf) else buf[: wire.seal(buf, size - 2)]
        for node in self.cell.nodes.values():
            node.handle(bytes(frame), self.address)

    def ask_leaf(self, leaf, size=wire.MAX_FRAME, **about):
        """The slots that a leaf answers in a waking that begins now, or []; ``last``: all."""
        heard = len(self.answers)
        buf = bytearray(wire.MAX_FRAME)
        about = {"shard": 0, "first": 0, "spread_s": 60, **about}
        audit.question(buf, self.cell.nodes[1].config.tag, 4711, **about)
        leaf.wake()
        leaf.handle(bytes(buf[: wire.seal(buf, size - 2)]), self.address)
        self.cell.run(4, lambda: not leaf.awake)
        self.last = self.answers[heard:]
        return self.last[0][1][4] if self.last else []


def test_everybody_answers_with_what_it_contributed():
    cell = Cell(5, channels=["water", "heat"])
    cell.active()
    for address in cell.nodes:
        cell.contribute(address, 100 * address, "heat")
    cell.settle()
    asker = Asker(cell)
    asker.ask()
    cell.run(20)
    assert sorted(source for source, _ in asker.answers) == [1, 2, 3, 4, 5]
    numbers = set()
    for source, (what, since, number, first, slots) in asker.answers:
        assert (what, first) == (audit.HOLDER, 0)
        assert since == cell.nodes[source].ledger.since > 0
        assert slots == [(0, 0, 0), (100 * source, 0, 1500)]
        numbers.add(number)
    assert len(numbers) == 5
    assert all(node.eps.audit is None for node in cell.nodes.values())
    assert [node.status()["given"]["heat"] for node in cell.nodes.values()][4] == "0.500"


def test_what_waits_is_told():
    cell = Cell(2)
    cell.active()
    cell.contribute(1, 50000)
    cell.run(2)
    asker = Asker(cell)
    asker.ask(0)
    cell.run(2)
    told = {source: slots[0] for source, (_, _, _, _, slots) in asker.answers}
    given, waits, value = told[1]
    assert given == 50000 and waits > 0 and value == given - waits
    assert told[2][0] == 0


def test_sixteen_large_channels_take_two_answers():
    cell = Cell(1, channels=["c%d" % c for c in range(16)])
    cell.active(20)
    node = cell.nodes[1]
    for c in range(16):
        node.replicas[0].shard.settled[c] = (1 << 48) - 1
        node.ledger.waiting[c] = (1 << 47) + c
    found = []
    asker = Asker(cell)
    for _ in range(2):
        asker.ask(0, first=len(found))
        cell.run(6)
        _, _, _, first, slots = asker.answers.pop()[1]
        assert first == len(found) and 0 < len(slots) < 16 and not asker.answers
        found += slots
    assert len(found) == 16 and asker.bytes <= wire.MAX_FRAME
    assert [value for _, _, value in found] == [(1 << 48) - 1] * 16
    assert [given - (1 << 47) for given, _, _ in found] == list(range(16))


def test_answers_are_spread_and_a_flood_is_not_answered_more():
    cell = Cell(3)
    cell.active()
    sent = {address: node.outbox.sent_bytes for address, node in cell.nodes.items()}
    askers = [Asker(cell, ASKER + i) for i in range(8)]
    for _ in range(60):
        for asker in askers:
            asker.ask(0)
        cell.run(1)
    assert 3 * 14 <= sum(len(asker.answers) for asker in askers) <= 3 * 16
    assert len(askers[0].answers) >= 3
    for address, node in cell.nodes.items():
        assert node.outbox.sent_bytes - sent[address] < 4000
    cell.run(30)
    quiet = Asker(cell, 1000)
    times = []
    quiet.ask(40)
    for second in range(50):
        times += [second] * (len(quiet.answers) - len(times))
        cell.run(1)
    assert len(times) == 3 and len(set(times)) > 1


@pytest.mark.parametrize("size", [40, 60])
def test_no_answer_is_longer_than_the_question(size):
    cell = Cell(2, channels=["c%d" % c for c in range(16)])
    cell.active()
    asker = Asker(cell)
    asker.ask(0, size=size)
    cell.run(2)
    assert len(asker.answers) == 2 and asker.bytes <= size


def test_a_question_without_room_for_an_answer_gets_none():
    cell = LeafCell(2)
    cell.active()
    asker = Asker(cell)
    for size in range(19, 29):
        asker.ask(0, size=size)
        cell.run(5)
        assert not asker.ask_leaf(cell.leaf(50), size)
    asker.ask(0, size=29)
    cell.run(5)
    assert [slots for _, (_, _, _, _, slots) in asker.answers] == [[], []]


def test_who_asks_is_nobody():
    """No neighbour, no vote, no end of being alone; and an answer is not for nodes."""
    cell = Cell(1)
    cell.run(20)
    node = cell.nodes[1]
    asker = Asker(cell)
    for _ in range(5):
        asker.ask(0)
        cell.run(5)
    assert asker.answers and node.clock.heard_at is None and node.routes.n == 1
    said = bytearray(wire.MAX_FRAME)
    n = audit.Audit(0, *_parts(node)).answer(said, 0, 0)
    for address in (1, 2, 3):
        node.handle(bytes(said[:n]), address)
        frame = bytearray(said[:n])
        wire.put30(frame, 8, 5 + address)
        node.handle(bytes(frame[: wire.seal(frame, n - 2)]), address)
    cell.run(5)
    assert node.clock.heard_at is None and node.routes.n == 1 and node.eps.audit is None


def _parts(node):
    return (
        node.config,
        node.outbox,
        node.noise,
        node.governor,
        node.clock,
        node.ledger,
        node.placement,
        node.elsewhere,
    )


@given(st.binary(max_size=240))
def test_no_bytes_are_too_much(body):
    said = audit.decode(body)
    if said:
        assert all(0 <= raw < 1 << 48 for slot in said[4] for raw in slot)
        assert len(said[4]) + said[3] <= 16


# --- leaves ---


@pytest.fixture
def leaves():
    cell = LeafCell(3, channels=["water", "heat"], session_epochs=4, horizon_epochs=4)
    cell.active()
    return cell


def test_a_leaf_answers_in_its_waking_with_all_that_it_ever_gave(leaves):
    """Also of sessions that are folded, and over new starts of the leaf."""
    cell = leaves
    asker = Asker(cell)
    store = Store()
    leaf = cell.leaf(50, store)
    for n in range(1, 4):
        leaf = cell.leaf(50, store)
        cell.give(leaf, 7, "heat")
        assert asker.ask_leaf(leaf) == [(0, 0, 0), (7 * n, 0, 7 * (n - 1))]
        source, (what, since, number, first, _) = asker.last[0]
        assert (source, what, first) == (50, audit.ANSWER, 0)
        assert since == leaf.ledger.since > 0 and number == audit.account(leaf.ledger.lineage)
        cell.run(60 * 16)
    assert max(map(len, store.copies)) < 64 and sum(leaf.ledger.spent.values()) >= 7
    assert cell.settled()


def test_a_leaf_that_hears_no_holder_answers_nothing(leaves):
    cell = leaves
    asker = Asker(cell)
    leaf = cell.leaf(50, Store())
    cell.give(leaf, 7)
    cell.links = lambda source, target: False
    assert not asker.ask_leaf(leaf)


def test_what_a_leaf_never_says(leaves):
    """More bytes than were asked, more answers than four in a waking, or to anybody else."""
    cell = leaves
    asker = Asker(cell)
    leaf = cell.leaf(50, Store())
    cell.give(leaf, 7)
    for size in (29, 60, wire.MAX_FRAME):
        asker.bytes = 0
        asker.ask_leaf(leaf, size)
        assert asker.bytes <= size
    leaf.wake()
    buf = bytearray(wire.MAX_FRAME)
    audit.question(buf, leaf.config.tag, 4711, 0, 0, 0)
    heard = len(asker.answers)
    for _ in range(40):
        leaf.handle(bytes(buf), asker.address)
    cell.run(4, lambda: not leaf.awake)
    assert len(asker.answers) == heard + 4


def test_a_cloned_leaf_has_an_account_of_its_own(leaves):
    """What its original gave is in its original's alone."""
    cell = leaves
    asker = Asker(cell)
    leaf = cell.leaf(50, Store(), board=1)
    cell.give(leaf, 7)
    cell.waking(leaf)
    clone = cell.leaf(51, Store(leaf._store), board=2)
    cell.give(clone, 2)
    assert asker.ask_leaf(clone)[0][:2] == (2, 0)
    number = asker.last[0][1][2]
    assert asker.ask_leaf(leaf)[0][:2] == (7, 0) and asker.last[0][1][2] != number
    again = cell.leaf(51, Store(clone._store), board=2)
    assert asker.ask_leaf(again)[0][:2] == (2, 0)


def test_an_older_state_has_no_account_yet(leaves):
    """A state as it was before there were accounts, which ends behind what is carried."""
    cell = leaves
    asker = Asker(cell)
    store = Store()
    leaf = cell.leaf(50, store)
    cell.give(leaf, 7)
    leaf.contribute("heat", "0.0001")
    cell.waking(leaf)
    cell.give(leaf, 4)
    leaf.flush()
    for i, copy in enumerate(store.copies):
        b = bytearray(copy[:-7])  # since, how many, and the checksum
        store.copies[i] = bytes(b) + fixed.crc16(b, len(b)).to_bytes(2, "little")
    leaf = cell.leaf(50, store)
    assert leaf.left() == 4 and leaf.ledger.carried
    given, waiting, older = asker.ask_leaf(leaf)[0]
    assert (given, older) == (11, 7) and waiting in (0, 4)  # as what it asked was answered
    cell.run(20, cell.settled)
    assert cell.settled()
    assert asker.ask_leaf(leaf)[0][:2] == (11, 0)
