"""Where speech begins and ends in a recording of one word."""

import numpy as np

from dwindle.infer.speech import SAMPLE_RATE

FRAME_MS = 10
MARGIN_MS = 20
# both thresholds lie between the background and the loudest part, on a scale of decibels
LOUD_SHARE = 0.25
FAINT_SHARE = 0.15  # what joins the loud part may be as faint
LONGEST_FAINT_MS = 100  # on either side
LARGEST_RANGE_DB = 45.0  # what lies further below the loudest part is not heard as speech
BRIDGED_MS = 150  # a stop in mid-word ("eight", "six") is silent for less


def speech_edges(samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> tuple[int, int]:
    """First sample of speech and the one after its last; the whole clip when nothing stands out."""
    frame = sample_rate * FRAME_MS // 1000
    if len(samples) // frame < 3:
        return 0, len(samples)
    wave = samples.astype(np.float32)
    # differences weigh high tones: the s of "six" is as much a part of it as its vowel
    power, sharp_power = _powers(wave, frame), _powers(np.diff(wave, prepend=wave[0]), frame)
    height = np.maximum(_heights(power), _heights(sharp_power))
    loud = np.flatnonzero(height > LOUD_SHARE)
    if len(loud) == 0:
        return 0, len(samples)
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > BRIDGED_MS // FRAME_MS) + 1)
    spoken = max(parts, key=lambda part: power[part].sum())  # a click may be louder than the word, not longer
    faint, farthest = height > FAINT_SHARE, LONGEST_FAINT_MS // FRAME_MS
    first = spoken[0] - _run(faint[: spoken[0]][::-1][:farthest])
    last = spoken[-1] + _run(faint[spoken[-1] + 1 :][:farthest])
    margin = sample_rate * MARGIN_MS // 1000
    return max(0, int(first) * frame - margin), min(len(samples), (int(last) + 1) * frame + margin)


def loud_edges(samples: np.ndarray, within_db: float, sample_rate: int = SAMPLE_RATE) -> tuple[int, int]:
    """The same as a careless trimmer hears them, who drops what lies so far below the loudest: an s, for one."""
    frame = sample_rate * FRAME_MS // 1000
    if len(samples) < frame:
        return 0, len(samples)
    power = _powers(samples.astype(np.float32), frame)
    loud = np.flatnonzero(power >= power.max() * 10 ** (-within_db / 10))
    return int(loud[0]) * frame, (int(loud[-1]) + 1) * frame


def _powers(wave: np.ndarray, frame: int) -> np.ndarray:
    count = len(wave) // frame
    return np.square(wave[: count * frame].reshape(count, frame)).mean(axis=1)


def _heights(power: np.ndarray) -> np.ndarray:
    """Each frame's level: 0 is the background, 1 the loudest."""
    level_db = 10 * np.log10(power + 1e-9 * power.max() + 1e-12)
    loudest = level_db.max()
    background = max(np.percentile(level_db, 10), loudest - LARGEST_RANGE_DB)
    return (level_db - background) / max(loudest - background, 1e-6)


def _run(flags: np.ndarray) -> int:
    """How many of the flags are set before the first that is not."""
    return len(flags) if flags.all() else int(flags.argmin())
