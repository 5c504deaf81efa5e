"""PocketSphinx 5 with a loop of ten digits, on sound that Dwindle is measured on too.

It runs in a process of its own, so that its memory can be told from ours.
"""

import multiprocessing
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import soxr
from pocketsphinx import Decoder

from dwindle.infer.speech import SAMPLE_RATE
from dwindle.tasks.speech.vocabulary import DIGIT_WORDS

MODEL_RATE = 16_000  # of its bundled English model
LOOP = f"#JSGF V1.0; grammar digits; public <digits> = ({' | '.join(DIGIT_WORDS)})+;"
# chosen on FSDD's validation takes: its own defaults add a word in every pause (47% errors there, with these 29%)
PENALTIES = {"wip": 1e-3, "silprob": 0.1, "fillprob": 1e-2}
SINGLE = f"#JSGF V1.0; grammar digits; public <digits> = {' | '.join(DIGIT_WORDS)};"


@dataclass(frozen=True)
class Reference:
    """What it heard in each sound, and what that cost."""

    answers: list[list[str]]
    seconds: float
    memory_mb: float


def recognise(sounds: Sequence[np.ndarray], isolated: bool = False) -> Reference:
    """Every sound decoded as one utterance: its best case, with all of the sound before it."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as pool:
        return pool.submit(_recognise, list(sounds), isolated).result()


def _recognise(sounds: list[np.ndarray], isolated: bool) -> Reference:
    decoder = Decoder(samprate=MODEL_RATE, lm=None, loglevel="FATAL", **PENALTIES)
    decoder.add_jsgf_string("digits", SINGLE if isolated else LOOP)
    decoder.activate_search("digits")
    answers, seconds = [], 0.0
    for sound in sounds:
        pcm = (np.clip(soxr.resample(sound, SAMPLE_RATE, MODEL_RATE), -1, 1) * 32_767).astype("<i2").tobytes()
        started = time.perf_counter()
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        seconds += time.perf_counter() - started
        words = decoder.hyp().hypstr.split() if decoder.hyp() else []
        answers.append([str(DIGIT_WORDS.index(word)) for word in words if word in DIGIT_WORDS])
    return Reference(answers, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
