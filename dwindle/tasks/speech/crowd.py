"""The crowd: what embeddings look like of all that is said, so that one word's can be told from those of the others.

A network's embedding spreads widely along what its own words differ in, and hardly at all along what others differ in.
An exported file therefore carries the mean of many embeddings, and axes along which they all spread alike.
"""

import base64
import json
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from dwindle.engine import Engine, in_batches
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.infer.speech.edges import speech_edges
from dwindle.tasks.speech.datasets import HeardClips
from dwindle.tasks.speech.store import FULL_SCALE, ClipStore

MOST_CLIPS = 500  # of each set, taken at even distances
MOST_STRETCHES = 4_000  # of people reading, likewise
READING_SHARE = 0.75  # of the weight, where there is any: a word must not be taken for what people say all day
RUNNING_SAMPLES = SAMPLE_RATE * 768 // 1000  # what a listener hears at a time
RUNNING_HOP = SAMPLE_RATE // 2
RUNNING_LEVEL = 0.05  # RMS of every word in it
SHRINKAGE = 0.1  # of the mean variance is added to each: axes along which a few clips do not differ mean nothing
READ_BATCH = 128


def crowd_of(engine: Engine, sets: Iterable[HeardClips], reading: ClipStore | None = None) -> str | None:
    """The crowd as metadata of a file: JSON; None for a network that gives no embedding, or always the same.

    `sets` are of single words, `reading` is of stretches that people read aloud.
    """
    if "embedding" not in engine({"audio": torch.zeros(1, RUNNING_SAMPLES)}):
        return None
    clips = torch.cat([_some(heard.audio) for heard in sets])
    parts = [torch.cat([_embeddings(engine, audio) for audio in (clips, _running(clips))])]
    if reading:
        parts.append(_embeddings(engine, _windows(reading)))
    embeddings = torch.cat(parts).double().numpy()
    shares = [1.0] if len(parts) == 1 else [1 - READING_SHARE, READING_SHARE]
    weights = np.concatenate([np.full(len(part), share / len(part)) for part, share in zip(parts, shares, strict=True)])
    covariance = np.cov(embeddings.T, aweights=weights)
    variance = np.trace(covariance) / len(covariance)
    if not (np.isfinite(variance) and variance > 0):
        return None
    # the triangle of Cholesky does what any other square root of the inverse does, and has half the numbers
    root = np.linalg.cholesky(covariance + SHRINKAGE * variance * np.eye(len(covariance)))
    axes = np.linalg.inv(root)[np.tril_indices(len(root))]
    mean = weights @ embeddings
    return json.dumps({"mean": _packed(mean), "axes": _packed(axes), "clips": len(embeddings)})


def _embeddings(engine: Engine, audio: Tensor) -> Tensor:
    return in_batches(engine, {"audio": audio}, READ_BATCH)["embedding"]


def _some(audio: Tensor) -> Tensor:
    return audio[torch.linspace(0, len(audio) - 1, min(len(audio), MOST_CLIPS)).long()]


def _windows(reading: ClipStore) -> Tensor:
    """What a listener hears of each stretch at some moment."""
    spread = np.linspace(0, len(reading) - 1, min(len(reading), MOST_STRETCHES)).astype(int)
    heard = [reading.whole(index)[:RUNNING_SAMPLES] for index in spread]
    whole = np.stack([window for window in heard if len(window) == RUNNING_SAMPLES])
    return torch.from_numpy(whole.astype(np.float32) / FULL_SCALE)


def _running(clips: Tensor) -> Tensor:
    """The same words without a pause, in windows that begin and end anywhere: running speech has them so."""
    shuffled = clips[torch.randperm(len(clips), generator=torch.Generator().manual_seed(0))].numpy()
    words = [clip[slice(*speech_edges(clip))] for clip in shuffled]
    levelled = [RUNNING_LEVEL / max(float(word.std()), 1e-4) * word for word in words]
    stream = np.concatenate([*levelled, np.zeros(RUNNING_SAMPLES, np.float32)])
    return torch.from_numpy(stream).unfold(0, RUNNING_SAMPLES, RUNNING_HOP)


def _packed(numbers: np.ndarray) -> str:
    return base64.b64encode(numbers.astype("<f2").tobytes()).decode()
