"""Running speech made of single words: mostly one voice, run together, overlapped or spaced, as people say numbers."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from dwindle.audio import SAMPLE_RATE
from dwindle.audio.corpora import REJECT
from dwindle.audio.store import FULL_SCALE, ClipStore

LONGEST_WORD_SAMPLES = SAMPLE_RATE  # a longer one is a sentence, or was not trimmed well
SHORTEST_WORD_SAMPLES = SAMPLE_RATE // 10
OVERLAP_SAMPLES = SAMPLE_RATE * 60 // 1000
WIDEST_GAP_SAMPLES = SAMPLE_RATE * 400 // 1000
MOST_WORDS = 6
ONE_VOICE_SHARE = 0.8
OTHER_WORD_SHARE = 0.12  # words that are none of ours, between those that are
LEVEL_SPREAD_DB = 4.0
FADE_SAMPLES = SAMPLE_RATE * 5 // 1000


@dataclass(frozen=True)
class Strings:
    """A batch of strings: audio (batch, samples), class numbers (batch, most words) and how many of them count."""

    audio: np.ndarray
    spelling: np.ndarray
    lengths: np.ndarray


class StringMaker:
    """Draws strings from the words of a store."""

    def __init__(self, store: ClipStore, class_numbers: dict[str, int], window_samples: int) -> None:
        self.store, self.window_samples = store, window_samples
        self.class_numbers = class_numbers
        spoken_samples = np.diff(store.edges, axis=1).squeeze(1)
        sayable = (spoken_samples >= SHORTEST_WORD_SAMPLES) & (spoken_samples <= LONGEST_WORD_SAMPLES)
        self.by_speaker: dict[str, list[int]] = defaultdict(list)
        self.others: list[int] = []
        for index in np.flatnonzero(sayable):
            clip = store.clips[index]
            if clip.label != REJECT:
                self.by_speaker[clip.speaker].append(int(index))
            elif clip.corpus != "noise":
                self.others.append(int(index))
        self.speakers = sorted(self.by_speaker)
        counts = np.array([len(self.by_speaker[speaker]) for speaker in self.speakers], float)
        # a speaker with forty clips is heard more often than one with two, but not twenty times
        self.odds = np.sqrt(counts) / np.sqrt(counts).sum()

    def draw(self, count: int, rng: np.random.Generator) -> Strings:
        """That many strings."""
        audio = np.zeros((count, self.window_samples), np.float32)
        spelling = np.zeros((count, MOST_WORDS), np.int64)
        lengths = np.zeros(count, np.int64)
        for row in range(count):
            said = self._say(audio[row], rng)
            spelling[row, : len(said)] = said
            lengths[row] = len(said)
        return Strings(audio / FULL_SCALE, spelling, lengths)

    def _say(self, audio: np.ndarray, rng: np.random.Generator) -> list[int]:
        """Fill one row; returns the class numbers of what was said."""
        wanted = int(rng.integers(1, MOST_WORDS + 1))
        speaker = self._speaker(rng)
        run_together = rng.random() < 0.5
        position = int(rng.integers(0, SAMPLE_RATE // 2))
        said: list[int] = []
        while len(said) < wanted:
            if rng.random() > ONE_VOICE_SHARE:
                speaker = self._speaker(rng)
            is_other = bool(self.others) and rng.random() < OTHER_WORD_SHARE
            index = int(rng.choice(self.others if is_other else self.by_speaker[speaker]))
            word = self._levelled(index, rng)
            if position + len(word) > len(audio):
                break
            audio[position : position + len(word)] += word
            said.append(self.class_numbers[self.store.clips[index].label])
            widest = WIDEST_GAP_SAMPLES // 3 if run_together else WIDEST_GAP_SAMPLES
            position = max(0, position + len(word) + int(rng.integers(-OVERLAP_SAMPLES, widest)))
        return said

    def _speaker(self, rng: np.random.Generator) -> str:
        return self.speakers[int(rng.choice(len(self.speakers), p=self.odds))]

    def _levelled(self, index: int, rng: np.random.Generator) -> np.ndarray:
        """One word at about the level of all others, faded at both ends so that joins do not click."""
        word = self.store.spoken(index).astype(np.float32)
        wanted = 0.05 * FULL_SCALE * 10 ** (rng.uniform(-LEVEL_SPREAD_DB, LEVEL_SPREAD_DB) / 20)
        word *= wanted / max(1.0, float(np.sqrt(np.mean(np.square(word)))))
        fade = np.linspace(0.0, 1.0, FADE_SAMPLES, dtype=np.float32)
        word[:FADE_SAMPLES] *= fade
        word[-FADE_SAMPLES:] *= fade[::-1]
        return word
