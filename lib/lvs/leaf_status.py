"""What there is to know about a leaf. Boards unload it."""


def status(leaf, kept, notices):
    """A dict for people and programs. kept, notices: the leaf's own."""
    s = leaf.ledger.session
    warnings = [leaf.transport.error, kept.error, kept.notice]
    warnings += [text.replace("%d", str(raw)) for text, raw in notices.items()]
    return {
        "state": "AWAKE" if leaf.awake else "ASLEEP",
        "mesh": leaf.config.mesh,
        "session": "%04x-%08x" % (s.start, s.nonce),
        "cycle": kept.cycle,
        "pending_raw": sum(leaf.ledger.waiting),
        "left_raw": leaf.left(),
        "met": leaf.met,
        "dropped": dict(leaf.dropped),
        "warnings": [text for text in warnings if text],
    }
