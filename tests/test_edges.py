"""Where speech begins and ends, in a recording of one word and in a stream."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tone_model import silence, tone

from dwindle.infer.speech import SAMPLE_RATE
from dwindle.infer.speech.edges import MARGIN_MS, STEP_S, loud_edges, speech_edges, stream_levels, word_extent

SLACK = round(SAMPLE_RATE * (STEP_S + MARGIN_MS / 1000))


@given(
    before=st.integers(400, 4000),
    length=st.integers(800, 4000),
    after=st.integers(400, 4000),
    background=st.floats(0, 0.01),
    level=st.floats(0.05, 1.0),
)
def test_a_tone_in_quiet_is_found_to_the_frame(before, length, after, background, level):
    rng = np.random.default_rng(0)
    audio = background * rng.standard_normal(before + length + after)
    audio[before : before + length] += level * np.sin(np.arange(length))
    first, last = speech_edges(audio)
    assert before - SLACK <= first <= before
    assert before + length <= last <= before + length + SLACK
    assert speech_edges(np.round(audio * 20_000).astype(np.int16)) == pytest.approx((first, last), abs=SLACK)


def test_a_stop_inside_a_word_is_bridged_and_a_far_click_is_not():
    audio = np.zeros(8000)
    audio[2000:3000] = audio[3800:4500] = 0.5  # "eight": 100 ms of silence before its t
    audio[7600:7640] = 0.3
    first, last = speech_edges(audio)
    assert abs(first - 2000) <= SLACK
    assert abs(last - 4500) <= SLACK


def test_a_click_louder_than_the_word_is_not_taken_for_it():
    audio = 0.001 * np.random.default_rng(0).standard_normal(8000)
    audio[2000:4000] += 0.2 * np.sin(np.arange(2000))
    audio[7800:7880] += 0.6 * np.sin(np.arange(80))
    first, last = speech_edges(audio)
    assert abs(first - 2000) <= SLACK
    assert abs(last - 4000) <= SLACK


def test_the_s_of_six_is_a_part_of_it():
    """A hiss below the vowel and below the hum."""
    rng = np.random.default_rng(0)
    audio = 0.1 * np.sin(2 * np.pi * 60 * np.arange(8000) / SAMPLE_RATE) + 0.0002 * rng.standard_normal(8000)
    audio[3000:4000] += 0.2 * np.sin(2 * np.pi * 400 * np.arange(1000) / SAMPLE_RATE)
    audio[2000:3000] += 0.02 * np.diff(rng.standard_normal(1001))
    audio[4000:5000] += 0.02 * np.diff(rng.standard_normal(1001))
    first, last = speech_edges(audio)
    assert abs(first - 2000) <= SLACK
    assert abs(last - 5000) <= SLACK


@pytest.mark.parametrize("audio", [np.zeros(8000), np.zeros(0), np.ones(5), 0.1 * np.ones(8000)])
def test_where_nothing_stands_out_the_whole_clip_counts(audio):
    assert speech_edges(audio) == (0, len(audio))


@given(st.lists(st.integers(-32768, 32767), max_size=600))
def test_edges_lie_inside_any_clip(samples):
    first, last = speech_edges(np.array(samples, np.int16))
    assert 0 <= first <= last <= len(samples)
    assert last > first or not samples


@given(within_db=st.floats(3, 40), faint_db=st.floats(3, 40))
def test_a_careless_trimmer_keeps_what_is_loud_enough(within_db, faint_db):
    audio = np.full(4000, 0.5)
    audio[:800] *= 10 ** (-faint_db / 20)
    if abs(within_db - faint_db) > 0.1:
        assert loud_edges(audio, within_db) == ((0 if faint_db < within_db else 800), 4000)
    assert loud_edges(np.zeros(800), within_db) == (0, 800)
    assert loud_edges(audio[:50], within_db) == (0, 50)


def extent_s(sound, at_s, earliest_s=0.0):
    levels = stream_levels(sound, 8_000)
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
