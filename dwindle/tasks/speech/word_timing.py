"""When in a word the frames of a network name it: training leaves that to chance, and a listener must know it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dwindle.infer.speech import SAMPLE_RATE
from dwindle.infer.speech.edges import MARGIN_MS, speech_edges


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
