"""What an exported file says of the embeddings of all that is said."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dwindle.infer.speech import SAMPLE_RATE
from dwindle.tasks.speech.corpora import TRAIN, Clip
from dwindle.tasks.speech.crowd import READING_SHARE, RUNNING_SAMPLES, crowd_of
from dwindle.tasks.speech.datasets import HeardClips
from dwindle.tasks.speech.store import FULL_SCALE, ClipStore


def loudness(feed):
    """An engine whose embedding is how loud a window is, and noise along two more axes."""
    noise = torch.randn(len(feed["audio"]), 2, generator=torch.Generator().manual_seed(0))
    return {"embedding": torch.cat([feed["audio"].std(dim=1, keepdim=True), noise], dim=1)}


def words(amplitude: float) -> HeardClips:
    noise = amplitude * torch.randn(40, SAMPLE_RATE, generator=torch.Generator().manual_seed(1))
    return HeardClips(noise, ["1"] * 40, ["somebody"] * 40)


def reading(amplitude: float, lengths: list[int]) -> ClipStore:
    samples = (amplitude * FULL_SCALE * np.random.default_rng(0).standard_normal(sum(lengths))).astype(np.int16)
    ends = np.cumsum(lengths)
    bounds = np.stack([ends - lengths, ends], axis=1)
    return ClipStore([Clip(Path(), "reject", "reader", "running", TRAIN) for _ in lengths], samples, bounds, bounds)


def mean_of(crowd: str | None) -> np.ndarray:
    assert crowd is not None
    return np.frombuffer(base64.b64decode(json.loads(crowd)["mean"]), "<f2")


def test_people_reading_have_most_of_the_weight_however_few_their_stretches_are():
    """A regression: told from single words alone, a long new word was heard all day in running speech."""
    alone = mean_of(crowd_of(loudness, [words(0.05)]))[0]
    for count in (3, 300):
        both = mean_of(crowd_of(loudness, [words(0.05)], reading(0.2, [RUNNING_SAMPLES + 100] * count)))[0]
        assert both == pytest.approx((1 - READING_SHARE) * alone + READING_SHARE * 0.2, abs=0.003)


def test_a_stretch_that_is_shorter_than_a_window_is_left_out():
    whole, short = RUNNING_SAMPLES, RUNNING_SAMPLES - 1
    with_short, without = (
        crowd_of(loudness, [words(0.05)], reading(0.2, [*lengths])) for lengths in ([whole, short], [whole])
    )
    assert with_short == without
