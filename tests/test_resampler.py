"""Resampling for live sound: the same whatever the chunks, clean, and close behind."""

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from dwindle.infer.speech.processor import Resampler

RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000)


def resampled(samples: np.ndarray, rate: int, chunks: list[int] | None = None) -> np.ndarray:
    resampler = Resampler(rate, 8_000)
    parts, at = [], 0
    for size in [*(chunks or []), len(samples)]:
        parts.append(resampler.process(samples[at : at + size]))
        at += size
    return np.concatenate([*parts, resampler.finish()])


@given(st.sampled_from(RATES), st.lists(st.integers(0, 700), max_size=12), st.integers(0, 5_000))
def test_chunks_do_not_matter(rate, chunks, length):
    samples = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    whole = resampled(samples, rate)
    assert np.array_equal(resampled(samples, rate, chunks), whole)
    assert abs(len(whole) - length * 8_000 / rate) <= 1


@pytest.mark.parametrize("rate", RATES[1:])
def test_speech_band_agrees_with_soxr(rate):
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal(2 * rate))
    spectrum[np.fft.rfftfreq(2 * rate, 1 / rate) > 3_400] = 0
    samples = np.fft.irfft(spectrum).astype(np.float32)
    ours, theirs = resampled(samples, rate), soxr.resample(samples, rate, 8_000)
    middle = slice(400, min(len(ours), len(theirs)) - 400)
    difference = np.std(ours[middle] - theirs[middle]) / np.std(theirs[middle])
    assert difference < 0.003


@pytest.mark.parametrize("rate", RATES[2:])
def test_what_lies_above_the_band_is_gone(rate):
    hz = 5_000
    tone = np.sin(2 * np.pi * hz * np.arange(rate) / rate).astype(np.float32)
    assert np.abs(resampled(tone, rate)[200:-200]).max() < 10 ** (-55 / 20)


@pytest.mark.parametrize("rate", RATES)
def test_it_is_never_more_than_4_ms_behind(rate):
    resampler, received, sent = Resampler(rate, 8_000), 0, 0
    for _ in range(50):
        received += len(resampler.process(np.zeros(rate // 100, np.float32)))
        sent += rate // 100
        assert sent / rate - received / 8_000 <= 0.004
