"""Edits and their rate."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwindle.edits import Edits, edits, error_rate_interval

STRINGS = st.text("012", max_size=7)


@pytest.mark.parametrize(
    ("truth", "answer", "expected"),
    [
        ("173", "173", (0, 0, 0, 3)),
        ("173", "113", (1, 0, 0, 3)),
        ("173", "13", (0, 1, 0, 3)),
        ("33", "333", (0, 0, 1, 2)),
        ("", "5", (0, 0, 1, 0)),
        ("42", "", (0, 2, 0, 2)),
    ],
)
def test_known_edits(truth, answer, expected):
    assert edits(truth, answer) == Edits(*expected)


@given(STRINGS, STRINGS, STRINGS)
def test_errors_are_a_distance(a, b, c):
    assert edits(a, b).errors == edits(b, a).errors
    assert (edits(a, b).errors == 0) == (a == b)
    assert edits(a, c).errors <= edits(a, b).errors + edits(b, c).errors


def test_the_interval_of_an_error_rate_holds_it_and_narrows_with_more_files():
    few = [Edits(1, 0, 0, 10), Edits(0, 0, 0, 10), Edits(0, 2, 0, 10), Edits(0, 0, 0, 10)]
    low, high = error_rate_interval(few)
    assert low <= 3 / 40 <= high
    narrow_low, narrow_high = error_rate_interval(few * 25)
    assert narrow_high - narrow_low < (high - low) / 3


def test_no_errors_in_one_file_prove_little():
    low, high = error_rate_interval([Edits(0, 0, 0, 1)])
    assert low == 0
    assert high == pytest.approx(0.793, abs=0.001)  # as for 0 of 1
    assert error_rate_interval([Edits(0, 0, 0, 5)] * 200)[1] < 0.004


def test_one_file_is_no_proof_either():
    low, high = error_rate_interval([Edits(2, 0, 0, 20)])
    assert (low, high) == pytest.approx((0.028, 0.301), abs=0.001)  # as for 2 of 20
    assert error_rate_interval([Edits(0, 0, 30, 20)]) == (1.5, 1.5)  # a rate above 1 is no share


def test_the_interval_of_many_files_needs_little_memory():
    tracemalloc.start()
    error_rate_interval([Edits(n % 3 == 0, 0, 0, 4) for n in range(5_000)])
    assert tracemalloc.get_traced_memory()[1] < 3e6
    tracemalloc.stop()


@pytest.mark.parametrize("file", [Edits(1, 0, 0, 1), Edits(0, 1, 0, 5)])
def test_files_that_are_all_alike_leave_doubt(file):
    """A regression: two wrong of two were wrong for certain, 100.0 to 100.0%."""
    low, high = error_rate_interval([file] * 3)
    rate = file.errors / file.words
    assert low < rate - 0.1
    assert high == pytest.approx(1.0) if rate == 1 else high > rate + 0.1
