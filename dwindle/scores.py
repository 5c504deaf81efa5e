"""Scores: counts with an interval that says how far to trust them."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

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
class Score:
    """So many right of so many."""

    correct: int
    count: int
    independent: float | None = None  # clips that would say as much, were no two of one voice; None: all of them

    @property
    def share(self) -> float:
        return self.correct / self.count if self.count else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95%."""
        count = self.count if self.independent is None else self.independent
        return wilson_interval(self.share * count, count)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{100 * self.share:.2f}% ({self.correct}/{self.count}, {100 * low:.1f} to {100 * high:.1f})"

    def as_row(self) -> dict[str, float | int]:
        """For JSON: the share, the counts and the interval."""
        low, high = self.interval
        return {"share": self.share, "correct": self.correct, "count": self.count, "low": low, "high": high}


def score_by_speaker(right: Sequence[bool], speakers: Sequence[str | int]) -> Score:
    """A score whose interval is that of other speakers too: clips of one voice are right or wrong together.

    How much less they say than as many voices would is Kish's design effect, of the variance between speakers.
    """
    score = Score(sum(right), len(right))
    beyond: dict[str | int, float] = defaultdict(float)
    for is_right, speaker in zip(right, speakers, strict=True):
        beyond[speaker] += is_right - score.share
    if len(beyond) < 2 or score.share in (0.0, 1.0):  # nothing shows how much voices differ
        return score
    between = len(beyond) / (len(beyond) - 1) * sum(one * one for one in beyond.values())
    design_effect = between / (score.count * score.share * (1 - score.share))
    return Score(score.correct, score.count, score.count / max(1.0, design_effect))
