"""Gossip: news at once, rumours until heard k times, answers by digest."""

import pytest

from lvs import wire
from lvs.config import CLOSING
from lvs.entropy_engine import Noise
from lvs.gossip import Gossip
from tests.support.cell import Cell, Speaker, decoded


def sdms(node):
    return [f for f in decoded(node, [f for f, _ in node.transport.sent]) if f["kind"] == wire.SDM]


@pytest.fixture
def cell():
    c = Cell(1)
    c.active()
    c.run(20)
    return c


@pytest.fixture
def node(cell):
    cell.nodes[1].transport.sent.clear()
    return cell.nodes[1]


def test_news_goes_out_within_half_a_second_and_once(cell, node):
    Speaker(node, 5, 50).ep()  # somebody is there
    cell.contribute(1, 10)
    cell.contribute(1, 5)
    cell.run(0.5)
    assert [f["own"] for f in sdms(node)] == [[[0, 15]]]  # a running total: together
    cell.run(20)
    assert len([f for f in sdms(node) if f["own"]]) == 1


def test_an_sdm_says_the_senders_coefficient_cycle_and_shard(cell, node):
    cell.contribute(1, 10)
    cell.run(0.5)
    [f] = sdms(node)
    assert (f["shard"], f["start"], f["nonce"]) == (
        0,
        node.ledger.session.start,
        node.ledger.session.nonce,
    )
    assert abs(f["cycle"] - node.clock.cycle) <= 1
    assert f["weight"] == node.replicas[0].dc


def test_a_joining_node_says_so_in_its_weight():
    """Its rows are as good as anybody's; its drift is not."""
    cell = Cell(1)
    node = cell.nodes[1]
    voices = [Speaker(node, 5 + k, 50 + k) for k in range(3)]
    for _ in range(20):
        for voice in voices:
            voice.ep([9], digests=[1] * 8)
        cell.run(1)
        if node.state == "JOINING":
            break
    assert node.state == "JOINING"
    cell.contribute(1, 10)
    cell.run(2)
    assert {f["weight"] for f in sdms(node)} == {0}


def test_a_rumour_is_passed_on_until_it_was_heard_k_times(cell, node):
    epoch = node.clock.epoch()
    row = [epoch, 77, 0, 9]
    Speaker(node, 5, 50).sdm(relayed=[row])
    cell.run(60)
    said = sum(row in f["relayed"] for f in sdms(node))
    assert said == node.config.relays - 1  # heard once already


def test_where_nothing_is_lost_a_rumour_is_said_once(cell, node):
    """Rows that come by others' word show what is lost; what their sessions say, what is not."""
    for n in range(64):
        Speaker(node, 5 + n, 50 + n).sdm(own=[(0, 9)])
        cell.run(1)
    cell.run(60)
    for first, times in ((True, 1), (False, node.config.relays - 1)):
        row = [node.clock.epoch(), 7000 + first, 0, 9]
        if first:
            Speaker(node, 200, row[1]).sdm(own=[(0, 9)])
        else:
            for n in range(32):
                Speaker(node, 200, 300).sdm(relayed=[[row[0], 500 + n, 0, 9]])
            Speaker(node, 200, 300).sdm(relayed=[row])
        cell.run(120)
        assert sum(row in f["relayed"] for f in sdms(node)) == times


def test_a_fold_drops_no_rumour(cell, node):
    """News of an epoch's last second is passed on in the next, too."""
    row = [node.clock.epoch(), 77, 0, 9]
    Speaker(node, 5, 50).sdm(relayed=[row])
    node.replicas[0].gossip.forget()
    cell.run(60)
    assert sum(row in f["relayed"] for f in sdms(node)) == node.config.relays - 1


def test_a_rumour_heard_from_others_rests(cell, node):
    row = [node.clock.epoch(), 77, 0, 9]
    for k in range(node.config.relays):
        Speaker(node, 5 + k, 50 + k).sdm(relayed=[row])
    cell.run(60)
    assert not any(row in f["relayed"] for f in sdms(node))


def test_rumours_ride_on_news(cell, node):
    """What a node has to say goes with what it passes on: one frame, not two."""
    epoch = node.clock.epoch()
    Speaker(node, 5, 50).sdm(relayed=[(epoch, 100 + n, 0, 9) for n in range(5)])
    cell.contribute(1, 10)
    cell.run(0.5)
    with_news = [f for f in sdms(node) if f["own"]]
    assert len(with_news) == 1 and len(with_news[0]["relayed"]) == 5


def test_news_of_a_session_that_ends_is_said_however_busy_the_mesh():
    """Nobody else can say it: as a rumour it would be dropped where others speak all the time."""
    cell = Cell(1)
    cell.active()
    node = cell.nodes[1]
    others = [Speaker(node, 5 + i, 50 + i) for i in range(12)]

    def busy(seconds):
        for i in range(seconds):
            for voice in others:
                voice.sdm(own=[(0, 10 * i + 10 + cell.now // 1000)])
            cell.run(1)

    busy(30)
    node.transport.sent.clear()
    cell.contribute(1, 10)
    session = node.ledger.session
    node.contributions.rotate()
    busy(10)
    said = [
        f["own"] for f in sdms(node) if (f["start"], f["nonce"]) == (session.start, session.nonce)
    ]
    assert [0, 10] in [row for rows in said for row in rows]


def test_a_broadcast_that_comes_back_is_nobodys_word(cell, node):
    """What is said under a session that ended, too: nobody else holds it for that."""
    cell.run(70)
    for frame, _ in node.transport.sent:
        node.handle(frame, 1)  # EPs tell where from
    node.transport.sent.clear()
    cell.contribute(1, 10)
    ended = node.ledger.session
    node.contributions.rotate()
    cell.run(70)
    for frame, _ in node.transport.sent:
        node.handle(frame, 1)
    assert ended.total[0] == 10 and ended.known[0] == 0
    for frame, _ in node.transport.sent:
        if decoded(node, [frame])[0]["kind"] == wire.SDM:
            node.handle(frame, 2)
    assert ended.known[0] == 10


def test_who_says_an_older_total_is_told_the_newer(cell, node):
    epoch = node.clock.epoch()
    for k in range(9):
        Speaker(node, 5 + k, 50 + k).sdm(relayed=[(epoch, 77, 0, 9)])
    cell.run(60)
    node.transport.sent.clear()
    Speaker(node, 5, 50).sdm(relayed=[(epoch, 77, 0, 4)])
    cell.run(60)
    assert any([epoch, 77, 0, 9] in f["relayed"] for f in sdms(node))


def fill(cell, node, rows):
    """Rows that everybody has heard often enough, also to ride on other frames."""
    epoch = node.clock.epoch()
    for k in range(2 * node.config.relays):
        for at in range(0, rows, 20):
            Speaker(node, 5 + k // 2, 50 + k // 2).sdm(
                relayed=[(epoch, 1000 + n, 0, 9) for n in range(at, min(at + 20, rows))]
            )
    cell.run(60)
    node.transport.sent.clear()
    return {1000 + n for n in range(rows)}


def test_a_digest_that_differs_is_answered_with_rows_of_that_bucket(cell, node):
    fill(cell, node, 40)
    shard = node.replicas[0].shard
    digests = list(shard.digests)
    digests[3] ^= 1
    Speaker(node, 9, 90).ep(digests=digests)
    cell.run(3)
    said = [r for f in sdms(node) for r in f["relayed"]]
    assert said
    assert {shard.bucket(shard.find(*r[:3])) for r in said} == {3}


def test_equal_digests_are_not_answered(cell, node):
    fill(cell, node, 40)
    Speaker(node, 9, 90).ep()
    cell.run(3)
    assert not any(f["relayed"] for f in sdms(node))


def test_answers_name_their_buckets_and_silence_others(cell, node):
    fill(cell, node, 10)
    voice = Speaker(node, 9, 90)
    voice.ep(digests=[1] * 8)
    assert node.replicas[0].gossip.buckets == 255
    node.replicas[0].gossip._certain = False  # not one of the quarter that answers all the same
    Speaker(node, 8, 80).sdm(relayed=[(node.clock.epoch(), 1000, 0, 9)], buckets=255)
    cell.run(3)
    assert not any(f["buckets"] for f in sdms(node))


def test_a_full_answer_may_go_on_and_three_are_enough(cell, node):
    rows = [(node.clock.epoch(), 1000 + n, 0, 9) for n in range(25)]
    fill(cell, node, 150)
    Speaker(node, 9, 90).ep(digests=[1] * 8)
    node.replicas[0].gossip._certain = False  # not one of the quarter that answers all the same
    for k in range(3):
        assert node.replicas[0].gossip.buckets == 255
        Speaker(node, 6 + k, 60 + k).sdm(relayed=rows, buckets=255)
    cell.run(3)
    assert not any(f["buckets"] for f in sdms(node))


def test_who_is_not_believed_strikes_no_answer_off_and_brings_no_rumour_to_rest():
    """In whosever name it speaks: only routes that agreed in two epochs are."""
    cell = Cell(1)
    cell.prime(100000)
    node = cell.nodes[1]
    friend, liar = Speaker(node, 5, 50), Speaker(node, 66, 50)
    while not node.routes.trusted(node.routes.known(5)):
        friend.ep()
        cell.run(32)
    row = [node.clock.epoch(), 77, 0, 9]
    friend.sdm(relayed=[row])
    liar.sdm(relayed=[row] * 20)
    node.transport.sent.clear()
    Speaker(node, 9, 90).ep(digests=[1] * 8)
    for _ in range(5):
        liar.sdm(relayed=[row], buckets=255)
    assert node.replicas[0].gossip.buckets == 255
    cell.run(60)
    assert sum(row in f["relayed"] for f in sdms(node)) >= 1
    assert any(f["buckets"] for f in sdms(node))


@pytest.mark.parametrize("flags, times", [(0, 30), (wire.DIRECT, 60)])  # as long as what asks
def test_repeated_answers_go_round_through_all_rows(cell, node, flags, times):
    """On from where the last answer stopped: at last everything is said, also to one alone, as
    over a link between two cells."""
    everything = fill(cell, node, 150)
    said = set()
    for k in range(times):
        node.transport.sent.clear()
        Speaker(node, 9 + k % 5, 90 + k % 5).ep(digests=[1] * 8, flags=flags)
        cell.run(3)
        said |= {r[1] for f in sdms(node) for r in f["relayed"]}
    assert said >= everything


def test_many_that_answer_once_each_say_all_rows(cell, node):
    """In a crowd few answer at a time: they do not all begin with the same row."""
    everything = fill(cell, node, 150)
    held = node.replicas[0]
    node.routes.near = 64
    said = set()
    for seed in range(120):
        other = Gossip(
            held.shard, 4, False, Noise(lambda seed=seed: seed), node.trickle, node.routes
        )
        while not other.buckets:
            other.lacking(0xFF, None, False, cell.now)
        writer = wire.SdmWriter()
        writer.begin(node.config.tag, node.clock.epoch(), 2, node.clock.cycle, 0, 0)
        other.fill_answer(writer)
        frame = bytes(writer.buf[: writer.end()])
        said |= {r[1] for r in decoded(node, [frame])[0]["relayed"]}
    assert not sorted(everything - said)


def test_two_loud_voices_do_not_silence_a_node(cell, node):
    """They tell the truth, and agree; 192 full frames an epoch each are more than there is."""
    fill(cell, node, 40)
    row = (node.clock.epoch(), 1000, 0, 9)
    loud = Speaker(node, 7, 70), Speaker(node, 8, 80)
    answered = []
    for second in range(128):
        for voice in loud:
            for _ in range(3):
                voice.sdm(relayed=[row] * 24)
        if second % 16 == 0:
            answered.append(False)
            node.transport.sent.clear()
            Speaker(node, 9, 90).ep(digests=[1] * 8)
        cell.run(1)
        answered[-1] = answered[-1] or any(f["buckets"] for f in sdms(node))
    assert all(answered)


def test_who_pays_for_nothing_keeps_no_answer_from_others(cell, node):
    """An answer to an address is as long as what came from there; who asks on and on, and pays
    for no row, is not answered for ever."""
    fill(cell, node, 150)
    greedy = Speaker(node, 8, 80)
    greedy.ep(flags=wire.WANT | wire.DIRECT, digests=[0] * 8)
    node.routes.allowance[node.routes.known(8)] = 0
    node.transport.sent.clear()
    for _ in range(30):
        node.replicas[0].gossip.lacking(0xFF, 8, True, cell.now)
        cell.run(0.5)
        Speaker(node, 9, 90).ep(flags=wire.DIRECT, digests=[1] * 8)
        cell.run(1)
    sent = decoded(node, [f for f, addr in node.transport.sent if addr == 9])
    assert any(f["kind"] == wire.SDM for f in sent)


def test_who_wants_all_gets_all_at_once(cell, node):
    everything = fill(cell, node, 150)
    Speaker(node, 9, 90).ep(flags=wire.WANT | wire.JOINING, digests=[0] * 8)
    cell.run(15)
    assert {r[1] for f in sdms(node) for r in f["relayed"]} >= everything


def test_an_answer_is_given_though_there_is_news_all_the_time_and_no_tokens(cell, node):
    """After 32 s. Each frame of news had begun its patience anew: at 78 % of the budget nobody
    answered for minutes, and who had missed a last total folded without it."""
    fill(cell, node, 40)
    Speaker(node, 9, 90).ep(digests=[1] * 8)

    def jammed():
        node.governor.tokens = node.governor.full // 8
        cell.contribute(1, 1)
        return any(f["buckets"] for f in sdms(node))

    assert 25 < cell.run(60, jammed) < 45
    assert len([f for f in sdms(node) if f["own"]]) > 10


@pytest.mark.parametrize("share, rows", [(2, 5), (-3, 0)])
def test_on_news_that_overdraws_no_rumour_rides_that_was_heard(cell, node, share, rows):
    """Else 300 nodes that all have news keep no limit in their first minutes."""
    fill(cell, node, 5)
    gossip = node.replicas[0].gossip
    gossip._lost = 0  # nothing is: twice is enough
    for p in range(5):
        gossip.shard.repeats[p] = 1
    gossip.forget()
    node.transport.sent.clear()
    cell.contribute(1, 1)

    def said():
        node.governor.tokens = share * node.governor.full // 8
        return sdms(node)

    cell.run(8, said)
    assert [len(f["relayed"]) for f in sdms(node)] == [rows]


def test_who_wants_what_he_lacks_gets_no_more(cell, node):
    """A newcomer that lacks one row is not told all others for minutes."""
    fill(cell, node, 150)
    shard = node.replicas[0].shard
    digests = list(shard.digests)
    digests[3] ^= 1
    Speaker(node, 9, 90).ep(flags=wire.WANT | wire.JOINING, digests=digests)
    cell.run(15)
    said = [r for f in sdms(node) for r in f["relayed"]]
    assert said and {shard.bucket(shard.find(*r[:3])) for r in said} == {3}


def test_an_answer_to_who_wants_all_ends_unless_he_asks_again(cell, node):
    """Else it goes on at the traffic limit long after everybody has everything."""
    fill(cell, node, 400)
    for asks in (1, 2):
        node.transport.sent.clear()
        for k in range(asks):
            Speaker(node, 9, 90).ep(flags=wire.WANT | wire.JOINING, digests=[k] * 8)
            cell.run(60 if k + 1 == asks else 2)
        assert 0 < sum(bool(f["buckets"]) for f in sdms(node)) <= 8 * asks


def test_whoever_begins_to_tell_who_wants_all_goes_on_to_the_end(cell, node):
    """Else two that begin stop each other, some rows are told once, and a newcomer counts what two
    say. Who has not begun is stopped by three frames, also while rows are new."""
    everything = fill(cell, node, 150)
    gossip = node.replicas[0].gossip
    asks = Speaker(node, 9, 90)
    two = [Speaker(node, 5, 50), Speaker(node, 6, 60)]
    asks.ep(flags=wire.WANT | wire.JOINING, digests=[0] * 8)
    gossip._certain = False
    node.transport.sent.clear()
    cell.run(2, lambda: any(f["relayed"] for f in sdms(node)))
    for speaker in two + two:  # frames with room for more: that was all of it
        speaker.sdm(relayed=[], buckets=0xFF)
    cell.run(15)
    assert {r[1] for f in sdms(node) for r in f["relayed"]} >= everything
    asks.ep(flags=wire.WANT | wire.JOINING, digests=[0] * 8)
    gossip._certain = False
    fill(cell, node, 1)
    for speaker in two + two:
        speaker.sdm(relayed=[], buckets=0xFF)
    assert not gossip.buckets


def test_who_ended_with_news_speaks_before_there_is_more(cell, node):
    """Else an ended session's last totals wait for as long as something is new."""
    for _ in range(3):
        cell.contribute(1, 10)
    node.contributions.rotate()
    cell.contribute(1, 7)
    ended = node.ledger.sessions[0]
    cell.run(3)
    own = [(f["nonce"], f["own"]) for f in sdms(node) if f["own"]]
    assert own[0] == (ended.nonce, [[0, 30]])
    assert (node.ledger.session.nonce, [[0, 7]]) in own[1:]


def test_rows_about_to_be_folded_are_not_sent_to_who_lacks_them():
    cell = Cell(1, session_epochs=2, horizon_epochs=2)
    cell.active()
    node = cell.nodes[1]
    epoch = node.clock.epoch()
    Speaker(node, 5, 50).sdm(relayed=[(epoch - node.config.lifetime + 1, 77, 0, 9)])
    cell.run(64)
    node.transport.sent.clear()
    assert any(row[2] == 9 for row in node.rows())
    Speaker(node, 9, 90).ep(digests=[1] * 8)
    cell.run(5)
    assert not any(f["relayed"] for f in sdms(node))


def test_every_eighth_ep_goes_to_a_remembered_address_as_well():
    """Random fallback connections (specification 10), which also tie a sparse mesh together."""
    cell = Cell(2)
    cell.active()
    node = cell.nodes[1]
    cell.run(3000)
    eps = [(decoded(node, [f])[0], addr) for f, addr in node.transport.sent]
    direct = [(f, addr) for f, addr in eps if f["kind"] == wire.EP and addr is not None]
    everybody = [f for f, addr in eps if f["kind"] == wire.EP and addr is None]
    assert direct and all(f["flags"] & wire.DIRECT and addr == 2 for f, addr in direct)
    wanting = sum(bool(f["flags"] & wire.WANT) for f in everybody)
    assert len(everybody) // 8 <= len(direct) <= len(everybody) // 8 + wanting


def test_configured_peers_beyond_the_broadcast_are_reached():
    cell = Cell()
    cell.add(1, peers=["2"])
    cell.add(2)
    carry = cell.carry

    def to_one(source, frame, addr):
        if addr is not None:
            carry(source, frame, addr)

    cell.carry = to_one
    cell.active()
    cell.contribute(1, 50)
    cell.contribute(2, 70)
    cell.settle(400)


def test_a_peer_that_cannot_be_resolved_is_named_not_fatal():
    cell = Cell(1, peers=["nonsense", "3"])
    node = cell.nodes[1]
    cell.active()
    assert node.status()["warnings"] == ["peers: 'nonsense' cannot be resolved"]
    assert node.outbox.peers() == [3]


def test_a_peer_whose_name_is_not_found_at_once_is_a_peer_later_and_follows_its_name():
    cell = Cell(1, peers=["attic"])
    node = cell.nodes[1]
    known = []
    node.transport.resolve = lambda text: known[-1] if known else None
    cell.active()
    assert ["attic" in text for text in node.status()["warnings"]] == [True]
    known.append(7)
    cell.run(60)
    assert node.status()["warnings"] == [] and node.outbox.peers() == [7]
    known.append(8)
    for _ in range(64):
        node.outbox.peers()
    assert node.outbox.peers() == [8]


@pytest.mark.parametrize("loss", [0.0, 0.3, 0.5])
def test_every_contribution_arrives_through_loss(loss):
    """G1 in small: what is lost is repaired, to the bit."""
    cell = Cell(10, loss=loss, seed=7, channels=["water", "power"])
    cell.active(80)
    for k in range(40):
        cell.contribute(1 + k % 10, 1 + 13 * k, ("water", "power")[k % 2])
        cell.run(0.5)
    cell.settle(200)


def test_one_way_links_and_islands_tied_by_a_few():
    """Two cells that hear each other through one pair only."""
    cell = Cell(8, seed=3)
    cell.links = lambda a, b: (a <= 4) == (b <= 4) or {a, b} == {4, 5}
    cell.active(80)
    for address in range(1, 9):
        cell.contribute(address, 10 + address)
    cell.settle(200)


def test_last_totals_are_told_once_more_when_the_session_has_ended_and_before_the_closing():
    """Nobody speaks in it any more, and with steady news no digest shows what somebody lacks."""
    cell = Cell(1, session_epochs=4, horizon_epochs=8)
    cell.active()
    cell.run(20)
    node = cell.nodes[1]
    shard = node.replicas[0].shard
    voice = Speaker(node, 5, 50)
    for _ in range(6):
        voice.sdm([[0, 9]])  # heard so often that it rests
    row = [voice.start, voice.nonce, 0, 9]
    p = shard.find(*row[:3])
    told = []  # epochs that the row had left
    for _ in range(16 * 64):
        node.transport.sent.clear()
        cell.run(1)
        told += [shard.left(p) for f in sdms(node) if row in f["relayed"]]
    assert set(told) == {8 + CLOSING + 1, CLOSING + 2}
    assert len(told) == 2 * node.config.relays


def test_who_says_less_of_his_own_session_is_answered_however_little_there_is_to_spend(cell, node):
    """He takes back in the closing what he is not known to have told: it would count twice."""
    voice = Speaker(node, 5, 50)
    for _ in range(6):
        voice.sdm([[0, 9]])
    voice.sdm([[0, 5]])
    node.governor.tokens = -node.governor.full // 4
    cell.contribute(1, 1)  # what it rides on
    cell.run(1)
    row = [voice.start, voice.nonce, 0, 9]
    assert [row in f["relayed"] for f in sdms(node)] == [True]
