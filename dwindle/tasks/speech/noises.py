"""Sounds that nobody says: what goes on in the background, and what bursts out for a moment, as a sneeze does."""

import math
from collections import defaultdict
from pathlib import Path

import numpy as np

from dwindle.infer.speech import SAMPLE_RATE
from dwindle.tasks.speech.corpora import HISS
from dwindle.tasks.speech.store import ClipStore

NOT_SPOKEN = ("noise", HISS)
SPEEDS = (0.6, 1.6)  # of the recording's: few babies cry in the corpora
BURST_S = (0.12, 0.8)  # about as long as a word
CANDIDATES = 4  # of which the loudest is the burst: a recording of a sneeze is mostly silent


class Noises:
    """Draws sounds from the recordings of a store in which nobody speaks, faster or slower than they were."""

    def __init__(self, store: ClipStore) -> None:
        windows: dict[Path, list[int]] = defaultdict(list)
        for index, clip in enumerate(store.clips):
            if clip.corpus in NOT_SPOKEN:
                windows[clip.path].append(index)
        self.indices = {index for found in windows.values() for index in found}
        self.recordings = [np.concatenate([store.whole(index) for index in found]) for found in windows.values()]

    def __bool__(self) -> bool:
        return bool(self.recordings)

    def background(self, samples: int, rng: np.random.Generator) -> np.ndarray:
        """Two recordings at once, one of them fainter; short ones go round and round."""
        return self._stretch(samples, rng) + rng.random() * self._stretch(samples, rng)

    def burst(self, rng: np.random.Generator) -> np.ndarray:
        """A moment that is loud for its recording, about as long as a word."""
        recording, speed = self._recording(rng), rng.uniform(*SPEEDS)
        samples = round(SAMPLE_RATE * rng.uniform(*BURST_S))
        moments = [_moment(recording, samples * speed, rng) for _ in range(CANDIDATES)]
        return _played(max(moments, key=_level), speed, samples)

    def _stretch(self, samples: int, rng: np.random.Generator) -> np.ndarray:
        recording, speed = self._recording(rng), rng.uniform(*SPEEDS)
        stretch = _played(_moment(recording, samples * speed, rng), speed, samples)
        return stretch / max(1.0, _level(stretch))

    def _recording(self, rng: np.random.Generator) -> np.ndarray:
        return self.recordings[int(rng.integers(len(self.recordings)))]


def _moment(recording: np.ndarray, samples: float, rng: np.random.Generator) -> np.ndarray:
    """A little more than so much from anywhere in it."""
    first = int(rng.integers(len(recording)))
    return recording.take(np.arange(first, first + math.ceil(samples) + 1), mode="wrap").astype(np.float32)


def _played(recording: np.ndarray, speed: float, samples: int) -> np.ndarray:
    return np.interp(np.arange(samples) * speed, np.arange(len(recording)), recording).astype(np.float32)


def _level(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))
