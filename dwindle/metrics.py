"""Metrics: a number, what it was counted on, and a 95% interval that says how far to trust it."""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dwindle.edits import NO_EDITS, Edits, error_rate_interval, wilson_interval

NORMAL_95 = 1.959964  # two-sided
SHARE, NATS, BITS = "share", "perplexity", "bits per character"  # units


@dataclass(frozen=True)
class Metric:
    """One result. Every task's numbers have this form, so that results, choices and reports need no other."""

    value: float
    low: float  # of the 95% interval
    high: float
    count: int  # clips, sentences, characters: what the value is a mean over
    unit: str = SHARE
    higher_is_better: bool = True

    @property
    def standard_error(self) -> float:
        return (self.high - self.low) / (2 * NORMAL_95)

    def gain_over(self, other: "Metric") -> float:
        """How much better this one is, in its own unit; below zero where it is worse."""
        difference = self.value - other.value
        return difference if self.higher_is_better else -difference

    def better_than(self, other: "Metric") -> bool:
        return self.gain_over(other) > 0

    def tied_with(self, other: "Metric") -> bool:
        """Within one standard error: chance alone would make such a difference."""
        return abs(self.gain_over(other)) <= max(self.standard_error, other.standard_error)

    @property
    def correct(self) -> int:
        """Of a share: how many were right."""
        return round(self.value * self.count)

    @property
    def short(self) -> str:
        """The value alone, as a progress line has room for."""
        return f"{100 * self.value:.2f}%" if self.unit == SHARE else f"{self.value:.4f} {self.unit}"

    def __str__(self) -> str:
        if self.unit == SHARE:
            numbers = f"{self.correct}/{self.count}, {100 * self.low:.1f} to {100 * self.high:.1f}"
            return f"{100 * self.value:.2f}% ({numbers})"
        return f"{self.value:.4f} {self.unit} ({self.low:.4f} to {self.high:.4f}, {self.count:,})"

    def as_row(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def accuracy(correct: int, count: int, effective_count: float | None = None) -> Metric:
    """A share with its Wilson interval; `effective_count` is what the interval counts, where examples hang together."""
    value = correct / count if count else 0.0
    trusted = count if effective_count is None else effective_count
    return Metric(value, *wilson_interval(value * trusted, trusted), count)


def accuracy_by_group(right: Sequence[bool], groups: Sequence[Hashable]) -> Metric:
    """Accuracy whose interval holds for other speakers too: clips of one voice are right or wrong together.

    How much less they say than as many voices would is Kish's design effect, of the variance between groups.
    """
    value = sum(right) / max(1, len(right))
    beyond: dict[Hashable, float] = defaultdict(float)
    for is_right, group in zip(right, groups, strict=True):
        beyond[group] += is_right - value
    if len(beyond) < 2 or value in (0.0, 1.0):  # nothing shows how much groups differ
        return accuracy(sum(right), len(right))
    between = len(beyond) / (len(beyond) - 1) * sum(one * one for one in beyond.values())
    design_effect = between / (len(right) * value * (1 - value))
    return accuracy(sum(right), len(right), len(right) / max(1.0, design_effect))


def error_rate(per_file: Sequence[Edits]) -> Metric:
    """Words wrong, missed or added, per word said; the interval draws the files anew."""
    total = sum(per_file, NO_EDITS)
    low, high = error_rate_interval(per_file)
    return Metric(total.errors / max(1, total.words), low, high, total.words, higher_is_better=False)


def bits_per_character(nats_per_chunk: Sequence[float], characters_per_chunk: Sequence[int]) -> Metric:
    """Cross-entropy in bits; its interval takes the chunks of text as independent."""
    mean, low, high = _mean_over_chunks(nats_per_chunk, characters_per_chunk)
    per_bit = math.log(2)
    return Metric(mean / per_bit, low / per_bit, high / per_bit, sum(characters_per_chunk), BITS, False)


def perplexity(nats_per_chunk: Sequence[float], tokens_per_chunk: Sequence[int]) -> Metric:
    """The exponential of the mean cross-entropy per token."""
    mean, low, high = _mean_over_chunks(nats_per_chunk, tokens_per_chunk)
    return Metric(math.exp(mean), math.exp(low), math.exp(high), sum(tokens_per_chunk), NATS, False)


def area_under_curve(positive: Sequence[float], negative: Sequence[float]) -> Metric:
    """AUROC: how often a positive scores above a negative, ties half; interval by Hanley and McNeil (1982)."""
    ordered = np.sort(np.asarray(negative, float))
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    value = float(below.mean() / (2 * len(ordered)))
    twice_positive, twice_negative = value / (2 - value), 2 * value**2 / (1 + value)
    m, n = len(positive), len(ordered)
    spread = value * (1 - value) + (m - 1) * (twice_positive - value**2) + (n - 1) * (twice_negative - value**2)
    half = NORMAL_95 * math.sqrt(max(0.0, spread) / (m * n))
    return Metric(value, max(0.0, value - half), min(1.0, value + half), m + n)


def _mean_over_chunks(nats: Sequence[float], counts: Sequence[int]) -> tuple[float, float, float]:
    """The mean per token with its 95% interval, by the ratio estimator over chunks."""
    totals, sizes = np.asarray(nats, float), np.asarray(counts, float)
    mean = float(totals.sum() / sizes.sum())
    if len(totals) < 2:
        return mean, mean, mean
    variance = float(np.var(totals - mean * sizes, ddof=1)) * len(totals) / float(sizes.sum()) ** 2
    half = NORMAL_95 * math.sqrt(variance)
    return mean, mean - half, mean + half
