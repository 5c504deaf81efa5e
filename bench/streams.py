"""Long streams out of real clips, with the truth: which word is said when, and where its last sample is."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from dwindle.infer.speech import REJECT, SAMPLE_RATE
from dwindle.infer.speech.edges import speech_edges, spoken_edges
from dwindle.infer.speech.sound_file import read_audio
from dwindle.tasks.speech.corpora import TEST, VALIDATION, Clip, fsdd, negatives, noise, speech_commands
from dwindle.tasks.speech.store import FULL_SCALE
from dwindle.tasks.speech.vocabulary import DIGIT_WORDS
from dwindle.tasks.speech.voices import synthesise

PEAK = 0.5
FLOOR_DB = -75.0  # a quiet room, so that a gap is not digital silence
FADE_MS = 5
LEAD_S = 0.5  # before the first word and after the last
PHRASE_SEED = 1_000  # no training draws its voices by it
THROATS = ("babycry", "personsneeze")  # classes of noise that are nearly speech; ESC-10 numbers them: 004-Babycry


@dataclass(frozen=True)
class Spoken:
    """A word in a stream; no label for one that is not a digit."""

    label: str | None
    start_s: float
    end_s: float


@dataclass
class Stream:
    """Sound and its truth."""

    samples: np.ndarray
    words: list[Spoken]

    @property
    def digits(self) -> list[str]:
        return [word.label for word in self.words if word.label is not None]

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


def clips_of(data_dir: Path, corpus: str, split: str) -> list[Clip]:
    """Digits of one side: FSDD's test or validation takes, or Speech Commands' validation speakers."""
    if corpus == "fsdd":
        return [clip for clip in fsdd(data_dir) if clip.split == split]
    return [clip for clip in speech_commands(data_dir) if clip.split == VALIDATION and clip.label != REJECT]


def fsdd_streams(data_dir: Path, gap_s: float, split: str, share: float) -> list[Stream]:
    """Every clip of the split once, one speaker per stream."""
    rng = np.random.default_rng(0)
    return _strings(_parts(clips_of(data_dir, "fsdd", split), 10, share, rng), (gap_s, gap_s), rng)


def unpaused_streams(data_dir: Path, share: float) -> list[Stream]:
    """Unseen speakers without pauses: overlaps of up to 60 ms, gaps of up to 150 ms."""
    rng = np.random.default_rng(1)
    return _strings(_parts(clips_of(data_dir, "speech_commands", VALIDATION), 6, share, rng), (-0.06, 0.15), rng)


def spaced_streams(data_dir: Path, share: float) -> list[Stream]:
    """Unseen speakers as they dictate."""
    rng = np.random.default_rng(2)
    return _strings(_parts(clips_of(data_dir, "speech_commands", VALIDATION), 6, share, rng), (0.2, 1.0), rng)


def lone_streams(data_dir: Path, share: float) -> list[Stream]:
    """Unseen speakers who say one digit and then, for a while, none."""
    rng = np.random.default_rng(8)
    return _strings(_parts(clips_of(data_dir, "speech_commands", VALIDATION), 12, share, rng), (3.0, 4.0), rng)


def mixed_streams(data_dir: Path, share: float) -> list[Stream]:
    """Digits of unseen speakers with as many other words among them."""
    rng = np.random.default_rng(3)
    parts = _parts(clips_of(data_dir, "speech_commands", VALIDATION), 6, share, rng)
    others = _foreign_clips(data_dir)
    mixed = []
    for part in parts:
        both = [*part, *(others[index] for index in rng.choice(len(others), len(part), replace=False))]
        mixed.append([both[index] for index in rng.permutation(len(both))])
    return _strings(mixed, (0.1, 0.6), rng)


def foreign_streams(data_dir: Path, share: float) -> list[Stream]:
    """Speech without a digit in it."""
    rng = np.random.default_rng(4)
    clips = _foreign_clips(data_dir)
    order = rng.permutation(len(clips))[: round(share * len(clips))]
    parts = [[clips[index] for index in order[at : at + 40]] for at in range(0, len(order), 40)]
    return _strings(parts, (0.1, 0.6), rng)


def one_breath_streams(share: float) -> list[Stream]:
    """Digits that flow into each other as synthetic voices say them; where each word ends is not known."""
    rng = np.random.default_rng(7)
    drawn = (rng.choice(DIGIT_WORDS, rng.integers(2, 5)) for _ in range(round(300 * share)))
    phrases = [" ".join(words) for words in drawn]
    lead = round(LEAD_S * SAMPLE_RATE)
    streams = []
    for clip in synthesise(phrases, 1, seed=PHRASE_SEED):
        words = [Spoken(str(DIGIT_WORDS.index(word)), math.nan, math.nan) for word in clip.word.split()]
        said = np.pad(clip.samples.astype(np.float32) / FULL_SCALE, lead)
        streams.append(Stream(_in_a_quiet_room(said, rng), words))
    return streams


def noise_streams(data_dir: Path, seconds: float, of_throats: bool | None = None) -> list[Stream]:
    """Minutes with two noises at a time, at drawn levels, and no one speaking; of all kinds, or of two sorts apart."""
    rng = np.random.default_rng(205)  # other mixtures than those by which the rules of listening were chosen
    noises, minutes = _noises(data_dir, of_throats), []
    for _ in range(max(1, round(seconds / 60)) if noises else 0):
        minute = np.zeros(60 * SAMPLE_RATE, np.float32)
        for _ in range(2):
            parts = [noises[index] for index in rng.integers(len(noises), size=13)]
            minute += 10 ** (rng.uniform(-30, 0) / 20) * np.resize(np.concatenate(parts), len(minute))
        minutes.append(Stream(np.clip(minute, -1, 1), []))
    return minutes


def with_noise(streams: Sequence[Stream], data_dir: Path, snr_db: float) -> list[Stream]:
    """The same streams in noisy places; the ratio is that of the spoken parts to the noise."""
    rng = np.random.default_rng(6)
    noises = _noises(data_dir)
    noisy = []
    for stream in streams:
        said = [stream.samples[round(w.start_s * SAMPLE_RATE) : round(w.end_s * SAMPLE_RATE)] for w in stream.words]
        background = np.resize(noises[rng.integers(len(noises))], len(stream.samples))
        ratio = np.mean(np.square(np.concatenate(said))) / max(float(np.mean(np.square(background))), 1e-12)
        samples = stream.samples + background * np.sqrt(ratio * 10 ** (-snr_db / 10), dtype=np.float32)
        noisy.append(Stream(samples * (PEAK / np.abs(samples).max()), stream.words))
    return noisy


def _foreign_clips(data_dir: Path) -> list[Clip]:
    """The side of the negatives that nothing is trained on or chosen by."""
    return [clip for clip in negatives(data_dir) if clip.split == TEST]


def _noises(data_dir: Path, of_throats: bool | None = None) -> list[np.ndarray]:
    unheard = [clip.path for clip in noise(data_dir) if clip.split == VALIDATION]
    if of_throats is not None:
        unheard = [path for path in unheard if path.parent.name.lower().endswith(THROATS) == of_throats]
    return [_sound(path) for path in unheard]


def _strings(parts: Sequence[Sequence[Clip]], gaps_s: tuple[float, float], rng: np.random.Generator) -> list[Stream]:
    return [_string(part, rng.uniform(*gaps_s, size=len(part)), rng) for part in parts]


def _string(clips: Sequence[Clip], gaps_s: Sequence[float], rng: np.random.Generator) -> Stream:
    """The clips one after the other, without the silence around them; a negative gap lets neighbours overlap."""
    placed, words, at = [], [], round(LEAD_S * SAMPLE_RATE)
    for clip, gap_s in zip(clips, gaps_s, strict=True):
        samples = _sound(clip.path)
        begin, end = speech_edges(samples)
        word = _faded(samples[begin:end])
        start_s, end_s = ((at + edge - begin) / SAMPLE_RATE for edge in spoken_edges(samples))  # no margin is a word
        words.append(Spoken(None if clip.label == REJECT else clip.label, start_s, end_s))
        placed.append((at, word))
        at += len(word) + round(gap_s * SAMPLE_RATE)
    length = max(start + len(word) for start, word in placed) + round(LEAD_S * SAMPLE_RATE)
    mixed = np.zeros(length, np.float32)
    for start, word in placed:
        mixed[start : start + len(word)] += word
    return Stream(_in_a_quiet_room(mixed, rng), words)


def _in_a_quiet_room(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    hiss = 10 ** (FLOOR_DB / 20) * rng.standard_normal(len(samples)).astype(np.float32)
    return samples * (PEAK / max(float(np.abs(samples).max()), 1e-6)) + hiss


def _parts(clips: Sequence[Clip], words: int, share: float, rng: np.random.Generator) -> list[list[Clip]]:
    """Shuffled strings of one voice each; what is left over of all voices shares strings."""
    by_speaker = defaultdict(list)
    for index in rng.permutation(len(clips)):
        by_speaker[clips[index].speaker].append(clips[index])
    parts, left_over = [], []
    for speaker in sorted(by_speaker):
        own = by_speaker[speaker]
        whole = len(own) // words * words
        parts += [own[at : at + words] for at in range(0, whole, words)]
        left_over += own[whole:]
    parts += [left_over[at : at + words] for at in range(0, len(left_over), words)]
    order = rng.permutation(len(parts))[: max(1, round(share * len(parts)))]
    return [parts[index] for index in order]


@cache
def _sound(path: Path) -> np.ndarray:
    return read_audio(path)


def _faded(samples: np.ndarray) -> np.ndarray:
    fade = min(FADE_MS * SAMPLE_RATE // 1000, len(samples) // 2)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    shaped = samples.copy()
    shaped[:fade] *= ramp
    shaped[len(shaped) - fade :] *= ramp[::-1]
    return shaped
