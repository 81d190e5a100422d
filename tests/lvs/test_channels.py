"""Channels: decimal amounts, exact texts, lists that grow and lists that contradict each other."""

import pytest

from lvs import LvsError, wire
from lvs.journal import Journal
from lvs_tools.world.memory_files import MemoryFiles
from tests.support.cell import Cell

ENERGY = {
    "name": "energy",
    "unit": "kWh",
    "label": "Meter",
    "class": "energy",
    "offset": "12345.678",
}
CHANNELS = ["water", ENERGY, {"name": "old", "retired": True, "step": 25}]


def alone():
    cell = Cell(1, channels=CHANNELS)
    cell.active()
    return cell, cell.nodes[1]


def test_a_value_is_shown_exactly_with_its_unit():
    cell, node = alone()
    node.contribute("energy", "0.1")
    node.contribute("water", 0.864)
    cell.run(2)
    assert (node.text("water"), node.value("water"), node.value("water", raw=True)) == (
        "0.864",
        0.864,
        864,
    )
    assert (node.text("energy"), node.value("energy", raw=True)) == ("12345.778", 100)
    assert node.value("energy") == 12345.778
    assert (
        node.status()["values"]
        == node.values()
        == [
            {"name": "water", "text": "0.864", "unit": "", "raw": 864},
            {
                "name": "energy",
                "text": "12345.778",
                "unit": "kWh",
                "raw": 100,
                "label": "Meter",
                "class": "energy",
            },
            {"name": "old", "text": "0", "unit": "", "raw": 0, "retired": True},
        ]
    )


def test_what_is_finer_than_a_step_is_carried():
    cell, node = alone()
    for _ in range(10):
        node.contribute("water", "0.0001")
    cell.run(2)
    assert node.value("water", raw=True) == 1
    for _ in range(3):
        node.contribute("water", 1e-4)
    for amount in ("-0.0007", "x", float("nan")):
        with pytest.raises(LvsError):
            node.contribute("water", amount)
    node.contribute("water", "0.0007")
    cell.run(2)
    assert node.value("water", raw=True) == 2


def test_a_retired_channel_is_shown_and_takes_nothing():
    _, node = alone()
    with pytest.raises(LvsError, match="channel 'old' is retired; contribute to another"):
        node.contribute("old", 25)
    assert node.text("old") == "0"


@pytest.mark.parametrize("step, times", [("0.001", 1), ("0.01", 1), (25, 40)])
def test_what_is_carried_survives_a_restart(step, times):
    """288 restarts with three pulses of 0.001 each."""
    files = MemoryFiles()
    cell = Cell(0, channels=[{"name": "energy", "step": step}])
    for _ in range(288):
        node = cell.add(1, Journal("j", files=files))
        cell.run(2)
        for _ in range(3):
            node.contribute("energy", times * 0.001)
        node.journal.close()
    node = cell.add(1, Journal("j", files=files))
    cell.run(60)
    m, e = node.config.steps[0]
    exact = 864 * times * 10**-3
    assert node.value("energy", raw=True) == int(exact / (m * 10.0**e) + 1e-9)


def channels_of(n):
    return [f"c{i}" for i in range(n)]


def test_a_node_that_does_not_know_a_channel_carries_it():
    """Relayed, credited and folded by nodes that have never heard of it."""
    cell = Cell(3, channels=channels_of(3), session_epochs=2, horizon_epochs=2)
    cell.active()
    new = cell.add(4, channels=channels_of(5))
    cell.active()
    new.contribute("c4", 7)
    new.contribute("c1", 1)
    cell.run(30)
    old = cell.nodes[1]
    assert old.replicas[0].shard.value(4) == 7000
    assert old.status()["unlisted"] == [4] and new.status()["unlisted"] == []
    assert [row[1] for row in old.rows() if row[2] == 7000] == ["#4"]
    del cell.nodes[4]  # it is gone: the others alone keep what it counted
    cell.run(64 * 12)
    assert old.replicas[0].shard.settled[4] == 7000
    again = cell.add(5, channels=channels_of(5))
    cell.active()
    assert again.text("c4") == "7.000" and again.text("c1") == "1.000"
    assert {r.established for n in cell.nodes.values() for r in n.replicas} == {True, False}
    assert not any(n.status()["diverged"] for n in cell.nodes.values())


def test_a_channel_is_appended_node_by_node_while_all_contribute():
    """With journals and 30 % loss, also into the next shard: nothing is lost."""
    files = {address: MemoryFiles() for address in range(1, 7)}
    cell = Cell(0, 0.3, channels=channels_of(16))
    for address in files:
        cell.add(address, Journal("j", files=files[address]))
    cell.active(60)
    given = dict.fromkeys(channels_of(18), 0)
    for address in files:
        for node in cell.nodes.values():
            for name in (node.config.channels[0], node.config.channels[-1]):
                node.contribute(name, "0.005")
                given[name] += 5
        cell.run(70)
        cell.nodes[address].journal.close()
        cell.add(address, Journal("j", files=files[address]), channels=channels_of(18))
        cell.run(40)
    cell.run(300)
    for node in cell.nodes.values():
        assert [node.value(name, raw=True) for name in given] == list(given.values())
        assert node.status()["warnings"] == []


def test_what_a_journal_has_beyond_my_list_is_kept():
    """The list became shorter by mistake; with the longer one all is there again."""
    files = MemoryFiles()
    cell = Cell(0)
    node = cell.add(1, Journal("j", files=files), channels=channels_of(20))
    cell.active()
    node.contribute("c1", 3)
    node.contribute("c19", 40)
    cell.run(3)
    node.journal.close()
    node = cell.add(1, Journal("j", files=files), channels=channels_of(2))
    cell.run(20)
    node.journal.close()
    node = cell.add(1, Journal("j", files=files), channels=channels_of(20))
    cell.run(60)
    assert (node.text("c1"), node.text("c19")) == ("3.000", "40.000")


@pytest.mark.parametrize(
    "mine, theirs, says",
    [
        (["a", "b"], ["a", "c"], "channels[1]: 'b' in steps of 0.001 here, 'c' in steps of 0.001"),
        (["a"], ["b", "c"], "channels[0]: 'a' in steps of 0.001 here, 'b' in steps of 0.001"),
        (
            ["a", {"name": "b", "step": 25}],
            ["a", "b"],
            "channels[1]: 'b' in steps of 25 here, 'b' in steps of 0.001",
        ),
        ([*channels_of(16), "x"], [*channels_of(16), "y", "z"], "channels[16]: 'x' in steps of"),
    ],
)
def test_lists_that_contradict_each_other_are_named_on_both_sides(mine, theirs, says):
    cell = Cell(2, 0.3, channels=mine)
    for _ in range(2):
        cell.add(channels=theirs)
    cell.run(400)
    for address, node in cell.nodes.items():
        warned = [w for w in node.status()["warnings"] if w.startswith("channels[")]
        assert len(warned) == 1
        if address < 3:
            assert says in warned[0] and (" at 3: " in warned[0] or " at 4: " in warned[0])
        else:
            assert " at 1: " in warned[0] or " at 2: " in warned[0]


def test_a_longer_list_is_no_contradiction_and_names_are_not_said():
    cell = Cell(2, channels=channels_of(2))
    cell.add(channels=[{"name": name, "label": name.upper()} for name in channels_of(3)])
    cell.run(200)
    assert all(node.eps.names is None for node in cell.nodes.values())
    assert all(node.status()["warnings"] == [] for node in cell.nodes.values())


def test_names_are_said_seldom_and_a_correction_ends_the_warning():
    cell = Cell(10, channels=channels_of(2))
    cell.add(11, channels=["c0", "other"])
    said = []
    carry = cell.carry

    def hear(source, frame, addr):
        if frame[1] & 15 == wire.NAMES:
            said.append(source)
        carry(source, frame, addr)

    cell.carry = hear
    cell.run(640)
    assert 10 <= len(said) <= 60  # in ten epochs, whoever says them first for all
    cell.add(11)
    cell.run(640)
    assert all(node.status()["warnings"] == [] for node in cell.nodes.values())
