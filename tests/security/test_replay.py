"""What was said an hour ago, or in another mesh, changes nothing."""

from typing import Any

from tests.support.cell import Cell

HOUR = 3600  # seconds of virtual time
LIAR = 99


def picture(cell):
    """All that frames could change: values, rows, trust, clock, lifecycle."""
    return [
        (
            cell.values(node),
            list(node.rows()),
            [list(r.shard.settled) for r in node.replicas],
            [(r.confidence, r.established, r.votes.diverged) for r in node.replicas],
            node.state,
            node.clock.cycle,
            node.life.recoveries,
            node.life.rejoins,
            node.ledger.session.nonce,
        )
        for node in cell.nodes.values()
    ]


def trust(cell):
    """The routes each node trusts, and how much."""
    return [
        {
            node.routes.key[i]: node.routes.tc(i)
            for i in range(1, node.routes.n)
            if node.routes.trusted(i)
        }
        for node in cell.nodes.values()
    ]


def recorded(cell, seconds):
    """(frame, source) of everything said in so many seconds."""
    for node in cell.nodes.values():
        node.transport.sent.clear()
    cell.run(seconds)
    return [
        (frame, address)
        for address, node in cell.nodes.items()
        for frame, _ in node.transport.sent
    ]


def lively(seed=1, **config):
    """A mesh in the midst of contributions."""
    cell = Cell(3, seed=seed, **config)
    cell.active()
    cell.prime(50000)
    for turn in range(20):
        cell.contribute(1 + turn % 3, 100 + turn)
        cell.run(5)
    return cell


def test_frames_of_an_hour_ago():
    cell = lively()
    old = []
    for turn in range(12):
        cell.contribute(1 + turn % 3, 256)
        old += recorded(cell, 20)
    assert len(old) > 50
    cell.run(HOUR)
    cell.settle()
    before, trusted = picture(cell), trust(cell)
    for node in cell.nodes.values():
        for frame, source in old:
            node.handle(frame, source)  # under the addresses that said them ...
            node.handle(frame, LIAR)  # ... and under another
    assert picture(cell) == before
    assert trust(cell) == trusted
    cell.contribute(2, 512)
    assert cell.settle() < 30


def test_frames_of_this_minute_do_no_harm():
    """What was just said, said again by somebody else: it can only be news once."""
    cell = lively()
    cell.contribute(1, 256)
    fresh = recorded(cell, 30)
    cell.settle()
    values = [cell.values(node) for node in cell.nodes.values()]
    trusted = trust(cell)
    for node in cell.nodes.values():
        for frame, _ in fresh * 3:
            node.handle(frame, LIAR)
    cell.run(30)
    assert [cell.values(node) for node in cell.nodes.values()] == values
    for now, then in zip(trust(cell), trusted, strict=True):
        assert set(now) >= set(then)


def test_frames_of_another_mesh():
    """Other names, and other budgets under the same name."""
    cell = lively()
    cell.settle()
    foreign = []
    strangers: list[dict[str, Any]] = [
        {"mesh": "next-door"},
        {"route_budget": 300000},
        {"mesh": "milk"},
    ]
    for config in strangers:
        other = lively(seed=7, **config)
        foreign += recorded(other, 240)
    assert len(foreign) > 50
    for node in cell.nodes.values():
        node.tick()
    before, trusted = picture(cell), trust(cell)
    for node in cell.nodes.values():
        received = node.reception.received
        dropped = node.reception.dropped.get("tag", 0)
        for frame, source in foreign:
            node.handle(frame, source)
        assert node.reception.received == received
        assert node.reception.dropped["tag"] - dropped + node.reception.dropped.get(
            "quota", 0
        ) == len(foreign)
        assert any("another mesh" in text for text in node.status()["warnings"])
    assert picture(cell) == before
    assert trust(cell) == trusted
