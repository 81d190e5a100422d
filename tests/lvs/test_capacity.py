"""Capacity: the rule for rows holds in a mesh, memory bounds it, and a ring that fills is said."""

import gc

import pytest

from lvs import Config, capacity
from tests.support.cell import Cell, Speaker
from tests.support.worlds import world_of

SHORT = {"session_epochs": 4, "horizon_epochs": 4}


def config(nodes, channels, **keys):
    return Config({"nodes": nodes, "channels": [str(c) for c in range(channels)], **keys})


@pytest.mark.parametrize("session, horizon", [(4050, 4050), (48, 48), (48, 32), (2, 32)])
def test_the_rule(session, horizon):
    """Sessions that overlap and one for restarts, in three quarters of a ring."""
    cfg = config(300, 1, session_epochs=session, horizon_epochs=horizon)
    overlap = (session + horizon + 5) / session
    assert 1 <= cfg.rows * 3 / 4 / 300 / (overlap + 1) < 1.02
    assert capacity.pairs_of(cfg.rows, cfg) == 300


def test_the_rule_counts_the_channels_of_a_shard():
    assert config(60, 8).rows == config(480, 1).rows
    assert config(60, 40).rows == config(60, 16).rows
    assert config(1, 1, rows=77).rows == 77
    assert config(10000, 16).rows == capacity.MOST_ROWS


def rows_and_refusals(rows, enough=lambda refused: False):
    """(most rows that a node held, refusals, exact) of a mesh through three session changes.

    enough: of the refusals so far, to end before.
    """
    world = world_of(
        nodes=6,
        cycles=64 * 22,
        workload={"contributions_per_minute": 6, "channels": 2, "until_cycle": 64 * 21},
        config={**SHORT, **rows},
    )
    most = 0
    for cycle in range(64 * 22):
        world.run_cycle()
        if cycle % 16 == 0:
            replicas = [r for m in world.honest if m.node for r in m.node.replicas]
            most = max([most, *(r.shard.count for r in replicas)])
            if enough(sum(r.refused for r in replicas)):
                break
    result = world.result()
    return most, result["refused"], result["exact"]


def test_rows_by_the_rule_are_enough_and_half_of_them_are_not():
    rule = capacity.needed(config(6, 2, **SHORT))
    most, refused, exact = rows_and_refusals({"rows": rule})
    assert exact and not refused
    # A session overlaps with those before it as the rule says: no third of two equal spans.
    assert 0.6 < most / (6 * 2 * (4 + 4 + 5) / 4) <= 1.24
    assert rows_and_refusals({"rows": rule // 2}, lambda refused: refused > 0)[1] > 0


@pytest.fixture
def free(monkeypatch):
    """free(bytes): so much is free of a board's memory, which is not tidied up at each look."""
    monkeypatch.setattr(gc, "collect", lambda: 0)
    return lambda n: monkeypatch.setattr(gc, "mem_free", lambda: n, raising=False)


def test_memory_bounds_what_is_found(free):
    free(200000)
    assert capacity.fitting(2000, 1) == 2000
    free(60000)
    some = capacity.fitting(2000, 1)
    assert 900 < some < 1100 and capacity.ring_bytes(some) <= 60000 - 32768
    assert capacity.fitting(2000, 2) < some * 0.6
    free(1000)
    assert capacity.fitting(2000, 1) == 16


def test_a_node_starts_with_the_rows_that_memory_allows_and_says_so(free):
    free(40000)
    node = Cell(1, nodes=300).nodes[1]
    assert node.status()["rows_max"] == node.config.rows == node.replicas[0].shard.capacity < 300
    (said,) = node.status()["warnings"]
    assert (
        "not for 300" in said
        and "set 'rows' to %d" % config(300, 1, session_epochs=48, horizon_epochs=32).rows in said
    )
    # Who never said how many nodes there are is not reproached.
    assert not Cell(1).nodes[1].status()["warnings"]


DAYS = {"session_epochs": 4050, "horizon_epochs": 4050}


def filled(capacity_, ages):
    """A node of the default days whose shard holds a row of each of these ages, in hours."""
    cell = Cell(1, rows=capacity_, **DAYS)
    cell.active()
    node = cell.nodes[1]
    now = node.clock.grain()
    for i, hours in enumerate(ages):
        start = now - hours * 3600 // 64 // node.config.grain
        node.replicas[0].shard.merge(start & 0xFFFF, 1000 + i, 0, 256, 0)
    return node


def test_a_shard_beyond_the_list_has_no_channel_yet():
    """Held for others, before any of its channels was heard of."""
    cfg = config(300, 1, rows=64)
    shard = Cell(1, channels=["water"]).nodes[1].replicas[0].shard
    shard.slots = 0
    shard.capacity = 64
    assert "rows: 64 are room for" in capacity.warnings(cfg, shard)[0]


def test_a_ring_that_fills_is_said_a_day_ahead_and_not_before():
    """Sessions three days long: those that are two and a half days old are followed by others."""
    young, old = [36] * 40, [60] * 40
    assert not filled(112, young + young).status()["warnings"]
    (said,) = filled(112, young + old).status()["warnings"]
    assert "within a day" in said and "80 of 112" in said
    # What is folded by then makes room.
    assert not filled(112, [140] * 40 + old).status()["warnings"]


def test_rows_of_nodes_that_tell_much_are_counted():
    """A session that has told 2**29 raw in a channel is followed by another at once."""
    cfg = config(20, 1)
    pace = cfg.route_budget  # eight sessions in three days
    assert capacity.needed(cfg, pace) == pytest.approx(20 * (2 * 8 + 1) * 4 / 3, rel=0.02)
    assert capacity.needed(cfg, pace // 16) == capacity.needed(cfg)
    assert capacity.pairs_of(capacity.needed(cfg, pace), cfg, pace) == 20


def test_a_ring_that_fills_at_the_present_pace_is_said_a_day_ahead():
    node = filled(112, [6] * 40)
    shard = node.replicas[0].shard
    for k in range(shard.count):  # three eighths of 2**30 in six hours
        p = shard.position(k)
        shard.claimed[p] = shard.credited[p] = 3 << 27
    assert any("within a day" in w for w in node.status()["warnings"])


def test_a_session_that_begins_by_a_clock_ahead_is_new():
    node = filled(112, [6] * 4)
    shard = node.replicas[0].shard
    shard.start[shard.position(0)] = node.clock.grain() + 1
    expected, present = capacity.outlook(shard, node.config)
    assert (expected, present) == (4, 4)
    assert not node.status()["warnings"]


def test_a_full_ring_is_said_and_nobody_makes_a_node_say_it_for_ever():
    cell = Cell(1, rows=32, **SHORT)
    cell.active()
    node = cell.nodes[1]
    epoch = node.clock.epoch()
    for nonce in range(256):
        Speaker(node, 66, 5).sdm(relayed=[(epoch, 5000 + nonce, 0, 1)])
    assert node.status()["refused"] > 200
    assert any("has no room for" in w for w in node.status()["warnings"])
    cell.run(64 * 14)
    assert node.status()["rows"] == 0 and not node.status()["warnings"]
