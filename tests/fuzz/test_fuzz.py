"""The fuzz targets on their kept corpus: everything that was ever found stays mended."""

import random

import pytest

from lvs_tools.fuzz.__main__ import CORPUS
from lvs_tools.fuzz.targets import TARGETS, Chance

KEPT = [(path.parent.name, path) for path in sorted(CORPUS.glob("*/*"))]


@pytest.mark.parametrize("case", KEPT, ids=lambda case: "%s-%s" % (case[0], case[1].name))
def test_what_was_kept(case):
    target, path = case
    TARGETS[target](path.read_bytes())


def test_there_is_a_corpus_for_each_target():
    assert {name for name, _ in KEPT} == set(TARGETS)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_some_chance(name):
    for seed in range(60 if name == "decode" else 15):
        chance = random.Random(seed)
        TARGETS[name](chance.randbytes(chance.randrange(1500)))


def test_the_same_bytes_give_the_same_decisions():
    one, two = Chance(b"abcdefgh" * 9), Chance(b"abcdefgh" * 9)
    assert [one.randrange(50) for _ in range(20)] == [two.randrange(50) for _ in range(20)]
    assert not one.over()
    assert one.getrandbits(30) < 1 << 30
    assert 5 <= one.randrange(5, 9) < 9
    assert Chance(b"").getrandbits(16) == 0 and Chance(b"").over()
