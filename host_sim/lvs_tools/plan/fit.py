"""What a mesh needs and whether it fits: one reckoning for `lvs plan` and a simulation's start.

Rows are reckoned by the rule of the nodes themselves, traffic and heap by what was measured.
"""

from lvs import capacity, decimal, holders
from lvs.config import CYCLE_MS, EPOCH_CYCLES
from lvs.fixed import LONG, LvsError
from lvs.wide import END
from lvs.wire import SLOTS

# Bytes of a 32-bit heap with every table full, by `lvs measure`: a node that holds nothing, each
# route, each shard without its rows. tests/plan compares them with what was accepted last.
NODE_HEAP = 92080
ROUTE_HEAP = 54
SHARD_HEAP = 3808
JOURNAL_HEAP = 23500  # and what a journal adds
# Bytes a minute that a node sends and receives: with nothing new; with some at least, and what is
# shared among the ten nodes or more that hear each other; for each contribution heard. Measured in
# cells of 10 to 300 nodes (`lvs bench --only scale`, docs/figures.md). tests/bench compares them
# with what was accepted last.
_IDLE_BYTES = 600
_BUSY_BYTES = 5000
_SHARED_BYTES = 18000
_CONTRIBUTION_BYTES = 76
_MERGED = 60  # contributions of a node in a minute: of more some are told together
_PAST_BUDGET = 6 / 7  # of kb_per_min is what the governor lets go

ONE = 10 ** -decimal.STEP[1]  # steps in a unit of a channel that says nothing else

_EPOCH_S = EPOCH_CYCLES * CYCLE_MS / 1000
_YEAR_MIN = 365.25 * 24 * 60
_YEARS = 10  # that a counter is expected to last


def number(n):
    """A whole number for people."""
    return f"{n:,}"


def heap(config, rows, journal=False):
    """Bytes of heap of a node with this configuration and so many rows a shard."""
    shards = min(config.held, -(-len(config.channels) // SLOTS))
    ring = SHARD_HEAP + capacity.ring_bytes(rows)
    return NODE_HEAP + ROUTE_HEAP * config.routes + shards * ring + JOURNAL_HEAP * journal


def finest(config, amount):
    """(raw, step) of an amount (units, text) in the channel where it has the most steps. Raises
    LvsError."""
    most = max((decimal.steps(amount, step)[0], step) for step in config.steps)
    if most[0] > END:
        raise LvsError(f"amount {amount}: a counter ends at {decimal.text(END, most[1])}")
    return most


def mesh(config, per_minute, amount, step=decimal.STEP, heard=None, minutes=None):
    """Figures of a mesh as a dict; ``problems`` are texts that name a figure and the mend.

    per_minute: contributions of each node; amount: raw of each; step: of its channel; heard: nodes
    that hear each other, all of them unless told; minutes: that it is to last, unless for years.
    """
    told = min(per_minute, _MERGED) * (heard or config.nodes)
    busy = _BUSY_BYTES + _SHARED_BYTES / max(10, heard or config.nodes)
    traffic = max(busy, _CONTRIBUTION_BYTES * told) if told else _IDLE_BYTES
    one = 10 ** -step[1] / step[0]  # raw in a unit
    raw_per_min = per_minute * amount
    pace = int(min(raw_per_min * _EPOCH_S / 60, config.route_budget))  # raw an epoch that is told
    # All channels alike, each contribution to one of them.
    pace = -(-pace // len(config.channels))
    if minutes:
        pace = int(pace * min(1, minutes * 60 / _EPOCH_S / config.session_epochs))
    need = capacity.needed(config, pace)
    end_min = END / (config.nodes * raw_per_min) if raw_per_min else None
    figures = {
        "horizon_h": round(config.horizon_epochs * _EPOCH_S / 3600, 2),
        "session_h": round(config.session_epochs * _EPOCH_S / 3600, 2),
        "step": decimal.text(1, step),
        "end": decimal.text(END, step),
        "years_to_end": float(f"{end_min / _YEAR_MIN:.4g}") if end_min else None,
        "pace_raw_per_epoch": pace,
        "rows_of_one": 2 + 2 * (pace * config.session_epochs >> LONG),
        "nodes": config.nodes,
        "channels": len(config.channels),
        "shards": -(-len(config.channels) // SLOTS),
        "rows": config.rows,
        "rows_needed": need,
        "ring_bytes": capacity.ring_bytes(config.rows),
        "kb_per_min": round(traffic / 1000, 1),
        "kb_per_min_most": config.kb_per_min,
        "units_per_min": raw_per_min / one,
        "units_per_min_most": config.route_budget / one * 60 / _EPOCH_S,
        "cycles_per_contribution": -(-amount // (config.max_allowed_shift - 1)),
    }
    figures["problems"] = [
        *_holders(config),
        *_rows(config, need, pace),
        *_traffic(config, figures),
        *_pace(figures),
        *_counter(figures, minutes / _YEAR_MIN if minutes else _YEARS),
    ]
    return figures


def _holders(config):
    nodes = config.data.get("nodes", 0)  # as a node knows it
    text = holders.lack(len(config.channels), config.held, config.replicas, nodes)
    if text:
        yield text


def _rows(config, need, pace):
    if need >= capacity.MOST_ROWS:
        yield (
            f"rows: no ring has more than {number(capacity.MOST_ROWS)}, and that is room for"
            f" {number(_room(config, capacity.MOST_ROWS, pace))} nodes; have fewer nodes or"
            " channels, a coarser step, or several meshes"
        )
    elif config.rows < need:
        mend = f"set 'rows' to {number(need)} or leave it out"
        if capacity.needed(config) <= config.rows:
            mend = (
                f"set 'rows' to {number(need)} on all nodes, or give channels a coarser step: at"
                " this pace sessions are full before they end, and others follow"
            )
        yield (
            f"rows: {number(config.rows)} are room for"
            f" {number(_room(config, config.rows, pace))} nodes, not for"
            f" {number(config.nodes)}; {mend}"
        )


def _room(config, rows, pace=0):
    """Nodes that so many rows have room for."""
    return capacity.pairs_of(rows, config, pace) // min(SLOTS, len(config.channels))


def _counter(figures, lasts):
    years = figures["years_to_end"]
    if years is not None and years < lasts:
        yield (
            f"counter: at its end, {figures['end']} units, after {years:g} years at this pace;"
            f" give the channel a coarser step than {figures['step']}"
        )


def _traffic(config, figures):
    most, reckoned = config.kb_per_min * _PAST_BUDGET, figures["kb_per_min"]
    if reckoned > most:
        yield (
            f"traffic: about {reckoned:g} KB a minute, {most:g} go; contribute"
            f" {reckoned / most:.1f} times as seldom (add up before), or set 'kb_per_min' to"
            f" {reckoned / _PAST_BUDGET:.0f}: else it arrives late"
        )


def _pace(figures):
    most, told = figures["units_per_min_most"], figures["units_per_min"]
    if told > most:
        yield (
            f"pace: {told:g} units a minute of a node, {most:g} are told; raise 'route_budget'"
            " on all nodes, or contribute less: else what waits grows without end"
        )
    elif told > most / 2:
        yield (
            f"pace: {told:g} units a minute of a node; after as long apart as the horizon only"
            f" half of {most:g} is caught up with in time; raise 'route_budget' on all nodes, or"
            " contribute less"
        )
    if figures["cycles_per_contribution"] > EPOCH_CYCLES:
        yield (
            f"pace: a contribution is told over {number(figures['cycles_per_contribution'])}"
            " seconds; raise 'max_allowed_shift' on all nodes, or use a coarser step"
        )


def board(config, profile, pace=0):
    """Figures of a node on a board, as a dict. config: with the profile's defaults in it; pace:
    that of ``mesh``."""
    limit = profile["heap_kb"] * 1024 - capacity.RESERVE
    journal = config.board.get("journal", profile["board"].get("journal", True))
    most = max(capacity.found(config), capacity.needed(config, pace))
    while most > 16 and heap(config, most, journal) > limit:
        most -= most // 16 + 1
    rows = min(most, capacity.found(config)) if config.auto() else config.rows
    room = _room(config, rows, pace)
    figures = {
        "board": profile["name"],
        "rows": rows,
        "room": room,
        "journal": journal,
        "heap_bytes": heap(config, rows, journal),
        "heap_without_journal_bytes": heap(config, rows),
        "heap_with_journal_bytes": heap(config, rows, True),
        "heap_most_bytes": limit,
        "problems": [],
    }
    figures["problems"] += [f"{profile['name']}: {text}" for text in _holders(config)]
    if figures["heap_bytes"] > limit:
        figures["problems"].append(
            f"{profile['name']}: {number(figures['heap_bytes'])} bytes of heap, {number(limit)}"
            f" are free; set 'rows' to {number(most)}, or 'held' or 'routes' lower"
            + ", or go without its journal"
            * (figures["heap_without_journal_bytes"] <= limit)
        )
    elif room < config.nodes:
        more = _room(config, most, pace)
        mend = "have fewer nodes or channels"
        if most > rows:
            mend = f"set 'rows' to {number(most)} (room for {number(more)})"
            mend += "" if more >= config.nodes else ", and have fewer nodes or channels"
        figures["problems"].append(
            f"{profile['name']}: {number(rows)} rows are room for {number(room)} nodes; {mend}"
        )
    return figures
