"""The power is cut at every operation on the flash, and at pairs of them: nothing is lost."""

import pytest

from lvs import NotDurable, journal, journal_restore
from lvs.journal_replay import Found
from tests.durability import campaign, flash, mutants
from tests.durability.campaign import Lfs, Plain
from tests.support.node_bench import Bench, Books, judge

ESP32 = Lfs()
RP2 = Lfs(flash.RP2)
PLAIN = Plain()


@pytest.mark.parametrize("medium", [ESP32, RP2, PLAIN], ids=["esp32", "rp2", "plain"])
@pytest.mark.parametrize("work", campaign.WORKLOADS, ids=lambda work: work.__name__)
def test_every_single_cut(medium, work):
    long = work is campaign.sessions
    n, wrong = campaign.single(medium, work, stride=(29 if medium is PLAIN else 5) if long else 1)
    print(f"{medium.name}, {work.__name__}: {n} cut points")
    assert n > 200 and not wrong, wrong[:3]


@pytest.mark.parametrize(
    ("medium", "stride"), [(ESP32, 4), (RP2, 4), (PLAIN, 97)], ids=["esp32", "rp2", "plain"]
)
def test_pairs_of_cuts(medium, stride):
    """The second cut hits the recovery from the first. `make powercut` runs all pairs."""
    n, wrong = campaign.pairs(medium, stride)
    print(f"{medium.name}: {n} pairs")
    assert n > 1000 and not wrong, wrong[:3]


@pytest.mark.parametrize(("medium", "stride"), [(ESP32, 3), (PLAIN, 31)], ids=["esp32", "plain"])
@pytest.mark.parametrize("change", campaign.CHANGES)
def test_a_node_that_moves_to_another_mesh(medium, stride, change):
    """Whatever is left of the old and the new journal: its own once, others' still there."""
    n, wrong = campaign.migration(medium, change, stride)
    print(f"{medium.name}, {change}: {n} cut points")
    assert n > 100 and not wrong, wrong[:3]


def test_a_node_that_moves_and_is_cut_twice_loses_one_step_at_most():
    n, wrong = campaign.migration(RP2, "name", 1, 40)
    assert n > 100 and not wrong, wrong[:3]


def old_first(patch):
    """The old journal is taken although there is a new one."""

    def older(files, found, config):
        if "before" not in config.data:
            return None
        older = Found(files, int(config.data["before"]["tag"], 16))
        return older if older.find() else None

    patch.setattr(journal_restore, "_older", older)


def without_values(patch):
    """The first segment in the new mesh has no values."""
    patch.setattr(journal.Journal, "_known", lambda self: [])


@pytest.mark.parametrize("mutate", [old_first, without_values], ids=lambda mutate: mutate.__name__)
def test_a_broken_move_is_caught(mutate, monkeypatch):
    mutate(monkeypatch)
    assert campaign.migration(ESP32, "name", 25)[1]


@pytest.mark.parametrize(
    "work",
    [*campaign.WORKLOADS, campaign.brief, campaign.recovery],
    ids=lambda work: work.__name__,
)
def test_workloads_do_what_they_are_for(work):
    """They append, rotate, checkpoint and delete, or a campaign over them would prove nothing."""
    files, chip = ESP32.open(ESP32.blank())
    bench = Bench(files)
    work(bench)
    names = sorted(files.names())
    assert [name[:6] for name in names[-2:]] == ["tail-0", "tail-1"]
    newest = int(names[-3][4:10])
    assert newest >= 2
    if work is not campaign.brief and work is not campaign.recovery:
        assert newest >= 3 and len(names) <= 5  # older segments are gone
    assert bench.journal.error == "" and len(chip.trace) > 15


@pytest.mark.parametrize("mutate", mutants.ALL, ids=lambda mutate: mutate.__name__)
def test_a_broken_journal_is_caught(mutate):
    assert campaign.caught(mutate), mutate.__doc__


@pytest.mark.parametrize("code", [-84, -5], ids=["corrupt", "io-error"])
def test_bad_blocks(code, monkeypatch):
    """Any one block fails for good: littlefs goes round it, or the node says so and works on."""
    monkeypatch.setattr(flash, "BAD_BLOCK", code)
    for block in range(2, campaign.BLOCKS):
        files, chip = ESP32.open(ESP32.blank())
        chip.bad = {block}
        books = Books()
        bench = Bench(files, books)
        for k in range(12):
            try:
                bench.contribute(k % 2, k % 3 == 0)
            except NotDurable as e:
                assert "accepted, but not safe" in str(e)
            bench.run(3)
        bench.run(70)
        told = sum(books.told.values())
        assert told == sum(books.accepted), block
        if code == -84:
            assert bench.journal.error == ""
        again = Bench(ESP32.open(chip.buffer)[0], books.copy(), campaign.AWAY)
        assert not judge(again.node, books), block
