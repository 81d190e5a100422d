"""What the page shows, made of what nodes show: the channels, and whether the mesh is one.

A view is a dict that JSON can write; whoever shows a mesh (mesh, sim) makes one each second:

    mesh, kind ("live", "mesh" or "sim"), clock_s (of the charts), time (ISO), title, ended
    heard_s     seconds since anybody was heard; None: nobody yet; quiet: are values old by now?
    channels    [{name, label, unit, text, value, spread, retired}]
    together    see `Together.look`
    nodes       [{name, state, agrees, lacks, link, load_percent, kb_min, trouble, liar}], those
                with trouble first; count: how many there are; others: who else was heard, a text
    traffic     {mean_kb_min, max_kb_min, budget_kb_min, of: what was counted}; None: not known
    refused     {reason: frames or rows}, by ``refused_by``
    warnings    texts
    controls    what can be done, by name, and how it is now; None: nothing
"""

from collections import deque
from datetime import datetime, timezone

from lvs import status

BUDGET_KB_MIN = 50  # sent and received, a node (docs/protocol.md, section 11)
LAG_S = 20  # what was shown so long ago, everybody shows: 16 cycles reach 99 % of 300 nodes
QUIET_S = 12  # nobody heard for so long: values are old
_RATE_S = 10  # a shorter time says little of a minute
_KEPT_S = 300  # what was shown is remembered for so long
_DIFFER_S = 60  # nodes never showed the same for so long
_FOUND_S = 150  # digests of two epochs tell groups that came apart
_TOGETHER_S = 2  # what was shown within this was shown at one time
_HOLD_S = 30  # values lower than before are believed after so long
_GROUPS = 6  # that are named
MOST_NODES = 400  # rows of the table
WORDS = ("ONE", "APART", "DIFFER", "ALONE", "UNKNOWN")


def _least(nodes):
    """How many of so many nodes must say something: one liar among several says what it likes."""
    return 1 if nodes < 5 else max(2, nodes // 10)


def _agreed(values):
    """The largest that enough nodes show."""
    return sorted(values, reverse=True)[_least(len(values)) - 1]


class Together:
    """Whether the nodes are one mesh, since when, and who lacks what.

    A node lacks what there was LAG_S before it showed its values; what is only on its way is no
    difference. What there was: what was contributed, where that is known; else what other nodes
    showed. Then two groups that both count on can look alike: they are told by their digests
    where these are handed in, and nodes that never showed the same for _DIFFER_S are said to
    differ. lag_s: seconds of the clock that ``look`` is handed.
    """

    def __init__(self, lag_s=LAG_S):
        self._lag = lag_s
        self._marks = deque()  # (since when, {channel: what there was})
        self._equal: float = float("-inf")  # when all showed the same
        self._apart = 0.0  # when groups came apart
        self._base = None  # {channel: raw} that groups had in common when they came apart
        self._word = ""
        self._since = 0.0

    def _floor(self, when):
        """What there was at a time, {} if that is unknown."""
        floor = {}
        for since, values in self._marks:
            if since > when:
                break
            floor = values
        return floor

    def _mark(self, now, there):
        if not self._marks or self._marks[-1][1] != there:
            self._marks.append((now, there))
        while len(self._marks) > 1 and self._marks[1][0] <= now - _KEPT_S:
            self._marks.popleft()

    def _alike(self, now, shown, when: dict, held):
        """Have all that showed their values at one time shown the same, of late?"""
        newest = max([*when.values()] or [now])
        said = [shown[node] for node, at in when.items() if at >= newest - _TOGETHER_S]
        same = len(said) > 1 and all(v == said[0] for v in said)
        for h in held:  # what cannot be compared is not known to be the same
            keys = h.keys() & held[0].keys()
            same = same and bool(keys) and all(h[k] == held[0][k] for k in keys)
        if self._equal < 0 or same:
            self._equal = now
        return now - self._equal < _DIFFER_S

    def _behind(self, shown, times, there):
        """{node: {channel: raw that it lacks}}, and whether anything was known so long ago."""
        behind, floors = {}, {}
        for when in {times[node] for node in shown}:
            floor = self._floor(when - self._lag)
            if there is not None:  # what was lost since is nobody's fault
                floor = {c: min(raw, there.get(c, raw)) for c, raw in floor.items()}
            floors[when] = floor
        for node, values in shown.items():
            floor = floors[times[node]]
            behind[node] = {c: f - values[c] for c, f in floor.items() if values.get(c, f) < f}
        return behind, any(floors.values())

    def _counted(self, now, shown, groups):
        """{node: {channel: raw that it lacks}} of groups: about what the others counted since
        they came apart."""
        if self._base is None:
            self._apart = max(self._equal, now - _FOUND_S)
            self._base = self._floor(self._apart)
        base = self._base
        middles = [_middles({n: shown[n] for n in group}) for group in groups]
        grown = [{c: max(0, raw - base.get(c, raw)) for c, raw in m.items()} for m in middles]
        enough = [len(group) >= _least(len(shown)) for group in groups]
        total = _sums([g for g, believed in zip(grown, enough, strict=True) if believed])
        return {
            node: {
                c: left for c, raw in total.items() if (left := raw - believed * own.get(c, 0)) > 0
            }
            for own, group, believed in zip(grown, groups, enough, strict=True)
            for node in group
        }

    def look(self, now, shown, amount, when=None, there=None, groups=(), held=()):
        """(dict, {node: its lacks as text}) of ``shown``: {node: {channel number: raw}}.

        amount: (channel number, raw) -> text with unit; when: {node: time of what it showed}, now
        if it is not said; there: {channel number: raw} that was contributed, None: not known;
        groups: lists of nodes that hold different things, held: digests by what can be compared,
        of each node. The dict: word (of WORDS), since_s, nodes, agree, spread [text], groups
        [{count, names, lacks}], largest first.
        """
        columns = _columns(shown)
        agreed = {c: _agreed(raws) for c, raws in columns.items()}
        self._mark(now, agreed if there is None else there)
        times: dict = dict.fromkeys(shown, now) if when is None else when
        behind, known = self._behind(shown, times, there)
        lacks = {n: ", ".join(amount(c, raw) for c, raw in b.items()) for n, b in behind.items()}
        word = "UNKNOWN" if not known else "ALONE" if len(shown) == 1 else "ONE"
        alike = self._alike(now, shown, times, held)
        if word == "ONE" and there is None and not alike:
            word = "DIFFER"
        groups = [found for group in groups if (found := [n for n in group if n in shown])]
        if len(groups) > 1:
            lacks = {
                n: ", ".join(f"about {amount(c, raw)}" for c, raw in b.items())
                for n, b in self._counted(now, shown, groups).items()
            }
            if not any(lacks.values()):
                lacks.update(
                    (n, "something that others have") for group in groups[1:] for n in group
                )
        else:
            self._base = None
        if any(lacks.values()):
            word = "APART"
        if word != self._word:
            self._word, self._since = word, now
        since = self._equal if word == "DIFFER" else self._since
        if self._base is not None:
            since = min(since, self._apart)
        spreads = {c: max(raws) - min(raws) for c, raws in columns.items()}
        rest = ""
        if len(groups) < 2:
            newest, old = self._marks[-1][1], self._floor(now - self._lag)
            room = {c: raw - old.get(c, raw) for c, raw in newest.items()}
            groups, rest = _by_lacks(behind, room)
        return {
            "word": word,
            "since_s": round(now - since),
            "nodes": len(shown),
            "agree": sum(not text for text in lacks.values()),
            "spread": [amount(c, raw) for c, raw in sorted(spreads.items()) if raw],
            "groups": _named(groups, lacks, rest) if word == "APART" else [],
        }, lacks


def _columns(shown):
    """{channel: what the nodes show of it}."""
    columns = {}
    for values in shown.values():
        for c, raw in values.items():
            columns.setdefault(c, []).append(raw)
    return columns


def _middles(shown):
    """{channel: the median of what the nodes show}."""
    return {c: sorted(raws)[len(raws) // 2] for c, raws in _columns(shown).items()}


def _sums(grown):
    """{channel: the sum} of several dicts."""
    return {c: sum(raws) for c, raws in _columns(dict(enumerate(grown))).items()}


def _by_lacks(behind, room):
    """Groups of nodes that lack the same, the largest first; small ones that lack different
    amounts are one. behind: {node: {channel: raw}}; room: {channel: raw} that is on its way."""
    groups = []
    for node, lack in behind.items():
        for first, nodes in groups:
            close = first.keys() | lack.keys()
            off = {c: abs(first.get(c, 0) - lack.get(c, 0)) for c in close}
            if bool(first) == bool(lack) and all(d <= room.get(c, 0) for c, d in off.items()):
                nodes.append(node)
                break
        else:
            groups.append((lack, [node]))
    groups.sort(key=lambda group: -len(group[1]))
    if len(groups) <= _GROUPS:
        return [nodes for _, nodes in groups], ""
    whole = [nodes for lack, nodes in groups if not lack]
    rest = [node for lack, nodes in groups if lack for node in nodes]
    return [*whole, rest], "less, each another amount"


def _named(groups, lacks, rest=""):
    """The groups for people. rest: what the last one lacks, if that is not the same."""
    found = [
        {"count": len(nodes), "names": [str(n) for n in nodes[:8]], "lacks": lacks[nodes[0]]}
        for nodes in groups
    ]
    if rest:
        found[-1]["lacks"] = rest
    return found


class Middle:
    """The value that stands for a mesh: the median of its nodes', and never less than before
    until that has been so for _HOLD_S."""

    def __init__(self):
        self._said = {}
        self._low_since = {}

    def look(self, now, shown):
        """{channel number: raw} of {node: {channel number: raw}}."""
        for c, raw in _middles(shown).items():
            if raw >= self._said.get(c, 0):
                self._low_since.pop(c, None)
            elif now - self._low_since.setdefault(c, now) < _HOLD_S:
                continue
            self._said[c] = raw
        return dict(self._said)


class Rate:
    """What went by in the last minute, of totals that are told now and then."""

    def __init__(self, window_s=60):
        self._window = window_s
        self._told = deque()

    def look(self, now, total):
        """A minute's worth of what is counted, or None before _RATE_S have passed."""
        if self._told and total < self._told[-1][1]:
            self._told.clear()  # counted anew
        self._told.append((now, total))
        while len(self._told) > 2 and self._told[1][0] <= now - self._window:
            self._told.popleft()
        when, first = self._told[0]
        return 60 * (total - first) / (now - when) if now - when >= _RATE_S else None


def ordered(nodes):
    """The nodes of a view, trouble first, cut where there are too many for a page. They come in
    the order that they are to have otherwise."""
    return sorted(nodes, key=lambda n: (n["agrees"] is not False, not n["trouble"]))[:MOST_NODES]


def traffic(rates, of):
    """The view's traffic, of bytes a minute of each node. of: what was counted."""
    known = [r for r in rates if r is not None]
    return {
        "mean_kb_min": round(sum(known) / len(known) / 1000, 2) if known else None,
        "max_kb_min": round(max(known) / 1000, 2) if known else None,
        "budget_kb_min": BUDGET_KB_MIN,
        "of": of,
    }


_VERDICTS = {
    "exact": "exact: every node has all that was contributed, to the bit",
    "not yet": "not exact yet, values still changed: it needed more time",
    "apart": "apart: nodes hold different values, and nothing changes any more",
    "not exact": "not exact: something was lost, or liars added to it",
}


def ended(verdict):
    """What the page says once a run is over."""
    return f"The run has ended, {_VERDICTS.get(verdict, verdict)}"


def now_text():
    """The time of day as programs write it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def span(seconds):
    """So many seconds for people."""
    return f"{seconds:.0f} s" if seconds < 120 else status.span(int(seconds))
