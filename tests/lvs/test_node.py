"""Node: what applications see of it, and what hostile frames do not change."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvs import ConfigError, LvsError, Node
from lvs.wide import BRIM, END
from tests.support import parts
from tests.support import reference as ref
from tests.support.cell import Cell, Speaker, encode_ep


def fingerprint(node):
    """All that a node knows and owes, as text; not what it counts."""
    r = node.replicas[0]
    seen = [
        vars(r.shard),
        vars(r.window),
        vars(r.votes),
        vars(node.ledger),
        [vars(s) for s in node.ledger.sessions],
        r.confidence,
        r.established,
        r.live,
        node.state,
        node.clock.cycle,
        vars(node.trickle),
        node.outbox.sent,
        list(node.routes.credited),
        list(node.routes.agreed),
        list(node.routes.offset),
    ]
    return repr(
        [
            {
                k: list(v) if hasattr(v, "__len__") and not isinstance(v, (str, dict)) else v
                for k, v in part.items()
                if k not in ("sessions", "_noise")
            }
            if isinstance(part, dict)
            else part
            for part in seen
        ]
    )


@pytest.fixture
def cell():
    c = Cell(1)
    c.active()
    return c


@pytest.fixture
def node(cell):
    return cell.nodes[1]


# --- contributions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "channel, amount, says",
    [
        ("wind", 1, "channel 'wind' is not in this mesh; there are: water"),
        ("water", -1, "amount -1 is negative"),
        ("water", "-0.5", "amount '-0.5' is negative"),
        ("water", float("nan"), "amount nan is not a decimal number"),
        ("water", 10**12, "the end is 211106232532.992"),
        ("water", 1e30, "too large"),
        ("water", "two", "amount 'two' is not a decimal number"),
        ("water", None, "amount None is not a number"),
        ("water", True, "amount True is not a number"),
        ("water", b"1", "amount b'1' is not a number"),
    ],
)
def test_bad_contributions_are_errors_and_change_nothing(node, channel, amount, says):
    node.contribute("water", 3)
    before = fingerprint(node)
    with pytest.raises(LvsError, match=says.replace("(", r"\(")):
        node.contribute(channel, amount)
    assert fingerprint(node) == before


def test_errors_are_value_errors():
    assert issubclass(LvsError, ValueError) and issubclass(ConfigError, LvsError)


@pytest.mark.parametrize(
    "amount, raw",
    [
        (2, 2000),
        (2.5, 2500),
        ("2.5", 2500),
        ("+0.002", 2),
        (0, 0),
        ("0.00", 0),
        (0.001, 1),
    ],
)
def test_amounts_count_at_once(node, amount, raw):
    node.contribute("water", amount)
    assert node.value("water", raw=True) == raw
    assert node.value("water") == raw / 1000
    assert node.status()["pending_raw"] == 0


def test_a_large_contribution_is_spread_not_lost(cell, node):
    node.contribute("water", 20)
    steps = [node.value("water", raw=True)]
    assert node.status()["pending_raw"] == 20 * 1000 - steps[0]
    cell.run(10, each=lambda: steps.append(node.value("water", raw=True)))
    most = max(b - a for a, b in zip([0, *steps], steps, strict=False))
    assert most < node.config.max_allowed_shift
    assert steps == sorted(steps)
    assert node.value("water", raw=True) == 20 * 1000
    assert node.status()["pending_raw"] == 0


def test_what_takes_long_to_be_told_is_said_with_how_long(cell, node):
    assert node.status()["waits"] == []
    node.contribute("water", 6004.095)
    (said,) = node.status()["waits"]
    assert said == "6000.000 of water wait to be told: that takes 24 min"
    cell.run(62)
    (said,) = node.status()["waits"]
    assert said.endswith("that takes 23 min")


def test_a_counter_that_nears_its_end_is_said():
    cell = Cell(1)
    cell.prime(2**47 + 2**45)
    assert not cell.nodes[1].status()["warnings"]
    cell.prime(2**47 + 2**45 + 2**44)
    (said,) = cell.nodes[1].status()["warnings"]
    assert said.startswith("counter: water is at 193514046488.576, and ends at 211106232532.992")


def test_what_exceeds_the_route_budget_of_an_epoch_waits(cell):
    node = cell.add(route_budget=8000)
    cell.run(20)
    node.contribute("water", 20)
    cell.run(10)
    assert 0 < node.value("water", raw=True) <= 8000
    cell.run(200)
    assert node.value("water", raw=True) == 20 * 1000


def test_contributions_before_the_node_is_active_are_kept():
    cell = Cell(2)
    cell.contribute(1, 700)
    node = cell.nodes[1]
    assert node.state == "INIT" and node.status()["pending_raw"] == 700
    assert node.value("water", raw=True) == 0
    cell.settle()


def test_a_counter_does_not_pass_its_end(cell, node):
    parts.settle(node.replicas[0].shard, 0, END - 1300)
    node.contribute("water", 1)
    with pytest.raises(LvsError, match="the end is 211106232532.992"):
        node.contribute("water", 1)
    assert node.value("water", raw=True) == END - 300


def test_what_many_give_at_a_counters_end_counts():
    """Nobody knows yet what the others give: what is accepted finds room beyond the end."""
    cell = Cell(6)
    cell.prime(END - 2560)
    for address in cell.nodes:
        cell.contribute(address, 2560)
    cell.settle()
    assert cell.contributed["water"] == END + 5 * 2560


def test_the_reading_of_an_old_meter_is_one_contribution(cell, node):
    """However long it takes: what waits is wide, and shown."""
    node.contribute("water", "140737488355.328")
    cell.run(10)
    told = node.value("water", raw=True)
    assert 0 < told <= 11 * 4095
    assert node.status()["pending_raw"] == 2**47 - told


def test_a_row_that_nears_its_end_is_followed_by_another():
    """30 bits of a row are nothing to a counter of 48: the next session goes on."""
    cell = Cell(2, route_budget=1 << 28)
    cell.active()
    cell.run(200)  # or nobody would believe that it is so much
    node = cell.nodes[1]
    cell.contribute(1, 5000)
    cell.run(3)
    first = node.ledger.session
    before = 2**29 - 100
    for holder in cell.nodes.values():
        shard = holder.replicas[0].shard
        shard.merge(first.start, first.nonce, 0, before, 0)
        p = shard.find(first.start, first.nonce, 0)
        shard.credit(p, before - shard.credited[p])
    cell.contributed["water"] += before - first.total[0]
    first.total[0] = before
    cell.contribute(1, 9000)
    cell.settle(60)
    assert 2**29 <= first.total[0] < 2**29 + node.config.max_allowed_shift
    assert node.ledger.session is not first and node.ledger.session.total[0] > 0
    assert cell.contributed["water"] == before + 9000


def test_a_mesh_of_wide_values_takes_newcomers_and_contributions():
    cell = Cell(3, loss=0.2)
    cell.prime(2**47 + 2**31 + 5)
    cell.contribute(1, 700)
    late = cell.add()
    cell.settle(120)
    assert late.replicas[0].shard.settled[0] == 2**47 + 2**31 + 5


def test_beyond_the_brim_what_was_accepted_waits(cell, node):
    shard = node.replicas[0].shard
    node.contribute("water", 100)
    cell.run(3)
    assert node.status()["pending_raw"] > 20000
    parts.settle(shard, 0, BRIM)
    held = node.value("water", raw=True)
    cell.run(20)
    assert node.value("water", raw=True) == held
    parts.settle(shard, 0, 0)
    cell.run(30)
    assert (node.value("water", raw=True), node.status()["pending_raw"]) == (100000, 0)


# --- what an application reads -------------------------------------------------------------------


def test_status_has_all_keys(node):
    status = node.status()
    assert {
        "state",
        "mesh",
        "tag",
        "session",
        "cycle",
        "epoch",
        "horizon",
        "peers",
        "trusted",
        "trust_mean",
        "confidence",
        "established",
        "diverged",
        "pending_raw",
        "rows",
        "rows_max",
        "refused",
        "expired",
        "dropped",
        "sent",
        "unsent",
        "received",
        "sent_bytes",
        "received_bytes",
        "recoveries",
        "held",
        "warnings",
    } <= set(status)
    assert status["state"] == "ACTIVE" and status["held"] == [0] and status["warnings"] == []
    assert status["rows_max"] == node.config.rows


def test_what_the_network_does_not_take_is_counted(cell, node):
    said = node.status()
    assert said["unsent"] == 0 < said["sent"]
    node.transport.send = lambda frame, addr: False
    cell.run(130)
    more = node.status()["sent"] - said["sent"]
    assert node.status()["unsent"] == more > 0


def test_rows_show_every_session(cell):
    cell.add()
    cell.active()
    cell.contribute(1, 100)
    cell.contribute(2, 200)
    cell.settle()
    for n in cell.nodes.values():
        assert sorted(row[1:] for row in n.rows()) == [("water", 100, 100), ("water", 200, 200)]
        assert n.status()["session"] in {row[0] for row in n.rows()}


def test_changes_yield_the_newest_value(node):
    async def follow():
        changes = node.changes()
        node.contribute("water", 1)
        node.contribute("water", 1)
        seen = [await asyncio.wait_for(changes.__anext__(), 5)]
        node.contribute("water", 0.5)
        seen.append(await asyncio.wait_for(changes.__anext__(), 5))
        return seen

    assert asyncio.run(follow()) == [("water", 2.0), ("water", 2.5)]


def test_run_ends_when_told_and_closes_the_transport():
    cell = Cell(1)
    node = cell.nodes[1]

    async def session():
        task = asyncio.create_task(node.run())
        for _ in range(300):
            await asyncio.sleep(0)
            cell.now += 50
            if node.state == "ACTIVE":
                break
            await asyncio.sleep(0.001)
        node.stop()
        await asyncio.wait_for(task, 5)

    asyncio.run(session())
    assert not node.transport.open


def test_run_survives_its_cancellation():
    node = Cell(1).nodes[1]

    async def session():
        task = asyncio.create_task(node.run())
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(asyncio.all_tasks())

    assert asyncio.run(session()) == 1
    assert not node.transport.open


class Diary:
    """A journal that notes what it is asked."""

    durable = True
    addresses = []

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *_, **__: self.calls.append(name) or name == "sync"


def test_a_journal_is_asked_to_restore_and_told_of_every_cycle():
    diary = Diary()
    cell = Cell()
    cell.add(journal=diary)
    assert diary.calls == ["attach", "restore"]
    cell.run(10)
    assert diary.calls.count("note") == 10


# --- hostile frames ------------------------------------------------------------------------------


def broken_frames(node):
    """(reason, frame): one for every reason to drop a frame unread."""
    voice = Speaker(node)
    f = {
        **voice.head(),
        "noise": 1,
        "horizon": 1,
        "flags": 0,
        "load": 0,
        "held": 1,
        "channels": 1,
        "prints": 0,
        "digests": [0] * 8,
        "vector": [5],
    }
    good = encode_ep(f)

    def sealed(body):
        return body + ref.crc16(body).to_bytes(2, "little")

    yield "short", b""
    yield "short", good[:22]
    yield "magic", sealed(b"\x00" + good[1:-2])
    yield "version", sealed(good[:1] + b"\x11" + good[2:-2])
    yield "tag", encode_ep({**f, "tag": f["tag"] ^ 1})
    yield "checksum", good[:-1] + bytes([good[-1] ^ 1])
    yield "checksum", good[:-2]
    yield "malformed", sealed(good[:1] + b"\x27" + good[2:-2])
    yield "malformed", encode_ep({**f, "channels": 481})
    yield "malformed", encode_ep({**f, "vector": [5] * 17})
    yield "malformed", encode_ep({**f, "shard": 30})
    yield "malformed", sealed(good[:-2] + bytes(250))
    yield "own", encode_ep({**f, "nonce": node.ledger.session.nonce})


def test_bad_frames_are_counted_by_reason_and_change_nothing(node):
    node.contribute("water", 3)
    expected = {}
    before = fingerprint(node)
    for reason, frame in broken_frames(node):
        node.handle(frame, 9)
        expected[reason] = expected.get(reason, 0) + 1
        assert node.status()["dropped"] == expected
    assert set(expected) == {"short", "magic", "version", "tag", "checksum", "malformed", "own"}
    assert fingerprint(node) == before
    assert node.status()["received"] == 0
    assert node.routes.n == 1


def test_another_mesh_is_named_in_the_warnings(node):
    other = Cell(1, mesh="other")
    other.active()
    for frame, _ in other.nodes[1].transport.sent:
        node.handle(frame, 7)
    assert node.status()["dropped"]["tag"] == len(other.nodes[1].transport.sent)
    assert "of another mesh name or mesh parameter" in node.status()["warnings"][0]
    assert node.status()["peers"] == 0


def test_another_version_is_named_in_the_warnings_once(node):
    frame = encode_ep(
        {
            **Speaker(node).head(),
            "noise": 1,
            "horizon": 1,
            "flags": 0,
            "load": 0,
            "held": 1,
            "digests": [0] * 8,
            "vector": [5],
        }
    )
    for _ in range(3):
        node.handle(frame[:1] + b"\x11" + frame[2:], 9)
    warned = [w for w in node.status()["warnings"] if "version" in w]
    assert warned == [
        "mesh: somebody speaks another version of the protocol than 2; bring all nodes to one"
    ]


def test_a_flood_is_cut_off_by_its_route(cell, node):
    """Frames beyond a route's quota are not even read; another route is not affected."""
    loud, calm = Speaker(node, 5, 55), Speaker(node, 6, 66)
    loud.ep()
    for _ in range(3000):
        loud.ep()
    dropped = node.status()["dropped"]["quota"]
    assert 3001 - dropped == pytest.approx(1281, abs=1)
    calm.ep()
    assert node.status()["dropped"]["quota"] == dropped
    cell.run(64)
    loud.ep()
    assert node.status()["dropped"]["quota"] == dropped


def test_an_old_ep_said_again_is_dropped(cell, node):
    voice = Speaker(node)
    old = voice.ep()
    cell.run(3)
    voice.ep()
    before = fingerprint(node)
    voice.say(old)
    assert node.status()["dropped"] == {"replay": 1}
    assert fingerprint(node) == before


_scapegoat = Cell(1)
_scapegoat.active()


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_random_bytes_change_nothing(frames):
    node = _scapegoat.nodes[1]
    before = fingerprint(node)
    counted = sum(node.status()["dropped"].values())
    for frame in frames:
        node.handle(frame, 3)
    assert fingerprint(node) == before
    assert sum(node.status()["dropped"].values()) == counted + len(frames)


@settings(max_examples=20)
@given(st.data())
def test_any_good_frame_is_survived(data):
    """Whatever a frame claims: the node goes on, values stay in range, no step is too large."""
    from tests.support import draw

    cell = Cell(1, channels=["a", "b", "c"])
    cell.active()
    node = cell.nodes[1]
    for _ in range(data.draw(st.integers(1, 4))):
        f = data.draw(draw.good_ep)
        f = {
            **f,
            "tag": node.config.tag,
            "shard": data.draw(st.integers(0, 1)),
            "cycle": f["cycle"] % 2**29,
        }
        f["horizon"] = node.config.horizon(f["cycle"] >> 6) & 0xFFFF
        near = data.draw(st.booleans())
        if near:
            f = {
                **f,
                "cycle": node.clock.cycle,
                "horizon": node.replicas[0].shard.horizon,
                "start": node.clock.epoch(),
            }
        node.handle(encode_ep(f), data.draw(st.integers(1, 9)))
        g = data.draw(draw.good_sdm)
        g = {
            **g,
            "tag": node.config.tag,
            "shard": 0,
            "cycle": g["cycle"] % 2**29,
        }
        if near:
            g = {
                **g,
                "cycle": node.clock.cycle,
                "start": node.clock.epoch(),
                "relayed": [(node.clock.epoch(), *row[1:]) for row in g["relayed"]],
            }
        node.handle(ref.encode_sdm(g), data.draw(st.integers(1, 9)))
        names = {**data.draw(draw.good_names), "tag": node.config.tag, "cycle": node.clock.cycle}
        node.handle(ref.encode_names(names), data.draw(st.integers(1, 9)))
        cell.run(1)
    assert "malformed" not in node.status()["dropped"]
    assert all(0 <= v <= ref.MAX_RAW for v in cell.values(node))
    assert node.status()["max_step"] < node.config.max_allowed_shift
    for _, _, claimed, credited in node.rows():
        assert 0 <= credited <= claimed <= ref.MAX_RAW


def test_a_node_can_be_made_from_a_file(tmp_path):
    path = tmp_path / "lvs.json"
    path.write_text('{"channels": ["water"], "mesh": "m"}')
    node = Node(str(path), Cell(1).nodes[1].transport, lambda: 0, lambda: 7)
    assert node.status()["mesh"] == "m" and node.config.channels == ["water"]


@pytest.mark.parametrize("seed", range(3))
def test_a_node_that_is_stopped_tells_what_it_contributed_first(seed):
    """100 VU take 25 cycles; it was told to stop two seconds after it accepted them."""
    cell = Cell(3, loss=0.3, seed=seed)
    cell.active()
    node = cell.nodes[1]
    cell.contribute(1, 100 * 1000)
    cell.run(2)
    node.stop()
    assert node.running and node.left() > 90 * 1000
    took = cell.run(60, until=lambda: not node.running)
    assert 20 <= took < 60 and node.left() == 0
    del cell.nodes[1]
    cell.settle(60)


def test_a_node_that_is_stopped_does_not_wait_for_ever():
    """For as long as it is told to, and not where nobody hears it."""
    cell = Cell(2)
    cell.active()
    node = cell.nodes[1]
    cell.contribute(1, 1000 * 1000)
    node.stop(drain_s=10)
    assert 9 <= cell.run(60, until=lambda: not node.running) <= 11
    assert node.left() > 900 * 1000
    other = cell.nodes[2]
    cell.links = lambda a, b: False
    cell.contribute(2, 1000 * 1000)
    other.stop()
    assert 15 <= cell.run(60, until=lambda: not other.running) <= 19
    alone = Cell(1)
    alone.active()
    alone.contribute(1, 5)
    alone.nodes[1].stop()
    assert not alone.nodes[1].running
