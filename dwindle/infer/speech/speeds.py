"""A clip of one word: who need not hurry judges it at several speeds, and by both readings of the network."""

import numpy as np

SPEEDS = (0.9, 1.0, 1.1)  # a model may name others
AS_SAID = (1.0,)
FRAMES_SHARE = 0.2  # of the say in what a clip is; the pooled output has the rest


def at_speed(samples: np.ndarray, speed: float) -> np.ndarray:
    """The samples played so much faster, and higher; between two samples lies a straight line."""
    if speed == 1:
        return samples
    at = np.arange(int(len(samples) / speed + 0.5)) * speed
    return np.interp(at, np.arange(len(samples)), samples).astype(np.float32)


def in_both_readings(pooled: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """The weighted geometric mean of pooled probabilities (…, labels) and the frames' peaks (speeds, …, labels)."""
    return pooled ** (1 - FRAMES_SHARE) * peaks.prod(axis=0) ** (FRAMES_SHARE / len(peaks))
