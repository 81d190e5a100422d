"""Capacity: how many rows a shard must have room for, and what memory allows.

One rule for defaults, warnings and plans (docs/configuration.md). Seldom needed: unloaded on
boards.
"""

import gc

from .fixed import LONG, serial_diff
from .wire import SLOTS

MOST_ROWS = 32767
_LEAST_ROWS = 16
_SMALL = 512
RESERVE = 32768  # bytes of heap that rows leave: garbage of a cycle, sources, a status page
_DAY = 1350  # epochs


def _alive(config, pace):
    """Epochs of rows that a pair keeps alive in a span, one more session included."""
    sessions = 1 + (pace * config.session_epochs >> LONG)
    return (config.lifetime + 1) * config.grain * sessions + config.session_epochs


def rows_of(pairs, config, pace=0):
    """Rows for so many pairs of a node and a channel that it contributes to.

    A session's rows live until they are folded, so that sessions of a node overlap; one more is
    for nodes that restarted; and a ring takes relayed rows until it is three quarters full. pace:
    raw an epoch of a node in its busiest channel: a session that is told a lot is followed by
    another before its span ends.
    """
    rows = pairs * _alive(config, pace) * 4 // (config.session_epochs * 3) + 1
    return min(MOST_ROWS, max(_LEAST_ROWS, rows))


def pairs_of(rows, config, pace=0):
    """Pairs of a node and a channel that fit into so many rows: ``rows_of`` the other way."""
    return (rows * config.session_epochs * 3 - 1) // (_alive(config, pace) * 4)


def needed(config, pace=0):
    """Rows that each shard of a mesh needs if all its nodes contribute to all channels."""
    return rows_of(config.nodes * min(SLOTS, len(config.channels)), config, pace)


def found(config):
    """Rows of a node that is not told how many: no fewer than 512, since nodes without a journal
    begin a session at each start."""
    return max(_SMALL, needed(config))


def _table(rows):
    size = 32
    while size < 2 * rows:
        size *= 2
    return 2 * size


def ring_bytes(rows):
    """Bytes of memory that a shard's rows take."""
    return 19 * rows + _table(rows)


def _there(rows, shards):
    """True if memory has room for the rows of so many shards, in pieces of their size, now."""
    gc.collect()
    if shards * ring_bytes(rows) + 4 * rows > gc.mem_free() - RESERVE:
        return False
    try:
        # An array is made from as many bytes; what is made in between leaves holes: one more.
        held = [bytearray(2 * _table(rows) + 4 * rows), bytearray(RESERVE // 2)]
        for _ in range(shards + 1):
            held.append(bytearray(_table(rows)))
            for width in (4, 4, 4, 2, 2, 1, 1, 1):
                held.append(bytearray(width * rows))
    except MemoryError:
        return False
    return True


def fitting(rows, shards):
    """As many rows, at most ``rows``, as fit into the memory of a board that holds ``shards``."""
    if not hasattr(gc, "mem_free") or gc.mem_free() > 4 * (shards * ring_bytes(rows) + RESERVE):
        return rows
    while rows > _LEAST_ROWS and not _there(rows, shards):
        rows = max(_LEAST_ROWS, rows - rows // 16 - 1)
    gc.collect()
    return rows


def outlook(shard, config):
    """(rows in a day, rows of the present sessions): a session that ends is followed by another.

    No further than to the end of a session, where that is less than a day.
    """
    now = shard.epoch // config.grain
    length = config.session_epochs // config.grain
    day = max(1, min(_DAY, config.session_epochs) // config.grain)
    expected = present = 0
    for k in range(shard.count):
        p = shard.position(k)
        age = max(0, serial_diff(now, shard.start[p]))  # clocks differ
        expected += (age + day <= config.lifetime) + (length - day <= age < length)
        if age < length:
            present += 1
            # At its pace so far it is full, and followed by others, so often until then.
            left = min(day, length - age)
            expected += (shard.credited[p] >> 12) * left // (age + 1) >> LONG - 12
    return expected, present


def warnings(config, shard):
    """Texts for people about a shard's rows: too few from the start, full, or full in a day."""
    rows = shard.capacity
    known = needed(config) if "nodes" in config.data else 0
    out = []
    if rows < known:
        out.append(
            "rows: %d are room for %d nodes that contribute to all channels, not for %d; "
            "set 'rows' to %d, or have fewer channels"
            % (rows, pairs_of(rows, config) // max(1, shard.slots), config.nodes, known)
        )
    expected, present = outlook(shard, config)
    full = rows * 3 // 4  # from here on relayed rows are refused
    if max(expected, shard.count) >= full:
        when = "has" if shard.count >= full else "will have, within a day,"
        out.append(
            "rows: shard %d %s no room for what others relay, which then counts late: %d of %d "
            "are taken; set 'rows' to %d, or have fewer nodes or channels"
            % (
                shard.index,
                when,
                shard.count,
                rows,
                max(known, rows_of(present, config), rows + rows // 4),
            )
        )
    return out
