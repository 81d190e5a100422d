"""Starts under attack: whoever restarts, joins or looks for a shard gives liars nothing."""

import pytest

from lvs import wire
from lvs_tools.world.memory_files import make_journal
from tests.support.cell import Cell, encode_ep

VALUE = 1_000_000
DAYS = 12 * 86400  # cycles


class Liar:
    """Hears all that is said in a cell, and may say anything to anybody, under an address."""

    def __init__(self, cell, address, nonce=None):
        self.cell = cell
        self.address = address
        self.nonce = nonce or 77_000 + address
        self.noise = 0
        self.said = []

    def truth(self):
        """A node that has state, as anybody hears it."""
        held = [n for n in self.cell.nodes.values() if n.replicas and n.replicas[0].live]
        return held[0] if held else next(iter(self.cell.nodes.values()))

    def ep(self, to, vector, **changes):
        """Say an EP to one address, or to all (None)."""
        node = self.truth()
        shard = node.replicas[0].shard
        cycle = changes.get("cycle", node.clock.cycle)
        self.noise += 1
        fields = {
            "tag": node.config.tag,
            "start": node.clock.grain(),
            "nonce": self.nonce,
            "cycle": cycle,
            "shard": 0,
            "noise": self.noise,
            "horizon": node.config.horizon(cycle >> 6) & 0xFFFF,
            "flags": 0,
            "load": 0,
            "held": (1 << node.placement.shards) - 1,
            "channels": len(node.config.channels),
            "digests": list(shard.digests),
            "vector": vector,
        }
        fields.update(changes)
        self.cell.carry(self.address, encode_ep(fields), to)

    def row(self, to, total, start=None, nonce=5):
        """Say one row, relayed, to one address or to all."""
        node = self.truth()
        w = wire.SdmWriter()
        grain = node.clock.grain()
        w.begin(node.config.tag, grain, self.nonce, node.clock.cycle, 0, 32, node.config.grain)
        assert w.relay(nonce, grain if start is None else start, 0, total)
        n = w.end()
        self.cell.carry(self.address, bytes(w.buf[:n]), to)


def power_cut(cell, journals, seconds=10):
    """All nodes lose their power at once, and start again from their journals."""
    addresses = list(cell.nodes)
    cell.nodes.clear()
    cell.now += 1000 * seconds
    for address in addresses:
        cell.add(address, journals[address])


def kept_mesh(count, seed, **config):
    """Nodes with journals that have kept what they settled on."""
    cell = Cell(seed=seed, loss=0.1, **config)
    journals = {a: make_journal(a) for a in range(1, count + 1)}
    for a in journals:
        cell.add(a, journals[a])
    cell.prime(VALUE)
    cell.run(150)
    return cell, journals


@pytest.mark.parametrize("ahead", [0, 64, 1000, DAYS])
@pytest.mark.parametrize("lie", [7, VALUE + 1000, (1 << 30) - 1])
def test_a_power_cut_of_all_gives_one_liar_nothing(lie, ahead):
    cell, journals = kept_mesh(12, 1 + ahead % 7)
    power_cut(cell, journals)
    liar = Liar(cell, 99)

    def speak():
        liar.ep(None, [lie], cycle=liar.truth().clock.cycle + ahead)

    cell.run(100, each=speak)
    assert [n.value("water", raw=True) for n in cell.nodes.values()] == [VALUE] * 12
    assert {n.state for n in cell.nodes.values()} == {"ACTIVE"}
    assert all(n.status()["established"] for n in cell.nodes.values())


def test_a_power_cut_with_short_sessions_gives_a_fifth_of_liars_nothing():
    """Their clocks turn an epoch while they look for each other."""
    for seed in range(3):
        cell, journals = kept_mesh(12, seed, session_epochs=2, horizon_epochs=2)
        cell.run(20 * seed)
        power_cut(cell, journals)
        liars = [Liar(cell, 90 + k) for k in range(3)]

        def speak(liars=liars):
            for liar in liars:
                liar.ep(None, [7])

        cell.run(200, each=speak)
        assert [n.value("water", raw=True) for n in cell.nodes.values()] == [VALUE] * 12


def said_to_newcomers(cell, liars, lie, ahead):
    """Liars that answer whoever asks, before anybody else does."""
    carry = cell.carry

    def hear(source, frame, addr):
        carry(source, frame, addr)
        if source < 90 and len(frame) > 23 and frame[1] & 15 == wire.EP and frame[23] & wire.WANT:
            for liar in liars:
                cycle = liar.truth().clock.cycle + ahead
                liar.ep(source, [lie], cycle=min(cycle, 1_072_000_000))

    cell.carry = hear


@pytest.mark.parametrize("ahead", [0, DAYS, -4000, 1 << 30])
def test_three_liars_of_27_that_answer_first_mislead_no_newcomer(ahead):
    cell = Cell(24, seed=3, loss=0.1)
    cell.prime(VALUE)
    cell.run(70)
    said_to_newcomers(cell, [Liar(cell, 90 + k) for k in range(3)], 5, ahead)
    new = [cell.add(address) for address in (30, 31, 32)]
    cell.run(100)
    cycle = cell.nodes[1].clock.cycle
    for node in new:
        assert abs(node.clock.cycle - cycle) <= 2
        assert node.value("water", raw=True) == VALUE
    cell.contribute(30, 100)
    cell.run(10)
    assert cell.nodes[1].value("water", raw=True) == VALUE + 100


def test_a_row_of_one_liar_is_bounded_in_a_nodes_first_minute():
    """G3 holds for newcomers, too, and no total beyond what its age allows is ever a claim."""
    cell = Cell(6, seed=2)
    cell.prime(VALUE)
    cell.run(70)
    new = cell.add()
    liar = Liar(cell, 99)
    grain = cell.nodes[1].clock.grain()
    lie = (1 << 30) - 1

    def speak():
        for k in range(3):
            liar.row(None, lie, nonce=5 + k)
            liar.row(None, lie, start=grain - 100, nonce=15 + k)

    cell.run(60, each=speak)
    budget = new.config.route_budget
    for node in cell.nodes.values():
        assert node.value("water", raw=True) <= VALUE + 2 * budget
        claims = node.replicas[0].shard
        assert max(claims.claimed) < lie or node.config.grain > 1
    assert abs(new.value("water", raw=True) - cell.nodes[1].value("water", raw=True)) <= budget


def test_announcements_make_nobody_let_go_of_a_shard():
    """Five of thirty say that they hold every shard, and hold none."""
    channels = [f"c{n}" for n in range(40)]
    for seed in range(3):
        cell = Cell(25, channels=channels, held=1, seed=seed)
        cell.active(60)
        for name in ("c0", "c20", "c35"):
            cell.contribute(1, 256, name)
        liars = [Liar(cell, 90 + k) for k in range(5)]

        def speak(liars=liars):
            for liar in liars:
                truth = liar.truth()
                shard = truth.replicas[0].shard
                liar.ep(None, list(shard.settled), shard=shard.index)

        cell.run(64 * 12, each=lambda cell=cell, speak=speak: cell.now % 8000 or speak())
        for shard, name in enumerate(("c0", "c20", "c35")):
            holders = [n for n in cell.nodes.values() if n.placement.find(shard)]
            assert len(holders) >= 3, (seed, shard)
            assert {n.value(name, raw=True) for n in holders} == {256}
