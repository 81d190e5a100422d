"""The account of a mesh: what was contributed, what was lost, what every node says now.

Pure functions over plain data. What was lost is counted from evidence, from the rows that the
living know, and never inferred from the difference of the totals: otherwise no error could show.
"""

import math

STILL_S = 10  # without any change of a value: then nothing moves any more


def add_up(parts, channels):
    """Sum of dicts of raw amounts, channel by channel; every channel is in the result."""
    return {name: sum(part.get(name, 0) for part in parts) for name in channels}


def known_claims(rows):
    """The largest claimed total (raw) that any row knows, by (session, channel).

    rows: of all nodes that live, each ``(session, channel, claimed_raw, credited_raw)``.
    """
    known = {}
    for session, channel, claimed, _ in rows:
        key = (session, channel)
        known[key] = max(known.get(key, 0), claimed)
    return known


def shared_sessions(rows_of_nodes):
    """Sessions that at least two nodes know: those that somebody must have spoken under.

    A session that one node alone knows is its own, and it has said nothing under it yet.
    """
    sessions = [{row[0] for row in rows} for rows in rows_of_nodes]
    return {s for known in sessions for s in known if sum(s in other for other in sessions) > 1}


def account_of_killed(contributed, sessions, known, channels):
    """One killed instance: what it had contributed, what the living know, what is lost (raw).

    contributed: acknowledged, by channel; sessions: all that it ever announced.
    """
    told = {name: sum(known.get((s, name), 0) for s in sessions) for name in channels}
    return {
        "contributed_raw": add_up([contributed], channels),
        "known_raw": told,
        "lost_raw": {name: contributed.get(name, 0) - told[name] for name in channels},
    }


def waits_in_journals(lost, pending):
    """Is all that nobody holds (raw by channel) what nodes have yet to tell (raw, of all)?"""
    return 0 < sum(lost.values()) <= pending


def lost_in_spite_of_journals(lost, pending):
    """Reasons, a line per channel, for what was acknowledged as durable and is gone (raw).
    pending: raw that nodes have yet to tell, as one does that was started anew just now."""
    if waits_in_journals(lost, pending):
        fate = "nodes that were killed have them from their journals, and need longer to tell it"
    else:
        fate = "were acknowledged, killed nodes had them in their journals, and they are lost"
    return [f"{name}: {raw} raw: {fate}" for name, raw in lost.items() if raw]


def spread(values, channels):
    """Smallest and largest value (raw) by channel over all nodes; None where there is no node."""
    return {
        name: {
            "min": min((v[name] for v in values), default=None),
            "max": max((v[name] for v in values), default=None),
        }
        for name in channels
    }


def convergence_ms(histories, expected, last_contribution):
    """Milliseconds from the last contribution until all nodes said the exact values, for good.

    histories: one list per node of (seconds, values), a new entry whenever its values changed;
    expected: values. None when a node never came to say them, or nobody contributed.
    """
    if last_contribution is None:
        return None
    when = last_contribution
    for history in histories:
        if not history or history[-1][1] != expected:
            return None
        when = max(when, history[-1][0])
    return round((when - last_contribution) * 1000)


def traffic(lives):
    """Bytes per node and minute: mean, 99th percentile (nearest rank) and maximum.

    lives: one list per node of (bytes, seconds), an entry for each of its processes.
    """
    rates = []
    for life in lives:
        seconds = sum(s for _, s in life)
        if seconds > 0:
            rates.append(60 * sum(b for b, _ in life) / seconds)
    if not rates:
        return {"mean": 0, "p99": 0, "max": 0}
    rates.sort()
    return {
        "mean": round(sum(rates) / len(rates)),
        "p99": round(rates[math.ceil(0.99 * len(rates)) - 1]),
        "max": round(rates[-1]),
    }


def totals(counts):
    """Sum of dicts of counts, by reason."""
    result = {}
    for part in counts:
        for reason, n in part.items():
            result[reason] = result.get(reason, 0) + n
    return dict(sorted(result.items()))


def reasons_against(values, expected, killed, unknown_sessions, failures):
    """Why the mesh is not exact, a line each; an empty list means that it is.

    values: by channel, one dict per node of the mesh; expected: contributed less lost; killed:
    the accounts of the killed; unknown_sessions: in rows, yet no process announced them;
    failures: lines about nodes that ended by themselves or gave no answer.
    """
    reasons = list(failures)
    for name, want in expected.items():
        got = sorted({v[name] for v in values})
        if len(got) > 1:
            reasons.append(
                f"{name}: the nodes differ by {got[-1] - got[0]} raw ({got[0]} to {got[-1]})"
            )
        elif got and got[0] != want:
            reasons.append(
                f"{name}: all nodes say {got[0]} raw, but {want} were contributed and not lost"
            )
    for account in killed:
        for name, lost in account["lost_raw"].items():
            if lost < 0:
                reasons.append(
                    f"{name}: rows of node {account['node']} claim {-lost} raw more than it"
                    " acknowledged before it was killed"
                )
    if unknown_sessions:
        reasons.append(
            "rows of sessions that no node announced: " + ", ".join(sorted(unknown_sessions))
        )
    return reasons


def word(reasons, values, histories, now):
    """ "exact", "not yet" while values change, "apart" if they differ for good, or "not exact".

    reasons: of ``reasons_against``; values, histories: as there and in ``convergence_ms``; now:
    seconds of the same clock.
    """
    if not reasons:
        return "exact"
    if any(history and now - history[-1][0] < STILL_S for history in histories):
        return "not yet"
    return "apart" if any(other != values[0] for other in values[1:]) else "not exact"
