"""Random worlds for the swarm: which faults a seed has, when, and to whom.

Each seed draws which classes of fault its world has (swarm testing: Groce and others, 2012; a
world with everything hides what needs few faults).  After the fault phase everything is mended
and nothing new is contributed: in that calm phase the mesh must become exact.
"""

from lvs.config import CLOSING
from lvs.config import EPOCH_CYCLES as EPOCH
from lvs_tools.plan.fit import ONE
from lvs_tools.world.prng import Prng

_STREAM = 7001
_CALM = 320  # cycles: five of Trickle's longest intervals
_PER_MINUTE = 300  # contributions in the whole mesh: what 300 nodes of one a minute make (G6)
_STEADY = 60  # rows that steady contributions keep in flight
_FOLDED = 128  # rows a shard and session, where they fold within minutes
_NEAR = 12  # nodes in one cell whose contributions are everywhere within two epochs
_BOTH_WAYS = 8  # nodes in one cell of which each hears some that hear it
_SESSION = 2  # epochs
_CROWD_SESSION = 4  # epochs
_FAR_HORIZON = 10  # epochs, for larger and sparser worlds
_ROWS = 256  # rows a shard and session beyond which those who were off take longer to catch up

CLASSES = (
    "loss",
    "duplicate",
    "reorder",
    "delay",
    "bandwidth",
    "one_way",
    "queue",
    "partition",
    "crash",
    "leave",
    "join",
    "skew",
    "freeze",
    "low_power",
    "burst",
    "folding",
    "shards",
    "start",
    "topology",
    "budget",
    "liars",
)

# Seldom, for they end many other worlds: a crowd takes long, all clocks wrong change everything.
SELDOM = ("cuts", "partitions", "pace", "bursts", "clocks", "stop", "elsewhere", "crowd")
_ONE_IN = {"crowd": 24}
_FLICKERING = 8  # one world in so many is of another kind: a few nodes whose supply flickers
_ELSE = 5
# Nodes and channels of the documented crowds, for which a node's defaults suffice.
_CROWDS = ((300, 1), (300, 3), (60, 8), (12, 16))
_GAP = 100  # cycles between two partitions: what was said in the one is told before the next
_OUTAGES = ("partition", "crash", "join", "stop", "carry")
# With these a node that lost its journal may find nobody who has what it needs.
_NO_SURVIVOR = ("partition", "partitions", "crash", "leave", "join", "liars", "stop", "elsewhere")

# Liars that leave rows alone: what anybody contributes, true or not, is counted, so with the
# others nobody could say what the right values are.
_LIARS = (
    "Drain",
    "BelowThreshold",
    "SplitView",
    "RandomValues",
    "Sleeper",
    "Replay",
    "ClockPusher",
    "NewsFlooder",
    "Malformed",
)


class _Draft:
    """A world being drawn. data: the scenario as a TOML file would have it."""

    def __init__(self, seed, most_nodes):
        self.prng = prng = Prng(seed, _STREAM)
        self.has = {name: prng.below(3) == 0 for name in CLASSES}
        self.chance = Prng(seed, _STREAM + 1)  # of what comes seldom
        for name in SELDOM:
            self.has[name] = self.chance.below(_ONE_IN.get(name, _ELSE)) == 0
        # Small worlds find most, and fast; large ones now and then.
        most = most_nodes if prng.below(4) == 0 else min(most_nodes, 12)
        self.nodes = prng.randint(3, max(3, most))
        self.crowd = 0  # its channels
        fitting = [crowd for crowd in _CROWDS if crowd[0] <= most_nodes]
        if self.has["crowd"] and fitting:
            self.nodes, self.crowd = self.chance.choice(fitting)
        self.faulty = prng.randint(100, 500)  # cycles of the fault phase
        self.calm = _CALM
        self.horizon = 32
        self.events = []
        self.wiping = self.has["cuts"] and self.chance.below(3) == 0
        self._exclude()
        self.data = {
            "name": "swarm %d" % seed,
            "seed": seed,
            "nodes": self.nodes,
            "topology": {},
            "link": {},
            "workload": {},
            "start": {},
            "config": {},
        }

    def _exclude(self):
        """Take back what would make another class break what is promised."""
        has = self.has
        if self.wiping:
            for name in _NO_SURVIVOR:
                has[name] = False
        if has["partitions"]:
            has["partition"] = False  # or the mesh would be apart for too long
        if self.crowd:
            has["shards"] = has["bandwidth"] = has["liars"] = has["topology"] = False
            has["folding"] = has["budget"] = has["pace"] = False
        if has["pace"]:
            has["budget"] = has["topology"] = has["burst"] = False

    def some(self, most):
        """A few node numbers, at most `most` and at most half of all."""
        count = self.prng.randint(1, max(1, min(most, self.nodes // 2)))
        return sorted(self.prng.sample(range(self.nodes), count))

    def event(self, cycle, action, nodes=None, value=None, **others):
        """Add an event."""
        event = {"at_cycle": cycle, "action": action, **others}
        if nodes is not None:
            event["nodes"] = nodes
        if value is not None:
            event["value"] = value
        self.events.append(event)

    def span(self, most):
        """(begin, end) of something inside the fault phase that lasts at most `most` cycles."""
        begin = self.prng.randint(10, self.faulty - 20)
        return begin, min(self.faulty, begin + self.prng.randint(5, max(6, most)))


def _network(draft):
    prng, has, link = draft.prng, draft.has, draft.data["link"]
    if has["loss"]:
        link["loss"] = prng.randint(5, 50) / 100
        if prng.below(2):
            draft.event(draft.span(100)[0], "loss", value=prng.randint(0, 50) / 100)
        draft.event(draft.faulty, "loss", value=prng.choice((0, 0.05, 0.2)))
    if has["duplicate"]:
        link["duplicate"] = prng.randint(1, 50) / 100
    if has["reorder"]:
        link["reorder"] = prng.randint(1, 30) / 100
    if has["delay"]:
        link["latency_ms"] = prng.choice((0, 50, 300, 1500))
        link["jitter_ms"] = prng.choice((0, 100, 1000))
    if has["bandwidth"]:
        link["bandwidth_kbps"] = prng.choice((250, 1000))
    if has["one_way"]:
        link["one_way"] = prng.randint(1, 15) / 100
    link["queue"] = prng.choice((2, 4)) if has["queue"] else 6


def _shape(draft):
    prng, has, data = draft.prng, draft.has, draft.data
    if has["topology"] and draft.nodes >= 6:
        kind = prng.choice(("geometric", "ring", "islands"))
        data["topology"] = {"kind": kind, "degree": prng.randint(4, 8)}
        if kind == "islands":
            data["topology"] = {"kind": kind, "degree": 2, "islands": prng.randint(2, 3)}
    if has["start"]:
        data["start"]["value"] = prng.choice((1, 5000, 1000000, 500000000))
        data["start"]["established"] = bool(prng.below(2))
        if not data["start"]["established"] and data["start"]["value"] > 1:
            far = 3000 if data["start"]["value"] < 100000 else 30000  # beyond a step
            data["start"]["spread"] = prng.choice((40, far))
    if draft.crowd:
        # Who was off lacks the rows of a crowd, and its traffic carries some hundred an epoch.
        draft.horizon = _FAR_HORIZON
        data["config"] = {"session_epochs": _CROWD_SESSION, "horizon_epochs": _FAR_HORIZON}
        draft.calm += (_FAR_HORIZON - _CROWD_SESSION) * EPOCH
        draft.faulty = 3 * _CROWD_SESSION * EPOCH + prng.randint(0, EPOCH)
    elif has["folding"]:
        draft.horizon = prng.randint(2, 3)
        data["config"] = {"session_epochs": _SESSION, "horizon_epochs": draft.horizon}
        draft.faulty += prng.randint(2, 5) * EPOCH


def _work(draft):
    prng, has, work = draft.prng, draft.has, draft.data["workload"]
    work["contributions_per_minute"] = prng.choice((1, 3, 10, 30))
    work["amount"] = prng.choice(("0.01", "1", "3.75"))
    if has["burst"]:  # beyond max_allowed_shift: spread over cycles
        work["amount"] = prng.choice(("9", "40.5"))
        work["contributions_per_minute"] = 1
    work["channels"] = prng.choice((17, 40)) if has["shards"] else prng.choice((1, 3, 16))
    if draft.crowd:
        work["channels"] = draft.crowd
        work["contributions_per_minute"] = 30


def _promised(draft):
    """Take back what is drawn beyond what the protocol promises.

    Only in one cell do all hear all: elsewhere neighbours that settle on different values may stay
    so.  What is contributed must fit the traffic budget, and reach everybody before it is folded.
    """
    data, work = draft.data, draft.data["workload"]
    if data["topology"]:
        data["start"].pop("spread", None)
    work["contributions_per_minute"] = min(
        work["contributions_per_minute"], max(1, _PER_MINUTE // draft.nodes)
    )
    if draft.has["folding"]:
        if draft.nodes * min(16, work["channels"]) > _FOLDED:
            work["channels"] = max(1, _FOLDED // draft.nodes)
        if data["topology"] or draft.nodes > _NEAR or draft.has["one_way"]:
            # The slowest of many hops and many losses takes longer than two or three epochs; where
            # some hear less than others, these speak on when those have no tokens left.
            draft.horizon = data["config"]["horizon_epochs"] = _FAR_HORIZON
            draft.calm += (_FAR_HORIZON - 2) * EPOCH
    rows = draft.nodes * min(16, work["channels"])
    draft.calm += max(0, rows - _ROWS)
    # Room for the rows of all sessions that are not folded yet: a full ring makes rows wait for
    # longer than the calm phase lasts.
    sessions = 4
    if draft.has["folding"]:
        sessions = (_SESSION + draft.horizon + CLOSING) // _SESSION + 2
    if not draft.crowd:
        data["config"]["rows"] = max(512, sessions * rows)


def _at_budget(draft):
    """Everybody contributes nearly as much as one address may, or as much at once."""
    data, chance = draft.data, draft.chance
    work, config = data["workload"], data["config"]
    if draft.has["pace"]:
        work["steady"] = True
        work["budget_share"] = chance.randint(70, 97) / 100
        work["channels"] = min(work["channels"], max(1, _STEADY // draft.nodes))
        # The traffic of as many contributions as without it.
        rate = max(1, work.pop("contributions_per_minute") // work["channels"])
        raw = float(work["amount"]) * ONE * work["channels"] * rate * EPOCH / 60
        config["route_budget"] = max(256, int(raw / work["budget_share"]))
        draft.calm += 4 * EPOCH
    elif draft.has["bursts"] and not draft.has["budget"]:
        # Within an epoch's budget, at the pace of max_allowed_shift.
        for _ in range(chance.randint(1, 3)):
            some = sorted(chance.sample(range(draft.nodes), chance.randint(1, draft.nodes)))
            at = chance.randint(20, draft.faulty - 10)
            draft.event(at, "contribute", some, chance.randint(20, 220))
        draft.calm += EPOCH


def _cut_again(draft):
    """Several partitions, each shorter than the horizon, the mesh whole for a while in between."""
    chance = draft.chance
    longest = min(300, (draft.horizon - 1) * EPOCH - 8)
    at = chance.randint(40, 120)
    for _ in range(chance.randint(2, 4)):
        some = chance.sample(range(draft.nodes), chance.randint(1, max(1, draft.nodes // 2)))
        draft.event(at, "partition", sorted(some))
        at += chance.randint(20, longest)
        draft.event(at, "heal")
        at += _GAP + chance.randint(0, 60)
    draft.faulty = max(draft.faulty, at - _GAP)


def _cut_nearly_all(draft, there):
    """Nearly all lose their power at once, or all, some with all that their flash holds."""
    chance, wiping = draft.chance, draft.wiping
    at = chance.randint(30, draft.faulty // 2)
    for _ in range(chance.randint(1, 3)):
        back = at + chance.randint(5, 100)
        if back >= draft.faulty:
            return
        left = chance.randint(1 if wiping else 0, max(1, len(there) // 8))
        victims = sorted(chance.sample(there, len(there) - left))
        draft.event(at, "wipe" if wiping else "crash", victims)
        draft.event(back, "restart", victims)
        at = back + chance.randint(_GAP, 2 * _GAP)


def _befall(draft):
    prng, has = draft.prng, draft.has
    if has["budget"] and not has["folding"]:
        # Twice what one node contributes in an epoch: what others relay waits now and then, and is
        # credited in the following epochs.  Where there are few neighbours, each relays for all.
        work = draft.data["workload"]
        relayed = draft.nodes if draft.data["topology"] else 1
        raw = float(work["amount"]) * ONE * work["contributions_per_minute"] * EPOCH / 60
        draft.data["config"]["route_budget"] = max(512, int(2 * raw * relayed))
        draft.calm += 8 * EPOCH
    if has["liars"] and draft.nodes >= 6:
        # Few, or the majority: even that may move an established mesh no faster than the budget.
        draft.data["start"] = {"value": prng.choice((50, 5000, 1000000)), "established": True}
        draft.data["adversary"] = [
            {
                "class": prng.choice(_LIARS),
                "count": draft.nodes * prng.choice((1, 3)) // 5,
                "from_cycle": prng.randint(0, draft.faulty),
            }
        ]
    late = []
    if has["join"]:
        late = draft.some(3)
        draft.event(prng.randint(20, draft.faulty - 20), "join", late)
    liars = sum(liar["count"] for liar in draft.data.get("adversary", ()))
    there = [i for i in range(draft.nodes - liars) if i not in late]
    if has["partition"]:
        # Shorter than the horizon, clock differences included.
        longest = min(draft.faulty // 2, (draft.horizon - 1) * EPOCH - 8)
        begin, end = draft.span(longest)
        draft.event(begin, "partition", draft.some(draft.nodes))
        draft.event(end, "heal")
    if has["crash"]:
        for _ in range(prng.randint(1, 3)):
            victims = prng.sample(there, prng.randint(1, max(1, len(there) // 3)))
            begin, end = draft.span(120)
            draft.event(begin, "crash", sorted(victims))
            draft.event(end, "restart", sorted(victims))
    if has["cuts"]:
        _cut_nearly_all(draft, there)
    for name in ("stop", "elsewhere"):
        if has[name]:
            _be_off(draft, name, draft.chance.choice(there))
    sparse = draft.data["topology"].get("kind") in ("geometric", "ring")
    if has["leave"] and len(there) > 3 and not sparse:  # a sparse mesh may fall apart for ever
        draft.event(draft.span(10)[0], "leave", [there[-1]])
    _clocks(draft)
    if has["low_power"]:
        begin, end = draft.span(200)
        sleepy = draft.some(4)
        draft.event(begin, "low_power", sleepy, 1)
        draft.event(end, "low_power", sleepy, 0)


def _be_off(draft, name, node):
    """A node is told to stop and is back later, or serves another mesh in between."""
    begin = draft.chance.randint(20, draft.faulty - 40)
    end = min(draft.faulty, begin + draft.chance.randint(30, 120))
    if name == "stop":
        draft.event(begin, "stop", [node])
        draft.event(end, "restart", [node])
    else:
        draft.event(begin, "carry", [node], mesh="elsewhere")
        draft.event(end, "carry", [node])


def _clocks(draft):
    prng, has = draft.prng, draft.has
    if has["clocks"]:  # all of them, and for good
        for node in range(draft.nodes):
            draft.event(5, "skew", [node], draft.chance.randint(90, 110) / 100)
    if has["skew"]:
        slow = draft.some(3)
        draft.event(draft.span(10)[0], "skew", slow, prng.randint(90, 110) / 100)
        draft.event(draft.faulty, "skew", slow, 1)
    if has["freeze"]:
        begin, end = draft.span(min(60, (draft.horizon - 1) * EPOCH - 8))
        frozen = draft.some(2)
        draft.event(begin, "skew", frozen, 0)
        draft.event(end, "skew", frozen, 1)


def _grow(draft, seed):
    """Now and then boards get longer lists of channels one after the other, and retire one."""
    chance = Prng(seed, _STREAM + 2)
    work = draft.data["workload"]
    if work["channels"] < 2 or work.get("steady") or chance.below(_ELSE):
        return
    work["listed"] = chance.randint(1, work["channels"] - 1)
    retired = chance.below(work["listed"]) if chance.below(2) else None
    for node in range(draft.nodes):
        longer = chance.randint(work["listed"], work["channels"])
        draft.event(chance.randint(20, draft.faulty - 10), "list", [node], longer)
        if retired is not None:
            draft.event(chance.randint(20, draft.faulty - 10), "retire", [node], channel=retired)


def _leave_room(data):
    """Who was off or cut off catches up on what the others leave of their budgets: half of them,
    where that may last for as long as the horizon (docs/protocol.md, section 7)."""
    share = data["workload"].get("budget_share", 0)
    off = [event for event in data["event"] if event["action"] in _OUTAGES]
    if share > 0.5 and off:
        data["config"]["route_budget"] = int(data["config"]["route_budget"] * share * 2)
        data["workload"]["budget_share"] = 0.5


def _flickering(seed, chance):
    """A few nodes that all lose their power again and again and are back one by one, through
    several folds; what they contribute is durable."""
    nodes = chance.randint(2, 6)
    session, horizon = chance.randint(2, 4), chance.randint(4, 6)
    faulty = chance.randint(600, 1500)
    events = []
    at = chance.randint(20, 200)
    while at < faulty - 60:
        events.append({"at_cycle": at, "action": "crash", "nodes": list(range(nodes))})
        for node in range(nodes):
            back = min(faulty, at + chance.randint(1, chance.choice((5, 40, 120))))
            events.append({"at_cycle": back, "action": "restart", "nodes": [node]})
        at += chance.choice((60, 130, 200, 260)) + chance.randint(0, 30)
    events.append({"at_cycle": faulty, "action": "restart", "nodes": list(range(nodes))})
    return {
        "name": "swarm %d" % seed,
        "seed": seed,
        "nodes": nodes,
        "cycles": faulty + 400 + (session + horizon + 6) * EPOCH,
        "topology": {},
        "link": {"loss": chance.choice((0, 0.1, 0.3, 0.4)), "queue": 6},
        "workload": {
            "contributions_per_minute": chance.choice((2, 6, 12)),
            "channels": chance.choice((1, 2, 4)),
            "amount": chance.choice(("0.01", "1", "3.75")),
            "durable": True,
            "until_cycle": faulty,
        },
        "config": {"session_epochs": session, "horizon_epochs": horizon, "rows": 512},
        "event": sorted(events, key=lambda event: event["at_cycle"]),
    }


def draw(seed, most_nodes=60):
    """The scenario that a seed draws, as a dict that `lvs_tools.sim.scenario.check` takes."""
    chance = Prng(seed, _STREAM + 3)
    if chance.below(_FLICKERING) == 0:
        return _flickering(seed, chance)
    draft = _Draft(seed, most_nodes)
    _shape(draft)
    _work(draft)
    _promised(draft)
    _at_budget(draft)
    if draft.has["partitions"]:
        _cut_again(draft)
    _network(draft)
    _befall(draft)
    _grow(draft, seed)
    data = draft.data
    if data["topology"] or draft.nodes < _BOTH_WAYS:
        data["link"].pop("one_way", None)  # links that carry nothing are for good
    data["workload"]["until_cycle"] = draft.faulty
    data["cycles"] = draft.faulty + draft.calm
    data["event"] = sorted(draft.events, key=lambda event: event["at_cycle"])
    _leave_room(data)
    return data


def to_toml(data):
    """A scenario dict as the text of a scenario file."""
    lines = [
        "%s = %s" % (key, _literal(value))
        for key, value in data.items()
        if not isinstance(value, (dict, list))
    ]
    for section, table in data.items():
        if isinstance(table, dict) and table:
            lines += ["", "[%s]" % section]
            lines += ["%s = %s" % (key, _literal(value)) for key, value in table.items()]
    for section, tables in data.items():
        for table in tables if isinstance(tables, list) else ():
            lines += ["", "[[%s]]" % section]
            lines += ["%s = %s" % (key, _literal(value)) for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _literal(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"%s"' % value
    if isinstance(value, list):
        return "[%s]" % ", ".join(_literal(item) for item in value)
    return repr(value)
