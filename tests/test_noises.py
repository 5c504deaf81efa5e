"""What is drawn from recordings of noise: backgrounds that never pause, and bursts, loud for their recording."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dwindle.infer.speech import REJECT, SAMPLE_RATE
from dwindle.tasks.speech.corpora import HISS, Clip
from dwindle.tasks.speech.noises import BURST_S, SPEEDS, Noises
from dwindle.tasks.speech.store import ClipStore

SNEEZE_S = 0.6  # in five seconds of silence


def store(sounds: dict[str, np.ndarray], corpus: str = "noise") -> ClipStore:
    """Each sound in windows of a second, as the corpora have them."""
    clips = [Clip(Path(name), REJECT, name, corpus, "train") for name, sound in sounds.items() for _ in windows(sound)]
    starts = np.arange(len(clips)) * SAMPLE_RATE
    bounds = np.stack([starts, starts + SAMPLE_RATE], axis=1)
    return ClipStore(clips, np.concatenate(list(sounds.values())).astype(np.int16), bounds, bounds)


def windows(sound: np.ndarray) -> np.ndarray:
    return sound.reshape(-1, SAMPLE_RATE)


def tone(hz: float, seconds: int = 2) -> np.ndarray:
    return 3000 * np.sin(2 * np.pi * hz * np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE)


def sneeze() -> np.ndarray:
    sound = np.random.default_rng(0).standard_normal(5 * SAMPLE_RATE)
    sound[: round(SNEEZE_S * SAMPLE_RATE)] *= 3000
    return np.roll(sound, 2 * SAMPLE_RATE)


def loudest_hz(sound: np.ndarray) -> float:
    return np.abs(np.fft.rfft(sound)).argmax() * SAMPLE_RATE / len(sound)


def test_who_speaks_is_no_noise():
    assert not Noises(store({"anna": tone(500)}, corpus="words"))
    assert Noises(store({"grey": tone(500)}, corpus=HISS))
    two = Noises(store({"rain": tone(500), "dog": tone(900, 3)}))
    assert [len(recording) for recording in two.recordings] == [2 * SAMPLE_RATE, 3 * SAMPLE_RATE]
    assert two.indices == set(range(5))


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), samples=st.integers(SAMPLE_RATE // 2, 4 * SAMPLE_RATE))
def test_a_background_is_as_long_as_was_asked_and_never_pauses(seed, samples):
    noises = Noises(store({"rain": tone(500)}))
    heard, again = (noises.background(samples, np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(heard, again)
    assert len(heard) == samples
    assert heard.dtype == np.float32
    assert min(np.abs(part).max() for part in np.array_split(heard, 20)) > 0.1
    assert SPEEDS[0] * 500 - 20 <= loudest_hz(heard) <= SPEEDS[1] * 500 + 20


def test_a_faint_recording_is_as_loud_in_the_background_as_any_other():
    levels = [
        np.std(Noises(store({"far": loudness * tone(500)})).background(SAMPLE_RATE, np.random.default_rng(1)))
        for loudness in (1, 0.01)
    ]
    assert levels[0] == pytest.approx(levels[1], rel=0.1)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_a_burst_lasts_about_as_long_as_a_word(seed):
    noises = Noises(store({"rain": tone(500, 1)}))
    burst, again = (noises.burst(np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(burst, again)
    assert BURST_S[0] - 0.001 <= len(burst) / SAMPLE_RATE <= BURST_S[1] + 0.001
    assert SPEEDS[0] * 500 - 20 <= loudest_hz(burst) <= SPEEDS[1] * 500 + 20


def test_a_burst_is_mostly_the_sneeze_and_not_the_silence_around_it():
    """One draw at a time would find it in one of four."""
    noises = Noises(store({"sneeze": sneeze()}))
    rng = np.random.default_rng(2)
    found = [np.abs(noises.burst(rng)).max() > 1000 for _ in range(300)]
    assert np.mean(found) > 0.6
