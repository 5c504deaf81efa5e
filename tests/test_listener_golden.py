"""The gate: the released model hears the recordings of this project as it was heard to hear them, frame by frame.

Events are pinned to a frame of 32 ms. A constant that was doubled or halved moves or loses one of them.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bench.streaming import latencies_ms, quality_row
from bench.streams import Spoken, Stream
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.infer.speech.edges import MARGIN_MS, speech_edges
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.sound_file import read_audio
from dwindle.infer.speech.word import WordEvent

ROOT = Path(__file__).parents[1]
RELEASED = ROOT / "artifacts" / "model_int8.onnx"
GOLDEN = Path(__file__).with_name("listener_golden.json")
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FRAME_S = 0.032
MOST_ERRORS = 0.1
MOST_LATENCY_MS = 250
SAMPLES = (*WORDS, "four_two", "one_seven_three", "hello")
STRINGS = {  # digits of the samples, the pause after each in seconds, and the noise in decibels of full scale
    "close": ("1730492586", 0.05, -75),
    "dictated": ("8261", 0.6, -75),
    "alone": ("5", 4.0, -75),
    "amid noise": ("40917", 0.3, -35),
    "loud noise": ("382", 1.0, -25),
}


@pytest.fixture(scope="module")
def inference() -> RealTimeInference:
    return RealTimeInference(Recogniser(RELEASED), final_ends=True)


def heard(inference: RealTimeInference, sound: np.ndarray) -> list[WordEvent]:
    inference.reset()
    chunks = [sound[at : at + 80] for at in range(0, len(sound), 80)]
    return [event for chunk in chunks for event in inference.process(chunk)] + inference.finish()


def string(digits: str, gap_s: float, noise_db: float) -> Stream:
    """Samples one after the other, from their first sound to their last, amid white noise; and what is said when."""
    rng, margin = np.random.default_rng(0), MARGIN_MS * SAMPLE_RATE // 1000
    parts, words, at = [np.zeros(SAMPLE_RATE * 3)], [], 3.0
    for digit in digits:
        sound = read_audio(ROOT / "samples" / f"{WORDS[int(digit)]}.wav")
        begin, end = speech_edges(sound)
        parts += [sound[begin:end], np.zeros(round(gap_s * SAMPLE_RATE))]
        words.append(Spoken(digit, at + margin / SAMPLE_RATE, at + (end - begin - margin) / SAMPLE_RATE))
        at += (len(parts[-2]) + len(parts[-1])) / SAMPLE_RATE
    clean = np.concatenate([*parts, np.zeros(SAMPLE_RATE * 3)])
    noise = 10 ** (noise_db / 20) * rng.standard_normal(len(clean))
    return Stream((clean + noise).astype(np.float32), words)


def noise_minute(kind: int) -> np.ndarray:
    """A minute in which nobody speaks: steady hiss, bursts of it, clicks, hum that comes and goes."""
    rng, count = np.random.default_rng(kind), 60 * SAMPLE_RATE
    time_s = np.arange(count) / SAMPLE_RATE
    hiss = rng.standard_normal(count)
    swell = np.clip(np.sin(2 * np.pi * 0.7 * time_s), 0, 1) ** 2
    clicks = np.where(rng.random(count) < 3e-4, rng.uniform(-1, 1, count), 0.0)
    hum = sum(np.sin(2 * np.pi * 110 * harmonic * time_s) / harmonic for harmonic in range(1, 12))
    kinds = (
        0.05 * hiss,
        0.2 * hiss * swell,
        np.convolve(clicks, np.exp(-np.arange(200) / 30), "same"),
        0.1 * hum * swell,
    )
    return np.clip(kinds[kind] + 1e-4 * hiss, -1, 1).astype(np.float32)


@cache
def sounds() -> dict[str, np.ndarray]:
    made = {name: read_audio(ROOT / "samples" / f"{name}.wav") for name in SAMPLES}
    return made | {name: string(*how).samples for name, how in STRINGS.items()}


def pinned(events: list[WordEvent]) -> list[list]:
    """What is written down: the digit, its first and last frame, when it was emitted, and how sure it was."""
    return [
        [e.digit, round(e.start_s / FRAME_S), round(e.end_s / FRAME_S), round(e.emitted_s / FRAME_S), e.confidence]
        for e in events
    ]


@pytest.mark.parametrize("name", [*SAMPLES, *STRINGS])
def test_events_are_those_written_down_to_the_frame(inference, name):
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))[name]
    found = pinned(heard(inference, sounds()[name]))
    assert [one[:1] for one in found] == [one[:1] for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one[1:4] == pytest.approx(other[1:4], abs=1)
        assert one[4] == pytest.approx(other[4], abs=0.02)  # the arithmetic of INT8 differs a little between processors


def test_the_quick_run_of_the_streaming_benchmark_stays_within_its_bounds(inference):
    streams = [string(*how) for how in STRINGS.values()]
    events = [heard(inference, stream.samples) for stream in streams]
    row = quality_row("samples", streams, [[event.digit for event in one] for one in events])
    assert row["error_rate"] <= MOST_ERRORS
    waited_ms = [ms for stream, one in zip(streams, events, strict=True) for ms in latencies_ms(stream, one)]
    assert np.median(waited_ms) < MOST_LATENCY_MS
    silent = [Stream(noise_minute(kind), []) for kind in range(4)]
    answers = [[event.digit for event in heard(inference, stream.samples)] for stream in silent]
    assert quality_row("noise", silent, answers)["false_alarms_per_minute"] == 0


if __name__ == "__main__":  # python -m tests.test_listener_golden: writes down what is heard today
    listener = RealTimeInference(Recogniser(RELEASED), final_ends=True)
    written = {name: pinned(heard(listener, sound)) for name, sound in sounds().items()}
    GOLDEN.write_text(
        "{\n" + ",\n".join(f"{json.dumps(n)}: {json.dumps(e)}" for n, e in written.items()) + "\n}\n", encoding="utf-8"
    )
