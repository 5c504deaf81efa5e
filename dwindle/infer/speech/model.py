"""The recogniser: an exported ONNX file and what its metadata says, checked once, then asked for answers."""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from dwindle.errors import UsageError
from dwindle.infer.model_file import ModelError, metadata_of, open_session, outputs_of
from dwindle.infer.speech import REJECT, STREAM_WINDOW_S
from dwindle.infer.speech.enrolled import Crowd, EnrolledWords, read_crowd, read_words, words_beside
from dwindle.infer.speech.kept_spectra import EARLIER, HOP_KEY, SAMPLES_KEY, SPECTRA, KeptSpectra, declared
from dwindle.infer.speech.padding import stream_windows, word_window
from dwindle.infer.speech.speeds import AS_SAID, SPEEDS, at_speed, in_both_readings

SPACED_FRAMES = 8  # over which the spacing of frames is checked, or measured where the file does not state it
RUNNING_THRESHOLD = 0.3  # chosen on streams of validation voices; a model's own is for clips of one word
STRING_THRESHOLD = 0.06  # of a word in a string where nothing else is said


@dataclass(frozen=True)
class Answer:
    """What one isolated clip is: a word, or None where it is rejected; and how probable the likeliest word is."""

    label: str | None
    confidence: float


class Recogniser:
    """Waveforms in, class probabilities out: pooled over the clip, or for every frame of it.

    `words` is a file of enrolled words; without one they are looked for beside the model.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        threshold: float | None = None,
        threads: int = 1,
        words: Path | None = None,
        only_words: bool = False,  # nothing else is said: whatever is heard is one of the words
    ):
        self.path = Path(path)
        metadata = metadata_of(self.path)
        self._kept_spectra = _kept_spectra(self.path, metadata)
        self._session = _checked_session(self.path, threads, declared() if self._kept_spectra else b"")
        self.crowd = read_crowd(self.path, metadata)
        self.labels: list[str] = _labels(self.path, metadata)
        self.sample_rate = int(_number(self.path, metadata, "sample_rate", 8_000, 192_000))
        self.window_samples = int(_number(self.path, metadata, "window_samples", 1, 10 * self.sample_rate))
        self.running_threshold = RUNNING_THRESHOLD if threshold is None else threshold
        self.string_threshold: float | None = None  # of a word in a string, where it may be less sure than elsewhere
        # of a word alone, alone amid noise, and alone amid other words
        self.lone_threshold = self.noisy_threshold = self.speech_threshold = self.running_threshold
        if threshold is None and only_words:  # no answer is refused, wherever the word stands
            threshold = 0.0
            self.string_threshold = STRING_THRESHOLD
        elif threshold is None:
            threshold = _number(self.path, metadata, "threshold", 0.0, 1.0)
            if "lone_threshold" in metadata:  # words are mostly said several at a time
                self.lone_threshold = _number(self.path, metadata, "lone_threshold", 0.0, 1.0)
                self.noisy_threshold = self.speech_threshold = self.lone_threshold
            if "noisy_threshold" in metadata:
                self.noisy_threshold = _number(self.path, metadata, "noisy_threshold", 0.0, 1.0)
            if "speech_threshold" in metadata:
                self.speech_threshold = _number(self.path, metadata, "speech_threshold", 0.0, 1.0)
        elif not 0.0 <= threshold <= 1.0:
            raise UsageError(f"--threshold {threshold:g} is outside 0 to 1")
        self.threshold = threshold
        # of the median word: where the frames name it with the highest probability
        self.peak_after_start_s = _number(self.path, metadata, "peak_after_start_ms", -1000, 1000) / 1000
        self.peak_before_end_s = _number(self.path, metadata, "peak_before_end_ms", -1000, 1000) / 1000
        self.speeds = _speeds(self.path, metadata)
        self.words = [label for label in self.labels if label != REJECT]
        self.frame_samples = self._checked_frame_samples(metadata)
        self.enrolled = self._enrolled(words)
        self._pooled_classes = self._frame_classes = slice(None)  # the outputs that count
        if only_words:
            self._expect_only_words()

    def _expect_only_words(self) -> None:
        """Leave the rejecting class out."""
        self._pooled_classes = [index for index, label in enumerate(self.labels) if label != REJECT]
        self._frame_classes = [*self._pooled_classes, len(self.labels)]  # the last is the blank
        self.labels = self.words

    def classify(self, clip: np.ndarray) -> Answer:
        """The one answer for a clip of one word, in a window as in training: padded, or cut about its speech."""
        said = self.both_readings(word_window(clip, self.window_samples, self.sample_rate))
        confidence, word = max((float(said[self.labels.index(word)]), word) for word in self.words)
        if self.enrolled and (match := self.enrolled.nearest(self.directions(clip))).is_close:
            return Answer(match.word, min(1.0, match.similarity))
        return Answer(word if confidence >= self.threshold else None, confidence)

    def pooled(self, samples: np.ndarray, speeds: Sequence[float] = AS_SAID) -> np.ndarray:
        """Probabilities (labels,) for these samples taken as one word, wherever in them it stands.

        At several speeds it is the geometric mean of the answers.
        """
        return self._pooled([self._run(at_speed(samples, speed), "logits")[0] for speed in speeds])

    def both_readings(self, samples: np.ndarray) -> np.ndarray:
        """How sure (labels,) pooled output and frames together are, of a clip heard at all speeds: geometric means."""
        runs = [self._run(at_speed(samples, speed), "logits", "frames") for speed in self.speeds]
        peaks = [self.probabilities(frames[0]).max(axis=0)[: len(self.labels)] for _, frames in runs]
        return in_both_readings(self._pooled([logits for logits, _ in runs]), np.stack(peaks))

    def _pooled(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """Probabilities by the mean of several runs' logits."""
        return softmax(np.mean([one[0][self._pooled_classes] for one in logits], axis=0))

    def frames(self, samples: np.ndarray) -> np.ndarray:
        """Probabilities (time, labels + blank) of all frames; each spans `frame_samples` samples."""
        return self.probabilities(self._run(samples, "frames")[0][0])

    def probabilities(self, frames: np.ndarray) -> np.ndarray:
        """Of what the network answers for frames."""
        return softmax(frames[:, self._frame_classes])

    def heard(
        self, window: np.ndarray, spectra: np.ndarray | None, new_samples: int
    ) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """What the network answers to a stream's newest sound (embeddings for enrolled words alone), and its spectra.

        `spectra` are those of the window that ended `new_samples` earlier, or None.
        """
        wanted = ["frames", "embedding"] if self.enrolled else ["frames"]
        if self._kept_spectra is None:
            return dict(zip(wanted, self._run(window, *wanted), strict=True)), None
        audio, earlier = self._kept_spectra.unheard(window, spectra, new_samples)
        feed = {"audio": audio[None, :]} | ({} if earlier is None else {EARLIER: earlier})
        *answers, spectra = outputs_of(self._session, [*wanted, SPECTRA], feed)
        return dict(zip(wanted, self._checked(answers), strict=True)), spectra

    def direction(self, samples: np.ndarray) -> np.ndarray:
        """Where these samples lie in the crowd of all that is said."""
        crowd = self.needed_crowd  # first of all: a file without one has no embeddings either
        return crowd.direction(self._run(samples, "embedding")[0][0])

    @property
    def needed_crowd(self) -> Crowd:
        """What directions are seen from; without it no word can be enrolled."""
        if self.crowd is None:
            raise ModelError(f"{self.path}: made before words could be enrolled: export it again")
        return self.crowd

    def directions(self, clip: np.ndarray) -> list[np.ndarray]:
        """Likewise of a clip of one word, heard as in a stream: several times about the word's end."""
        window_samples = round(STREAM_WINDOW_S * self.sample_rate)
        return [self.direction(window) for window in stream_windows(clip, window_samples, self.sample_rate)]

    def _enrolled(self, words: Path | None) -> EnrolledWords:
        """The words of a file that was named, or that lies beside the model."""
        path = words or words_beside(self.path)
        if words is None and not path.is_file():
            return EnrolledWords()
        if self.crowd is None:
            raise ModelError(f"{self.path}: made before words could be enrolled, which {path} holds: export it again")
        return read_words(path, self.path, len(self.crowd.mean))

    def _run(self, samples: np.ndarray, *outputs: str) -> list[np.ndarray]:
        return self._checked(outputs_of(self._session, outputs, {"audio": samples[None, :]}))

    def _checked(self, answers: list[np.ndarray]) -> list[np.ndarray]:
        if not all(math.isfinite(answer.sum()) for answer in answers):
            raise ModelError(f"{self.path}: its outputs are not numbers (NaN or infinite): export it again")
        return answers

    def _checked_frame_samples(self, metadata: dict[str, str]) -> int:
        """The samples between two frames; trial runs check it and the shapes of the outputs.

        Files of the first release do not state it: there it is measured, by 27 trial runs.
        """
        logits, frames = self._trial(self.window_samples)
        if logits.shape != (1, len(self.labels)) or frames.ndim != 3 or frames.shape[2] != len(self.labels) + 1:
            raise ModelError(
                f"{self.path}: {len(self.labels)} labels, but outputs of shape {logits.shape} and {frames.shape}: "
                "labels and network do not belong together; export it again"
            )
        if "frame_samples" in metadata:
            spacing = int(_number(self.path, metadata, "frame_samples", 1, self.window_samples // 4))
            longer = self._trial(self.window_samples + SPACED_FRAMES * spacing)[1].shape[1]
            if longer != frames.shape[1] + SPACED_FRAMES:
                raise ModelError(
                    f"{self.path}: its frames are not {spacing} samples apart, as it states: export it again"
                )
            return spacing
        one_more, many_more = (self._shortest(frames.shape[1] + added) for added in (1, 1 + SPACED_FRAMES))
        spacing, remainder = divmod(many_more - one_more, SPACED_FRAMES)
        if remainder or not 0 < spacing <= self.window_samples // 4:
            raise ModelError(f"{self.path}: its frames are not evenly spaced over the sound: export it again")
        return spacing

    def _shortest(self, frames: int) -> int:
        """The fewest samples that give so many frames, between one window and two."""
        too_few, enough = self.window_samples, 2 * self.window_samples
        while enough - too_few > 1:
            middle = (too_few + enough) // 2
            if self._trial(middle)[1].shape[1] < frames:
                too_few = middle
            else:
                enough = middle
        return enough

    def _trial(self, samples: int) -> list[np.ndarray]:
        try:
            return self._run(np.zeros(samples, np.float32), "logits", "frames")
        except ModelError:
            raise
        except Exception as error:  # whatever a foreign graph makes the engine raise
            raise ModelError(f"{self.path}: does not run on {samples} samples of sound: export it again") from error


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis, safe for large values."""
    shifted = np.exp(logits - np.maximum.reduce(logits, axis=-1, keepdims=True))
    return shifted / np.add.reduce(shifted, axis=-1, keepdims=True)


def _checked_session(path: Path, threads: int, more: bytes) -> onnxruntime.InferenceSession:
    session = open_session(path, threads, more)
    inputs = [(node.name, node.type, len(node.shape)) for node in session.get_inputs()]
    outputs = [node.name for node in session.get_outputs()]
    if inputs != [("audio", "tensor(float)", 2)] or outputs[:2] != ["logits", "frames"]:
        raise ModelError(
            f"{path}: takes {', '.join(name for name, _, _ in inputs)} and gives {', '.join(outputs)}, "
            "where audio (batch, samples) and logits, frames are needed: this is not a speech model of ours"
        )
    return session


def _labels(path: Path, metadata: dict[str, str]) -> list[str]:
    try:
        labels = json.loads(metadata["labels"])
    except KeyError:
        raise ModelError(f"{path}: carries no labels in its metadata: make it with export_models.py") from None
    except (ValueError, RecursionError):
        labels = None
    if not isinstance(labels, list) or not all(isinstance(label, str) and label for label in labels):
        raise ModelError(f"{path}: its labels are not a JSON list of words: export it again")
    if len(set(labels)) < len(labels) or not set(labels) - {REJECT}:
        raise ModelError(f"{path}: its labels are repeated or empty: export it again")
    return labels


def _number(path: Path, metadata: dict[str, str], key: str, lowest: float, highest: float) -> float:
    try:
        value = float(metadata[key])
    except KeyError:
        raise ModelError(f"{path}: carries no {key} in its metadata: make it with export_models.py") from None
    except ValueError:
        value = float("nan")
    if not lowest <= value <= highest:
        raise ModelError(f"{path}: its {key} {metadata[key]!r} is not between {lowest:g} and {highest:g}")
    return value


def _kept_spectra(path: Path, metadata: dict[str, str]) -> KeptSpectra | None:
    """Of a file that says how its spectra lie."""
    if SAMPLES_KEY not in metadata:
        return None
    samples, hop = (int(_number(path, metadata, key, 1, 100_000)) for key in (SAMPLES_KEY, HOP_KEY))
    return KeptSpectra(samples, hop)


def _speeds(path: Path, metadata: dict[str, str]) -> tuple[float, ...]:
    """Words that differ in pitch, as whistles do, are judged at one speed: `[1.0]`."""
    if "speeds" not in metadata:
        return SPEEDS
    try:
        speeds = tuple(float(speed) for speed in json.loads(metadata["speeds"]))
    except (ValueError, TypeError, RecursionError):
        speeds = ()
    if not speeds or not all(0.5 <= speed <= 2 for speed in speeds):
        raise ModelError(f"{path}: its speeds are not a JSON list of numbers from 0.5 to 2: export it again")
    return speeds
