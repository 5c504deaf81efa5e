"""When what goes on is nearly as loud as the newest sound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwindle.infer.speech.vad import FALLEN_DB, NEWEST_S, REMEMBERED_S, STANDS_OUT_DB, Background

HOP_S = 0.05
HOP = 400


def after(*levels: tuple[float, float], offset: float = 0.0) -> Background:
    """What is thought after sounds of (seconds, amplitude)."""
    background, rng = Background(HOP_S), np.random.default_rng(0)
    for seconds, amplitude in levels:
        for _ in range(round(seconds / HOP_S)):
            background.follow(offset + amplitude * rng.standard_normal(HOP).astype(np.float32))
    return background


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_a_word_stands_out_of_a_quiet_room_and_not_of_a_noisy_one(offset):
    word = (0.4, 0.1)
    assert not after((3.0, 0.001), word, offset=offset).is_loud
    assert after((3.0, 0.08), word, offset=offset).is_loud
    assert after((3.0, 0.3), word, offset=offset).is_loud  # the last hops are all it compares


def test_a_recording_that_begins_with_a_word_was_quiet_before():
    assert not after((0.4, 0.1)).is_loud
    loud = after((3.0, 0.1))
    assert loud.is_loud
    loud.reset()
    assert not Background(HOP_S).is_loud
    loud.follow(np.linspace(-1, 1, HOP))
    assert not loud.is_loud


def test_noise_is_forgotten_when_it_has_been_quiet_for_a_while():
    assert not after((3.0, 0.1), (REMEMBERED_S, 0.001), (NEWEST_S, 0.1)).is_loud


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_a_word_is_over_once_a_hop_is_far_below_it(offset):
    word, breath = (0.4, 0.1), (HOP_S, 0.02)
    assert not after(word, breath, offset=offset).has_fallen
    assert after(word, (HOP_S, 0.1 * 10 ** (-(FALLEN_DB + 1) / 20)), offset=offset).has_fallen
    assert not after((1.0, 0.001), offset=offset).has_fallen  # where nobody has spoken, nothing falls


@given(st.floats(0.3, 30))
def test_the_bound_holds_for_every_loudness(times_stronger):
    """Powers, of which amplitudes are the roots."""
    heard = after((3.0, 0.01), (0.2, 0.01 * times_stronger**0.5 * 10 ** (STANDS_OUT_DB / 20)))
    assert heard.is_loud == (times_stronger < 1) or 0.7 < times_stronger < 1.4
