"""Where speech begins and ends in a recording of one word."""

import numpy as np

from dwindle.audio import SAMPLE_RATE

FRAME_MS = 10
MARGIN_MS = 20
# the threshold lies between the background and the loudest part, on a scale of decibels
THRESHOLD_SHARE = 0.25
LARGEST_RANGE_DB = 45.0  # what lies further below the loudest part is not heard as speech
BRIDGED_MS = 150  # a stop in mid-word ("eight", "six") is silent for less


def speech_edges(samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> tuple[int, int]:
    """First sample of speech and the one after its last; the whole clip when nothing stands out."""
    frame = sample_rate * FRAME_MS // 1000
    count = len(samples) // frame
    if count < 3:
        return 0, len(samples)
    power = np.square(samples[: count * frame].reshape(count, frame).astype(np.float32)).mean(axis=1)
    level_db = 10 * np.log10(power + 1e-9 * power.max() + 1e-12)
    loudest = level_db.max()
    background = max(np.percentile(level_db, 10), loudest - LARGEST_RANGE_DB)
    loud = np.flatnonzero(level_db > background + THRESHOLD_SHARE * (loudest - background))
    if len(loud) == 0:
        return 0, len(samples)
    peak = int(np.argmax(level_db))
    first = last = peak
    bridge = BRIDGED_MS // FRAME_MS
    for index in loud[loud < peak][::-1]:
        if first - index > bridge:
            break
        first = int(index)
    for index in loud[loud > peak]:
        if index - last > bridge:
            break
        last = int(index)
    margin = sample_rate * MARGIN_MS // 1000
    return max(0, first * frame - margin), min(len(samples), (last + 1) * frame + margin)
