"""Edits between the words that were said and the words that were heard, and how sure their rate is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLINGS = 2_000
NORMAL_95 = 1.959964  # two-sided


def wilson_interval(correct: float, count: float) -> tuple[float, float]:
    """The 95% interval of a proportion (Wilson 1927); honest for small counts and near 0 or 1."""
    if count == 0:
        return 0.0, 1.0
    share, z2 = correct / count, NORMAL_95**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = NORMAL_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True)
class Edits:
    """What turns the truth into the answer."""

    substitutions: int
    deletions: int
    insertions: int
    words: int  # in the truth

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    def __add__(self, other: "Edits") -> "Edits":
        return Edits(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.words + other.words,
        )


NO_EDITS = Edits(0, 0, 0, 0)


def edits(truth: Sequence[str], answer: Sequence[str]) -> Edits:
    """The fewest substitutions, deletions and insertions between two strings of words."""
    row = [Edits(0, 0, count, 0) for count in range(len(answer) + 1)]
    for index, word in enumerate(truth):
        above, row = row, [Edits(0, index + 1, 0, 0)]
        for column, heard in enumerate(answer):
            kept = above[column] if word == heard else above[column] + Edits(1, 0, 0, 0)
            lost, added = above[column + 1] + Edits(0, 1, 0, 0), row[column] + Edits(0, 0, 1, 0)
            row.append(min(kept, lost, added, key=lambda path: path.errors))
    return row[-1] + Edits(0, 0, 0, len(truth))


def error_rate_interval(per_file: Sequence[Edits], seed: int = 0) -> tuple[float, float]:
    """95% interval of errors per word, by drawing the files anew: errors within one file hang together."""
    errors = np.array([one.errors for one in per_file])
    words = np.array([one.words for one in per_file])
    total, count = int(errors.sum()), max(1, int(words.sum()))
    if total == 0 or (len(set(per_file)) == 1 and total <= count):  # drawing these anew shows nothing
        return wilson_interval(total, count)
    rng = np.random.default_rng(seed)
    draws = (rng.integers(len(per_file), size=len(per_file)) for _ in range(RESAMPLINGS))
    rates = [errors[draw].sum() / max(1, words[draw].sum()) for draw in draws]
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)
