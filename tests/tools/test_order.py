"""The order of the tests: all of them, and each process begins with its part's long ones."""

from lvs_tools.places import ROOT
from tests.support.order import PARTS, in_parts


def test_each_process_begins_with_its_longest_files():
    named = [name for part in PARTS for name in part]
    assert len(named) == len(set(named))
    assert all((ROOT / "tests" / name).is_file() for name in named)
    items = [(name, k) for name in [*sorted(named), *map(str, range(200))] for k in range(3)]
    ordered = in_parts(items, lambda item: item[0])
    assert sorted(ordered) == sorted(items)
    start = 0
    for k, part in enumerate(PARTS):
        begins = ordered[start : start + 3 * len(part)]
        assert begins == [(name, n) for name in part for n in range(3)]
        start += (len(items) - start) // (len(PARTS) - k)


def test_one_file_alone_keeps_its_order():
    items = [(PARTS[2][0], k) for k in range(9)]
    assert in_parts(items, lambda item: item[0]) == items
