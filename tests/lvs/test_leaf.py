"""Leaves (G15): nodes that hold nothing, wake, ask, tell, hear their echo and sleep."""

import pytest

from lvs import ConfigError, LvsError, Node, NotDurable, wire
from lvs.leaf import Leaf
from lvs.routes import Routes
from lvs.wire import JOINING, VALUE, WANT
from tests.support.cell import SHORT, Cell, Speaker, encode_ep
from tests.support.leaf_bench import LeafCell, PowerCut, Store
from tests.support.transport import Transport

# Sessions of four epochs, folded after twelve: lifetimes within minutes.
BRIEF = {"session_epochs": 4, "horizon_epochs": 4}


def mesh(count=3, **config):
    cell = LeafCell(count, **config)
    cell.active()
    return cell


def told(cell, leaf, seconds=20):
    """A waking, and a while in which what was told reaches everybody."""
    cell.waking(leaf)
    cell.run(seconds, cell.settled)


# --- it contributes, exactly ---


def test_contributions_arrive_through_loss_waking_by_waking():
    cell = mesh(5, loss=0.3, seed=2)
    store = Store()
    for _ in range(12):
        leaf = cell.leaf(50, store)  # each waking is a new life, as after a deep sleep
        cell.give(leaf, 7)
        told(cell, leaf)
        assert cell.settled() and leaf.left() == 0
        assert max(map(len, store.copies)) < 64


def test_without_loss_a_waking_is_short():
    cell = mesh()
    leaf = cell.leaf(50, Store())
    cell.give(leaf, 7)
    cell.waking(leaf)
    cell.give(leaf, 7)
    assert cell.waking(leaf) < 1.0 and leaf.left() == 0


def test_it_reads_values_asleep_and_awake():
    cell = mesh(3, channels=["water", {"name": "heat", "step": "0.1", "offset": "1000"}])
    cell.contribute(1, 4000)
    cell.settle()
    leaf = cell.leaf(50, Store())
    assert leaf.value("water") == 0
    cell.waking(leaf)
    assert leaf.text("water") == "4.000" and leaf.value("water", raw=True) == 4000
    assert leaf.text("heat") == "1000.0" and leaf.status()["state"] == "ASLEEP"


def test_what_nobody_hears_waits_in_the_store():
    cell = mesh()
    store = Store()
    cell.links = lambda a, b: 50 not in (a, b)
    leaf = cell.leaf(50, store)
    cell.give(leaf, 7)
    assert cell.waking(leaf) == pytest.approx(3, abs=0.1)
    assert leaf.left() == 7 and not leaf.met
    del cell.links
    leaf = cell.leaf(50, store)
    assert leaf.left() == 7
    told(cell, leaf)
    assert cell.settled() and leaf.left() == 0


def test_what_is_finer_than_a_step_and_what_is_large_survive_sleep():
    cell = mesh(2, max_allowed_shift=30000, route_budget=1 << 28)
    store = Store()
    for amount in ("0.0004", "0.0004", "0.0002"):
        leaf = cell.leaf(50, store)
        leaf.contribute("water", amount)
        cell.waking(leaf)
    cell.contributed["water"] += 1
    leaf = cell.leaf(50, store)
    cell.give(leaf, 1 << 33)
    cell.waking(leaf)
    leaf = cell.leaf(50, store)
    waits = leaf.ledger.waiting[0]
    assert 1 << 32 < waits < 1 << 33  # no faster than a cycle at a time, of those that it slept
    cell.run(60)
    cell.waking(leaf)
    assert waits - leaf.ledger.waiting[0] >= 60 * 29999


def test_sessions_change_and_are_folded_without_a_trace():
    cell = mesh(2, **BRIEF)
    store = Store()
    names = set()
    for _ in range(25):
        leaf = cell.leaf(50, store)
        cell.give(leaf, 3)
        cell.waking(leaf)
        names.add(leaf.status()["session"])
        assert len(leaf.ledger.sessions) <= 4
        cell.run(60)
    assert len(names) > 4 and cell.settled()
    assert not any(r.expired for n in cell.nodes.values() for r in n.replicas)


def test_a_leaf_that_slept_for_long_goes_on_under_another_session():
    cell = mesh(2, **BRIEF)
    leaf = cell.leaf(50, Store())
    cell.give(leaf, 3)
    told(cell, leaf)
    cell.run(1200)  # all is folded
    cell.give(leaf, 4)
    cell.waking(leaf)  # a single voice says that the clock is far ahead: two of them here
    cell.run(10)
    assert cell.settled() and leaf.left() == 0


def crowd(cell, rows):
    """Give all rings the same rows of others, a raw each."""
    for node in cell.nodes.values():
        shard = node.replicas[0].shard
        for i in range(rows):
            shard.merge(node.clock.grain(), 1000 + i, 0, 1, 0)
            shard.credit(shard.find(node.clock.grain(), 1000 + i, 0), 1)
    cell.contributed["water"] += rows


def test_a_crowded_ring_takes_what_a_session_told_that_ended_unheard():
    """It has no place for what somebody else passes on."""
    cell = mesh(2, rows=64, session_epochs=4, horizon_epochs=40)
    store = Store()
    cell.waking(cell.leaf(50, store))
    for raw in (5, 6):
        leaf = cell.leaf(50, store)
        cell.give(leaf, raw)
        leaf._say_rows = lambda index, cycle: None  # nobody hears them
        cell.waking(leaf)
        cell.run(5 * 64)
    crowd(cell, 52)
    leaf = cell.leaf(50, store)
    cell.give(leaf, 7)
    assert leaf.left() == 18
    told(cell, leaf)
    cell.waking(leaf)
    assert all(node.replicas[0].shard.crowded() for node in cell.nodes.values())
    assert len(leaf.ledger.sessions) == 3 and leaf.left() == 0 and cell.settled()


# --- what is in doubt never counts twice ---


def test_told_but_not_heard_of_before_a_long_sleep_counts_once():
    """The echo is lost and the leaf sleeps until all is folded."""
    cell = mesh(2, **BRIEF)
    store = Store()
    leaf = cell.leaf(50, store)
    cell.waking(leaf)
    leaf = cell.leaf(50, store)
    cell.give(leaf, 5)
    cell.links = lambda a, b: b != 50 or not leaf._grown
    cell.waking(leaf)
    del cell.links
    assert leaf.left() == 5 and cell.settled()  # it was told, and heard
    cell.run(1200)
    leaf = cell.leaf(50, store)
    cell.give(leaf, 6)
    told(cell, leaf)
    assert cell.settled()
    assert "5 raw were told, and perhaps heard by nobody" in leaf.status()["warnings"][0]


def test_what_nobody_takes_waits_again_when_its_session_is_folded():
    cell = mesh(2, **BRIEF)
    store = Store()
    cell.links = lambda a, b: a != 50  # it hears the others, and is not heard
    lives = []
    leaf = cell.leaf(50, store)
    for _ in range(18):
        leaf = cell.leaf(50, store)
        if not lives:
            cell.give(leaf, 5)
        for node in cell.nodes.values():
            node.trickle.restart(cell.now)  # somebody speaks while it is awake
        cell.waking(leaf)
        assert leaf.met
        lives.append((leaf.ledger.waiting[0], leaf.ledger.session.total[0]))
        assert leaf.left() == 5
        cell.run(60)
    assert (5, 0) not in lives and len(set(lives)) > 1  # told under one session, then another
    del cell.links
    for _ in range(12):  # told under the next session
        told(cell, leaf)
        cell.run(60)
    assert cell.settled() and leaf.left() == 0


@pytest.mark.parametrize("durable", [False, True])
def test_a_power_cut_at_each_byte_that_is_written(durable):
    """Whatever of a copy is written when the power goes: what was durable counts once."""
    size = cut = 0
    counted = set()
    while cut <= size:
        cell = mesh(2, seed=cut + 1)
        store = Store()
        leaf = cell.leaf(50, store)
        cell.give(leaf, 3)
        told(cell, leaf)
        store.writes = 0
        store.cut = cut
        leaf = cell.leaf(50, store)
        try:
            leaf.contribute("water", "0.040", durable)
            told(cell, leaf)
        except PowerCut:
            leaf.awake = False
        size = max(size, 3 * max(map(len, store.copies)) + 1)
        safe = durable and (store.writes > 1 or store.cut is not None and leaf.left() == 0)
        store.cut = None
        leaf = cell.leaf(50, store)
        cell.give(leaf, 500)
        told(cell, leaf)
        cell.run(10)
        values = {n.value("water", raw=True) for n in cell.nodes.values()}
        assert values in ({543}, {503}), (cut, values)
        assert values == {543} or not safe, cut
        counted |= values
        cut += 3
    assert counted == {543, 503}


def test_a_state_that_cannot_be_written_is_not_told():
    class Full(Store):
        def write(self, i, data):
            raise OSError(28)

    cell = mesh(2)
    leaf = cell.leaf(50, Full())
    cell.give(leaf, 5)
    cell.waking(leaf)
    assert leaf.left() == 5 and "cannot be written" in leaf.status()["warnings"][0]
    assert {n.value("water") for n in cell.nodes.values()} == {0}


def test_what_could_not_be_written_is_not_told_in_a_later_waking_either():
    class Full(Store):
        full = True

        def write(self, i, data):
            if self.full:
                raise OSError(28)
            super().write(i, data)

    cell = mesh(2)
    store = Full()
    leaf = cell.leaf(50, store)
    cell.give(leaf, 5)
    for _ in range(3):
        cell.waking(leaf)
        cell.run(5)
        assert leaf.met and {n.value("water") for n in cell.nodes.values()} == {0}
    store.full = False
    told(cell, leaf)
    assert cell.settled() and leaf.left() == 0


def test_an_error_and_then_a_cut_leave_a_copy():
    class Torn(Store):
        torn = False

        def write(self, i, data):
            if self.torn:
                self.copies[i] = bytes(data)[:9]
                raise OSError(5)
            super().write(i, data)

    cell = mesh(2)
    for errors in range(3):
        store = Torn()
        leaf = cell.leaf(50, store)
        for raw in (4, 3):
            leaf.contribute("water", "0.00%d" % raw, durable=True)
        store.torn = True
        for _ in range(errors):
            with pytest.raises(NotDurable, match="do not contribute it again"):
                leaf.contribute("water", 1, durable=True)
        store.torn, store.cut = False, 9
        with pytest.raises(PowerCut):
            leaf.flush()
        assert cell.leaf(50, store).left() == 7


def test_all_that_is_in_doubt_is_named():
    """Of more than one session, too."""
    cell = mesh(2, **BRIEF)
    store = Store()
    cell.waking(cell.leaf(50, store))
    for raw in (5, 6):
        leaf = cell.leaf(50, store)
        cell.give(leaf, raw)
        leaf._hear_sdm = lambda f, mine, key: None  # its echoes are lost
        cell.waking(leaf)
        cell.run(4 * 64)
    cell.run(1200)
    leaf = cell.leaf(50, store)
    for _ in range(2):  # a clock that is far off has to be said in two
        cell.waking(leaf)
    assert "11 raw were told, and perhaps heard by nobody" in leaf.status()["warnings"][0]


def test_what_is_lost_with_a_state_is_named():
    cell = mesh(2)
    store = Store()
    leaf = cell.leaf(50, store)
    for raw in (4, 3):
        leaf.contribute("water", "0.00%d" % raw, durable=True)
    other = cell.leaf(50, store, mesh="other")
    assert other.left() == 0
    assert "another mesh, and begins anew; 7 raw " in other.status()["warnings"][0]
    store.copies = [copy[:-1] for copy in store.copies]
    assert "what waited is lost" in cell.leaf(50, store).status()["warnings"][0]


@pytest.mark.parametrize("damage", ["newest", "both", "another mesh"])
def test_a_damaged_state_never_counts_twice(damage):
    cell = mesh(2)
    store = Store()
    leaf = cell.leaf(50, store)
    for _ in range(3):
        leaf = cell.leaf(50, store)
        cell.give(leaf, 5)
        told(cell, leaf)
    newest = leaf._kept.turn & 1
    for i in (0, 1) if damage == "both" else (newest,):
        data = bytearray(store.copies[i])
        data[-9] ^= 4
        store.copies[i] = bytes(data)
    other = damage == "another mesh"
    leaf = cell.leaf(50, store, 0, mesh="other" if other else "lvs")
    assert leaf.status()["warnings"]
    if not other:
        cell.give(leaf, 6)
        told(cell, leaf)
        assert cell.settled()


def test_an_old_copy_of_the_store_is_noticed():
    """Restored from a backup: the mesh has more of the session, and what waited is told."""
    cell = mesh(2)
    store = Store()
    leaf = cell.leaf(50, store)
    cell.give(leaf, 5)
    told(cell, leaf)
    leaf.contribute("water", "0.007", True)
    cell.contributed["water"] += 7
    backup = Store(store)
    told(cell, leaf)
    leaf = cell.leaf(50, backup)
    cell.give(leaf, 6)
    told(cell, leaf)
    assert cell.settled() and "7 raw that waited are told" in leaf.status()["warnings"][0]


@pytest.mark.parametrize("at_once", [False, True])
def test_a_cloned_leaf(at_once):
    """Two boards with one flash: each goes on for itself."""
    cell = mesh(3)
    store = Store()
    leaf = cell.leaf(50, store, 1050)
    cell.give(leaf, 5)
    told(cell, leaf)
    one, two = cell.leaf(50, store, 1050), cell.leaf(51, Store(store), 1051)
    for _ in range(3):
        cell.give(one, 6)
        cell.give(two, 7)
        if at_once:
            two.wake()
            told(cell, one)
        else:
            told(cell, one)
            told(cell, two)
        cell.run(5)
    assert cell.settled()
    assert one.ledger.session.nonce != two.ledger.session.nonce


def test_a_clone_that_says_no_board_is_noticed_when_they_take_turns():
    cell = mesh(3)
    store = Store()
    leaf = cell.leaf(50, store)
    cell.give(leaf, 5)
    told(cell, leaf)
    one, two = cell.leaf(50, store), cell.leaf(51, Store(store))
    for _ in range(3):
        cell.give(one, 6)
        told(cell, one)
        cell.give(two, 7)
        told(cell, two)
    assert cell.settled()


def test_all_holders_begin_anew():
    """Nothing of the old mesh is left: what is contributed from then on counts, and what was told
    under a session that goes on."""
    cell = mesh(2)
    store = Store()
    cell.run(64 * 20)
    leaf = cell.leaf(50, store)
    cell.give(leaf, 5)
    told(cell, leaf)
    for address in (1, 2):
        cell.add(address)
    cell.active()
    for _ in range(2):
        leaf = cell.leaf(50, store)
        cell.give(leaf, 6)
        told(cell, leaf)
    values = {n.value("water", raw=True) for n in cell.nodes.values()}
    assert values in ({12}, {17}) and leaf.left() == 0


# --- liars ---


def echo(leaf, total, nonce=424242, channel=0):
    """The frame of somebody who says that the leaf's present session has a total."""
    s = leaf.ledger.session
    w = wire.SdmWriter()
    shard, slot = divmod(channel, wire.SLOTS)
    w.begin(leaf.config.tag, s.start, nonce, leaf._kept.cycle, shard, 0, leaf.config.grain)
    assert w.relay(s.nonce, s.start, slot, total)
    return bytes(w.buf[: w.end()])


def test_one_voice_that_claims_to_hold_it_ends_a_waking_and_no_more():
    cell = mesh(3)
    store = Store()
    leaf = cell.leaf(50, store)
    cell.waking(leaf)
    leaf = cell.leaf(50, store)
    cell.give(leaf, 5)
    cell.links = lambda a, b: a != 50 or not leaf._grown  # nobody hears what it tells
    leaf.wake()
    cell.run(3, lambda: leaf._grown)
    leaf.handle(echo(leaf, 5), 99)
    cell.run(3, lambda: not leaf.awake)
    assert leaf.left() == 0 and not cell.settled()  # it believes him
    del cell.links
    cell.run(5)
    told(cell, cell.leaf(50, store))  # and tells it again
    assert cell.settled()


def test_who_says_more_than_was_told_forces_another_session_but_not_many():
    cell = mesh(3)
    store = Store()
    names = set()
    for i in range(12):
        leaf = cell.leaf(50, store)
        cell.give(leaf, 5)
        leaf.wake()
        while not leaf._grown:
            cell.step()
        leaf.handle(echo(leaf, 1000 + i), 99)
        cell.run(4)
        names.add(leaf.status()["session"])
        cell.run(20)
    assert 1 < len(names) <= 4 and cell.settled()


def waits_long(cell, store):
    """A leaf of some wakings out of reach, which waits for the next."""
    leaf = cell.leaf(50, store)
    cell.give(leaf, 5)
    told(cell, leaf)
    cell.links = lambda a, b: 50 not in (a, b)
    for _ in range(3):
        leaf = cell.leaf(50, store)
        cell.give(leaf, 100)
        cell.waking(leaf)
    del cell.links
    return cell.leaf(50, store)


def test_one_liar_who_says_more_than_was_told_takes_nothing_that_waits():
    """What waited in the store would be given up as told by a copy."""
    cell = mesh(5)
    store = Store()
    leaf = waits_long(cell, store)
    leaf.wake()
    leaf.handle(echo(leaf, 2**29), 99)
    cell.run(4)
    leaf.handle(echo(leaf, 2**29), 99)
    for _ in range(3):
        told(cell, cell.leaf(50, store))
    assert cell.settled() and cell.contributed["water"] == 305


@pytest.mark.parametrize("voices", [2, 5, 6])
def test_what_waits_is_given_up_if_most_voices_say_so(voices):
    """... as the least of them says; five nodes say otherwise."""
    cell = mesh(5)
    leaf = waits_long(cell, Store())
    leaf.wake()
    for i in range(voices):
        leaf.handle(echo(leaf, 105 if i == 0 else 2**29 - i), 99 - i)
    cell.run(4)
    warnings = [w for w in leaf.status()["warnings"] if "old copy" in w]
    assert ["100 raw" in w for w in warnings] == [True] * (voices == 6)


def test_claims_about_channels_that_it_lacks_take_no_room():
    cell = mesh(5)
    leaf = waits_long(cell, Store())
    leaf.wake()
    for channel in range(480):
        leaf.handle(echo(leaf, 2**29, channel=channel), 99)
    assert len(leaf._claims) <= leaf.ledger.channels + 1


def shows(leaf, node, cycles):
    """The EP of a holder whose clock is so many cycles ahead of a node's."""
    cycle = node.clock.cycle + cycles
    return encode_ep(
        {
            "tag": leaf.config.tag,
            "start": cycle // 64 & 0xFFFF,
            "nonce": 424242,
            "cycle": cycle,
            "shard": 0,
            "noise": 1,
            "horizon": leaf.config.horizon(cycle >> 6) & 0xFFFF,
            "flags": 0,
            "load": 0,
            "held": 1,
            "digests": [0] * 8,
            "vector": [0],
        }
    )


@pytest.mark.parametrize("years", [-1, 10])
def test_one_voice_does_not_move_its_clock_far(years):
    cell = mesh(3)
    cell.run(64 * 60)
    store = Store()
    leaf = cell.leaf(50, store)
    cell.give(leaf, 5)
    told(cell, leaf)
    cell.links = lambda a, b: 50 not in (a, b)
    node = cell.nodes[1]
    far = years * 365 * 86400 if years > 0 else -64 * 58
    leaf = cell.leaf(50, store)
    cell.give(leaf, 6)
    leaf.wake()
    cell.run(0.2)
    leaf.handle(shows(leaf, node, far), 99)
    cell.run(4)
    assert not leaf.met and leaf.left() == 6
    del cell.links
    told(cell, cell.leaf(50, store))
    assert cell.settled()


def test_a_liar_among_three_voices_does_not_set_its_clock():
    cell = mesh(3)
    leaf = cell.leaf(50, Store())
    leaf.wake()
    leaf.handle(shows(leaf, cell.nodes[1], 10**8), 99)
    cell.run(4)
    assert leaf.met and abs(leaf._kept.cycle - cell.nodes[1].clock.cycle) < 8


@pytest.mark.parametrize("ahead", [-3000, 10**5, 10**8])
def test_three_liars_who_are_quicker_than_the_honest_do_not_set_its_clock(ahead):
    cell = mesh(9, loss=0.2)
    cell.run(64 * 60)
    store = Store()
    told(cell, cell.leaf(50, store))
    leaf = cell.leaf(50, store)
    cell.give(leaf, 5)
    leaf.wake()
    for liar in 97, 98, 99:
        leaf.handle(shows(leaf, cell.nodes[1], ahead), liar)
    cell.run(4)
    assert leaf.met and abs(leaf._kept.cycle - cell.nodes[1].clock.cycle) < 8
    assert cell.settled()


@pytest.mark.parametrize("lie", [False, True])
def test_what_was_told_in_a_session_that_has_not_begun_waits_again(lie):
    """Liars had set the clock: the honest took no such row. What a liar claims is named."""
    cell = mesh(3)
    store = Store()
    leaf = cell.leaf(50, store)
    cell.links = lambda a, b: a == 50
    cell.give(leaf, 5)
    leaf.wake()
    for liar in 97, 98, 99:
        leaf.handle(shows(leaf, cell.nodes[1], 10**6), liar)
    cell.run(4)
    assert leaf.met and sum(leaf.ledger.waiting) == 0 and leaf.left() == 5
    if lie:
        leaf.ledger.echo(leaf.ledger.session, 0, 5)
    del cell.links
    told(cell, leaf)
    warned = [w for w in leaf.status()["warnings"] if "5 raw were told under a wrong clock" in w]
    assert len(warned) == lie
    for _ in range(3):
        told(cell, cell.leaf(50, store))
    assert cell.settled() != lie


def test_hostile_frames_are_survived():
    cell = mesh(1)
    leaf = cell.leaf(50, Store())
    leaf.wake()
    for n in range(250):
        leaf.handle(bytes([n] * n), 99)
        data = bytearray(echo(leaf, 7))
        data[n % len(data)] ^= 1 << n % 8
        leaf.handle(bytes(data), 99)
    assert leaf.dropped and leaf.awake


# --- what holders make of it ---


def question(node, address=99, **changes):
    """A leaf's question, said to a node."""
    speaker = Speaker(node, address)
    said = {"flags": WANT, "held": 0, "horizon": 1, "vector": [], **changes}
    frame = dict(speaker.head(), noise=1, load=0, digests=[0] * 8, **said)
    speaker.say(encode_ep(frame))
    return speaker


def test_a_leaf_is_no_neighbour_no_holder_and_has_no_vote():
    cell = mesh(3)
    cell.run(70)
    node = cell.nodes[1]
    near, epoch = node.routes.near, node.clock.epoch()
    for address in range(100, 120):
        question(node, address).sdm([(0, 5)])
    assert node.routes.near == near == node.routes.recent(epoch, 8) == 2
    assert node.routes.holders(0, node.clock.cycle, 256) == 2
    cell.run(70)
    assert node.routes.near == 2
    assert {node.routes.pick(n) for n in range(50)} <= {2, 3}
    liar = Speaker(node, 200)
    liar.ep(vector=[7])
    assert node.replicas[0].votes.tally(node.clock.epoch())[1] == 1
    question(node, 200)
    assert node.replicas[0].votes.tally(node.clock.epoch())[1] == 0
    assert node.routes.near == 2
    liar.ep(vector=[7])  # it holds something after all
    assert node.routes.near == 3


def test_leaves_do_not_keep_a_quorum_from_being_one():
    """Two nodes that disagree meet, however many leaves are heard."""
    cell = Cell(2)
    cell.prime(1000)
    a, b = cell.nodes.values()
    for r in b.replicas:
        r.shard.shift(0, 3)
        r.guard.new_epoch()

    def leaves():
        if cell.now % 10000 < 1000:
            for node in (a, b):
                for address in range(100, 110):
                    question(node, address)

    cell.run(64 * 60, lambda: cell.values(a) == cell.values(b), leaves)
    assert cell.values(a) == cell.values(b) == [1003]


def test_a_leaf_does_not_hush_who_seeks_nor_wakes_who_was_alone():
    cell = Cell(1)
    node = cell.nodes[1]
    for address in range(100, 120):
        question(node, address)
    assert node.trickle.agreeing == node.trickle.others == 0  # it is EMPTY still
    cell.active()
    node.clock.heard_at = node.clock.cycle
    node.clock.cycle += (SHORT["horizon_epochs"] + 1) * 64
    question(node).sdm([(0, 5)])
    assert node.life.rejoins == 0 and node.clock.silence() > 64
    Speaker(node, 120).ep()
    assert node.life.rejoins == 1


def test_of_many_holders_some_answer_a_leaf():
    cell = Cell(1)
    cell.active()
    node = cell.nodes[1]
    node.routes.near = 60
    speaker = question(node)
    sent = len(node.transport.sent)
    for _ in range(100):
        node.routes.allowance[:] = type(node.routes.allowance)("H", [1000] * 255)
        question(node)
    answers = [f for f, to in node.transport.sent[sent:] if to == speaker.address]
    assert 3 < len(answers) < 30
    frame = wire.Frame()
    assert frame.decode(answers[0], node.config.tag) == "" and frame.flags & VALUE


def test_routes_know_leaves_by_what_they_say_they_hold():
    routes = Routes(8, 1)
    i = routes.admit(5, 5, 0)
    assert routes.near == 1 and not routes.leaf(i)
    assert routes.bears(i, 0) and routes.leaf(i) and routes.near == 0
    assert not routes.bears(i, 0)
    routes.new_epoch(1)
    assert routes.leaf(i) and routes.near == 0
    assert not routes.bears(i, 2) and not routes.leaf(i) and routes.near == 1
    assert not routes.bears(0, 0) and not routes.leaf(0)


def test_errors_of_configuration_and_calls():
    config = dict(SHORT, held=0)
    with pytest.raises(ConfigError, match="held: 0 is a leaf"):
        Node(config, Transport(), lambda: 0, lambda: 5)
    leaf = Leaf(config, Transport(), lambda: 0, lambda: 5)
    with pytest.raises(LvsError, match="not in this mesh"):
        leaf.contribute("wine", 1)
    for call in (leaf.flush, lambda: leaf.contribute("water", 1, durable=True)):
        with pytest.raises(LvsError, match="no store"):
            call()
    with pytest.raises(LvsError, match="negative"):
        leaf.contribute("water", "-1")
    with pytest.raises(LvsError, match="too large"):
        leaf.contribute("water", 1 << 50)
    assert leaf.left() == 0 and JOINING
