"""Where a word begins and ends, by its level: in a recording of one word, and in the newest second of a stream."""

import numpy as np

from dwindle.infer.speech import SAMPLE_RATE

STEP_S = 0.01  # in which levels are measured
# a recording of one word, all of it known; thresholds lie between the background and the loudest part, in decibels
MARGIN_MS = 20
LOUD_SHARE = 0.25
FAINT_SHARE = 0.15  # for what adjoins the loud part
LONGEST_FAINT_MS = 100  # on either side
LARGEST_RANGE_DB = 45.0  # what lies further below the loudest part does not count as speech
BRIDGED_MS = 150  # the closure of a stop in mid-word ("eight", "six") is silent for less
# a word in a stream, where the next one may follow soon
RANGE_DB = 25.0  # a word's edges: where its level has fallen this far below its peak
BRIDGED_STEPS = 8  # a gap of no more steps is part of the word


def speech_edges(samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> tuple[int, int]:
    """What to keep of a recording of one word: its speech, with a margin on either side as far as the clip has one."""
    first, end = spoken_edges(samples, sample_rate)
    margin = sample_rate * MARGIN_MS // 1000
    return max(0, first - margin), min(len(samples), end + margin)


def spoken_edges(samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> tuple[int, int]:
    """First sample of speech and the one after its last; the whole clip when nothing stands out."""
    step = round(STEP_S * sample_rate)
    if len(samples) // step < 3:
        return 0, len(samples)
    wave = samples.astype(np.float32)
    # differences emphasise high frequencies: the s of "six" is as much a part of it as its vowel
    power, sharp_power = _step_powers(wave, step), _step_powers(np.diff(wave, prepend=wave[0]), step)
    height = np.maximum(_heights(power), _heights(sharp_power))
    loud = np.flatnonzero(height > LOUD_SHARE)
    if len(loud) == 0:
        return 0, len(samples)
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > round(BRIDGED_MS / 1000 / STEP_S)) + 1)
    spoken = max(parts, key=lambda part: power[part].sum())  # a click may be louder than the word, not longer
    faint, farthest = height > FAINT_SHARE, round(LONGEST_FAINT_MS / 1000 / STEP_S)
    first = spoken[0] - _run(faint[: spoken[0]][::-1][:farthest])
    last = spoken[-1] + _run(faint[spoken[-1] + 1 :][:farthest])
    end = (int(last) + 1) * step
    return int(first) * step, end if end + step <= len(samples) else len(samples)


def loud_edges(samples: np.ndarray, within_db: float, sample_rate: int = SAMPLE_RATE) -> tuple[int, int]:
    """As a careless trimmer finds them, who drops what lies so far below the loudest part: an s, for one."""
    step = round(STEP_S * sample_rate)
    if len(samples) < step:
        return 0, len(samples)
    power = _step_powers(samples.astype(np.float32), step)
    loud = np.flatnonzero(power >= power.max() * 10 ** (-within_db / 10))
    return int(loud[0]) * step, (int(loud[-1]) + 1) * step


def stream_levels(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Mean power of every whole step, counted back from the newest sample; a constant offset has none."""
    step = round(STEP_S * sample_rate)
    return _step_powers(samples[len(samples) % step :] - _median(samples), step)


def word_extent(levels: np.ndarray, at: int, earliest: int) -> tuple[int, int, float]:
    """First step of the word around step `at`, the one after its last, and the power below which it has ended."""
    floor = float(levels[earliest:].max()) * 10 ** (-RANGE_DB / 10)
    before = _steps_until_quiet(levels[earliest : at + 1][::-1] > floor)
    after = _steps_until_quiet(levels[at:] > floor)
    start = at + 1 - before
    if start <= earliest:  # no pause before it: the quietest step separates the two words
        start = earliest + int(levels[earliest : at + 1].argmin())
    return start, at + max(after, 1), floor


def _median(samples: np.ndarray) -> float:
    """As numpy's, in a quarter of the time for the few samples of a hop."""
    half = len(samples) // 2
    if len(samples) % 2:
        return np.partition(samples, half)[half]
    middle = np.partition(samples, (half - 1, half))[half - 1 : half + 1]
    return (middle[0] + middle[1]) / 2


def _step_powers(wave: np.ndarray, step: int) -> np.ndarray:
    count = len(wave) // step
    return np.square(wave[: count * step].reshape(count, step)).mean(axis=1)


def _heights(power: np.ndarray) -> np.ndarray:
    """Each step's level: 0 is the background, 1 the loudest."""
    level_db = 10 * np.log10(power + 1e-9 * power.max() + 1e-12)
    loudest = level_db.max()
    background = max(np.percentile(level_db, 10), loudest - LARGEST_RANGE_DB)
    return (level_db - background) / max(loudest - background, 1e-6)


def _run(flags: np.ndarray) -> int:
    """How many of the flags are set before the first that is not."""
    return len(flags) if flags.all() else int(flags.argmin())


def _steps_until_quiet(sounding: np.ndarray) -> int:
    """How many steps, from the first on, belong to one stretch of sound whose gaps are short."""
    loud = np.flatnonzero(sounding)
    if not len(loud) or loud[0] > BRIDGED_STEPS:
        return 1
    gaps = np.flatnonzero(np.diff(loud) > BRIDGED_STEPS)
    return int(loud[gaps[0]] if len(gaps) else loud[-1]) + 1
