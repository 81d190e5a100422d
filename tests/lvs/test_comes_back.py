"""What happens to machines: they sleep, move and flicker. Nothing is lost or counted twice."""

from lvs import Node
from lvs.journal import Journal
from lvs_tools.world.memory_files import MemoryFiles
from lvs_tools.world.prng import Prng
from tests.support.cell import Cell
from tests.support.transport import Transport


def all_count(cell, seconds):
    for _ in range(seconds):
        for address in cell.nodes:
            cell.contribute(address, 100)
        cell.run(1)


def test_a_laptop_that_was_suspended():
    """Asleep for an hour among five nodes, on a clock that stood still; all of them count on, the
    laptop as soon as it wakes, before it knows what time it is."""
    cell = Cell(4, session_epochs=4050, horizon_epochs=4050)
    slept = [0]
    link = Transport(lambda frame, addr: cell.carry(5, frame, addr))
    laptop = cell.nodes[5] = Node(
        cell.config,
        link,
        lambda: (cell.now - slept[0]) & 0x3FFFFFFF,
        Prng(7).bits,
    )
    cell.active()
    all_count(cell, 60)
    cell.settle()
    del cell.nodes[5]
    for second in range(3600):
        cell.now += 1000
        for node in cell.nodes.values():
            node.receive(50)
            node.tick()
        if second % 60 == 0:
            for address in cell.nodes:
                cell.contribute(address, 100)
    slept[0] = 3600_000
    cell.nodes[5] = laptop
    link.inbox.clear()
    assert cell.nodes[1].clock.cycle - laptop.clock.cycle > 3000
    all_count(cell, 120)
    cell.settle(300)
    assert abs(cell.nodes[1].clock.cycle - laptop.clock.cycle) <= 2
    assert laptop.status()["warnings"] == []


def test_another_address_at_every_lease():
    """The same session by another route, every half minute."""
    cell = Cell(5)
    cell.active()
    address = 5
    for turn in range(12):
        moved = cell.nodes.pop(address)
        address = 50 + turn
        moved.transport._carry = lambda frame, addr, me=address: cell.carry(me, frame, addr)
        cell.nodes[address] = moved
        all_count(cell, 30)
    cell.settle(120)
    assert [n.status()["refused"] for n in cell.nodes.values()] == [0] * 5


def test_a_supply_that_flickers():
    """Ten starts a minute for ten minutes; what is contributed is on flash when it is accepted."""
    files = MemoryFiles()
    cell = Cell(4)
    cell.active()
    for start in range(100):
        node = cell.add(5, Journal("j", files=files))
        for second in range(6):
            for address in (1, 2, 3, 4):
                cell.contribute(address, 100)
            if second == start % 6:
                node.contribute("water", "0.1", durable=True)
                cell.contributed["water"] += 100
            cell.run(1)
    cell.settle(300)
    assert {n.status()["refused"] for n in cell.nodes.values()} == {0}
    sessions = {session for session, _, _, _ in cell.nodes[5].rows()}
    assert len(sessions) <= 2 * 5 + 2
