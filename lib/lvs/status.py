"""Status: what there is to know about a node, for people and programs."""

from . import decimal
from .capacity import warnings
from .votes import EPOCHS
from .wire import VERSION


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
        "peers": node.routes.showing(node.clock.cycle, 256),
        "trusted": trusted,
        "trust_mean": trust,
        "confidence": min([r.confidence for r in reps] or [0]),
        "established": all([r.established for r in reps]),
        "diverged": any([r.votes.diverged for r in reps]),
        "values": values(node, False),
        "unlisted": _unlisted(node),
        "pending_raw": node.ledger.outstanding(),
        "given": _given(node),
        "rows": sum([r.shard.count for r in reps]),
        "rows_max": node.config.rows * len(reps),
        "refused": sum([r.refused for r in reps]),
        "expired": sum([r.expired for r in reps]),
        "max_step": max([r.max_step for r in reps] or [0]),
        "dropped": _dropped(node),
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


def _dropped(node):
    dropped = dict(node.reception.dropped)
    if node.outbox.unresolved:
        dropped["peer"] = node.outbox.unresolved
    return dropped


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
    if node.eps.names:
        out.extend(node.eps.names.warnings(node.clock.epoch()))
    for r in node.placement.replicas:
        out.extend(warnings(node.config, r.shard))
        if r.orphan:
            out.append("shard %d: no node held it; what it had is lost" % r.index)
        votes = r.votes
        if votes.diverged:
            out.append("shard %d: most peers hold other values; drifting there" % r.index)
        elif votes.apart > EPOCHS:
            out.append(
                "shard %d: %d of %d nodes hold other values, for %d minutes"
                % (r.index, votes.others, votes.total, votes.apart * 64 // 60)
            )
    return out
