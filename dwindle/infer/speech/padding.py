"""A recording's own hiss. Where it ends and digital silence begins, a network hears an edge that nobody spoke."""

import numpy as np

from dwindle.infer.speech import SAMPLE_RATE

FRAME_MS = 10
BELOW_QUIETEST_DB = 6.0  # even the quietest frame holds something of the word
BELOW_WHOLE_DB = 25.0  # at least; who speaks from the first sample to the last shows no hiss


def hiss_level(samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> float:
    """How strong to lay hiss around a recording, in its own units: zero for one that knows digital silence."""
    frame = sample_rate * FRAME_MS // 1000
    count = len(samples) // frame
    if count == 0:
        return 0.0
    frames = np.asarray(samples[: count * frame], np.float32).reshape(count, frame)
    # differences: a voice has its power where tones are low, and of hiss they double it
    quietest = np.sqrt(np.square(np.diff(frames)).mean(axis=1).min() / 2)
    return float(min(quietest * 10 ** (-BELOW_QUIETEST_DB / 20), frames.std() * 10 ** (-BELOW_WHOLE_DB / 20)))


def hiss(count: int, level: float) -> np.ndarray:
    """So many samples, the same in every run."""
    return level * np.random.default_rng(0).standard_normal(count, np.float32)


def amid_own_hiss(samples: np.ndarray, window_samples: int, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """A short recording in the middle of a window, and one that fills the window as it is."""
    samples = np.asarray(samples, np.float32)
    spare = window_samples - len(samples)
    if spare <= 0:
        return samples
    around = hiss(spare, hiss_level(samples, sample_rate))
    return np.concatenate([around[: spare // 2], samples, around[spare // 2 :]])
