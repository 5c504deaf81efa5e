"""Answers for whole files: the words of continuous speech, or the one word that fills its file."""

import math
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from dwindle.errors import UserError, describe_os_error
from dwindle.infer.speech.edges import speech_edges
from dwindle.infer.speech.hindsight import Hindsight
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.padding import amid_own_hiss
from dwindle.infer.speech.processor import AudioProcessor
from dwindle.infer.speech.sound_file import HIGHEST_RATE, LOWEST_RATE, native_name, stream_audio
from dwindle.infer.speech.word import WordEvent, as_text

LONGEST_ISOLATED_S = 60
SHORT_S = 1.0  # one block
HISS_AROUND_S = 0.75  # about what a run of the network sees
# A short recording in which no word was found, and whose speech lasts no longer than a word, is judged again as a clip
# of one word: so 77 of 2,299 single digits by people are right that the rules for running speech miss, and 5 wrong.
SHORT_RECORDING_S = 4.0
LONGEST_WORD_S = 0.9


@dataclass(frozen=True)
class Settings:
    """What a listener is made from; every worker process makes its own."""

    model: Path
    threshold: float | None
    threads: int
    vad: str
    isolated: bool
    words: Path | None = None  # a file of enrolled words; else the one beside the model, if there is one
    only_words: bool = False  # whatever is heard is one of the words

    def recogniser(self) -> Recogniser:
        """The model that listens."""
        return Recogniser(self.model, self.threshold, self.threads, self.words, self.only_words)


class FileListener:
    """Answers for whole files, one after the other."""

    def __init__(self, settings: Settings, recogniser: Recogniser | None = None):
        self.recogniser = recogniser or settings.recogniser()
        self._inference = None  # whoever asks for isolated words needs no voice detector
        if not settings.isolated:
            self._inference = Hindsight(self.recogniser, settings.vad)

    def hear(self, path: str | os.PathLike) -> dict[str, Any]:
        """The answer as a row of JSON; what is wrong with a file is its answer too."""
        started, path = time.perf_counter(), os.fspath(path)
        try:
            digits = self._all_words(path, self._inference) if self._inference else self._one_word(path)
        except (UserError, OSError) as error:
            return error_row(path, error)
        latency_ms = round((time.perf_counter() - started) * 1000, 2)
        text = as_text([digit["digit"] for digit in digits])
        return {"file": path, "text": text, "digits": digits, "latency_ms": latency_ms}

    def hear_bytes(self, name: str, content: bytes) -> dict[str, Any]:
        """Likewise for a file that came from elsewhere; `name` is what its row calls it."""
        with tempfile.NamedTemporaryFile(suffix=Path(name).suffix[:8]) as file:
            file.write(content)
            file.flush()
            row = self.hear(file.name)
        if "error" in row:
            row["error"] = row["error"].replace(file.name, name)
        return row | {"file": name}

    def _all_words(self, path: str, inference: Hindsight) -> list[dict[str, Any]]:
        blocks, rate = native_blocks(path)
        first = next(blocks, np.zeros(0, np.float32))
        processor = AudioProcessor(rate, self.recogniser.sample_rate)
        sound, before_s = _processed(chain([first], blocks), processor), 0.0
        if len(first) < rate * SHORT_S:  # then it is all there is
            recording, before_s = np.concatenate(list(sound)), HISS_AROUND_S
            longer = len(recording) + 2 * round(HISS_AROUND_S * self.recogniser.sample_rate)
            sound = iter([amid_own_hiss(recording, longer, self.recogniser.sample_rate)])
        inference.reset()
        events, short = [], []
        for chunk in sound:
            events += inference.process(chunk)
            if processor.seconds_heard <= SHORT_RECORDING_S:
                short.append(chunk)
        events += inference.finish()
        if not events and inference.heard_voice and processor.seconds_heard <= SHORT_RECORDING_S:
            around = round(before_s * self.recogniser.sample_rate)
            recording = np.concatenate(short)
            return self._lone_word(recording[around : len(recording) - around], LONGEST_WORD_S)
        events.sort(key=lambda event: event.start_s)  # an enrolled word is certain before a digit's end is
        heard_s = processor.seconds_heard
        inside = [event for event in events if event.end_s > before_s and event.start_s < before_s + heard_s]
        return [event.within(before_s, heard_s).as_json() for event in inside]

    def _one_word(self, path: str) -> list[dict[str, Any]]:
        rate, heard, blocks = self.recogniser.sample_rate, 0, []
        for block in stream_audio(path, rate):
            blocks.append(block)
            heard += len(block)
            if heard > LONGEST_ISOLATED_S * rate:
                raise UserError(f"longer than {LONGEST_ISOLATED_S} s: not an isolated word; leave --isolated away")
        return self._lone_word(np.concatenate(blocks))

    def _lone_word(self, clip: np.ndarray, longest_s: float = math.inf) -> list[dict[str, Any]]:
        """The one word of a clip; none where it is no word of ours, or where its speech is longer than that."""
        rate = self.recogniser.sample_rate
        begin, end = speech_edges(clip, rate)
        if end - begin > longest_s * rate:
            return []
        answer = self.recogniser.classify(clip)
        if answer.label is None:
            return []
        word = WordEvent(answer.label, begin / rate, end / rate, answer.confidence, emitted_s=len(clip) / rate)
        return [word.as_json()]


def error_row(path: str, error: UserError | OSError) -> dict[str, Any]:
    """What is wrong with a file, which its row names already."""
    text = describe_os_error(error) if isinstance(error, OSError) else str(error)
    return {"file": path, "error": text.removeprefix(f"{path}: ").removeprefix(f"{Path(path)}: ")}


def native_blocks(path: str) -> tuple[Iterator[np.ndarray], int]:
    """A file at its own rate, in blocks; whatever is wrong with it is said when the first block is asked for."""
    rate = 0
    if os.path.isfile(path):  # noqa: PTH113 - Path's own raises; and a named pipe would wait for its writer
        with suppress(soundfile.LibsndfileError, TypeError):
            rate = soundfile.info(native_name(path)).samplerate
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        rate = HIGHEST_RATE  # too coarse for no model, so that what is wrong with the file is said
    return stream_audio(path, rate), rate


def _processed(blocks: Iterable[np.ndarray], processor: AudioProcessor) -> Iterator[np.ndarray]:
    yield from map(processor.process, blocks)
    yield processor.finish()
