"""Scores: a share of a count, with Wilson's interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwindle.metrics import accuracy, accuracy_by_group, wilson_interval


@pytest.mark.parametrize(
    ("correct", "count", "low", "high"),
    [(0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (5, 10, 0.23659, 0.76341), (81, 263, 0.25530, 0.36620)],
)
def test_the_interval_has_the_published_values(correct, count, low, high):
    assert wilson_interval(correct, count) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 10_000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_the_interval_holds_the_share_and_narrows_with_more(counted):
    score = accuracy(*counted)
    row = score.as_row()
    assert 0 <= row["low"] <= row["value"] + 1e-12 or score.count == 0
    assert row["value"] <= row["high"] + 1e-12 <= 1 + 1e-12
    more = wilson_interval(10 * score.correct, 10 * score.count)
    assert more[1] - more[0] <= row["high"] - row["low"]


def test_nothing_counted_says_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert accuracy(0, 0).value == 0.0
    assert str(accuracy(1486, 1532)) == "97.00% (1486/1532, 96.0 to 97.7)"


def test_mistakes_of_one_voice_say_less_than_those_of_many():
    speakers = [f"voice {clip // 10}" for clip in range(1_000)]
    spread = accuracy_by_group([clip % 50 != 0 for clip in range(1_000)], speakers)
    one_voice = accuracy_by_group([clip >= 20 for clip in range(1_000)], speakers)
    assert spread.value == one_voice.value == 0.98
    assert (spread.low, spread.high) == pytest.approx(wilson_interval(980, 1_000), abs=1e-9)
    # drawing voices anew 20,000 times gives 95 to 100%, but cannot tell 100% from certainty
    assert (one_voice.low, one_voice.high) == pytest.approx((0.9288, 0.9946), abs=0.003)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcd")), min_size=1, max_size=60))
def test_voices_never_narrow_an_interval(clips):
    right, speakers = [is_right for is_right, _ in clips], [speaker for _, speaker in clips]
    score = accuracy_by_group(right, speakers)
    low, high = wilson_interval(sum(right), len(right))
    assert score.low <= low + 1e-9
    assert score.high >= high - 1e-9
    assert (score.correct, score.count) == (sum(right), len(right))
