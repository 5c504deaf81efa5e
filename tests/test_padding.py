"""A recording's own hiss: as strong as it is, none where there is none, and the recording itself untouched."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dwindle.infer.speech import SAMPLE_RATE, WINDOW_SAMPLES
from dwindle.infer.speech.padding import BELOW_QUIETEST_DB, BELOW_WHOLE_DB, amid_own_hiss, hiss, hiss_level


def word(seconds: float, hiss_rms: float, seed: int = 0) -> np.ndarray:
    """A voice's tones that swell and fade, and hiss below them all the way."""
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tones = 0.3 * np.hanning(len(time_s)) ** 2 * np.sin(2 * np.pi * 200 * time_s)
    return tones + hiss_rms * np.random.default_rng(seed).standard_normal(len(time_s))


@settings(max_examples=50)
@given(seconds=st.floats(0.2, 0.9), hiss_db=st.floats(-55, -35), seed=st.integers(0, 2**32))
def test_hiss_goes_on_a_little_fainter_than_it_was(seconds, hiss_db, seed):
    hiss_rms = 10 ** (hiss_db / 20)
    below_db = 20 * np.log10(hiss_rms / hiss_level(word(seconds, hiss_rms, seed)))
    assert BELOW_QUIETEST_DB - 1 < below_db < BELOW_QUIETEST_DB + 4  # the quietest of many frames is below them all


def test_who_speaks_from_the_first_sample_to_the_last_is_not_taken_for_hiss():
    consonant = np.random.default_rng(0).standard_normal(SAMPLE_RATE // 2)
    assert hiss_level(consonant) == pytest.approx(10 ** (-BELOW_WHOLE_DB / 20), rel=0.05)
    steady = np.sin(2 * np.pi * 150 * np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE)
    assert 20 * np.log10(hiss_level(steady) / steady.std()) < -24


@pytest.mark.parametrize("recording", [np.zeros(0), np.zeros(79), np.zeros(4000), np.ones(30), np.full(4000, -7)])
def test_silence_stays_silent(recording):
    assert hiss_level(recording) == 0.0
    window = amid_own_hiss(recording, WINDOW_SAMPLES)
    assert window.shape == (WINDOW_SAMPLES,) and window.dtype == np.float32
    assert np.count_nonzero(window) == np.count_nonzero(recording)


def test_a_trimmed_synthetic_voice_has_no_hiss():
    spoken = np.concatenate([np.zeros(200), word(0.5, 0.0), np.zeros(200)])
    assert hiss_level(spoken) == 0.0


@settings(max_examples=50)
@given(samples=st.integers(1, 12_000), gain=st.floats(0.01, 100))
def test_a_recording_stands_in_the_middle_as_it_is(samples, gain):
    recording = np.float32(gain) * word(2, 0.01)[:samples].astype(np.float32)
    window = amid_own_hiss(recording, WINDOW_SAMPLES)
    assert len(window) == max(samples, WINDOW_SAMPLES)
    before = max(0, WINDOW_SAMPLES - samples) // 2
    assert (window[before : before + samples] == recording).all()
    assert (window == amid_own_hiss(recording, WINDOW_SAMPLES)).all()


def test_hiss_is_white_and_of_its_level():
    sound = hiss(WINDOW_SAMPLES, 0.25)
    assert sound.std() == pytest.approx(0.25, rel=0.03)
    power = np.abs(np.fft.rfft(sound)) ** 2
    assert power[:2000].sum() == pytest.approx(power[2000:].sum(), rel=0.1)
