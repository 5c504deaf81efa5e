"""Listening: sound as it comes, words as they are understood."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from dwindle.infer.speech.display import Display
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.processor import AudioProcessor
from dwindle.infer.speech.word import WordEvent


class Source(Protocol):
    """Where live sound comes from: a microphone, a file against a clock, a pipe."""

    rate: int
    overflows: int
    samples_lost: int

    def chunks(self) -> Iterator[np.ndarray]: ...

    def seconds_captured(self) -> float: ...


def listen(source: Source, inference: RealTimeInference, display: Display) -> bool:
    """Until the source ends or fails, or Ctrl-C; whether it was that. The summary is shown in every case."""
    processor = AudioProcessor(source.rate, inference.recogniser.sample_rate)

    def show(events: list[WordEvent]) -> None:
        for event in events:
            waited_ms = (source.seconds_captured() - event.end_s) * 1000
            display.word(event, max(waited_ms, event.latency_ms))

    interrupted = False
    try:
        try:
            for chunk in source.chunks():
                show(inference.process(processor.process(chunk)))
                display.state(processor, inference.voice_active, source.overflows, source.samples_lost)
        except KeyboardInterrupt:  # how a person ends it
            interrupted = True
        show(inference.process(processor.finish()) + inference.finish())
    finally:
        display.summary(processor.seconds_heard, source.overflows, source.samples_lost)
    return interrupted
