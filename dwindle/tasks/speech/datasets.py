"""The data of the spoken tasks: everything that can be heard, decoded once, and parted by use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dwindle.infer.speech import REJECT, WINDOW_SAMPLES
from dwindle.infer.speech.padding import word_window
from dwindle.tasks.speech import corpora
from dwindle.tasks.speech.accents import foreign_phrases, foreign_voices
from dwindle.tasks.speech.augment import hiss_recordings, mixed_at
from dwindle.tasks.speech.corpora import HISS, TRAIN, Clip
from dwindle.tasks.speech.store import FULL_SCALE, ClipStore, open_store, store_of_voices
from dwindle.tasks.speech.vocabulary import COMMON_WORDS, CONFUSABLE_WORDS, DIGIT_WORDS, EVERYDAY_WORDS, OTHER_WORDS
from dwindle.tasks.speech.voices import synthesise

VOICES_PER_DIGIT = 300
VOICES_PER_FOREIGN_DIGIT, FOREIGN_PHRASES = 30, 80  # in each language
VOICES_PER_CONFUSABLE_WORD = 12
VOICES_PER_OTHER_WORD = 4
PHRASES = 6_000
PHRASE_WORDS = (2, 4)
OTHER_WORD_SHARE = 0.15  # of the words in phrases that hold digits
OTHER_PHRASE_SHARE = 0.2  # of the phrases hold none
NOISE_SEED = 20
QUIETEST_NOISE = 4  # of 32,768
LABELS = {word: str(number) for number, word in enumerate(DIGIT_WORDS)} | dict.fromkeys(OTHER_WORDS, REJECT)


@dataclass(frozen=True)
class HeardClips:
    """Clips as a model hears them: audio (n, samples) and what was said."""

    audio: Tensor
    labels: list[str]
    speakers: list[str]


def noise_windows(data_dir: Path) -> ClipStore | None:
    """Background sound in windows of a second, each a clip to reject; None where there are no recordings."""
    clips = corpora.noise(data_dir)
    if not clips:
        return None
    store = open_store(clips)
    cut = [
        (clip, start)
        for clip, (begin, end) in zip(store.clips, store.bounds, strict=True)
        for start in range(begin, end - WINDOW_SAMPLES + 1, WINDOW_SAMPLES)
    ]
    if not cut:
        return None
    starts = np.array([start for _, start in cut])
    bounds = np.stack([starts, starts + WINDOW_SAMPLES], axis=1)
    return ClipStore([clip for clip, _ in cut], store.samples, bounds, bounds)


def hiss_windows() -> ClipStore:
    """A second of hiss in each of many colours, to reject: who has no recordings of noise has at least this."""
    samples = hiss_recordings()[:, :WINDOW_SAMPLES].numpy().ravel()
    starts = np.arange(0, len(samples), WINDOW_SAMPLES)
    bounds = np.stack([starts, starts + WINDOW_SAMPLES], axis=1)
    clips = [Clip(Path(f"hiss-{start}"), REJECT, HISS, HISS, TRAIN) for start in starts]
    return ClipStore(clips, samples, bounds, bounds)


def digit_voices(seed: int) -> ClipStore:
    """Synthetic digits and, for the rejecting class, synthetic words that are none."""
    digits = synthesise(DIGIT_WORDS, VOICES_PER_DIGIT, seed)
    confusable = synthesise(CONFUSABLE_WORDS, VOICES_PER_CONFUSABLE_WORD, seed)
    others = synthesise(EVERYDAY_WORDS + COMMON_WORDS, VOICES_PER_OTHER_WORD, seed)
    foreign = foreign_voices(VOICES_PER_FOREIGN_DIGIT, seed)
    return store_of_voices([*digits, *confusable, *others, *foreign], LABELS)


def digit_phrases(seed: int) -> ClipStore:
    """Digits said in one breath, now and then another word among them; a clip's label names all, apart by spaces."""
    rng = np.random.default_rng(seed)
    fewest, most = PHRASE_WORDS
    phrases = []
    for _ in range(PHRASES):
        other_share = 1.0 if rng.random() < OTHER_PHRASE_SHARE else OTHER_WORD_SHARE
        are_others = rng.random(rng.integers(fewest, most + 1)) < other_share
        phrases.append(" ".join(rng.choice(OTHER_WORDS if is_other else DIGIT_WORDS) for is_other in are_others))
    clips = synthesise(phrases, 1, seed) + foreign_phrases(FOREIGN_PHRASES, seed)
    labels = {clip.word: " ".join(LABELS[word] for word in clip.word.split()) for clip in clips}
    return store_of_voices(clips, labels)


def heard(store: ClipStore, keep: Sequence[int]) -> HeardClips:
    """The chosen clips, centred, short ones amid their own hiss; the same in every run."""
    chosen = [store.clips[index] for index in keep]
    audio = np.zeros((len(keep), WINDOW_SAMPLES), np.float32)
    for row, index in zip(audio, keep, strict=True):
        edges = tuple(store.edges[index] - store.bounds[index, 0])
        row[:] = word_window(store.whole(index) / np.float32(FULL_SCALE), WINDOW_SAMPLES, edges=edges)
    return HeardClips(torch.from_numpy(audio), [clip.label for clip in chosen], [clip.speaker for clip in chosen])


def in_noise(clips: HeardClips, noises: ClipStore, snr_db: float) -> HeardClips:
    """The same clips in noise, the same noise in every run."""
    generator = torch.Generator().manual_seed(NOISE_SEED)
    # many recordings end in digital silence, which would leave a clip as clean as it was
    loud = [index for index in range(len(noises)) if noises.whole(index).std() > QUIETEST_NOISE]
    chosen = torch.randint(len(loud), (len(clips.audio),), generator=generator)
    noise = torch.from_numpy(noises.centred([loud[index] for index in chosen], WINDOW_SAMPLES))
    return replace(clips, audio=mixed_at(clips.audio, noise, torch.full((len(noise),), snr_db)))


def part(store: ClipStore, split: str) -> ClipStore:
    """The clips of one split."""
    return store.subset(where(store, lambda clip: clip.split == split))


def where(store: ClipStore, wanted: Callable[[Clip], bool]) -> np.ndarray:
    """The numbers of the clips that are wanted."""
    return np.array([index for index, clip in enumerate(store.clips) if wanted(clip)], dtype=np.int64)
