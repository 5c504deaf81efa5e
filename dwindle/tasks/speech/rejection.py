"""The calibrated way to say "that was none of the words": a threshold on how sure the best word is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dwindle.engine import Engine, in_batches
from dwindle.infer.speech.speeds import SPEEDS, at_speed, in_both_readings
from dwindle.metrics import Metric, accuracy_by_group

ACCEPTED_WORDS_SHARE = 0.97  # of the validation words that the threshold lets through


@dataclass(frozen=True)
class Heard:
    """What a model made of a batch: the best word of each clip (its class number), and how sure of it."""

    words: Tensor
    probabilities: Tensor

    def only(self, chosen: Tensor) -> "Heard":
        return Heard(self.words[chosen], self.probabilities[chosen])


def best_words(logits: Tensor, reject_class: int) -> Heard:
    """The most probable word; the probability is over all classes, the rejecting one included."""
    return _best(logits.float().softmax(dim=1), reject_class)


def best_in_both_readings(engine: Engine, audio: Tensor, batch_size: int, reject_class: int) -> Heard:
    """Of clips as files of one word are heard: at several speeds, and by pooled output and frames together."""
    at_speeds = [torch.from_numpy(np.apply_along_axis(at_speed, 1, audio.numpy(), speed)) for speed in SPEEDS]
    heard = [in_batches(engine, {"audio": one}, batch_size) for one in at_speeds]
    pooled = torch.stack([one["logits"].float() for one in heard]).mean(0).softmax(dim=1)
    peaks = torch.stack([one["frames"].float().softmax(dim=2).amax(dim=1)[:, :-1] for one in heard])
    return _best(torch.from_numpy(in_both_readings(pooled.numpy(), peaks.numpy())), reject_class)


def _best(sureness: Tensor, reject_class: int) -> Heard:
    words_only = sureness.clone()
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
