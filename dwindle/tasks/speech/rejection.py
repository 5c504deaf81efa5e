"""The calibrated way to say "that was none of the words": a threshold on the best word's probability."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dwindle.engine import Engine, in_batches
from dwindle.infer.speech.speeds import at_speed
from dwindle.metrics import Metric, accuracy_by_group

ACCEPTED_WORDS_SHARE = 0.97  # of the validation words that the threshold lets through


@dataclass(frozen=True)
class Heard:
    """What a model made of a batch: the best word of each clip (its class number) and that word's probability."""

    words: Tensor
    probabilities: Tensor

    def only(self, chosen: Tensor) -> "Heard":
        return Heard(self.words[chosen], self.probabilities[chosen])


def mean_logits(engine: Engine, audio: Tensor, speeds: Sequence[float], batch_size: int) -> Tensor:
    """Of clips, each heard at several speeds."""
    clips = audio.numpy()
    heard = [torch.from_numpy(np.apply_along_axis(at_speed, 1, clips, speed)) for speed in speeds]
    return torch.stack([in_batches(engine, {"audio": one}, batch_size)["logits"] for one in heard]).mean(0)


def best_words(logits: Tensor, reject_class: int) -> Heard:
    """The most probable word; the probability is over all classes, the rejecting one included."""
    probabilities = logits.float().softmax(dim=1)
    words_only = probabilities.clone()
    words_only[:, reject_class] = -1.0
    best, words = words_only.max(dim=1)
    return Heard(words, best)


def calibrated_threshold(words: Heard) -> float:
    """The highest threshold that still accepts the wanted share of real words."""
    ordered = words.probabilities.sort(descending=True).values
    accepted = math.ceil(ACCEPTED_WORDS_SHARE * len(ordered) - 1e-9)  # 0.97 x 100 is a little more than 97
    return float(ordered[accepted - 1])


def rejected(heard: Heard, threshold: float, speakers: Sequence[str]) -> Metric:
    """How many clips fall below the threshold; for clips that hold no word of ours, that is right."""
    return accuracy_by_group((heard.probabilities < threshold).tolist(), speakers)
