"""Channels: decimal amounts, exact texts, lists that grow and lists that contradict each other."""

import pytest

from lvs import LvsError
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


def alone(**config):
    cell = Cell(1, **dict({"channels": CHANNELS}, **config))
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
