"""The quick rows of the operator's table are right, and the page has them all."""

import json

import pytest

from tests.world import operator


@pytest.mark.parametrize(
    "row", (operator.pulses, operator.pulse, operator.counter, operator.formats)
)
def test_a_quick_row_is_right(row):
    text, right = row()
    assert right, text


def test_the_page_shows_every_row_as_it_was_measured():
    kept = json.loads(operator._KEPT.read_text(encoding="utf-8"))
    assert sorted(kept) == sorted(row.__name__ for row in operator.ROWS)
    assert operator.PAGE.read_text(encoding="utf-8") == operator.page(kept)


def test_a_row_that_is_not_right_is_marked_on_the_page():
    found = {row.__name__: ("fine", True) for row in operator.ROWS}
    found["pulse"] = ("0.002 kWh", False)
    lines = operator.page(found).splitlines()
    assert len([line for line in lines if line.startswith("| ")]) == 1 + len(operator.ROWS)
    assert [line for line in lines if "**wrong**" in line] == [
        "| one pulse of an S0 meter, 0.001 kWh | an error: below 1/512 | **wrong**: 0.002 kWh |"
    ]
