"""Shard: folding at the horizon, the ring's room, digests that change with every epoch."""

from lvs.state_shard import EXPIRED, FUTURE, GREW, NEW, NO_ROOM, OLD, SAME, Shard
from tests.support import reference as ref

EPOCH, LIFETIME = 1000, 6


def shard(capacity=8, slots=2, epoch=EPOCH):
    return Shard(3, slots, capacity, LIFETIME, epoch)


def credit(s, *key):
    """Let all that a row claims count."""
    p = s.find(*key)
    s.credit(p, s.claimed[p] - s.credited[p])


def test_what_merging_says():
    s = shard(capacity=2)
    assert s.merge(EPOCH, 1, 0, 10, 1) == NEW
    assert s.merge(EPOCH, 1, 0, 10, 1) == SAME
    assert s.merge(EPOCH, 1, 0, 12, 1) == GREW
    s.credit(s.find(EPOCH, 1, 0), 11)
    assert s.merge(EPOCH, 1, 0, 11, 1) == SAME  # others say what they have credited
    assert s.merge(EPOCH, 1, 0, 10, 1) == OLD
    assert s.merge(EPOCH, 2, 0, 0, 1) == SAME  # nothing contributed: no row
    assert s.merge(EPOCH + 1, 2, 0, 5, 1) == NEW  # a clock may be an epoch ahead
    assert s.merge(EPOCH + 2, 3, 0, 5, 1) == FUTURE
    assert s.merge(EPOCH - LIFETIME, 3, 1, 5, 1) == NO_ROOM
    assert s.merge(EPOCH - LIFETIME - 1, 3, 1, 5, 1) == EXPIRED
    assert s.count == 2


def test_rows_of_different_sessions_and_slots_are_different():
    s = shard()
    keys = [(EPOCH, 1, 0), (EPOCH, 1, 1), (EPOCH - 1, 1, 0), (EPOCH, 2, 0)]
    for k, key in enumerate(keys):
        assert s.merge(*key, 10 + k, 1) == NEW
    assert [s.claimed[s.find(*key)] for key in keys] == [10, 11, 12, 13]
    assert s.find(EPOCH, 3, 0) == -1


def test_an_unexpired_row_is_never_evicted():
    """Its owner keeps it until there is room; evicted, it would count twice on its return."""
    s = shard(capacity=4)
    for nonce in range(4):
        assert s.merge(EPOCH - nonce, nonce, 0, 5, 1) == NEW
    assert s.merge(EPOCH, 9, 0, 5, 1) == NO_ROOM
    assert s.merge(EPOCH, 0, 0, 6, 1) == GREW
    assert s.advance(EPOCH - 3 + LIFETIME + 1) == 1  # the oldest has expired
    assert s.merge(EPOCH, 9, 0, 5, 1) == NEW


def test_a_row_is_folded_one_epoch_after_its_lifetime():
    s = shard()
    s.merge(EPOCH, 1, 0, 10, 1)
    s.credit(s.find(EPOCH, 1, 0), 10)
    assert s.advance(EPOCH + LIFETIME) == 0 and s.count == 1
    assert s.value(0) == 10 and s.settled[0] == 0
    assert s.advance(EPOCH + LIFETIME + 1) == 1 and s.count == 0
    assert s.value(0) == 10 and s.settled[0] == 10


def test_what_was_not_credited_is_not_folded():
    s = shard()
    s.merge(EPOCH, 1, 0, 10, 1)
    s.credit(s.find(EPOCH, 1, 0), 4)
    assert s.uncredited == 1
    s.advance(EPOCH + LIFETIME + 1)
    assert s.settled[0] == 4 and s.uncredited == 0


def test_crediting_nothing_changes_nothing():
    s = shard()
    for nonce in (1, 2):
        s.merge(EPOCH, nonce, 0, 10, 1)
    p = s.find(EPOCH, 1, 0)
    s.credit(p, 10)
    s.credit(p, 0)
    assert s.uncredited == 1


def test_the_ring_goes_round():
    """Folding from the middle, many times: rows move, none is lost, the index finds them all."""
    s = shard(capacity=16, slots=1)
    rows = ref.Rows(1, LIFETIME, EPOCH)
    for step in range(60):
        epoch = EPOCH + step
        for k in range(3):
            start, nonce = epoch - (step * 5 + k * 2) % 4, step * 10 + k
            assert (s.merge(start, nonce, 0, 7, 1) == NEW) == (len(rows.rows) < 16)
            if len(rows.rows) < 16:
                rows.merge(start, nonce, 0, 7)
        for p in map(s.position, range(s.count)):
            s.credit(p, s.claimed[p] - s.credited[p])
        rows.credit_all()
        assert s.advance(epoch + 1) == rows.advance(epoch + 1)
        assert s.value(0) == rows.value(0)
        assert list(s.digests) == rows.digests()
        assert all(s.find(*key) >= 0 for key in rows.rows)
    assert s.settled[0] > 500 and s.head != 0


def test_digests_show_a_difference_in_one_row():
    one, other = shard(), shard()
    for s in (one, other):
        s.merge(EPOCH, 1, 0, 10, 1)
        assert not any(s.digests)  # a mere claim is nobody else's business
        s.credit(0, 10)
    assert list(one.digests) == list(other.digests) != [0] * 8
    other.merge(EPOCH, 1, 0, 11, 1)
    assert list(one.digests) == list(other.digests)
    other.credit(0, 1)
    differ = [b for b in range(8) if one.digests[b] != other.digests[b]]
    assert differ == [one.bucket(one.find(EPOCH, 1, 0))] == [ref.bucket(1, 0)]


def test_a_collision_of_digests_does_not_last():
    """The salt is the epoch: rows whose hashes happen to be equal differ in the next."""
    one, other = shard(), shard()
    collide = next(
        n
        for n in range(1, 2**20)
        if ref.bucket(n, 0) == ref.bucket(0, 0)
        and ref.row_hash(EPOCH, EPOCH, n, 0, 5) == ref.row_hash(EPOCH, EPOCH, 0, 0, 5)
    )
    one.merge(EPOCH, 0, 0, 5, 1)
    other.merge(EPOCH, collide, 0, 5, 1)
    for s in (one, other):
        s.credit(0, 5)
    assert list(one.digests) == list(other.digests)
    one.advance(EPOCH + 1)
    other.advance(EPOCH + 1)
    assert list(one.digests) != list(other.digests)


def test_digests_show_what_is_about_to_be_folded():
    """Whose are equal to another's fold the same."""
    s = shard()
    s.merge(EPOCH, 1, 0, 10, 1)
    s.credit(0, 10)
    s.advance(EPOCH + LIFETIME)
    assert any(s.digests) and s.about_to_fold(0)
    s.advance(EPOCH + LIFETIME + 1)
    assert not any(s.digests) and s.settled[0] == 10


def test_epochs_may_wrap():
    """Start epochs are 16-bit serial numbers; the node's own epoch just goes on."""
    s = shard(epoch=65534)
    assert s.merge(65534, 1, 0, 10, 1) == NEW
    s.advance(65537)
    assert s.merge(1, 2, 0, 20, 1) == NEW and s.merge(65530, 3, 0, 5, 1) == EXPIRED
    for nonce, start in ((1, 65534), (2, 1)):
        s.credit(s.find(start, nonce, 0), 10)
    assert s.advance(65534 + LIFETIME + 1) == 1 and s.settled[0] == 10
    assert s.advance(65537 + LIFETIME + 1) == 1 and s.settled[0] == 20


def test_where_a_grain_is_many_epochs_only_its_last_closes():
    """Folding and the closing follow epochs; sessions begin in grains."""
    s = Shard(0, 1, 8, LIFETIME, 1000 * 64, 64)
    assert s.merge(1001, 1, 0, 10, 1) == FUTURE
    s.merge(1000, 1, 0, 10, 1)
    s.credit(0, 10)
    folds = (1000 + LIFETIME + 1) * 64
    for left in (64, 4, 2):
        assert s.advance(folds - left) == 0
        assert s.left(0) == left and not s.about_to_fold(0)
    assert s.merge(1000 + LIFETIME + 1, 2, 0, 5, 1) == FUTURE  # clocks are within an epoch
    assert s.advance(folds - 1) == 0 and s.about_to_fold(0)
    assert s.merge(1000 + LIFETIME + 1, 2, 0, 5, 1) == NEW
    assert s.advance(folds) == 1 and s.settled[0] == 10
