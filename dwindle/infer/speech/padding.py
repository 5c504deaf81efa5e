"""Short recordings in longer windows, amid noise as faint as their own: digital silence would be an edge to hear."""

import numpy as np

from dwindle.infer.speech import SAMPLE_RATE
from dwindle.infer.speech.edges import STEP_S, speech_edges

BELOW_QUIETEST_DB = 6.0  # even the quietest step holds something of the word
AFTER_END_S = (0.0, 0.05, 0.1, 0.15)
BELOW_WHOLE_DB = 25.0  # at least: a recording that is all speech shows no noise floor


def hiss_level(samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> float:
    """RMS of the noise to pad a recording with, in its own units: zero for one that holds digital silence."""
    step = round(STEP_S * sample_rate)
    count = len(samples) // step
    if count == 0:
        return 0.0
    steps = np.asarray(samples[: count * step], np.float32).reshape(count, step)
    # differences: they suppress a voice, whose power lies at low frequencies, and double that of white noise
    quietest = np.sqrt(np.square(np.diff(steps)).mean(axis=1).min() / 2)
    return float(min(quietest * 10 ** (-BELOW_QUIETEST_DB / 20), steps.std() * 10 ** (-BELOW_WHOLE_DB / 20)))


def hiss(count: int, level: float) -> np.ndarray:
    """So many samples of white noise, the same in every run."""
    return level * np.random.default_rng(0).standard_normal(count, np.float32)


def amid_own_hiss(samples: np.ndarray, window_samples: int, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """A short recording in the middle of a window; one that fills the window as it is."""
    samples = np.asarray(samples, np.float32)
    spare = window_samples - len(samples)
    if spare <= 0:
        return samples
    around = hiss(spare, hiss_level(samples, sample_rate))
    return np.concatenate([around[: spare // 2], samples, around[spare // 2 :]])


def word_window(
    clip: np.ndarray, window_samples: int, sample_rate: int = SAMPLE_RATE, edges: tuple[int, int] | None = None
) -> np.ndarray:
    """What a network hears of a clip of one word: a long one is cut about its speech, a short one padded with noise."""
    if len(clip) > window_samples:
        centre = sum(edges or speech_edges(clip, sample_rate)) // 2
        start = min(max(centre - window_samples // 2, 0), len(clip) - window_samples)
        clip = clip[start : start + window_samples]
    return amid_own_hiss(clip, window_samples, sample_rate)


def stream_windows(clip: np.ndarray, window_samples: int, sample_rate: int = SAMPLE_RATE) -> list[np.ndarray]:
    """What a listener to a stream hears when the word of a clip has just ended, and a little later."""
    _, end = speech_edges(clip, sample_rate)
    around = amid_own_hiss(clip, len(clip) + 2 * window_samples, sample_rate)
    ends = [window_samples + end + round(later_s * sample_rate) for later_s in AFTER_END_S]
    return [around[last - window_samples : last] for last in ends]
