"""Where a word starts and ends, by its level; for people and programs that want to see or cut it."""

import numpy as np

STEP_S = 0.01
RANGE_DB = 25.0  # a word's edges: where its level has fallen this far below its peak
BRIDGED_STEPS = 8  # a stop in mid-word ("six", "eight") is quiet for less


def powers(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Mean power of every whole step, counted back from the newest sample; a constant offset has none."""
    step = round(STEP_S * sample_rate)
    return np.square(samples[len(samples) % step :] - np.median(samples)).reshape(-1, step).mean(axis=1)


def word_extent(levels: np.ndarray, at: int, earliest: int) -> tuple[int, int, float]:
    """First step of the word around step `at` and the one after its last; below the third value it has ended."""
    floor = float(levels[earliest:].max()) * 10 ** (-RANGE_DB / 10)
    before = _steps_until_quiet(levels[earliest : at + 1][::-1] > floor)
    after = _steps_until_quiet(levels[at:] > floor)
    start = at + 1 - before
    if start <= earliest:  # said without a pause: the quietest moment parts two words
        start = earliest + int(levels[earliest : at + 1].argmin())
    return start, at + max(after, 1), floor


def _steps_until_quiet(sounding: np.ndarray) -> int:
    """How many steps, from the first on, belong to one stretch of sound whose gaps are short."""
    loud = np.flatnonzero(sounding)
    if not len(loud) or loud[0] > BRIDGED_STEPS:
        return 1
    gaps = np.flatnonzero(np.diff(loud) > BRIDGED_STEPS)
    return int(loud[gaps[0]] if len(gaps) else loud[-1]) + 1
