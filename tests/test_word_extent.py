"""Where words start and end, by level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tone_model import silence, tone

from dwindle.infer.speech.word_extent import STEP_S, powers, word_extent


def extent_s(sound, at_s, earliest_s=0.0):
    levels = powers(sound, 8_000)
    start, end, _ = word_extent(levels, round(at_s / STEP_S), round(earliest_s / STEP_S))
    return round(start * STEP_S, 2), round(end * STEP_S, 2)


def test_a_word_between_silences():
    assert extent_s(np.concatenate([silence(0.3), tone(4), silence(0.3)]), 0.45) == (0.3, 0.6)


@pytest.mark.parametrize("offset", [-0.05, 0.01, 0.3])
def test_a_constant_offset_is_no_sound(offset):
    sound = np.concatenate([silence(0.3), tone(4), silence(0.3)])
    assert extent_s(sound + np.float32(offset), 0.45) == (0.3, 0.6)


def test_a_stop_in_mid_word_is_bridged_and_a_pause_is_not():
    halves = [silence(0.2), tone(4, 0.2), silence(0.06), tone(4, 0.1), silence(0.2)]
    assert extent_s(np.concatenate(halves), 0.3) == (0.2, 0.56)
    assert extent_s(np.concatenate(halves), 0.5) == (0.2, 0.56)
    halves[2] = silence(0.12)
    assert extent_s(np.concatenate(halves), 0.3) == (0.2, 0.4)
    assert extent_s(np.concatenate(halves), 0.55) == (0.52, 0.62)


def test_words_without_a_pause_part_at_the_quietest_moment():
    sound = np.concatenate([tone(4), 0.3 * tone(4, 0.02), tone(7), silence(0.2)])
    assert extent_s(sound, 0.5, earliest_s=0.1) in {(0.3, 0.62), (0.31, 0.62)}


@given(st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=90), st.data())
def test_an_extent_always_holds_its_moment_and_stays_inside(levels, data):
    at = data.draw(st.integers(0, len(levels) - 1))
    earliest = data.draw(st.integers(0, at))
    start, end, floor = word_extent(np.array(levels), at, earliest)
    assert earliest <= start <= at < end <= len(levels)
    assert 0 <= floor <= max(levels)
