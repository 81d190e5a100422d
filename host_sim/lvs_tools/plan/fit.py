"""What a mesh needs and whether it fits: one reckoning for `lvs plan` and a simulation's start.

Rows are reckoned by the rule of the nodes themselves, traffic and heap by what was measured.
"""

from lvs import capacity
from lvs.config import CYCLE_MS, EPOCH_CYCLES
from lvs.fixed import ONE
from lvs.wire import SLOTS

# Bytes of a 32-bit heap with every table full, by `lvs measure`: a node that holds nothing, each
# route, each shard without its rows. tests/plan compares them with what was accepted last.
NODE_HEAP = 90432
ROUTE_HEAP = 54
SHARD_HEAP = 3808
# Bytes a minute that a node sends and receives: with nothing new, with some, and for each of the
# contributions that it hears; measured in cells of 4 to 300 nodes.
_IDLE_BYTES = 2000
_BUSY_BYTES = 6000
_CONTRIBUTION_BYTES = 70
_MERGED = 60  # contributions of a node in a minute: of more some are told together
_PAST_BUDGET = 7 / 8  # of kb_per_min is what the governor lets go


def number(n):
    """A whole number for people."""
    return f"{n:,}"


def heap(config, rows):
    """Bytes of heap of a node with this configuration and so many rows a shard."""
    shards = min(config.held, -(-len(config.channels) // SLOTS))
    ring = SHARD_HEAP + capacity.ring_bytes(rows)
    return NODE_HEAP + ROUTE_HEAP * config.routes + shards * ring


def mesh(config, per_minute, amount, heard=None):
    """Figures of a mesh as a dict; ``problems`` are texts that name a figure and the mend.

    per_minute: contributions of each node; amount: raw of each; heard: nodes that hear each other,
    all of them unless told.
    """
    need = capacity.needed(config)
    told = min(per_minute, _MERGED) * (heard or config.nodes)
    traffic = _BUSY_BYTES + _CONTRIBUTION_BYTES * told if told else _IDLE_BYTES
    epoch_s = EPOCH_CYCLES * CYCLE_MS / 1000
    figures = {
        "nodes": config.nodes,
        "channels": len(config.channels),
        "shards": -(-len(config.channels) // SLOTS),
        "rows": config.rows,
        "rows_needed": need,
        "ring_bytes": capacity.ring_bytes(config.rows),
        "kb_per_min": round(traffic / 1000, 1),
        "kb_per_min_most": config.kb_per_min,
        "vu_per_min": per_minute * amount / ONE,
        "vu_per_min_most": config.route_budget / ONE * 60 / epoch_s,
        "cycles_per_contribution": -(-amount // (config.max_allowed_shift - 1)),
    }
    figures["problems"] = [*_rows(config, need), *_traffic(config, figures), *_pace(figures)]
    return figures


def _rows(config, need):
    if need >= capacity.MOST_ROWS:
        yield (
            f"rows: no ring has more than {number(capacity.MOST_ROWS)}, and that is room for"
            f" {number(_room(config, capacity.MOST_ROWS))} nodes; have fewer nodes or channels,"
            " or several meshes"
        )
    elif config.rows < need:
        yield (
            f"rows: {number(config.rows)} are room for {number(_room(config, config.rows))} nodes,"
            f" not for {number(config.nodes)}; set 'rows' to {number(need)} or leave it out"
        )


def _room(config, rows):
    """Nodes that so many rows have room for."""
    return capacity.pairs_of(rows, config) // min(SLOTS, len(config.channels))


def _traffic(config, figures):
    most = config.kb_per_min * _PAST_BUDGET
    if figures["kb_per_min"] > most:
        part = max(0.0, most - _BUSY_BYTES / 1000) / (figures["kb_per_min"] - _BUSY_BYTES / 1000)
        yield (
            f"traffic: about {figures['kb_per_min']:g} KB a minute, {most:g} go; contribute"
            f" {1 / part:.1f} times as seldom (add up before), or set 'kb_per_min' to"
            f" {figures['kb_per_min'] / _PAST_BUDGET:.0f}: else it arrives late"
        )


def _pace(figures):
    most = figures["vu_per_min_most"]
    if figures["vu_per_min"] > most:
        yield (
            f"pace: {figures['vu_per_min']:g} VU a minute of a node, {most:g} are told; raise"
            " 'route_budget' on all nodes, or contribute less: else what waits grows without end"
        )
    elif figures["vu_per_min"] > most / 2:
        yield (
            f"pace: {figures['vu_per_min']:g} VU a minute of a node; after as long apart as the"
            f" horizon only half of {most:g} is caught up with in time; raise 'route_budget' on"
            " all nodes, or contribute less"
        )
    if figures["cycles_per_contribution"] > EPOCH_CYCLES:
        yield (
            f"pace: a contribution is told over {number(figures['cycles_per_contribution'])}"
            " seconds; raise 'max_allowed_shift' on all nodes, or use a larger unit"
        )


def board(config, profile):
    """Figures of a node on a board, as a dict. config: with the profile's defaults in it."""
    limit = profile["heap_kb"] * 1024 - capacity.RESERVE
    most = capacity.found(config)
    while most > 16 and heap(config, most) > limit:
        most -= most // 16 + 1
    rows = most if config.auto() else config.rows
    room = _room(config, rows)
    figures = {
        "board": profile["name"],
        "rows": rows,
        "room": room,
        "heap": heap(config, rows),
        "heap_most": limit,
        "problems": [],
    }
    if figures["heap"] > limit:
        figures["problems"].append(
            f"{profile['name']}: {number(figures['heap'])} bytes of heap, {number(limit)} are"
            f" free; set 'rows' to {number(most)}, or 'held' or 'routes' lower"
        )
    elif room < config.nodes:
        more = _room(config, most)
        mend = "have fewer nodes or channels"
        if most > rows:
            mend = f"set 'rows' to {number(most)} (room for {number(more)})"
            mend += "" if more >= config.nodes else ", and have fewer nodes or channels"
        figures["problems"].append(
            f"{profile['name']}: {number(rows)} rows are room for {number(room)} nodes; {mend}"
        )
    return figures
