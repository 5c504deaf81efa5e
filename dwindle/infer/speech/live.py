"""Listening live: sound as it comes, words as they are understood, and what a person or a program sees of it."""

import json
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from dwindle.errors import signals_as_interruption
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.processor import AudioProcessor
from dwindle.infer.speech.word import WordEvent, as_text

METER_CELLS = 20
METER_FLOOR_DB = -60.0
REDRAW_S = 0.1
WORDS_COLUMNS = 8  # of a terminal's line, at least


class Display:
    """On a terminal one line that lives; elsewhere one line per word; for programs one JSON object per word."""

    def __init__(self, as_json: bool = False, asks_for_sound: bool = True):
        self._asks_for_sound = asks_for_sound  # a recording may well be silent
        self._as_json = as_json
        self._interactive = not as_json and sys.stdout.isatty()
        self._words: list[str] = []
        self._latencies_ms: list[float] = []
        self._drawn_at = 0.0
        self._losses_told = 0
        self._muted_told = False

    def note(self, text: str) -> None:
        """Something worth knowing, beside the words."""
        self._clear_line()
        print(text, file=sys.stderr, flush=True)

    def word(self, event: WordEvent, latency_ms: float) -> None:
        """A word was heard."""
        self._words.append(event.digit)
        self._latencies_ms.append(latency_ms)
        if self._as_json:
            print(json.dumps(event.as_json() | {"latency_ms": round(latency_ms, 1)}), flush=True)
        elif not self._interactive:
            print(f"{event.digit}  at {event.start_s:8.2f} s  {event.confidence:.2f}  {latency_ms:4.0f} ms", flush=True)
        self._drawn_at = 0.0  # a new word is not kept waiting for the next redraw

    def state(self, processor: AudioProcessor, voice_active: bool, overflows: int, samples_lost: int) -> None:
        """Level, voice and losses, as they are now."""
        if samples_lost + overflows > self._losses_told:
            if not self._losses_told:
                self.note("some sound was lost: this computer is too busy to keep up; the summary counts how often")
            self._losses_told = samples_lost + overflows
        if processor.muted and not self._muted_told and self._asks_for_sound:
            self.note("nothing but zeros comes in: is the microphone muted?")
            self._muted_told = True
        if self._interactive and time.monotonic() - self._drawn_at >= REDRAW_S:
            self._drawn_at = time.monotonic()
            self._draw(processor.level_db, voice_active)

    def summary(self, heard_s: float, overflows: int, samples_lost: int) -> None:
        """The whole of it, at the end."""
        text = as_text(self._words) or "none"
        line = f"listened for {heard_s:.1f} s; words: {text}"
        if self._latencies_ms:
            # twice each: a single one has quantiles too
            slow_ms = statistics.quantiles(2 * self._latencies_ms, n=20, method="inclusive")[-1]
            line += f"; latency median {statistics.median(self._latencies_ms):.0f} ms, p95 {slow_ms:.0f} ms"
        if overflows or samples_lost:
            line += f"; overflows {overflows}, samples lost {samples_lost}"
        self.note(line)

    def _draw(self, level_db: float, voice_active: bool) -> None:
        """The words get their room first; then, as far as the line reaches, meter, voice, level and latency."""
        columns = shutil.get_terminal_size().columns - 1  # the last one would wrap
        filled = round(METER_CELLS * min(1.0, max(0.0, 1 - level_db / METER_FLOOR_DB)))
        parts = [
            "█" * filled + "·" * (METER_CELLS - filled),
            "voice" if voice_active else " " * 5,
            f"{level_db:4.0f} dB",
            f"{self._latencies_ms[-1]:4.0f} ms" if self._latencies_ms else " " * 7,
        ]
        while parts and len("  ".join(parts)) + 2 + WORDS_COLUMNS > columns:
            parts.pop()
        head = "".join(f"{part}  " for part in parts)
        words = " ".join(self._words)[-max(1, columns - len(head)) :]
        print(f"\r{head}\033[1m{words}\033[0m\033[K", end="", flush=True)

    def _clear_line(self) -> None:
        if self._interactive:
            print("\r\033[K", end="", flush=True)


class Source(Protocol):
    """Where live sound comes from: a microphone, a file against a clock, a pipe."""

    rate: int
    overflows: int

    @property
    def samples_lost(self) -> int: ...

    def chunks(self) -> Iterator[np.ndarray]: ...

    def seconds_captured(self) -> float: ...


def listen(source: Source, inference: RealTimeInference, display: Display) -> int | None:
    """Until the source ends or fails, or a signal (Ctrl-C, SIGTERM, SIGHUP) whose number is returned.

    Whatever ends it, a summary is shown of what was heard; of nothing there is none.
    """
    processor = AudioProcessor(source.rate, inference.recogniser.sample_rate)

    def show(events: list[WordEvent]) -> None:
        for event in events:
            waited_ms = (source.seconds_captured() - event.end_s) * 1000
            display.word(event, max(waited_ms, event.latency_ms))

    number = None
    try:
        try:
            with signals_as_interruption():
                for chunk in source.chunks():
                    show(inference.process(processor.process(chunk)))
                    display.state(processor, inference.voice_active, source.overflows, source.samples_lost)
        except KeyboardInterrupt as interrupted:
            number = interrupted.args[0] if interrupted.args else signal.SIGINT
        show(inference.process(processor.finish()) + inference.finish())
    finally:
        if processor.seconds_heard or number:
            display.summary(processor.seconds_heard, source.overflows, source.samples_lost)
    return number
