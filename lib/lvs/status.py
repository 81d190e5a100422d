"""Status: what there is to know about a node, for people and programs."""

from . import decimal
from .capacity import warnings
from .config import CYCLE_MS, EPOCH_CYCLES
from .votes import EPOCHS
from .wide import END, FAR
from .wire import SLOTS, VERSION


def session_name(start, nonce):
    """A session as text: start grain and nonce in hex."""
    return "%04x-%08x" % (start, nonce)


def rows(replicas, channels):
    """Iterator of (session, channel, claimed raw, credited raw) over the rows of replicas."""
    for r in replicas:
        s = r.shard
        for k in range(s.count):
            p = s.position(k)
            c = r.first_channel() + s.slot[p]
            yield (
                session_name(s.start[p], s.nonce[p]),
                channels[c] if c < len(channels) else "#%d" % c,
                s.claimed[p],
                s.credited[p],
            )


def showing(routes, since):
    """Number of routes that showed state since a cycle."""
    return sum([routes.heard[i] >= since for i in range(1, routes.n)])


def values(node, ask):
    """What every face shows of the channels, a list of dicts."""
    config = node.config
    out = []
    for c, name in enumerate(config.channels):
        raw = node.raw(c, ask)
        unit = config.about(c, "unit")
        shown = {"name": name, "text": config.text(c, raw), "unit": unit, "raw": raw}
        for key in ("label", "class", "retired"):
            if config.about(c, key):
                shown[key] = config.about(c, key)
        out.append(shown)
    return out


def amounts(node):
    """What nobody else is known to hold, as text."""
    config = node.config
    found = []
    for c, name in enumerate(config.channels):
        left = node.ledger.left(c)
        if left:
            found.append("%s of %s" % (_amount(config, c, left), name))
    return ", ".join(found)


def span(seconds):
    """So many seconds as a text: 2 min, 3 h 20 min, 3 d 4 h."""
    minutes = seconds // 60
    hours = minutes // 60
    if hours >= 48:
        return "%d d %d h" % (hours // 24, hours % 24)
    return "%d h %d min" % (hours, minutes % 60) if hours else "%d min" % minutes


def amount(config, c, raw):
    """A signed difference in a channel, in its unit: "energy +1.250 kWh", "over" where it is
    larger than what differences can be."""
    listed = c < len(config.channels)
    size = abs(raw)
    return "%s %s%s%s" % (
        config.channels[c] if listed else "#%d" % c,
        "over " * (size >= FAR),
        "-" if raw < 0 else "+",
        _amount(config, c, size) if listed else "%d steps" % size,
    )


def differ(node, r):
    """Who holds other values than mine in a shard, None if nobody: for how many ``seconds``, how
    many hold mine (``with_me``, this node included) and how many not (``others``), ``by`` how much
    theirs differ, the median of those heard of late, a text a channel; all of it as ``text``.

    However loud a liar is, it is one of so many; whose values are right nobody can say.
    """
    votes = r.votes
    if not votes.others:
        return None
    w = r.window
    off = [i for i in range(w.n) if votes.off(node.routes.known(w.key[i]))]
    by = []
    for s in range(w.slots if off else 0):
        middle = sorted([w.above[i * w.slots + s] for i in off])[len(off) // 2]
        if middle:
            by.append(amount(node.config, r.first_channel() + s, middle))
    seconds = votes.apart * EPOCH_CYCLES * CYCLE_MS // 1000
    return {
        "shard": r.index,
        "seconds": seconds,
        "with_me": votes.total - votes.others,
        "others": votes.others,
        "by": by,
        "text": "shard %d: %d of %d nodes hold other values, for %s%s%s"
        % (
            r.index,
            votes.others,
            votes.total,
            span(seconds),
            ": " + ", ".join(by) if by else "",
            "; as most do, this node goes there" if votes.diverged else "",
        ),
    }


def _lost(node):
    """What was lost or may be since this node started, as texts."""
    out = [
        "%s: told shortly before this node was switched off, and nobody was seen to hold it; "
        "it may be lost, 'lvs audit' says whether it is" % amount(node.config, ~c, raw)
        for c, raw in node.ledger.spent.items()
        if c < 0
    ]
    for r in node.placement.replicas:
        for s in range(r.shard.slots):
            went = r.yielded[s]
            if went:
                out.append(
                    "%s: so far this node went to what most hold; what its side counted while "
                    "they were apart may be lost, 'lvs audit' says how much"
                    % amount(node.config, r.first_channel() + s, went)
                )
        if r.expired:
            out.append(
                "shard %d: %d times a total came after its session had been folded; what nobody "
                "here had heard of it is lost" % (r.index, r.expired)
            )
        if r.refused and r.shard.crowded():
            out.append(
                "shard %d: %d times there was no room for a total; what finds none within %s "
                "is lost" % (r.index, r.refused, span(node.config.horizon_epochs * EPOCH_CYCLES))
            )
    return out


def _waits(node):
    """What takes longer than a minute to be told, as texts, and how long."""
    config = node.config
    waiting = node.ledger.waiting
    epochs = sum(waiting) // config.route_budget
    out = []
    for c, name in enumerate(config.channels):
        cycles = max(waiting[c] // (config.max_allowed_shift - 1), epochs * EPOCH_CYCLES)
        if waiting[c] and cycles * CYCLE_MS > 60000:
            out.append(
                "%s of %s wait to be told: that takes %s"
                % (_amount(config, c, waiting[c]), name, span(cycles * CYCLE_MS // 1000))
            )
    return out


def status(node):
    """What there is to know about this node, as a dict for people and programs."""
    reps = node.placement.replicas
    heard = node.reception
    said = node.outbox
    trusted, trust = node.routes.trust()
    return {
        "state": node.life.state,
        "mesh": node.config.mesh,
        "tag": "%08x" % node.config.tag,
        "session": session_name(node.ledger.session.start, node.ledger.session.nonce),
        "cycle": node.clock.cycle,
        "epoch": node.clock.epoch(),
        "horizon": max([r.shard.horizon for r in reps] or [0]),
        "peers": showing(node.routes, node.clock.cycle - 256),
        "trusted": trusted,
        "trust_mean": trust,
        "confidence": min([r.confidence for r in reps] or [0]),
        "established": all([r.established for r in reps]),
        "diverged": any([r.votes.diverged for r in reps]),
        "values": values(node, False),
        "differ": [d for d in [differ(node, r) for r in reps] if d],
        "lost": _lost(node),
        "waits": _waits(node),
        "unlisted": _unlisted(node),
        "pending_raw": sum(node.ledger.waiting),
        "given": _given(node),
        "rows": sum([r.shard.count for r in reps]),
        "rows_max": node.config.rows * len(reps),
        "refused": sum([r.refused for r in reps]),
        "expired": sum([r.expired for r in reps]),
        "max_step": max([r.max_step for r in reps] or [0]),
        "dropped": dict(node.reception.dropped),
        "sent": said.sent,
        "unsent": said.unsent,
        "received": heard.received,
        "sent_bytes": said.sent_bytes,
        "received_bytes": heard.received_bytes,
        "recoveries": node.life.recoveries,
        "rejoins": node.life.rejoins,
        "held": [r.index for r in reps],
        "warnings": _warnings(node),
    }


def _given(node):
    """What was ever contributed here, as far as is known: exact text by channel, with its unit."""
    config = node.config
    return {
        name: _amount(config, c, node.ledger.given(c)) for c, name in enumerate(config.channels)
    }


def _amount(config, c, raw):
    return (decimal.text(raw, config.steps[c]) + " " + config.about(c, "unit")).strip()


def _unlisted(node):
    """Numbers of the channels beyond my list that others count, and I carry."""
    n = len(node.config.channels)
    first = [(r, r.first_channel()) for r in node.placement.replicas]
    return [
        c + s for r, c in first for s in range(r.shard.slots) if c + s >= n and r.shard.value(s)
    ]


def _gone(node):
    """What was counted in shards that nobody in reach holds, as texts."""
    config = node.config
    out = []
    for c, name in enumerate(config.channels):
        shard = c // SLOTS
        left = 0 if node.placement.find(shard) else node.ledger.left(c)
        if left and not node.routes.holders(shard, node.clock.cycle, 4 * EPOCH_CYCLES):
            out.append(
                "held: nobody heard holds shard %d, so that %s of %s wait; let some node hold "
                "more shards" % (shard, _amount(config, c, left), name)
            )
    return out


def _warnings(node):
    out = []
    for text in (
        node.transport.error,
        node.outbox.error,
        node.journal.error,
        node.journal.notice,
        node.life.doubts,
    ):
        if text:
            out.append(text)
    strangers = node.reception.dropped.get("tag")
    if strangers:
        out.append(
            "mesh: %d frames of another mesh name or mesh parameter were heard and ignored; nodes "
            "that belong together need the same" % strangers
        )
    if "version" in node.reception.dropped:
        out.append(
            "mesh: somebody speaks another version of the protocol than %d; bring all nodes to one"
            % VERSION
        )
    for c, name in enumerate(node.config.channels):
        if node.raw(c, False) > END - END // 8:
            out.append(
                "counter: %s is at %s, and ends at %s; append a channel with a coarser step"
                % (name, node.config.text(c, node.raw(c, False)), node.config.text(c, END))
            )
    strays = node.clock.apart
    if strays:
        off = strays[len(strays) // 2]
        out.append(
            "clock: %d of %d nodes heard go by a clock %s %s this one; until they have met, "
            "within about twice that, values may differ"
            % (
                len(strays),
                node.routes.recent(node.clock.epoch(), 2 * EPOCHS + 1),
                span(abs(off) * CYCLE_MS // 1000),
                "ahead of" if off > 0 else "behind",
            )
        )
    out.extend(_gone(node))
    if node.eps.names:
        out.extend(node.eps.names.warnings(node.clock.epoch()))
    for r in node.placement.replicas:
        out.extend(warnings(node.config, r.shard))
        if r.orphan:
            out.append("shard %d: no node held it; what it had is lost" % r.index)
        found = differ(node, r)
        if found and (r.votes.diverged or r.votes.apart > EPOCHS):
            out.append(found["text"])
    return out
