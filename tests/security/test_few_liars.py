"""What one or two liars, or a slim majority, once could do to a node that trusts what it hears."""

import pytest

from lvs import wire
from lvs.audit import question
from lvs.journal import Journal
from lvs.names import encode
from lvs.wire import DIRECT, WANT
from lvs_tools.world.memory_files import MemoryFiles
from tests.support.cell import Cell, Speaker
from tests.support.small_int import tighten

LIAR = 99


class Ear(Cell):
    """A liar hears what one node says: ``named``, sessions; ``digests``, of the newest EP to him,
    which he says again if he ``asks`` for it."""

    def __init__(self, *given, node, **more):
        self.ear, self.named, self.digests, self.asks = node, [], None, False
        super().__init__(*given, **more)

    def step(self):
        if self.asks:
            liar = Speaker(self.nodes[self.ear], LIAR, 777)
            liar.ep(digests=[1] * 8, flags=WANT | DIRECT)
            if self.digests:
                liar.ep(digests=self.digests)
                self.digests = None
        super().step()

    def carry(self, source, frame, addr):
        if source == self.ear:
            heard, node = wire.Frame(), self.nodes[source]
            if not heard.decode(frame, node.config.tag, node.config.grain):
                self.named.append((heard.start, heard.nonce))
                if heard.kind == wire.EP and addr == LIAR:
                    self.digests = list(heard.digests)
        super().carry(source, frame, addr)


def test_a_session_that_only_eps_name_is_no_sign_of_a_copy():
    """One raw in each session that a node named once: at its next start it gave up what waited."""
    cell = Ear(7, node=8, loss=0.2)
    files = MemoryFiles()
    cell.active()
    cell.run(100)
    node = cell.add(8, journal=Journal("j", files=files))
    cell.active()
    cell.run(100)
    present = node.ledger.session.start, node.ledger.session.nonce
    old = sorted(set(cell.named) - {present})
    assert old
    for other in cell.nodes.values():
        if other is not node:
            Speaker(other).sdm(relayed=[(start, nonce, 0, 1) for start, nonce in old])
    cell.run(20)
    cell.contribute(8, 200_000)
    cell.run(4)
    assert node.journal.flush() and node.ledger.waiting[0] > 100_000
    again = cell.add(8, Journal("j", files=files))
    cell.run(400)
    assert again.journal.notice == "" and again.ledger.left() == 0
    assert {cell.values(n)[0] for n in cell.nodes.values()} == {200_000 + len(old)}


def test_who_echoes_digests_does_not_let_a_node_stop_before_it_spoke():
    """They were mine, heard from me: what waits to be said is with nobody."""
    for seed in range(12):
        cell = Ear(10, node=1, loss=0.2, seed=seed)
        cell.active()
        cell.run(90)
        cell.asks = True
        cell.run(1 + seed * 0.05)
        node = cell.nodes[1]
        cell.contribute(1, 1000)
        node.stop(60)
        cell.run(70, lambda node=node: not node.running)
        cell.asks = False
        del cell.nodes[1]
        cell.run(60)
        assert {cell.values(n)[0] for n in cell.nodes.values()} == {1000}, seed


def test_slots_that_nobody_has_take_no_last_places():
    """With them the places kept for a node's own rows grew, and those of others went."""
    cell = Cell(5, loss=0.1, rows=256)
    cell.active()
    cell.run(150)
    told = 0

    def fill():
        nonlocal told
        for node in cell.nodes.values():
            for liar in range(2):
                for i in range(6):
                    rows = [
                        (node.clock.grain(), 10**6 + told * 1000 + i * 25 + j, 15 * (not j), 1)
                        for j in range(25)
                    ]
                    Speaker(node, 90 + liar, 4000 + liar).sdm(relayed=rows)
                for i in range(8):
                    Speaker(node, 90 + liar, 7 * 10**6 + told * 10 + i).sdm(own=[(0, 1)])
                told += 1

    cell.run(15, each=lambda: fill() if cell.now // 1000 % 3 == 0 else None)
    for _ in range(3):
        for address, node in cell.nodes.items():
            node.contributions.rotate()
            cell.contribute(address, 1000)
        cell.run(60, each=fill)
    cell.run(60, each=fill)
    own = [
        (s.start, s.nonce) for n in cell.nodes.values() for s in n.ledger.sessions if s.total[0]
    ]
    for node in cell.nodes.values():
        shard = node.replicas[0].shard
        assert all(shard.find(*session, 0) >= 0 for session in own)


def test_one_true_name_does_not_silence_lists_that_contradict_each_other():
    cell = Cell(loss=0.1, seed=2, channels=["water", "heat"])
    for address in range(1, 7):
        other = {"channels": ["water", "gas"]} if address > 3 else {}
        cell.add(address, **other)

    def hush():
        for node in cell.nodes.values() if cell.now // 1000 % 4 == 0 else ():
            buf = bytearray(wire.MAX_FRAME)
            head = node.config.tag, node.clock.grain(), 777, node.clock.cycle
            n = encode(buf, *head, 0, [(0, node.config.steps[0], "water")])
            node.handle(bytes(buf[:n]), LIAR)

    cell.run(64 * 30, each=hush)
    warned = [
        any(w.startswith("channels[1]") for w in node.status()["warnings"])
        for node in cell.nodes.values()
    ]
    assert sum(warned) >= 4


def test_clocks_that_leap_twice_take_no_state():
    """Seven of twelve: the second leap within a horizon made what was kept unsure, and gone."""
    cell = Cell(5, loss=0.1)
    cell.prime(100_000)
    cell.run(200)

    def lie(ahead, value):
        for node in cell.nodes.values():
            leaps = node.replicas[0].live and node.state in ("ACTIVE", "INIT")
            cycle = node.clock.cycle + ahead * leaps
            horizon = node.config.horizon(cycle >> 6) & 0xFFFF
            for k in range(7):
                Speaker(node, 90 + k, 4000 + k).ep([value], cycle=cycle, horizon=horizon)

    for _ in range(3):
        lie(0, 100_000)
        cell.run(40)
    for _ in range(60):
        lie(30 * 64, 5000)
        cell.run(2)
    assert {cell.values(n)[0] for n in cell.nodes.values()} == {100_000}


@pytest.mark.parametrize("seed", [1, 2])
def test_two_liars_give_a_node_that_restarts_no_rows_beyond_budgets(seed):
    cell = Cell(10, loss=0.1, seed=seed)
    files = MemoryFiles()
    cell.add(50, Journal("j", files=files))
    cell.prime(100_000)
    cell.run(1300)
    node = cell.add(50, Journal("j", files=files))
    began = node.clock.epoch()
    for _ in range(60):
        cell.run(1)
        if not node.replicas[0].phase & 2:  # KEPT and FETCHING
            continue
        grain = node.clock.grain()
        for liar in range(2):
            for part in range(2):
                rows = [
                    (grain - 1 - i & 0xFFFF, 5000 + part * 25 + i, 0, (i + 1) << 20)
                    for i in range(25)
                ]
                Speaker(node, 98 + liar, 777 + liar).sdm(relayed=rows)
    most = 2 * (node.clock.epoch() - began + 1) << 20
    assert node.raw(0) - 100_000 <= most


@pytest.mark.parametrize("ahead", [20000, -20000])
def test_a_start_far_off_leaves_no_31_bits(ahead):
    cell = Cell(2)
    cell.active()
    node = cell.nodes[1]
    tighten(node.replicas[0])
    writer = wire.SdmWriter()
    writer.begin(node.config.tag, node.clock.grain() + ahead & 0xFFFF, 77, node.clock.cycle, 0, 0)
    writer.own(0, 1)
    node.handle(bytes(writer.buf[: writer.end()]), LIAR)


def test_an_audit_of_a_minute_leaves_no_31_bits():
    cell = Cell(2)
    cell.active()
    node = cell.nodes[1]
    tighten(node.noise)
    buf = bytearray(wire.MAX_FRAME)
    node.handle(bytes(buf[: question(buf, node.config.tag, 5, 0, 0, 60)]), LIAR)


def test_names_of_a_shard_that_it_has_none_of_are_not_answered():
    cell = Cell(2)
    cell.active()
    node = cell.nodes[1]
    for _ in range(12):
        buf = bytearray(wire.MAX_FRAME)
        head = node.config.tag, node.clock.grain(), 777, node.clock.cycle
        node.handle(bytes(buf[: encode(buf, *head, 7, [(0, node.config.steps[0], "x")])]), LIAR)
        cell.run(65)
    assert not node.eps.names._due
