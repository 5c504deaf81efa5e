"""Answers for whole files: words in running sound, or one word that fills its file; by one process or several."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from tqdm import tqdm

from dwindle.errors import UserError, describe_os_error, sigterm_as_interruption
from dwindle.infer.speech.edges import speech_edges
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.padding import amid_own_hiss
from dwindle.infer.speech.processor import AudioProcessor
from dwindle.infer.speech.sound_file import HIGHEST_RATE, LOWEST_RATE, native_name, stream_audio
from dwindle.infer.speech.vad import VoiceActivityDetector
from dwindle.infer.speech.word import as_text

PROGRESS_FROM = 20  # files; fewer are done before a bar is read
LONGEST_ISOLATED_S = 60
SHORT_S = 1.0  # one block
HISS_AROUND_S = 0.75  # about what a run of the network sees
MOST_IN_A_CHUNK = 4  # files that a worker takes at once


@dataclass(frozen=True)
class Settings:
    """What a listener is made from; every worker process makes its own."""

    model: Path
    threshold: float | None
    threads: int
    vad: str
    isolated: bool


class FileListener:
    """Answers for whole files, one after the other."""

    def __init__(self, settings: Settings):
        self.recogniser = Recogniser(settings.model, settings.threshold, settings.threads)
        self._inference = None  # whoever asks for isolated words needs no voice detector
        if not settings.isolated:
            detector = VoiceActivityDetector(settings.vad, self.recogniser.sample_rate)
            self._inference = RealTimeInference(self.recogniser, detector)

    def hear(self, path: str) -> dict[str, Any]:
        """The answer as a row of JSON; what is wrong with a file is its answer too."""
        started = time.perf_counter()
        try:
            digits = self._all_words(path) if self._inference else self._one_word(path)
        except (UserError, OSError) as error:
            return error_row(path, error)
        latency_ms = round((time.perf_counter() - started) * 1000, 2)
        text = as_text([digit["digit"] for digit in digits])
        return {"file": path, "text": text, "digits": digits, "latency_ms": latency_ms}

    def _all_words(self, path: str) -> list[dict[str, Any]]:
        blocks, rate = native_blocks(path)
        first = next(blocks, np.zeros(0, np.float32))
        processor = AudioProcessor(rate, self.recogniser.sample_rate)
        sound, before_s = _processed(chain([first], blocks), processor), 0.0
        if len(first) < rate * SHORT_S:  # then it is all there is
            recording, before_s = np.concatenate(list(sound)), HISS_AROUND_S
            longer = len(recording) + 2 * round(HISS_AROUND_S * self.recogniser.sample_rate)
            sound = iter([amid_own_hiss(recording, longer, self.recogniser.sample_rate)])
        self._inference.reset()
        events = [event for chunk in sound for event in self._inference.process(chunk)] + self._inference.finish()
        for event in events:
            event.start_s = max(0.0, event.start_s - before_s)
            event.end_s = min(event.end_s - before_s, processor.seconds_heard)
        return [event.as_json() for event in events]

    def _one_word(self, path: str) -> list[dict[str, Any]]:
        rate, heard, blocks = self.recogniser.sample_rate, 0, []
        for block in stream_audio(path, rate):
            blocks.append(block)
            heard += len(block)
            if heard > LONGEST_ISOLATED_S * rate:
                raise UserError(f"longer than {LONGEST_ISOLATED_S} s: not an isolated word; leave --isolated away")
        clip = np.concatenate(blocks)
        begin, end = speech_edges(clip, rate)
        answer = self.recogniser.classify(word_window(clip, (begin + end) // 2, self.recogniser))
        if answer.label is None:
            return []
        span = {"start": round(begin / rate, 3), "end": round(end / rate, 3)}
        return [{"digit": answer.label, **span, "confidence": round(answer.confidence, 4)}]


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


def word_window(clip: np.ndarray, centre: int, recogniser: Recogniser) -> np.ndarray:
    """What the network hears of a clip of one word, as it was trained: a long one is cut about its speech's centre."""
    window_samples = recogniser.window_samples
    start = min(max(centre - window_samples // 2, 0), max(0, len(clip) - window_samples))
    return amid_own_hiss(clip[start : start + window_samples], window_samples, recogniser.sample_rate)


_worker: FileListener


def _start_worker(settings: Settings) -> None:
    global _worker
    _worker = FileListener(settings)


def _hear_in_worker(path: str) -> dict[str, Any]:
    return _worker.hear(path)


def answers(settings: Settings, paths: Sequence[str], workers: int) -> Iterator[dict[str, Any]]:
    """One row per file, in the order of the files, with a progress bar when there are many."""
    listener = FileListener(settings)  # here too: a bad model is one error, not one per worker
    bar = {"total": len(paths), "unit": "file", "disable": len(paths) < PROGRESS_FROM or None, "leave": False}
    workers = min(workers, len(paths))
    if workers < 2:
        yield from tqdm(map(listener.hear, paths), **bar)
        return
    spawn = multiprocessing.get_context("spawn")  # the engine's threads do not survive a fork
    pool = ProcessPoolExecutor(workers, spawn, _start_worker, (settings,))
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as the workers inherit it: Ctrl-C is for this process
    try:
        rows = pool.map(_hear_in_worker, paths, chunksize=max(1, min(MOST_IN_A_CHUNK, len(paths) // (4 * workers))))
    finally:
        signal.signal(signal.SIGINT, handler)
    try:
        with sigterm_as_interruption():  # as it would leave the workers behind
            yield from tqdm(rows, **bar)
    except BrokenProcessPool as error:
        raise UserError("a worker was stopped from outside: try fewer --workers, or free some memory") from error
    finally:  # all done, or nobody waits for the rest
        for process in multiprocessing.active_children():
            process.terminate()
        pool.shutdown(cancel_futures=True)
