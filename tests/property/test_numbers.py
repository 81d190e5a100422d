"""Ticks, serial numbers and hashes against plain arithmetic."""

from hypothesis import given
from hypothesis import strategies as st

from lvs import fixed
from tests.support import draw
from tests.support import reference as ref

ODD = "019.+-E_ ,x\0\n\u00e9\u00b2\u0661\u06f7\uff11\u6c34\U0001f4a7"  # other digits, too


@given(draw.raw, st.integers(-(2**29), 2**29 - 1))
def test_ticks_differ_by_what_passed(start, passed):
    """Across the wrap at 2**30 as anywhere else."""
    end = (start + passed) % 2**30
    assert fixed.ticks_diff(end, start) == passed == ref.ticks_diff(end, start)


@given(draw.word, st.integers(-(2**15), 2**15 - 1))
def test_serial_numbers_differ_by_what_passed(start, passed):
    assert fixed.serial_diff((start + passed) % 2**16, start) == passed
    assert ref.serial_diff(start + passed, start) == passed


@given(draw.raw, draw.raw)
def test_hashes_agree_with_the_reference(a, b):
    assert fixed.mix(a, b) == ref.mix(a, b) <= ref.MAX_RAW
    assert fixed.hash16(a) == ref.hash16(a) < 2**16


@given(st.text(ODD))
def test_text_hashes_agree_with_the_reference(text):
    assert fixed.hash_text(text) == ref.hash_text(text) <= ref.MAX_RAW
