"""A word at other speeds: who need not hurry judges it as said, a little slower and a little faster."""

import numpy as np

SPEEDS = (0.9, 1.0, 1.1)  # a model may name others
AS_SAID = (1.0,)


def at_speed(samples: np.ndarray, speed: float) -> np.ndarray:
    """The samples played so much faster, and higher; between two samples lies a straight line."""
    if speed == 1:
        return samples
    at = np.arange(int(len(samples) / speed + 0.5)) * speed
    return np.interp(at, np.arange(len(samples)), samples).astype(np.float32)
