"""Scores: a share of a count, with Wilson's interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwindle.scores import Score, wilson_interval


@pytest.mark.parametrize(
    ("correct", "count", "low", "high"),
    [(0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (5, 10, 0.23659, 0.76341), (81, 263, 0.25530, 0.36620)],
)
def test_the_interval_has_the_published_values(correct, count, low, high):
    assert wilson_interval(correct, count) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 10_000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_the_interval_holds_the_share_and_narrows_with_more(counted):
    score = Score(*counted)
    row = score.as_row()
    assert 0 <= row["low"] <= row["share"] + 1e-12 or score.count == 0
    assert row["share"] <= row["high"] + 1e-12 <= 1 + 1e-12
    more = wilson_interval(10 * score.correct, 10 * score.count)
    assert more[1] - more[0] <= row["high"] - row["low"]


def test_nothing_counted_says_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert Score(0, 0).share == 0.0
    assert str(Score(1486, 1532)) == "97.00% (1486/1532, 96.0 to 97.7)"
