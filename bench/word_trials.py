"""Trials of an enrolled word: the recordings that enrol it, those that should be found, and what else is taken for it.

bench/enrol.py and bench/enrol_training.py judge by them; there is nothing to run here.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dwindle.edits import Edits, error_rate_interval
from dwindle.infer.speech.enrolled import Match
from dwindle.infer.speech.spotter import RELEASED, SETTLED_RUNS, Spotter
from dwindle.metrics import Metric, accuracy_by_group

ALLOWED_A_MINUTE = 0.1
RIDGE = 1.0  # of the logistic regression, on directions of length 1
STEPS = 25


@dataclass(frozen=True)
class Heard:
    """A recording as the listener heard it: where each run of the network put its sound, and when."""

    word: str
    speaker: str
    times_s: np.ndarray
    directions: np.ndarray
    whole: np.ndarray | None = None  # of a clip of one word: as enrolment hears it
    minutes: float = 0.0


@dataclass(frozen=True)
class Trial:
    """A word enrolled from some recordings, and recordings in which it should be heard."""

    word: str
    enrolled: tuple[Heard, ...]
    tests: tuple[Heard, ...]


def chooses(speaker: str) -> bool:
    """Half of the speakers, by their names alone."""
    return hashlib.sha256(speaker.encode()).digest()[0] % 2 == 0


def same_speaker(clips: Sequence[Heard], count: int) -> list[Trial]:
    """Each take of a word in turn is the test, and `count` of the others by the same speaker enrol it."""
    groups: dict[tuple[str, str], list[Heard]] = defaultdict(list)
    for clip in clips:
        groups[clip.word, clip.speaker].append(clip)
    return [
        Trial(word, tuple((takes[number + 1 :] + takes[:number])[:count]), (test,))
        for (word, _), takes in groups.items()
        for number, test in enumerate(takes)
        if len(takes) > count
    ]


def times_found(heard: Heard, weights: np.ndarray, least: float) -> int:
    """How often a spotter finds a word in what was heard; runs far from any match change nothing in it."""
    scores = heard.directions @ weights
    near = np.flatnonzero(scores >= least - RELEASED)
    runs = np.unique(np.add.outer(near, np.arange(SETTLED_RUNS + 1)).ravel()).astype(int)
    spotter, found = Spotter(), 0
    for run_number in runs[runs < len(scores)]:
        match = Match("word", float(scores[run_number]), least)
        found += spotter.follow(match, float(heard.times_s[run_number])) is not None
    return found + (spotter.finish() is not None)


def false_accepts(words: Sequence[np.ndarray], stream: Sequence[Heard], least: float) -> Metric:
    """A minute of people reading, the mean over words; the interval draws the people anew."""
    hits = [sum(times_found(one, word, least) for word in words) for one in stream]
    seconds = [max(1, round(60 * one.minutes * len(words))) for one in stream]
    low, high = error_rate_interval([Edits(0, 0, hit, long) for hit, long in zip(hits, seconds, strict=True)])
    return Metric(60 * sum(hits) / sum(seconds), 60 * low, 60 * high, sum(hits), "a minute", False)


def regression(trial: Trial, others: Sequence[Heard]) -> np.ndarray:
    """Weights of a ridge-penalised logistic regression: the enrolling recordings against all that others said."""
    positive = np.stack([one.whole for one in trial.enrolled])
    negative = np.concatenate([one.directions[::3] for one in others if one.word != trial.word])
    x = np.concatenate([positive, negative]).astype(np.float64)
    x = np.hstack([x, np.ones((len(x), 1))])
    target = np.arange(len(x)) < len(positive)
    balance = np.where(target, len(negative) / len(positive), 1.0) * len(positive) / len(x)
    weights = np.zeros(x.shape[1])
    penalty = RIDGE * np.diag([*np.ones(x.shape[1] - 1), 1e-6]) * len(positive) / 10
    for _ in range(STEPS):
        share = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        gradient = x.T @ (balance * (share - target)) + penalty @ weights
        curvature = (x * (balance * share * (1 - share))[:, None]).T @ x + penalty
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < 1e-4:
            break
    return weights[:-1] / max(float(np.linalg.norm(weights[:-1])), 1e-9)


def at_equal_false_accepts(trials: list[Trial], words: list[np.ndarray], stream: list[Heard]) -> Metric:
    """Right with each word's own threshold."""
    right, speakers = [], []
    for trial, weights in zip(trials, words, strict=True):
        right += right_at_allowed(trial, weights, stream)
        speakers += [test.speaker for test in trial.tests]
    return accuracy_by_group(right, speakers)


def right_at_allowed(trial: Trial, weights: np.ndarray, stream: list[Heard]) -> list[bool]:
    """Which tests are found at the lowest threshold that gives the word no more false accepts than are allowed."""
    minutes = sum(one.minutes for one in stream)
    low, high = -1.0, 1.0
    for _ in range(8):
        middle = (low + high) / 2
        many = sum(times_found(one, weights, middle) for one in stream) > ALLOWED_A_MINUTE * minutes
        low, high = (middle, high) if many else (low, middle)
    return [times_found(test, weights, high) > 0 for test in trial.tests]
