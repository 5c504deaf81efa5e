"""When the frames of a network are, and when in a word they name it: which training leaves to chance."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dwindle.engine import Engine
from dwindle.infer.speech import SAMPLE_RATE, WINDOW_SAMPLES
from dwindle.infer.speech.edges import MARGIN_MS, speech_edges


def frame_samples(engine: Engine) -> int:
    """The samples between two frames of a network's output: how many more of them eight more windows give."""
    short, long = (engine({"audio": torch.zeros(1, n * WINDOW_SAMPLES)})["frames"].shape[1] for n in (1, 9))
    return round(8 * WINDOW_SAMPLES / (long - short))


@dataclass(frozen=True)
class Peak:
    """The middle one of many words: how long after its start and before its end its frames are surest of it."""

    after_start_ms: float
    before_end_ms: float


def middle_peak(audio: Tensor, frames: Tensor, classes: Tensor) -> Peak:
    """Of words (n, samples) with what the network says of each frame (n, time, classes) and the right class of each."""
    samples_per_frame = audio.shape[1] / frames.shape[1]
    surest = frames.softmax(dim=-1)[torch.arange(len(classes)), :, classes].argmax(dim=1)
    peaks = (surest.numpy() + 0.5) * samples_per_frame
    margin = SAMPLE_RATE * MARGIN_MS // 1000
    starts, ends = np.array([speech_edges(word) for word in audio.numpy()]).T
    ms = 1000 / SAMPLE_RATE
    return Peak(
        after_start_ms=float(np.median(peaks - starts - margin) * ms),
        before_end_ms=float(np.median(ends - margin - peaks) * ms),
    )
