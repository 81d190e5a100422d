"""What the charts show: the last hour, day and month of each channel, in memory of fixed size."""

from lvs_tools.bridge.history import History

SPANS = {"hour": 3600, "day": 86400, "month": 30 * 86400}  # seconds
POINTS = 600  # of a chart


class Series:
    """Points of each channel, the newest of each step of a span: at most POINTS a span.

    Times are seconds of any clock that does not go back, values floats, in units.
    """

    def __init__(self):
        self._kept = {span: {} for span in SPANS}  # span: {step's number: {channel: value}}

    def add(self, when, values):
        """What the channels stood at, by name."""
        for span, kept in self._kept.items():
            step = int(when * POINTS // SPANS[span])
            kept.setdefault(step, {}).update(values)
            while len(kept) > POINTS or next(iter(kept)) <= step - POINTS:
                del kept[next(iter(kept))]

    def points(self, span):
        """{"step_s", "times", "values": {channel: list}} of a span; None: not known."""
        kept = self._kept[span]
        names = {name: None for values in kept.values() for name in values}
        return {
            "step_s": SPANS[span] / POINTS,
            "times": [step * SPANS[span] / POINTS for step in kept],
            "values": {name: [v.get(name) for v in kept.values()] for name in names},
        }

    def load(self, folder, now):
        """Begin with what a bridge recorded (`lvs bridge --history`). now: seconds since 1970.
        Raises FileNotFoundError, sqlite3.Error."""
        history = History(folder)
        about = {i: (name, m, e, offset) for i, name, _, m, e, offset in history.channels}
        first, last = history.span()
        if first is None:
            return
        for span, seconds in SPANS.items():
            step_ms = seconds * 1000 // POINTS
            begin = max(first, int(now * 1000) - seconds * 1000)
            begin += -begin % step_ms
            for at, raws in history.rows(begin, min(last + step_ms, int(now * 1000)), step_ms):
                step = at * POINTS // (seconds * 1000)
                self._kept[span][step] = {
                    about[i][0]: _units(raw, *about[i][1:]) for i, raw in raws.items()
                }


def _units(raw, m, e, offset):
    return raw * m * 10.0**e + float(offset or 0)
