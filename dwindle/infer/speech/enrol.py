"""Adding a word to a model without training: a few recordings say where it lies, and what it is not says how wide."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dwindle.errors import UserError
from dwindle.infer.speech import REJECT, STREAM_WINDOW_S
from dwindle.infer.speech.edges import MARGIN_MS, speech_edges
from dwindle.infer.speech.enrolled import EnrolledWord, EnrolledWords, words_beside, write_words
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.sound_file import read_audio, sound_files

FEWEST_RECORDINGS = 3
LEAST_SIMILARITY = 0.62  # chosen by bench/enrol.py: fewer than one false accept in ten minutes of people reading
LEAST_AMONG_ITS_OWN = 0.5  # of a recording to the others of its word: several people's are less alike than one's
UNLIKE_MARGIN = 0.05  # above the sound most like the word among those that it must not be taken for
UNLIKE_HOP_S = 0.096  # between the windows in which those are heard
LONGEST_WORD_S = 5.0  # a recording of one word, with the silence around it
SHORTEST_WORD_S = 0.12  # "up" and "it" last longer
QUIETEST_WORD_DB = -50.0  # the listener takes nothing below -60 for speech, and words fade
LONGEST_NAME = 40


@dataclass(frozen=True)
class Enrolment:
    """What was done to the file of words, and what is in it now."""

    word: str
    recordings: int  # none: the word was forgotten
    least_similarity: float
    unsure: list[str]  # recordings that are not like the others
    file: str
    words: list[str]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def as_text(self) -> str:
        """One line, and one more where recordings differ."""
        if not self.recordings:
            return f"{self.word}: forgotten; {self.file} holds {', '.join(self.words) or 'no word any more'}"
        text = f"{self.word}: enrolled from {self.recordings} recordings, kept in {self.file}"
        if self.unsure:
            text += f"; unlike the others: {', '.join(self.unsure)} (listen to them, or record more)"
        return text


def enrol(model: Path, words: Path | None, word: str, inputs: Sequence[str], unlike: str | None = None) -> Enrolment:
    """Add a word that is said in these files and folders; one that was there is replaced."""
    recogniser = _recogniser(model, words)
    if not word or word != word.strip() or not word.isprintable() or len(word) > LONGEST_NAME:
        raise UserError(f"{word!r} is no name for a word: give one of up to {LONGEST_NAME} letters")
    if word in (*recogniser.labels, REJECT):
        raise UserError(f"{word}: the model knows this word already: choose another name")
    paths = [path for name in inputs for path in _sounds(name)]
    if len(paths) < FEWEST_RECORDINGS:
        raise UserError(
            f"{', '.join(inputs)}: {len(paths)} recording{'' if len(paths) == 1 else 's'} of {word!r}, where "
            f"{FEWEST_RECORDINGS} are needed and five are enough"
        )
    directions = [direction_of(recogniser, _word_clip(path, recogniser.sample_rate)) for path in paths]
    prototype = prototype_of(directions)
    least = LEAST_SIMILARITY
    if unlike:
        least = max(least, _closest(recogniser, prototype, unlike) + UNLIKE_MARGIN)
    alike = likenesses(directions)
    wanted = least if least > LEAST_SIMILARITY else LEAST_AMONG_ITS_OWN
    unsure = [str(path) for path, similarity in zip(paths, alike, strict=True) if similarity < wanted]
    if 2 * len(unsure) > len(paths):
        cure = "record it more alike" if wanted < least else "it sounds too much like what it must not be taken for"
        raise UserError(f"{word}: most recordings are less like the others than {wanted:.2f}: {cure}")
    enrolled = recogniser.enrolled.with_word(word, EnrolledWord(prototype, len(paths), round(least, 4)))
    file = words or words_beside(model)
    write_words(file, model, enrolled)
    return Enrolment(word, len(paths), round(least, 4), unsure, str(file), sorted(enrolled.words))


def forget(model: Path, words: Path | None, word: str) -> Enrolment:
    """Take a word out of the file; the last one takes the file with it."""
    enrolled = _recogniser(model, words).enrolled
    if word not in enrolled.words:
        known = f"only {', '.join(sorted(enrolled.words))}" if enrolled else "no word"
        raise UserError(f"{word}: not enrolled, {known} is")
    file = words or words_beside(model)
    write_words(file, model, enrolled.without(word))
    return Enrolment(word, 0, 0.0, [], str(file), sorted(enrolled.without(word).words))


def direction_of(recogniser: Recogniser, clip: np.ndarray) -> np.ndarray:
    """Where one recording of a word lies, heard as it will be in a stream."""
    return prototype_of(recogniser.directions(clip))


def prototype_of(directions: Sequence[np.ndarray]) -> np.ndarray:
    """The direction in the middle of several."""
    mean = np.mean(directions, axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)


def likenesses(directions: Sequence[np.ndarray]) -> list[float]:
    """How alike each of several recordings is to the others."""
    return [float(own @ prototype_of(_others(directions, number))) for number, own in enumerate(directions)]


def _recogniser(model: Path, words: Path | None) -> Recogniser:
    """The model with the words that it has so far; a file that is named need not be there yet."""
    is_new = words is not None and not words.exists()
    recogniser = Recogniser(model, words=None if is_new else words)
    if recogniser.crowd is None:
        raise UserError(f"{model}: made before words could be enrolled: export it again")
    if is_new:
        recogniser.enrolled = EnrolledWords()
    return recogniser


def _sounds(name: str) -> list[Path]:
    if os.path.isdir(name):  # noqa: PTH112 - Path's own raises where a name is too long
        return list(sound_files(Path(name)))
    return [Path(name)]


def _word_clip(path: Path, sample_rate: int) -> np.ndarray:
    clip = read_audio(path, sample_rate)
    if len(clip) > LONGEST_WORD_S * sample_rate:
        raise UserError(f"{path}: longer than {LONGEST_WORD_S:g} s: record the word alone")
    begin, end = speech_edges(clip, sample_rate)
    if end == begin or not clip[begin:end].any():
        raise UserError(f"{path}: holds no sound: record it again")
    if 10 * np.log10(np.mean(clip[begin:end] ** 2)) < QUIETEST_WORD_DB:
        raise UserError(f"{path}: too quiet: record it from nearer")
    if (end - begin) / sample_rate - 2 * MARGIN_MS / 1000 < SHORTEST_WORD_S:
        raise UserError(f"{path}: too short for a word: record the whole of it")
    return clip


def _closest(recogniser: Recogniser, prototype: np.ndarray, folder: str) -> float:
    """How alike the most alike moment of other recordings is, heard as in a stream."""
    window, hop = (round(seconds * recogniser.sample_rate) for seconds in (STREAM_WINDOW_S, UNLIKE_HOP_S))
    closest = -1.0
    for path in _sounds(folder):
        samples = np.pad(read_audio(path, recogniser.sample_rate), window)
        for start in range(0, len(samples) - window, hop):
            closest = max(closest, float(recogniser.direction(samples[start : start + window]) @ prototype))
    if closest == -1.0:
        raise UserError(f"{folder}: no sound files in this folder")
    return closest


def _others(directions: Sequence[np.ndarray], left_out: int) -> list[np.ndarray]:
    return [one for number, one in enumerate(directions) if number != left_out]
